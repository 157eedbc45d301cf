"""The shell lines of the documentation, page by page as a reader would give them: ``-m slow``.

They run in a folder of their own, where the checkout's files are links, and in a network of their
own, so that their ports clash with nobody's. What is changed of a line is only how long it takes
and where its services are. ``NOT_HERE`` says why a line cannot be run.
"""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from email.message import EmailMessage
from pathlib import Path

import pytest
from documented import PAGES, ROOT, blocks, lines

NOT_HERE = {
    "make test ": "it would run this test within itself",
    "make test-targets": "minutes, and packages of its own: that is the command itself",
    "uvx pip-audit": "it asks a database on the network",
    "--target chroma": "it needs Chroma: make test-targets has one",
    "my.toml": "a file of the reader's own",
    "make chaos": "minutes: it is a suite of its own",
    "make soak": "half an hour: likewise",
    "../.venv-targets/": "likewise; it needs what make test-targets installs",
    "--find-capacity": "minutes: tests/endtoend/test_capacity_run.py runs one",
    "docker ": "no container engine here: tests/deploy/test_deploy.py holds the image's lines",
    "/opt/mcstress": "it installs for the whole machine: tests/endtoend/test_wheel.py elsewhere",
    "systemctl ": "no systemd runs here: tests/deploy/test_deploy.py verifies the unit",
    "/etc/systemd": "likewise",
    "master.example": "another machine: tests/deploy/test_two_machines.py has two",
    "--expect-workers": "likewise",
}
"""What stands in a line that is not run here → why not."""
SERVES = {
    ".venv/bin/locust": 8089,
    "locust --web-host 127.0.0.1": 8089,
    "mcstress stack --port 18600": 18600,
    "python examples/small_service.py 18500": 18500,
    "mcstress stack --fault forget=0.5": None,
}
"""Lines that serve until they are stopped, and at which port."""
STACK = "http://127.0.0.1:18700"
APART = ("unshare", "--net", "--pid", "--fork", "--kill-child", "--mount-proc")
"""In networks and among processes of their own: what they start ends with them."""
PROGRAMS = ("locust", "mcstress", "python")
WRAPPER = """#!/bin/bash
words=()
for word in "$@"; do
  case "$word" in
    5m|10m|60s|40s) word=6s ;;
    http://gateway:3110|http://old:3110|http://new:3110|http://ollama:11434) word={stack} ;;
    http://127.0.0.1:18080) word={stack} ;;
  esac
  words+=("$word")
done
{real} "${{words[@]}}"
code=$?
echo "$code {name} ${{words[*]}}" >> {log}
case $code in 0|3|4|5) exit 0 ;; esac
exit $code
"""
"""Runs the program; a verdict is no failure of the line that reached it."""
PROLOGUE = """set -e
ip link set lo up
mcstress stack --port 18700 > stack.log 2>&1 &
until (exec 3<>/dev/tcp/127.0.0.1/18700) 2>/dev/null; do sleep 0.2; done
export GITHUB_STEP_SUMMARY=$PWD/summary.md
"""


def reason(line):
    """Why it is not run here; empty where it is."""
    return next((why for part, why in NOT_HERE.items() if part in f"{line} "), "")


def plain(line):
    return line.partition(" # ")[0].strip()


def script_of(page):
    """The page's lines that can be run; a line that serves goes on beside those after it."""
    given = []
    for block in blocks(page):
        for line in lines(block):
            if reason(line):
                continue
            if plain(line) not in SERVES:
                given.append(line)
                continue
            given.append(f"{plain(line)} > served.log 2>&1 &")
            if port := SERVES[plain(line)]:
                given.append(
                    f"until (exec 3<>/dev/tcp/127.0.0.1/{port}) 2>/dev/null; do sleep 0.2; done"
                )
    return given


WITH_LINES = [page for page in PAGES if script_of(page)]


def test_every_reason_is_one_of_a_line():
    told = [f"{line} " for page in PAGES for block in blocks(page) for line in lines(block)]
    assert [part for part in NOT_HERE if not any(part in line for line in told)] == []
    assert [line for line in SERVES if line not in {plain(each) for each in told}] == []


@pytest.fixture
def folder(tmp_path):
    """A checkout whose programs write down how they ended."""
    for path in ROOT.iterdir():
        if path.name not in {".venv", ".git", "reports", "build", ".cache"}:
            (tmp_path / path.name).symlink_to(path)
    reports = tmp_path / "reports" / "reality-tests"
    reports.mkdir(parents=True)
    for sample in (ROOT / "reports" / "reality-tests").glob("multi_coord_stress_sample.*"):
        shutil.copy(sample, reports)
    programs = tmp_path / ".venv" / "bin"
    programs.mkdir(parents=True)
    (programs / "activate").touch()
    for name in PROGRAMS:
        real = Path(sys.executable).with_name(name)
        path = programs / name
        path.write_text(WRAPPER.format(stack=STACK, real=real, name=name, log=tmp_path / "ran.log"))
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
    (tmp_path / ".venv" / ".installed").touch()
    mail = EmailMessage()
    mail["From"], mail["Subject"] = "client@example.com", "Urgent"
    mail.set_content("We need 4 welders in Carmel, IN on Tuesday evening.")
    (tmp_path / "mail").mkdir()
    (tmp_path / "mail" / "1.eml").write_bytes(bytes(mail))
    for side in ("main", "branch"):
        (tmp_path / side).mkdir()
        shutil.copy(reports / "multi_coord_stress_sample.json", tmp_path / side)
    return tmp_path


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason="a network of its own needs root")
@pytest.mark.parametrize("page", WITH_LINES, ids=lambda path: path.stem)
def test_the_lines_of_a_page_run(page, folder):
    given = script_of(page)
    if not any("--run-id before" in plain(line) for line in given):  # else it makes them itself
        kept = folder / "reports" / "reality-tests" / "multi_coord_stress_sample.json"
        for name in ("before1", "after1"):
            shutil.copy(kept, kept.with_name(f"multi_coord_stress_{name}.json"))
    script = folder / "script.sh"
    script.write_text("\n".join([PROLOGUE, *given, "echo all of them"]))
    env = {**os.environ, "PATH": f"{folder / '.venv' / 'bin'}:{os.environ['PATH']}"}
    with (folder / "output.log").open("w+") as output:
        running = subprocess.Popen(
            [*APART, "bash", script],
            cwd=folder,
            env=env,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            code = running.wait(900)
        finally:
            running.kill()
            running.wait()
        output.seek(0)
        said = output.read()
    ran = folder / "ran.log"
    told = f"{said[-3000:]}\n{ran.read_text() if ran.exists() else ''}"
    assert code == 0, told
    assert said.endswith("all of them\n"), told
