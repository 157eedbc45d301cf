"""What tracing takes of a whole run's requests: where the generator has time to spare, and not.

Locust as users start it, 50 users against services that cost next to nothing. With 10 ms between
two events there is CPU left for what is traced. Without, whatever is done for a step is requests
not made. ``python -m benchmarks tracing`` has the parts.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.locust_load import SEARCHING, Load, load
from benchmarks.nginx_services import cheapest_services
from benchmarks.row import Row
from benchmarks.tracing_arms import (
    DOWN,
    HANGING,
    NOBODY,
    OFF,
    PUBLIC_KEY,
    SECRET_KEY,
    SLOW,
    UP,
    stand_in,
)

USERS = 50
SECONDS = 7
"""Long enough for what is traced to be dealt with: at first it only waits."""
THINK_TIMES_S = {"10 ms between events": 0.01, "full speed": 0}


def run() -> list[Row]:
    """Requests a second and CPU a request, by how Langfuse is."""
    with (
        TemporaryDirectory() as folder,
        cheapest_services() as services,
        stand_in() as up,
        stand_in("slow") as slow,
        stand_in("hang") as hanging,
    ):
        files = {OFF: Path(folder) / "none"} | {
            arm: _env_file(Path(folder) / f"{number}.env", url)
            for number, (arm, url) in enumerate(
                {UP: up, DOWN: NOBODY, SLOW: slow, HANGING: hanging}.items()
            )
        }
        return [
            row
            for name, think_s in THINK_TIMES_S.items()
            for row in _rows(
                name, {arm: _load(services, file, think_s) for arm, file in files.items()}
            )
        ]


def _rows(name: str, loads: dict[str, Load]) -> Iterator[Row]:
    off = loads[OFF]
    for arm, made in loads.items():
        pace = made.requests_per_s
        yield Row(f"{name}, {arm}: requests", pace, "per s", pace / off.requests_per_s, OFF)
    for arm, made in loads.items():
        cpu = made.cpu_us_per_request
        yield Row(f"{name}, {arm}: CPU a request", cpu, "µs", cpu / off.cpu_us_per_request, OFF)


def _load(services: str, env_file: Path, think_s: float) -> Load:
    users = ("-u", USERS, "-r", USERS, "--think-time", think_s)
    made = load(services, *users, *SEARCHING, "--langfuse-env", env_file, seconds=SECONDS)
    tracing = made.document["completeness"]["tracing"]
    assert tracing["made"] == tracing["delivered"] + tracing["spooled"], tracing
    return made


def _env_file(path: Path, url: str) -> Path:
    path.touch(mode=0o600)
    path.write_text(
        f"LANGFUSE_URL={url}\nLANGFUSE_PUBLIC_KEY={PUBLIC_KEY}\nLANGFUSE_SECRET_KEY={SECRET_KEY}\n"
    )
    return path
