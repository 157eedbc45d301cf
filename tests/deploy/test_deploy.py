"""What deploy/ and docs/ci.md say can be done: by Kubernetes' schemas, Locust's parser, systemd."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import kubernetes_validate
import pytest
import yaml
from click.testing import CliRunner
from endtoend.faulty_stacks import FaultyStacks

from mcstress.cli import main
from mcstress.commands.check import make_parser

CHECKOUT = Path(__file__).parents[2]
DEPLOY = CHECKOUT / "deploy"
CONTAINERFILE = (DEPLOY / "Containerfile").read_text()
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
JOBS = [*yaml.safe_load_all((DEPLOY / "kubernetes" / "jobs.yaml").read_text())]
OPERATOR = yaml.safe_load((DEPLOY / "kubernetes" / "locust-operator.yaml").read_text())
UNIT = DEPLOY / "mcstress-worker@.service"
CI = (CHECKOUT / "docs" / "ci.md").read_text()


def instructions(name):
    joined = CONTAINERFILE.replace("\\\n", " ")
    return [line.partition(" ")[2].strip() for line in joined.splitlines() if line.startswith(name)]


def pods():
    """(component, pod's spec) of each Job."""
    return {
        job["spec"]["template"]["metadata"]["labels"]["app.kubernetes.io/component"]: job["spec"][
            "template"
        ]["spec"]
        for job in JOBS
        if job["kind"] == "Job"
    }


def commands():
    """Every command line of locust in deploy/, by where it is."""
    for name, service in COMPOSE["services"].items():
        yield f"compose {name}", [re.sub(r"\$\{.*?\}", "http://x:1", a) for a in service["command"]]
    for name, pod in pods().items():
        yield f"job {name}", pod["containers"][0]["args"]
    yield "operator", shlex.split(OPERATOR["spec"]["args"])
    (start,) = re.findall(r"^ExecStart=\S+ (.*)$", UNIT.read_text(), re.MULTILINE)
    yield "systemd", shlex.split(start)
    yield "image", json.loads(instructions("CMD")[-1])


@pytest.mark.parametrize(("where", "arguments"), [*commands()], ids=lambda one: str(one)[:20])
def test_every_command_line_is_one_of_locusts_with_our_options(where, arguments):
    options = make_parser().parse_args([str(one) for one in arguments])
    assert isinstance(options.headless, bool), where


def test_langfuses_network_is_joined_by_all_and_declared():
    """An override: what it names is there, and nobody loses the network of master and workers."""
    beside = yaml.safe_load((DEPLOY / "compose.langfuse.yaml").read_text())
    assert beside["services"].keys() == COMPOSE["services"].keys()
    for service in beside["services"].values():
        assert service == {"networks": ["default", *beside["networks"]]}
    assert all(network["external"] for network in beside["networks"].values())


def test_what_the_image_copies_is_there():
    sources = [source for line in instructions("COPY") for source in line.split()[:-1]]
    assert len(sources) > 6
    for source in sources:
        assert (CHECKOUT / source).exists(), source
    packages = {
        path.resolve().name for path in (CHECKOUT / "mcstress").iterdir() if path.is_symlink()
    }
    assert packages <= set(sources)


def test_the_image_is_no_root_and_its_first_process_is_locust():
    assert instructions("USER") == ["10001:10001"]
    assert json.loads(instructions("ENTRYPOINT")[0]) == ["locust"]
    assert instructions("STOPSIGNAL") == ["SIGTERM"]


@pytest.mark.slow
def test_the_images_run_lines_run_in_a_fresh_environment(tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    for line in instructions("COPY"):
        *sources, target = line.split()
        for one in sources:
            path, there = CHECKOUT / one, source / target
            if path.is_dir():
                shutil.copytree(path, there, symlinks=True)
            else:
                shutil.copy(path, source)
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    env = {**os.environ, "PATH": f"{tmp_path / 'venv' / 'bin'}:{os.environ['PATH']}"}
    for line in instructions("RUN"):
        subprocess.run(line, shell=True, cwd=source, env=env, check=True)
    found = subprocess.run(
        ["mcstress", "--version"], cwd=tmp_path, env=env, capture_output=True, text=True, check=True
    )
    assert "mcstress" in found.stdout


@pytest.mark.parametrize(
    "document", JOBS, ids=lambda one: f"{one['kind']} {one['metadata']['name']}"
)
def test_every_manifest_is_one_by_kubernetes_own_schema(document):
    kubernetes_validate.validate(document, kubernetes_validate.latest_version(), strict=True)


def test_a_wrong_manifest_would_be_found():
    wrong = {**JOBS[-1], "spec": {**JOBS[-1]["spec"], "paralelism": 2}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, kubernetes_validate.latest_version(), strict=True)


@pytest.mark.parametrize("component", ["master", "worker"])
def test_pods_are_no_root_with_a_root_that_cannot_be_written(component):
    pod = pods()[component]
    assert pod["securityContext"]["runAsNonRoot"]
    (container,) = pod["containers"]
    assert container["securityContext"]["readOnlyRootFilesystem"]
    written = {mount["mountPath"] for mount in container["volumeMounts"]}
    assert written == {"/reports", "/tmp"}
    told = CliRunner().invoke(
        main, [*container["livenessProbe"]["exec"]["command"][1:-3], "--help"]
    )
    assert told.exit_code == 0


def test_the_number_of_workers_is_the_same_in_its_three_places():
    (worker,) = [d for d in JOBS if d["metadata"]["name"] == "mcstress-worker"]
    arguments = pods()["master"]["containers"][0]["args"]
    expected = int(arguments[arguments.index("--expect-workers") + 1])
    assert worker["spec"]["parallelism"] == worker["spec"]["completions"] == expected
    (service,) = [d for d in JOBS if d["kind"] == "Service"]
    arguments = pods()["worker"]["containers"][0]["args"]
    assert arguments[arguments.index("--master-host") + 1] == service["metadata"]["name"]


OPERATORS_FIELDS = {
    "image", "imagePullPolicy", "imagePullSecrets", "workers", "args", "env", "locustfile",
    "labels", "annotations", "master", "worker",
}  # fmt: skip
"""Those that Locust's documentation names."""


def test_the_operators_resource_has_fields_that_its_documentation_names():
    assert (OPERATOR["apiVersion"], OPERATOR["kind"]) == ("locust.cloud/v1", "LocustTest")
    assert set(OPERATOR["spec"]) <= OPERATORS_FIELDS


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze here")
def test_the_unit_is_one(tmp_path):
    program = tmp_path / "locust"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    unit = tmp_path / UNIT.name.replace("@", "@master")
    unit.write_text(UNIT.read_text().replace("/opt/mcstress/venv/bin/locust", str(program)))
    found = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", unit], capture_output=True, text=True, check=False
    )
    assert found.returncode == 0, found.stderr
    assert UNIT.name not in found.stderr


@pytest.fixture(scope="module")
def ci_scripts():
    """The command lines of each recipe, without those that install."""
    github, gitlab = (
        yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", CI, re.DOTALL)
    )
    steps = [step["run"] for step in github["jobs"]["stress"]["steps"] if "run" in step]
    return {"github": steps, "gitlab": gitlab["stress"]["script"]}


def test_both_recipes_run_the_same(ci_scripts):
    assert ci_scripts["github"] == ci_scripts["gitlab"]


def test_the_recipes_commands_run(ci_scripts, tmp_path):
    """In a project of one's own, against a gateway: the run, then the comparison."""
    (tmp_path / ".venv").symlink_to(sys.prefix)
    shutil.copy(CHECKOUT / "locustfile.py", tmp_path)
    (tmp_path / "baseline").mkdir()
    run, compare = (line for line in ci_scripts["github"] if "install" not in line)
    with FaultyStacks() as stacks:
        env = {**os.environ, "GATEWAY_URL": stacks.url("slow_ms=1")}
        done = in_shell(run, tmp_path, env)
        assert done.returncode == 0, done.stderr
    assert "<testsuite" in (tmp_path / "checks.xml").read_text()
    (made,) = (tmp_path / "reports" / "reality-tests").glob("*candidate.json")
    shutil.copy(made, tmp_path / "baseline")
    done = in_shell(compare, tmp_path, env)
    # One run of each side cannot judge speed, and says so.
    assert done.returncode == 4, done.stderr
    assert "cannot prove" in done.stdout
    assert (tmp_path / "comparison.html").is_file()


def in_shell(line, folder, env):
    return subprocess.run(
        line, shell=True, cwd=folder, env=env, capture_output=True, text=True, check=False
    )
