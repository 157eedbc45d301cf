"""The stand-in for a test: ``with Standin("half_lists") as standin: run(host=standin.url)``."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Self
from urllib.request import Request, urlopen

SERVER = Path(__file__).with_name("server.py")
TIMEOUT_S = 10


class Standin:
    """A stand-in in a process of its own, which ends with the ``with`` block or with the test.

    ``url`` is its gateway and its LLM. ``mode`` and ``settings`` are those of modes.py.
    """

    url: str

    def __init__(self, mode: str = "healthy", scenario: str = "three_cities", **settings: Any):
        self._command = [sys.executable, str(SERVER), "--with-stdin", "--mode", mode]
        self._command += ["--scenario", scenario, "--settings", json.dumps(settings)]

    def __enter__(self) -> Self:
        self.process = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.url = self.process.stdout.readline().strip()
        assert self.url, f"the stand-in ended with {self.process.wait()}"
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()

    def calls(self) -> dict[str, int]:
        """How many requests of each kind it has had, refused and spoilt ones too."""
        return self.told()["calls"]

    def faulted(self) -> dict[str, int]:
        """How many of each kind met the fault."""
        return self.told()["faulted"]

    def set(self, **settings: Any) -> None:
        """Change settings of modes.py; the requests that a fault counts begin anew."""
        request = Request(f"{self.url}/standin", json.dumps(settings).encode(), method="POST")
        urlopen(request, timeout=TIMEOUT_S).close()

    def told(self) -> dict[str, Any]:
        """All that it says of itself: calls, faulted, clients, most_clients, mode."""
        return self._ask("")

    def traceparents(self) -> list[tuple[str, str]]:
        """The kind and the traceparent of every request that came with one, in their order."""
        return [(kind, value) for kind, value in self._ask("/traceparents")]

    def _ask(self, path: str) -> Any:
        with urlopen(f"{self.url}/standin{path}", timeout=TIMEOUT_S) as answer:
            return json.load(answer)
