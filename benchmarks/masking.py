"""What masking takes of a step before it is sent, in a real round's mix of steps.

The steps are those of one round against the embedded stack, read from its spool. In the second
part every message, and with it every LLM call about it, holds a phone number and an address more.
The budget is 10 µs a step; arms take turns.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from benchmarks.fixed_server import search_body
from benchmarks.row import Row, print_rows
from benchmarks.tracing_arms import NOBODY, PUBLIC_KEY, SECRET_KEY
from mcstress.tracing.mask import Masker
from mcstress.tracing.observation import Observation
from mcstress.tracing.spool.line import entry_of

CHECKOUT = Path(__file__).resolve().parents[1]
TURNS = 9
TIMES = 40
YARDSTICK = "json.loads of a search's answer"
PERSONAL = "Call 414-555-0134, or write to bob@mail.example. "
BEGINNINGS = ('"body":"', '{\\"body\\":\\"', '"role":"user","content":"')
"""Where a message begins: in the inbox, in a judge's question, in what a parser is told."""


def spooled_round(folder: Path) -> list[Observation]:
    """The observations of one round, none of which was delivered."""
    env_file = folder / "langfuse.env"
    env_file.touch(mode=0o600)
    env_file.write_text(
        f"LANGFUSE_URL={NOBODY}\nLANGFUSE_PUBLIC_KEY={PUBLIC_KEY}\nLANGFUSE_SECRET_KEY={SECRET_KEY}\n"
    )
    command = [sys.executable, "-m", "locust", "--headless", "-u", "3", "-r", "3", "--rounds", "1"]
    command += ["--only-summary", "--report-dir", str(folder), "--langfuse-env", str(env_file)]
    subprocess.run(command, cwd=CHECKOUT, check=True, capture_output=True)
    (spool,) = folder.glob("*.local.spool.jsonl")
    entries = map(entry_of, spool.read_bytes().splitlines())
    return [entry for entry in entries if isinstance(entry, Observation)]


def with_personal_data(found: Observation) -> Observation:
    """The step of a message that says more of who wrote it."""
    for beginning in BEGINNINGS:
        if found.input and beginning in found.input:
            before, _, after = found.input.partition(beginning)
            return msgspec.structs.replace(found, input=f"{before}{beginning}{PERSONAL}{after}")
    return found


def run() -> list[Row]:
    """The mean over all steps, and each kind of step by itself."""
    with TemporaryDirectory() as name:
        steps = spooled_round(Path(name))
    answer = search_body()
    arms: dict[str, Callable[[], object]] = {YARDSTICK: partial(json.loads, answer)}
    sizes = {YARDSTICK: 1}
    for what, found in (
        ("a round", steps),
        ("a round, personal data in all messages", list(map(with_personal_data, steps))),
    ):
        for part, chosen in parts(found):
            arms[f"{what}: {part}"] = partial(mask_all, Masker("on"), chosen)
            sizes[f"{what}: {part}"] = len(chosen)
    best = dict.fromkeys(arms, float("inf"))
    for _ in range(TURNS):
        for arm, call in arms.items():
            best[arm] = min(best[arm], cpu_us(call) / sizes[arm])
    yardstick = best.pop(YARDSTICK)
    rows = [Row(YARDSTICK, yardstick, "µs CPU")]
    return rows + [
        Row(arm, value, "µs CPU per step", value / yardstick, YARDSTICK)
        for arm, value in best.items()
    ]


def parts(steps: Sequence[Observation]) -> Iterator[tuple[str, list[Observation]]]:
    """All ``steps``, and those of each name."""
    yield f"mean of {len(steps)} steps", list(steps)
    for name in sorted({step.name for step in steps}):
        yield name, [step for step in steps if step.name == name]


def mask_all(mask: Masker, steps: Sequence[Observation]) -> None:
    """Mask each of ``steps``."""
    for step in steps:
        mask.entry(step)


def cpu_us(call: Callable[[], object]) -> float:
    """The CPU time of one ``call`` in µs, as the mean of several."""
    begin_s = time.process_time()
    for _ in range(TIMES):
        call()
    return (time.process_time() - begin_s) / TIMES * 1e6


if __name__ == "__main__":
    print_rows(run())
