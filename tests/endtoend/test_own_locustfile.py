"""A locustfile of one's own, written as Locust's documentation has it."""

from __future__ import annotations

import subprocess
import sys

import pytest
from endtoend.locust_run import CHECKOUT, LocustRun, forked, until
from standin.process import Standin

FRONT = """
from mcstress.plugin import install
from mcstress.users.persona import AliceUser, BobUser, CarolUser

__all__ = ["AliceUser", "BobUser", "CarolUser"]
install()
"""
ROUND = ("--headless", "-u", 3, "-r", 3, "--rounds", 1)


def outcome(tmp_path, text, *arguments, names=("own.py",)):
    """Exit code, document or None, and output of a run of locustfiles that all say ``text``."""
    files = [tmp_path / name for name in names]
    for file in files:
        file.write_text(text)
    locustfile = ",".join(map(str, files))
    with LocustRun(*arguments, report_dir=tmp_path / "reports", locustfile=locustfile) as run:
        code = run.wait()
        written = list((tmp_path / "reports").glob("*.json"))
        return code, run.document() if written else None, run.output


def with_host(host):
    return (
        FRONT
        + f"\nfor kind in (AliceUser, BobUser, CarolUser):\n    kind.host = {host!r}\ndel kind\n"
    )


def test_the_host_of_the_classes_is_the_host_that_is_tested(tmp_path):
    with Standin() as standin:
        # The built-in rules cannot rate what the stand-in finds: its hits do not say their role.
        llm = ("--llm-host", standin.url)
        code, document, output = outcome(tmp_path, with_host(standin.url), *ROUND, *llm)
    assert code == 0, output
    gateway = next(one for one in document["run"]["services"] if one["name"] == "gateway")
    assert gateway["url"] == standin.url
    assert not gateway["embedded"]


def test_the_host_of_the_command_line_comes_first(tmp_path):
    with Standin() as standin:
        text = with_host("http://127.0.0.1:9")
        code, _, output = outcome(
            tmp_path, text, *ROUND, "--host", standin.url, "--llm-host", standin.url
        )
    assert code == 0, output


def test_a_host_of_a_class_where_nobody_answers_is_refused(tmp_path):
    code, document, output = outcome(tmp_path, with_host("http://127.0.0.1:9"), *ROUND)
    assert code == 2, output
    assert document is None
    assert "http://127.0.0.1:9: no answer, connection refused" in output
    assert "Traceback" not in output


def test_classes_that_name_different_hosts_are_refused(tmp_path):
    text = FRONT + "\nAliceUser.host = 'http://127.0.0.1:9'\n"
    code, _, output = outcome(tmp_path, text, *ROUND)
    assert code == 2, output
    assert "AliceUser http://127.0.0.1:9, BobUser none, CarolUser none" in output
    assert "expected one host" in output


def test_users_of_another_kind_beside_the_coordinators(tmp_path):
    text = FRONT + (
        "\nfrom locust import User, constant, task\n"
        "class Background(User):\n"
        "    fixed_count = 1\n"
        "    wait_time = constant(0.1)\n"
        "    @task\n"
        "    def nothing(self): pass\n"
    )
    code, document, output = outcome(tmp_path, text, "--headless", "-u", 4, "-r", 4, "--rounds", 1)
    assert code == 0, output
    assert document["completeness"]["faults"] == []
    assert document["run"]["peak_users"] == 3
    assert document["run"]["stopped_by"] == "all rounds completed"


def test_two_locustfiles_that_both_register_the_listeners(tmp_path):
    code, document, output = outcome(tmp_path, FRONT, *ROUND, names=("a.py", "b.py"))
    assert code == 0, output
    assert "Traceback" not in output
    assert document["completeness"]["events_made"] == len(document["events"])


@pytest.mark.parametrize("processes", [0, 2])
def test_personas_without_listeners_are_refused_at_once(tmp_path, processes):
    more = map(str, forked(processes)) if processes else ()
    (tmp_path / "own.py").write_text(FRONT.replace("\ninstall()", ""))
    command = [sys.executable, "-m", "locust", "-f", str(tmp_path / "own.py"), "--headless"]
    done = subprocess.run(
        [*command, "-u", "3", "-t", "60s", *more],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert "no call of install()" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_persona_whose_on_stop_is_its_own_gives_its_seat_back(tmp_path):
    """With nine users, then three, then nine: nobody is left without a trio."""
    text = FRONT + (
        "\nfrom locust import LoadTestShape\n"
        "def on_stop(self): pass\n"
        "for kind in (AliceUser, BobUser, CarolUser):\n"
        "    kind.on_stop = on_stop\n"
        "del kind\n"
        "class Shape(LoadTestShape):\n"
        "    stages = [(4, 9), (8, 3), (12, 9)]\n"
        "    def tick(self):\n"
        "        now = self.get_run_time()\n"
        "        return next(((users, 9) for end, users in self.stages if now < end), None)\n"
    )
    arguments = ("--headless", "--think-time", 0.05)
    (tmp_path / "own.py").write_text(text)
    report_dir = tmp_path / "reports"
    with LocustRun(*arguments, report_dir=report_dir, locustfile=tmp_path / "own.py") as run:
        until(lambda: run.process.poll() is not None, 120, "the shape ends")
        document = run.document()
    assert document["run"]["peak_users"] == 9, run.output
    seats = {event["coordinator"] for event in document["events"]}
    assert seats == {n + s for n in ("alice", "bob", "carol") for s in ("", "-2", "-3")}
