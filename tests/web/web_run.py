"""Locust with its web UI as a user starts it: a real process, spoken to over HTTP."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

import httpx
from endtoend.locust_run import LocustRun, until
from free_ports import free_port

FORM = {"user_count": 3, "spawn_rate": 3, "check": "", "think_time": "0.02"}


def two_workers() -> tuple[object, ...]:
    """Options for two workers that no other test's master can get."""
    port = free_port()
    ports = ("--master-bind-port", port, "--master-port", port)
    return (*ports, "--processes", 2, "--expect-workers", 2)


class WebRun(LocustRun):
    """``url`` is Locust's page, ``coordination`` ours; ``client`` speaks to them."""

    def __init__(self, folder: Path, *arguments: object, base_path: str = "", **env: Any) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}{base_path}/"
        self.coordination = f"{self.url}coordination/"
        self.client = httpx.Client(base_url=self.url, timeout=60)
        options: list[object] = ["--web-host", "127.0.0.1", "--web-port", port]
        options += ["--web-base-path", base_path] if base_path else []
        env = {"drawn": True} | env
        super().__init__(*options, *arguments, report_dir=folder / "reports", **env)

    def __enter__(self) -> Self:
        until(self._answers, what="Locust's web UI")
        return self

    def __exit__(self, *error: object) -> None:
        self.client.close()
        super().__exit__(*error)

    def _answers(self) -> bool:
        assert self.process.poll() is None, self.output
        try:
            return self.client.get("login").status_code < 500
        except httpx.TransportError:
            return False

    def start(self, **form: Any) -> dict[str, Any]:
        """Send the start form; what it answers."""
        return self.client.post("swarm", data=FORM | form).json()

    def figures(self) -> dict[str, Any]:
        """What the page is told."""
        return self.client.get("coordination/figures").json()

    def until_stage(self, stage: str) -> dict[str, Any]:
        """The figures once the run is there."""
        return until(
            lambda: (told := self.figures())["stage"] == stage and told, what=f"the stage {stage}"
        )

    def run_to_the_end(self, **form: Any) -> dict[str, Any]:
        """One run of one round; the figures in the end."""
        before = len(self.figures()["reports"])
        assert self.start(rounds=1, **form)["success"]
        until(lambda: len(self.figures()["reports"]) > before, what="a report")
        return self.until_stage("finished")
