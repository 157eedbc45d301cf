"""Locust or ``mcstress`` in a process of its own, forked from one that has imported all already.

Importing Locust, Flask, numpy, Bokeh and this project costs more CPU than most tests' runs: one
and a half seconds of each of some two hundred processes. Here a *forge* imports them once; every
start forks it. The fork has the arguments, environment, folder and descriptors that it would have
been started with, is the leader of a session of its own, loads its locustfile and ends as an
interpreter does. What it shares with its siblings is the seed of Python's hashes: tests that hold
processes against one another start them cold.

As a program this is the forge.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

LIBRARIES = (
    *("locust.main", "locust.rpc.zmqrpc", "asyncio", "zmq.asyncio", "zmq.utils.monitor"),
    *(
        "numpy",
        "numpy.typing",
        "msgspec.json",
        "msgspec.msgpack",
        "msgspec.toml",
        "msgspec.inspect",
    ),
    *("httptools", "xxhash", "dotenv", "fractions", "xml.etree.ElementTree"),
    *("rich.console", "rich.live", "rich.file_proxy"),
    *("scipy.special", "jinja2", "bokeh.embed", "bokeh.plotting", "bokeh.resources"),
)
"""What is imported once, in this order: Locust first, for its monkey-patching."""

PROJECT = (
    *("mcstress.plugin", "mcstress.evidence.report.writers", "mcstress.web.install"),
    *("mcstress.cli", "mcstress.commands.check", "mcstress.commands.report"),
)
"""What of this project runs and commands import at their start or at their end."""


LOCUST, MCSTRESS = "locust", "mcstress"
"""Programs: ``python -m locust`` and the command ``mcstress``, which imports Locust as well."""


class WarmProcess:
    """Stands for ``subprocess.Popen`` of a program where a test needs pid, end and exit code.

    ``outputs`` are the descriptors of its standard output and error. Where it is not ``drawn``, the
    plots of its report are made but not put into the page: Bokeh writing them down is half of what
    a short run costs.
    """

    def __init__(
        self,
        arguments: list[str],
        *,
        program: str = LOCUST,
        drawn: bool = False,
        cwd: Path,
        outputs: tuple[int, int],
        env: Mapping[str, str],
    ) -> None:
        self._told, theirs = socket.socketpair()
        task = {"program": program, "drawn": drawn, "arguments": arguments}
        task |= {"cwd": str(cwd), "env": dict(env)}
        with theirs, open(os.devnull, "rb") as nothing:  # noqa: PTH123  (a descriptor is wanted)
            descriptors = [theirs.fileno(), nothing.fileno(), *outputs]
            hand_over(forge(), json.dumps(task), descriptors)
        self._lines = self._told.makefile("r")
        self.pid = int(self._lines.readline())
        self.args = arguments
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """The exit code, or None while it runs."""
        return self._look(0)

    def wait(self, timeout: float | None = None) -> int:
        """The exit code, once it has ended. Raises subprocess.TimeoutExpired."""
        if (code := self._look(timeout)) is None:
            raise subprocess.TimeoutExpired(self.args, timeout or 0)
        return code

    def send_signal(self, number: int) -> None:
        """Send a signal to it alone, where it runs."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)

    def _look(self, timeout: float | None) -> int | None:
        ended = self.returncode is None and select.select([self._told], [], [], timeout)[0]
        if ended:
            self.returncode = int(self._lines.readline())
            self._lines.close()
            self._told.close()
        return self.returncode


@cache
def forge() -> socket.socket:
    """The way to the forge of this process of pytest; it ends when this end is closed."""
    ours, theirs = socket.socketpair()
    with theirs:
        process = subprocess.Popen(
            [sys.executable, __file__, str(theirs.fileno())],
            stdin=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
            start_new_session=True,
        )
    atexit.register(close, ours, process)
    return ours


def close(way: socket.socket, process: subprocess.Popen[bytes]) -> None:
    """Let the forge go, and wait for it: its CPU counts as that of the tests."""
    way.close()
    process.wait()


def hand_over(way: socket.socket, task: str, descriptors: list[int]) -> None:
    """Send a task: its length and the descriptors in one message, then the task."""
    data = task.encode()
    socket.send_fds(way, [len(data).to_bytes(8, "big")], descriptors)
    way.sendall(data)


def serve(way: socket.socket) -> Callable[[], Any] | None:
    """Fork for every task. Returns in each fork what it is to do, and None at the end."""
    while True:
        head, descriptors, _, _ = socket.recv_fds(way, 8, 4)
        if len(head) < 8:
            reap()
            return None
        data = b""
        while len(data) < int.from_bytes(head, "big"):
            data += way.recv(65536)
        reap()
        # Between the forge and the run stands a process that waits for the run's end.
        if fork() == 0:
            way.close()
            keep(descriptors[0])
            return prepared(json.loads(data), descriptors)
        for descriptor in descriptors:
            os.close(descriptor)


def keep(told: int) -> None:
    """Go on in a fork; beside it, tell its exit code when it has ended, as Popen would, and end."""
    if (run := fork()) != 0:
        _, status = waitpid(run, 0)
        os.write(told, b"%d\n" % os.waitstatus_to_exitcode(status))
        os._exit(0)


def reap() -> None:
    """Let the keepers of ended runs go."""
    with suppress(ChildProcessError):
        while waitpid(-1, os.WNOHANG)[0]:
            pass


def prepared(task: dict[str, Any], descriptors: list[int]) -> Callable[[], Any]:
    """Be the process that was asked for; what its program is."""
    import gevent
    import locust.main

    from mcstress import cli
    from mcstress.evidence.report import html

    told, nothing, *outputs = descriptors
    os.setsid()
    os.write(told, b"%d\n" % os.getpid())
    for number, descriptor in enumerate((nothing, *outputs)):
        os.dup2(descriptor, number)
    for descriptor in descriptors:
        os.close(descriptor)
    os.chdir(task["cwd"])
    os.environ.clear()
    os.environ.update(task["env"])
    if task["program"] == LOCUST:
        sys.path[0] = task["cwd"]  # as with python -m
        script, program = Path(locust.main.__file__).with_name("__main__.py"), locust.main.main
    else:
        script, program = Path(sys.executable).with_name(MCSTRESS), cli.main
        sys.path[0] = str(script.parent)
    sys.argv = [str(script), *task["arguments"]]
    if not task["drawn"]:
        html.embedded = lambda models: ("", ["" for _ in models])
    gevent.reinit()  # the loop that Locust's import has made is the forge's
    return program


def main() -> None:
    """Import, then serve until the tests are over."""
    way = socket.socket(fileno=int(sys.argv[1]))  # before gevent patches it
    way.setblocking(True)  # the tests' gevent made it otherwise
    sys.path[0] = ""  # nothing of the tests' folder is to be found by its name
    for library in LIBRARIES + PROJECT:
        importlib.import_module(library)
    gc.freeze()
    work = serve(way)
    if work is not None:
        work()


if __name__ == "__main__":
    # Not as gevent patches them: those watch children that are waited for here.
    fork, waitpid = os.fork, os.waitpid
    main()
