"""The embedded stack as a child process, which ends with the run, whatever ends the run."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from threading import Thread

import msgspec

from mcstress.errors import ServiceRefusalError
from mcstress.services.embedded.lifeline import Announcement, decoder

ROOT = Path(__file__).resolve().parents[3]
STOP_TIMEOUT_S = 5.0


class EmbeddedStack:
    """A running stack. ``url`` is the gateway, ``llm_url`` the Ollama API."""

    def __init__(self, process: subprocess.Popen[bytes], url: str) -> None:
        self._process = process
        self._owner = os.getpid()
        self.url = url
        self.llm_url = url

    @classmethod
    def start(
        cls,
        data_dir: Path | None = None,
        seed: int = 42,
        port: int = 0,
        startup_timeout_s: float = 60.0,
        faults: str = "",
        *,
        corpora: Sequence[Path] = (),
    ) -> EmbeddedStack:
        """A stack that answers; ServiceRefusalError says in one line why there is none.

        Port 0 takes a free one. Without ``data_dir`` nothing outlives the stack. ``faults`` and
        ``corpora`` are as ``mcstress stack --fault`` and ``--corpus`` take them.
        """
        process = launch(data_dir, seed, port, faults, corpora)
        try:
            announced = first_line(process, startup_timeout_s)
        except BaseException:  # a signal ends who waits
            end(process)
            raise
        if announced.url:
            return cls(process, announced.url)
        end(process)
        raise ServiceRefusalError(f"embedded stack: {announced.refused}")

    @property
    def alive(self) -> bool:
        """Whether the process still runs."""
        return self._process.poll() is None

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    def stop(self) -> None:
        """End the process, by force after some seconds; again does nothing.

        Nor does it in a process forked from the one that started the stack: it is not its own.
        """
        if os.getpid() == self._owner:
            end(self._process)


def launch(
    data_dir: Path | None, seed: int, port: int, faults: str, corpora: Sequence[Path]
) -> subprocess.Popen[bytes]:
    """The process, in a session of its own: Ctrl-C is for the run, which stops it in its turn."""
    command = [sys.executable, "-m", "mcstress.services.embedded"]
    command += ["--port", str(port), "--seed", str(seed), "--parent", str(os.getpid())]
    command += ["--data", str(data_dir)] if data_dir else []
    command += ["--fault", faults] if faults else []
    command += [part for corpus in corpora for part in ("--corpus", str(corpus))]
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    return subprocess.Popen(  # noqa: S603  # the command is our own
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": path, "OPENBLAS_NUM_THREADS": "1"},
    )


def first_line(process: subprocess.Popen[bytes], timeout_s: float) -> Announcement:
    """What the process announces; where it does not, the reason as if it had refused."""
    lines: list[bytes] = []
    reader = Thread(target=lambda: lines.append(read_line(process)), daemon=True)
    reader.start()
    reader.join(timeout_s)
    if not lines:
        return Announcement(refused=f"did not answer within {timeout_s:g} s")
    try:
        return decoder.decode(lines[0])
    except msgspec.DecodeError:
        return Announcement(refused=f"ended before it answered, exit code {process.wait()}")


def read_line(process: subprocess.Popen[bytes]) -> bytes:
    assert process.stdout
    return process.stdout.readline()


def end(process: subprocess.Popen[bytes]) -> None:
    """Ask the process to end, and make it."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe:
            pipe.close()
