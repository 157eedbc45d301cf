"""Locust as a user starts it: a real process in its own session, its exit code, its report."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from tempfile import TemporaryFile
from typing import Self

from endtoend.warm_start import MCSTRESS, WarmProcess
from free_ports import free_port

CHECKOUT = Path(__file__).resolve().parents[2]


class LocustRun:
    """One ``locust`` process. Use as a context: whatever it started ends with it.

    ``within`` is a command that runs it in other surroundings, such as ``unshare``. ``cold`` is an
    interpreter of its own; else it is forked from one that has imported the libraries already, and
    its page has plots only where they are ``drawn`` (warm_start.py).
    """

    def __init__(
        self,
        *arguments: object,
        report_dir: Path,
        within: tuple[str, ...] = (),
        locustfile: Path = CHECKOUT / "locustfile.py",
        cold: bool = False,
        drawn: bool = False,
        **environment: str,
    ) -> None:
        self.report_dir = report_dir
        command = ["-f", str(locustfile), "--report-dir", str(report_dir), *map(str, arguments)]
        self._log = (report_dir.parent / f"locust-{time.monotonic_ns()}.log").open("w+")
        env = {**os.environ, **environment}
        self.process: WarmProcess | subprocess.Popen[bytes]
        if within or cold or any(name.startswith("PYTHON") for name in environment):
            self.process = subprocess.Popen(
                [*within, sys.executable, "-m", "locust", *command],
                cwd=CHECKOUT,
                stdin=subprocess.DEVNULL,
                stdout=self._log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env=env,
            )
        else:
            log = self._log.fileno()
            self.process = WarmProcess(
                command, drawn=drawn, cwd=CHECKOUT, outputs=(log, log), env=env
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self._log.close()

    def send(self, signal_: signal.Signals) -> None:
        """Send a signal to the process alone."""
        self.process.send_signal(signal_)

    def wait(self, timeout_s: float = 120) -> int:
        """The exit code."""
        return self.process.wait(timeout_s)

    @property
    def output(self) -> str:
        """All that it has printed."""
        return Path(self._log.name).read_text()

    def document(self, number: str = "001") -> dict:
        """The JSON of a run."""
        path = self.report_dir / f"multi_coord_stress_{number}.json"
        assert path.exists(), self.output
        return json.loads(path.read_text())


def forked(processes: int) -> tuple[object, ...]:
    """``--processes`` with a master's port of its own: tests and other masters may run beside."""
    port = free_port()
    return ("--processes", processes, "--master-bind-port", port, "--master-port", port)


def run_locust(*arguments: object, report_dir: Path, timeout_s: float = 120, **env: str):
    """Run to the end: (exit code, document or None, output)."""
    with LocustRun(*arguments, report_dir=report_dir, **env) as run:
        code = run.wait(timeout_s)
        path = report_dir / "multi_coord_stress_001.json"
        return code, json.loads(path.read_text()) if path.exists() else None, run.output


def mcstress(*arguments: object, cwd: Path = CHECKOUT, **env: str) -> CompletedProcess[str]:
    """The command ``mcstress``, run to its end."""
    command = [*map(str, arguments)]
    with TemporaryFile("w+") as said, TemporaryFile("w+") as faults:
        outputs = said.fileno(), faults.fileno()
        how = {"program": MCSTRESS, "cwd": cwd, "env": {**os.environ, **env}}
        code = WarmProcess(command, outputs=outputs, **how).wait()
        said.seek(0)
        faults.seek(0)
        return CompletedProcess(command, code, said.read(), faults.read())


def until(condition: Callable[[], object], timeout_s: float = 60, what: str = "") -> object:
    """What the condition says once it is true; fails at the deadline."""
    end = time.monotonic() + timeout_s
    while not (found := condition()):
        assert time.monotonic() < end, f"not within {timeout_s} s: {what or condition}"
        time.sleep(0.05)
    return found


def steps_and_looks(document):
    """All steps that went out: looks for new resumes are freshness's alone."""
    metrics = document["metrics"]
    looks = (metrics["freshness"][part]["count"] for part in ("search", "poll"))
    return metrics["errors"]["steps"] + sum(looks)
