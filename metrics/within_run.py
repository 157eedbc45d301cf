"""Within this run: the interval of a rate whose samples depend on one another in time.

Failures come in bursts, so that steps are no independent witnesses; Wilson's interval over steps
is then far too narrow. The estimator stays ΣS/ΣN, failed steps by steps; the unit is one of 20
equal blocks of the run. Interval: the ratio's jackknife over blocks (Tukey 1958, t with 19 degrees
of freedom), joined with Wilson's. It says what this run's length can say of itself; another run
may differ by more. Under 60 s a block is shorter than what bursts last, and where a silence
(availability.py) is longer than a block, blocks are no repeats of one another: no interval then.
Source: VERDICT.md, section 4.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mcstress.metrics.intervals import Interval, hull, jackknife_half, ratios_left_out, wilson

BLOCKS = 20
SHORTEST_RUN_S = 60.0
WITHIN_RUN = "within this run"

Block = tuple[int, int]
"""Failed steps and steps."""


def in_blocks(
    slots: Iterable[tuple[float, int, int]], slot_s: float, begin_s: float, end_s: float
) -> list[Block]:
    """Slots (begin in Unix seconds, failed steps, steps) of ``slot_s``, by block of the run.

    A slot belongs to the block that its middle falls into; a timeline's 60 to 120 slots fill the
    blocks evenly, to a slot.
    """
    blocks = [(0, 0)] * BLOCKS
    if not end_s > begin_s:
        return blocks
    for begin, failed, steps in slots:
        place = int((begin + slot_s / 2 - begin_s) * BLOCKS / (end_s - begin_s))
        number = min(max(place, 0), BLOCKS - 1)
        blocks[number] = blocks[number][0] + failed, blocks[number][1] + steps
    return blocks


def within_run(
    blocks: Sequence[Block], run_s: float, longest_silence_s: float | None
) -> tuple[Interval, str] | None:
    """The interval of failed by all steps, and its label; None where nothing can be said.

    ``longest_silence_s`` is availability's; None where it was not measured.
    """
    silent = (longest_silence_s or 0.0) > run_s / len(blocks)
    asked = [(float(failed), steps) for failed, steps in blocks if steps]
    if run_s < SHORTEST_RUN_S or silent or len(asked) <= BLOCKS // 2:
        return None
    steps = sum(steps for _, steps in asked)
    rate = sum(failed for failed, _ in asked) / steps
    half = jackknife_half(ratios_left_out(asked))
    return hull(wilson(rate, steps), rate, half), WITHIN_RUN
