"""The stack as a child process: it starts, it is stopped, and it outlives nobody."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time

import httpx
import psutil
import pytest

from mcstress.errors import ServiceRefusalError
from mcstress.services.embedded.process import ROOT, EmbeddedStack

STARTS_A_STACK = """
import sys, time
{first}
from mcstress.services.embedded.process import EmbeddedStack
stack = EmbeddedStack.start()
print(stack.pid, stack.url, flush=True)
{then}
print("ready", flush=True)
time.sleep(600)
"""

HOLDS_A_LIFELINE = """
import signal, sys
from mcstress.services.embedded.lifeline import Lifeline

class Telling(Lifeline):
    def _on_signal(self, *signal):
        super()._on_signal(*signal)
        print("lived through a signal", flush=True)

Telling(int(sys.argv[1])).hold()
print("held", flush=True)
while True:
    signal.pause()
"""

STARTS_A_LIFELINE = """
import os, subprocess, sys, threading, time
command = [sys.executable, "-c", sys.argv[1], str(os.getpid())]
def start():
    global child
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    child.stdout.readline()
{how}
print(child.pid, flush=True)
time.sleep(600)
"""


def wait_until(holds, timeout_s=60):
    deadline = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def runs(pid):
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.fixture
def parents():
    """Starts Python programs, each in a session of its own, and ends all that is left of it."""
    started = []

    def start(program, *arguments):
        parent = subprocess.Popen(
            [sys.executable, "-c", program, *arguments],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            start_new_session=True,
        )
        started.append(parent)
        return parent

    yield start
    for parent in started:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(parent.pid, signal.SIGKILL)
        parent.wait()
        parent.stdout.close()


def test_it_answers_on_loopback_only_and_stops_once(tmp_path):
    stack = EmbeddedStack.start(data_dir=tmp_path)
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+", stack.url)
    assert stack.llm_url == stack.url
    assert stack.alive
    assert httpx.get(f"{stack.url}/health").json() == {"status": "ok"}
    listening = [c for c in psutil.Process(stack.pid).net_connections() if c.status == "LISTEN"]
    assert {connection.laddr.ip for connection in listening} == {"127.0.0.1"}
    assert os.getsid(stack.pid) == stack.pid
    port = int(stack.url.rsplit(":", 1)[1])
    with pytest.raises(ServiceRefusalError, match=f"embedded stack: port {port} of 127.0.0.1: "):
        EmbeddedStack.start(port=port)
    stack.stop()
    assert not stack.alive
    stack.stop()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))
    again = EmbeddedStack.start(data_dir=tmp_path, port=port)
    assert again.url == stack.url
    threads = [threading.Thread(target=again.stop) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not again.alive


GEVENT = "from gevent import monkey; monkey.patch_all()"
CATCHES_CTRL_C = """
import signal
signal.signal(signal.SIGINT, lambda *_: print("got it", flush=True))
"""
FORKS = "import os\nif os.fork() == 0:\n    time.sleep(600)"


def test_it_is_spared_by_ctrl_c_and_dies_with_a_killed_parent(parents):
    programs = [
        STARTS_A_STACK.format(first=first, then=f"{then}\n{CATCHES_CTRL_C}")
        for first, then in (("", ""), (GEVENT, ""), (GEVENT, FORKS))
    ]
    running = [parents(program) for program in programs]
    stacks = [parent.stdout.readline().split() for parent in running]
    for parent, (_pid, url) in zip(running, stacks, strict=True):
        assert parent.stdout.readline() == "ready\n"
        os.killpg(parent.pid, signal.SIGINT)
        assert parent.stdout.readline() == "got it\n"
        assert httpx.get(f"{url}/health").is_success
    for parent in running:
        parent.kill()
    wait_until(lambda: not any(runs(int(pid)) for pid, _url in stacks))


def test_a_parent_killed_before_the_stack_answers_takes_it_along(parents):
    parent = parents(STARTS_A_STACK.format(first="", then=""))
    wait_until(lambda: psutil.Process(parent.pid).children())
    child = psutil.Process(parent.pid).children()[0]
    parent.kill()
    wait_until(lambda: not runs(child.pid))


IN_A_THREAD = """
thread = threading.Thread(target=start)
thread.start()
thread.join()
assert child.stdout.readline() == b"lived through a signal\\n"
"""


@pytest.mark.parametrize(
    "how",
    ["start()", IN_A_THREAD, "start()\n" + FORKS],
    ids=["plainly", "from a thread that ended", "with its pipe held by a fork"],
)
def test_a_lifeline_holds_while_the_parent_lives_and_no_longer(parents, how):
    parent = parents(STARTS_A_LIFELINE.format(how=how), HOLDS_A_LIFELINE)
    child = int(parent.stdout.readline())
    assert runs(child)
    parent.kill()
    wait_until(lambda: not runs(child))


def test_a_stack_that_takes_too_long_is_given_up_and_ended():
    before = [child.pid for child in psutil.Process().children()]
    with pytest.raises(ServiceRefusalError, match=r"embedded stack: did not answer within 0\.01 s"):
        EmbeddedStack.start(startup_timeout_s=0.01)
    assert [child.pid for child in psutil.Process().children()] == before


def test_a_stack_that_breaks_off_is_refused_in_one_line(monkeypatch, tmp_path):
    (tmp_path / "numpy.py").write_text("raise SystemExit(9)")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(ServiceRefusalError) as refusal:
        EmbeddedStack.start()
    assert str(refusal.value) == "embedded stack: ended before it answered, exit code 9"


def test_a_fork_of_the_parent_cannot_stop_it(stack):
    if (pid := os.fork()) == 0:
        stack.stop()
        os._exit(0)
    os.waitpid(pid, 0)
    assert stack.alive
    assert httpx.get(f"{stack.url}/health").is_success


def run_in_foreground(*arguments):
    return subprocess.Popen(
        [sys.executable, "-m", "mcstress.services.embedded", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_in_the_foreground_it_says_its_url_and_ends_quietly_on_ctrl_c():
    with run_in_foreground("--seed", "7") as process:
        url = process.stdout.readline().strip()
        assert httpx.get(f"{url}/health").is_success
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
        assert process.stdout.read() == ""
        assert process.stderr.read() == ""


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--host", "0.0.0.0"], "127.0.0.1"),
        (["--port", "99999"], "--port"),
        (["--data", "/dev/null"], "data folder /dev/null: "),
    ],
)
def test_in_the_foreground_bad_input_is_refused_with_exit_code_2(arguments, words):
    with run_in_foreground(*arguments) as process:
        assert process.wait(60) == 2
        assert words in process.stderr.read()
