"""The stand-in for Langfuse in a process of its own, and what a run says of its tracing."""

from __future__ import annotations

import base64
import json
import random
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any, Self
from urllib.request import Request, urlopen

SERVER = Path(__file__).parents[1] / "tracing" / "langfuse_standin.py"
TIMEOUT_S = 10
NEWEST = "4.16.0"
FATES = ("sampled_out", "delivered", "spooled")


class Langfuse:
    """Ends with the ``with`` block. What it found wrong in what it was sent fails the test.

    ``behaviour`` is that of langfuse_standin.py.
    """

    def __init__(self, version: str = NEWEST, **behaviour: Any) -> None:
        self._version = version
        self._port = port_of_its_own()
        self._behaviour = behaviour
        self.alive = False

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if self.alive:
            faults = self.state()["faults"]
            self.die()
            assert kind or not faults, faults

    def start(self) -> None:
        """Listen, always at the same address, with nothing stored."""
        command = [sys.executable, str(SERVER), "--port", str(self._port)]
        command += ["--version", self._version]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.url = self.process.stdout.readline().strip()
        assert self.url, f"the stand-in ended with {self.process.wait()}"
        self.alive = True
        if self._behaviour:
            self.behave(**self._behaviour)
        self.env = self.state()["env"]

    def die(self) -> None:
        """Be gone, at once."""
        self.alive = False
        self.process.kill()
        self.process.communicate()

    def behave(self, mode: str = "ok", **details: Any) -> None:
        """Behave otherwise from now on."""
        self._ask("behave", json.dumps({"mode": mode, **details}).encode())

    def state(self) -> dict[str, Any]:
        """All that it holds: observations, traces, scores, faults, requests."""
        return self._ask("state")

    def _ask(self, what: str, body: bytes | None = None) -> dict[str, Any]:
        request = Request(f"{self.url}/admin/{what}", body)
        with urlopen(request, timeout=TIMEOUT_S) as answer:
            return json.load(answer)

    @property
    def keys(self) -> tuple[str, str]:
        """Its public and its secret key."""
        values = dict(line.split("=", 1) for line in self.env.splitlines())
        return values["LANGFUSE_PUBLIC_KEY"], values["LANGFUSE_SECRET_KEY"]

    @property
    def secrets(self) -> list[str]:
        """The keys, and the header that is made of them: what may be seen nowhere."""
        return [*self.keys, base64.b64encode(":".join(self.keys).encode()).decode()]

    def env_file(self, folder: Path, text: str | None = None) -> Path:
        """An env file with its keys, or with ``text``, that only its owner can read."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "langfuse.env"
        path.write_text(self.env if text is None else text)
        path.chmod(0o600)
        return path


def port_of_its_own() -> int:
    """A free port that the system gives to nobody else while the server is dead."""
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)):
                return port


def accounted(tally: dict[str, Any]) -> int:
    """How many things of a tally have a known fate."""
    return sum(tally[fate] for fate in FATES) + sum(tally["dropped"].values())


def check_accounts(document: dict[str, Any]) -> dict[str, Any]:
    """Assert that everything traced adds up, by process and over all; the totals."""
    tracing = document["completeness"]["tracing"]
    workers = [worker["tracing"] for worker in document["completeness"]["workers"]]
    for tally in [tracing, tracing["scores"], *workers, *(each["scores"] for each in workers)]:
        assert tally["made"] == accounted(tally), tracing
    for key in ("made", *FATES):
        assert tracing[key] == sum(each[key] for each in workers), tracing
        of_all = [*workers, tracing["master"]]
        assert tracing["scores"][key] == sum(each["scores"][key] for each in of_all), tracing
    assert tracing["made"] == sum(len(event["steps"]) for event in document["events"])
    return tracing
