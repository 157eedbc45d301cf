"""The phases of a round, in their order: names, trace titles and tags. A user may add some."""

from __future__ import annotations

import re

import msgspec


class Phase(msgspec.Struct, frozen=True):
    """One phase: ``name`` in events and options, ``title`` and ``tags`` on its trace.

    ``needs`` are the phases that must run before it can mean anything.
    """

    name: str
    number: str
    words: str
    word_tag: str
    needs: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """The name of the phase's trace."""
        return f"multi_coord_stress phase {self.number} {self.words}"

    @property
    def tags(self) -> tuple[str, str, str]:
        """The tags of the phase's trace; each of them, and the name, also chooses the phase."""
        return ("stress", f"phase-{self.number}", self.word_tag)


PHASES: dict[str, Phase] = {}
"""The phases of a round by name, in the order in which they run. ``add_phase`` puts them there."""

NAME = re.compile(r"[a-z][a-z0-9_]*")


def add_phase(phase: Phase) -> None:
    """Add ``phase`` at the end of the round.

    Raises ValueError where its name is taken or is no name, or where a phase it needs is unknown.
    """
    if not NAME.fullmatch(phase.name):
        raise ValueError(
            f"phase {phase.name!r}: expected small letters, digits and _, as in site_visit"
        )
    if phase.name in PHASES:
        raise ValueError(f"phase {phase.name!r}: there is one of this name already")
    if unknown := [name for name in phase.needs if name not in PHASES]:
        raise ValueError(
            f"phase {phase.name!r} needs {', '.join(unknown)}; known are {', '.join(PHASES)}"
        )
    PHASES[phase.name] = phase


for _phase in (
    Phase("baseline", "1", "baseline", "baseline"),
    Phase("fresh_resume", "1b", "fresh resume", "fresh"),
    Phase("inbox", "1c", "inbox burst", "inbox"),
    Phase("surge", "2", "surge", "surge"),
    Phase("swap", "2b", "swap", "swap"),
    Phase("merge", "3", "merge", "merge"),
    Phase("handover", "4", "handover", "handover", ("baseline",)),
    Phase("handover_paraphrase", "4b", "handover paraphrase", "handover", ("baseline",)),
    Phase("split", "5", "split", "split"),
    Phase("reissue", "6", "reissue", "reissue", ("baseline",)),
):
    add_phase(_phase)

MIX = tuple(Phase(f"mix_{kind}", "7", f"mix {kind}", kind) for kind in ("search", "record", "add"))
"""What ``--mix`` has events of. No round has them: ``add_mix`` is called where a run does."""
MIX_NAMES = frozenset(phase.name for phase in MIX)


def add_mix() -> None:
    """Make the phases of ``--mix`` known; twice is once."""
    for phase in MIX:
        PHASES.setdefault(phase.name, phase)
