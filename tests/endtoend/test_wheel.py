"""The wheel, installed in a fresh environment, in a project that has packages of its own."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from zipfile import ZipFile

import pytest
from endtoend.locust_run import CHECKOUT, forked

OLDEST = (3, 11)
NOT_SOURCE = shutil.ignore_patterns(
    ".git",
    ".venv",
    ".*_cache",
    ".hypothesis",
    "__pycache__",
    "build",
    "dist",
    "*.egg-info",
    "reports",
)
DATA = {
    "mcstress/py.typed",
    "mcstress/users/scenarios/data/three_cities.toml",
    "mcstress/users/scenarios/data/medical_library.toml",
    "mcstress/users/scenarios/data/medical_articles.jsonl",
    "mcstress/targets/embedded.toml",
    "mcstress/evidence/report/templates/report.html.jinja",
    "mcstress/evidence/report/templates/report.md.jinja",
    "mcstress/evidence/report/templates/report.css",
    "mcstress/web/templates/page.js",
    "mcstress/web/templates/page.css",
    "mcstress/services/embedded/stop_words.txt",
    "mcstress/services/embedded/vocabulary.toml",
}
LOCUSTFILE = """
import users  # the project's own package, not ours
from mcstress import AliceUser, BobUser, CarolUser, install

assert users.OWN
install()
"""
LIBRARY = ("--scenario", "medical_library")
ROUND = ("--headless", "-u", "3", "-r", "3", "--rounds", "1", "--only-summary")


@cache
def interpreters() -> list[str]:
    """One Python of each minor version from 3.11 on that this machine has and that starts."""
    pyenv = os.environ.get("PYENV_ROOT", str(Path.home() / ".pyenv"))
    named = [shutil.which(f"python3.{minor}") for minor in range(11, 20)]
    installed = map(str, Path(pyenv).glob("versions/3.*/bin/python3"))
    found = [sys.executable, *filter(None, named), *installed]
    by_version: dict[tuple[int, ...], str] = {}
    for python in found:
        told = subprocess.run(
            [python, "-c", "import sys; print(*sys.version_info[:2])"],
            capture_output=True,
            text=True,
            check=False,
        )
        if told.returncode == 0:
            version = tuple(map(int, told.stdout.split()))
            if version >= OLDEST:
                by_version.setdefault(version, python)
    return list(by_version.values())


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Built as a release is: a source archive, and the wheel from that."""
    source = tmp_path_factory.mktemp("source") / "checkout"
    shutil.copytree(CHECKOUT, source, symlinks=True, ignore=NOT_SOURCE)
    command = [
        sys.executable,
        "-m",
        "build",
        "--installer",
        "uv",
        "--outdir",
        source / "dist",
        source,
    ]
    built = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    (path,) = (source / "dist").glob("*.whl")
    return path


def test_it_holds_one_package_and_all_its_data(wheel):
    names = set(ZipFile(wheel).namelist())
    assert {name.split("/")[0].partition("-")[0] for name in names} == {
        "mcstress",
        "multi_coordinator_stress",
    }
    assert names >= DATA
    ours = {
        str(path.relative_to(CHECKOUT))
        for room in ("mcstress", "users", "metrics")
        for path in (CHECKOUT / room).rglob("*.py")
    }
    missing = {
        f"mcstress/{name}" if not name.startswith("mcstress") else name for name in ours
    } - names
    assert not missing


def make_project(folder, wheel, python):
    """A folder with a locustfile and a ``users`` package, and an environment that has the wheel."""
    uv, environment = [sys.executable, "-m", "uv"], folder / "environment"
    constraints = CHECKOUT / "constraints.txt"
    subprocess.run([*uv, "venv", "-q", "-p", python, environment], check=True)
    install = [*uv, "pip", "install", "-q", "-p", environment, "-c", constraints, wheel]
    done = subprocess.run(install, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (folder / "users").mkdir()
    (folder / "users" / "__init__.py").write_text("OWN = True\n")
    (folder / "locustfile.py").write_text(LOCUSTFILE)
    return folder


@pytest.fixture(scope="module")
def project_of(wheel, tmp_path_factory):
    """What makes the project of a Python, once: installing costs less than compiling it all."""
    return cache(lambda python: make_project(tmp_path_factory.mktemp("project"), wheel, python))


@pytest.fixture(params=range(len(interpreters())))
def project(request, project_of):
    """A project for each Python."""
    return project_of(interpreters()[request.param])


@pytest.fixture
def first_project(project_of):
    """The project of the Python that runs the tests."""
    return project_of(sys.executable)


def clean():
    """The environment, with nothing of this checkout in it."""
    return {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}


def run(project, script, *arguments, folder=None):
    """The script's exit code and output; it runs in ``folder``, or in the project's own."""
    done = subprocess.run(
        [project / "environment" / "bin" / script, *arguments],
        cwd=folder or project,
        env=clean(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


@contextmanager
def served(project, *arguments):
    """The URL of ``mcstress stack`` while it runs; Ctrl-C ends it, with exit code 0."""
    process = subprocess.Popen(
        [project / "environment" / "bin" / "mcstress", "stack", *arguments],
        env=clean(),
        stdout=subprocess.PIPE,
        text=True,
        # Where the tests themselves run in the background, SIGINT is ignored from birth on.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509  (no threads here)
    )
    try:
        line = process.stdout.readline()
        yield next(word for word in line.split() if word.startswith("http"))
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_a_run_with_a_locustfile_of_ones_own(project):
    code, output = run(project, "locust", *ROUND)
    assert code == 0, output
    (site,) = (project / "environment" / "lib").glob("*/site-packages")
    named = {path.name for path in site.iterdir()}
    assert named & {"users", "metrics", "harness", "tests", "examples", "mcstress"} == {"mcstress"}


def test_two_workers_and_what_is_done_beside_a_run(first_project):
    code, output = run(first_project, "locust", *ROUND, *map(str, forked(2)), "--run-id", "two")
    assert code == 0, output
    report = first_project / "reports" / "reality-tests" / "multi_coord_stress_two.json"
    for command in (("check",), ("report", report), ("compare", report, "--", report)):
        code, output = run(first_project, "mcstress", *command)
        assert code == 0, output


def test_another_scenario_on_a_stack_of_its_corpus(first_project, tmp_path):
    """Without a locustfile: the scenario, its corpus and its personas come from the wheel."""
    written = run(first_project, "mcstress", "corpus", *LIBRARY, "--out", tmp_path)
    assert written[0] == 0, written[1]
    with served(first_project, "--corpus", tmp_path / "medical_articles.jsonl") as url:
        asked = ("-u", "2", "-r", "2", "--rounds", "1", "--host", url, "--llm-host", url)
        code, output = run(first_project, "mcstress", "run", *LIBRARY, *asked, folder=tmp_path)
    assert code == 0, output
    assert len([*(tmp_path / "reports").glob("*/multi_coord_stress_001.json")]) == 1, output
