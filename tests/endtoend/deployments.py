"""The ways in which Locust is started: one process, --processes, or a master and its workers."""

from __future__ import annotations

import os
import signal
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

from endtoend.locust_run import CHECKOUT, LocustRun
from free_ports import free_port

HEADLESS = ("--headless", "--only-summary")
QUIET = ("--loglevel", "INFO")


class Deployment:
    """A master or local runner, and the workers that were started apart. Use as a context."""

    def __init__(
        self,
        report_dir: Path,
        locustfile: Path = CHECKOUT / "locustfile.py",
        *,
        cold: bool = False,
    ) -> None:
        self.report_dir = report_dir
        self.cold = cold
        self.locustfile = locustfile
        report_dir.parent.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.master: LocustRun
        self.workers: list[LocustRun] = []
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def run(
        self, *arguments: object, within: tuple[str, ...] = (), **environment: str
    ) -> LocustRun:
        """One more Locust process, that ends with this context."""
        run = LocustRun(
            *QUIET,
            *arguments,
            report_dir=self.report_dir,
            within=within,
            locustfile=self.locustfile,
            cold=self.cold,
            **environment,
        )
        return self._stack.enter_context(run)

    def start_worker(self, *, within: tuple[str, ...] = (), **environment: str) -> LocustRun:
        """One more worker."""
        worker = self.run("--worker", "--master-port", self.port, within=within, **environment)
        self.workers.append(worker)
        return worker

    def start_remote_worker(self, temporary: Path, **environment: str) -> LocustRun:
        """A worker that sees nothing of the folder of reports, as on another machine."""
        hide = 'mount -t tmpfs none "$0" && exec "$@"'
        within = ("unshare", "-rm", "sh", "-c", hide, str(self.report_dir.parent))
        return self.start_worker(within=within, TMPDIR=str(temporary), **environment)

    def start_master(self, *arguments: object, workers: int, **environment: str) -> LocustRun:
        """A master that expects ``workers``."""
        ports = ("--master-bind-host", "127.0.0.1", "--master-bind-port", self.port)
        expected = ("--expect-workers", workers)
        self.master = self.run("--master", *ports, *expected, *arguments, **environment)
        return self.master

    def interrupt_all(self) -> None:
        """Ctrl-C as a terminal sends it: to the whole foreground process group."""
        for run in (self.master, *self.workers):
            os.killpg(run.process.pid, signal.SIGINT)

    @property
    def output(self) -> str:
        """What all its processes printed."""
        return "\n".join(run.output for run in (self.master, *self.workers))


def local(report_dir: Path, *arguments: object, **how: Any) -> Deployment:
    """One process."""
    deployment = Deployment(report_dir, **how)
    deployment.master = deployment.run(*HEADLESS, *arguments)
    return deployment


def processes(report_dir: Path, *arguments: object, **how: Any) -> Deployment:
    """Locust forks two workers of its own."""
    deployment = Deployment(report_dir, **how)
    port = ("--master-bind-port", deployment.port, "--master-port", deployment.port)
    deployment.master = deployment.run("--processes", 2, *port, *HEADLESS, *arguments)
    return deployment


def apart(report_dir: Path, *arguments: object, workers: int = 2, **how: Any) -> Deployment:
    """A master, and workers that were started by themselves."""
    deployment = Deployment(report_dir, **how)
    deployment.start_master(*HEADLESS, *arguments, workers=workers)
    for _ in range(workers):
        deployment.start_worker()
    return deployment


DEPLOYMENTS = {"local": local, "processes": processes, "apart": apart}
