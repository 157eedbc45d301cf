"""The faults that the embedded stack can be given: their names, their values, how they are read.

What each of them does is in ``faulty_stack.py``; this module is light, for the process of the run
reads the option too. docs/faults.md says which check each of them is to fail.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import msgspec

from mcstress.errors import UsageError

OUTAGE = re.compile(r"(\d+(?:\.\d+)?)\+(\d+(?:\.\d+)?)(refuse|hang)?", re.ASCII)


class Outage(msgspec.Struct, frozen=True):
    """The gateway is out of service from ``begin_s`` on, counted from its first search.

    It hangs: requests wait for the end and are answered then. ``refuses``: 503 at once instead.
    """

    begin_s: float
    length_s: float
    refuses: bool = False

    @property
    def end_s(self) -> float:
        """When it answers again, in the same count."""
        return self.begin_s + self.length_s


class InjectedFaults(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong with a stack; the defaults are a stack without faults.

    All but ``replica_lag_s``, ``outage`` and ``slow_ms`` are shares, 0 to 1. ``text`` is the
    option as it was given, without blanks.
    """

    noise: float = 0.0
    recall: float = 1.0
    nondeterminism: float = 0.0
    cycle: float = 0.0
    forget: float = 0.0
    lose_fresh: float = 0.0
    replica_lag_s: float = 0.0
    ignore_exclude: float = 0.0
    null_results: float = 0.0
    same_ids: float = 0.0
    unparseable: float = 0.0
    echo_paraphrase: float = 0.0
    outage: Outage | None = None
    slow_ms: float = 0.0
    text: str = ""

    def __bool__(self) -> bool:
        """Whether any fault was asked for."""
        return bool(self.text)


class FaultKind(NamedTuple):
    """A fault's kind of value: how its text is read, and what stands in messages and the help.

    ``read`` raises ValueError for a text that is none.
    """

    read: Callable[[str], Any]
    value: str
    expected: str


def share(text: str) -> float:
    """A share, 0 to 1."""
    number = float(text)
    if not 0 <= number <= 1:
        raise ValueError
    return number


def amount(text: str) -> float:
    """A number from 0 on."""
    number = float(text)
    if not 0 <= number < math.inf:
        raise ValueError
    return number


def outage(text: str) -> Outage:
    """``10+5``, ``10+5hang`` or ``10+5refuse``."""
    found = OUTAGE.fullmatch(text)
    if not found:
        raise ValueError
    begin, length, way = found.groups()
    return Outage(float(begin), float(length), refuses=way == "refuse")


SHARE = FaultKind(share, "SHARE", "a share from 0 to 1")
SECONDS = FaultKind(amount, "SECONDS", "seconds, 0 or more")
MILLISECONDS = FaultKind(amount, "MS", "milliseconds, 0 or more")
SPAN = FaultKind(
    outage, "BEGIN+SECONDS", "seconds as 10+5, or 10+5refuse for 503 in place of hanging"
)


class Fault(NamedTuple):
    """A fault: its kind of value, and what it does, in a few words for the help."""

    kind: FaultKind
    meaning: str


FAULTS = {
    "noise": Fault(SHARE, "of the queries, each with noise in place of its vector"),
    "recall": Fault(SHARE, "of the true neighbours that is found; far ones stand for the others"),
    "nondeterminism": Fault(SHARE, "of the lists, in which half of the hits are others each time"),
    "cycle": Fault(SHARE, "of the queries, which find the same people for every contract"),
    "forget": Fault(SHARE, "of what is recorded, acknowledged and not remembered"),
    "lose_fresh": Fault(SHARE, "of the items added, acknowledged and not found"),
    "replica_lag_s": Fault(
        SECONDS, "until others find a new item than the connection that added it"
    ),
    "ignore_exclude": Fault(SHARE, "of the queries, for which exclude_ids are not obeyed"),
    "null_results": Fault(SHARE, 'of the queries, answered with "results": null'),
    "same_ids": Fault(SHARE, "of the queries, in whose lists all hits have one id"),
    "unparseable": Fault(SHARE, "of the LLM's questions, answered with prose for JSON"),
    "echo_paraphrase": Fault(SHARE, "of the paraphrases, which repeat the query or the schema"),
    "outage": Fault(SPAN, "after the first search, in which the gateway hangs or answers 503"),
    "slow_ms": Fault(MILLISECONDS, "by which each answer of the gateway comes later"),
}
"""The known faults by name, in the order of the docs."""

LLM_FAULTS = frozenset(("unparseable", "echo_paraphrase"))
"""Those of the built-in LLM; the others are the gateway's."""

NO_FAULTS = InjectedFaults()


def parse_faults(texts: Iterable[str] | None, option: str) -> InjectedFaults:
    """``NAME=VALUE,…``, from one text or several. Raises UsageError that names ``option``."""
    given: dict[str, Any] = {}
    parts = [part.strip() for text in texts or [] for part in text.split(",")]
    for part in parts:
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if name not in FAULTS:
            raise UsageError(
                f"{option}: found {name or part!r}, expected NAME=VALUE with a name of "
                f"{', '.join(FAULTS)}"
            )
        if name in given:
            raise UsageError(f"{option}: found {name} twice, expected it once")
        kind = FAULTS[name].kind
        try:
            given[name] = kind.read(value)
        except ValueError:
            found = repr(value) if equals else "no value"
            raise UsageError(f"{option}: {name}: found {found}, expected {kind.expected}") from None
    return InjectedFaults(**given, text=",".join("".join(part.split()) for part in parts))


def names_of(faults: InjectedFaults) -> list[str]:
    """The names of the faults that were asked for, as they were given."""
    return [part.partition("=")[0] for part in faults.text.split(",") if part]


def explained() -> str:
    """All known faults for a command's help, a line each."""
    lines = [f"{name}={fault.kind.value}: {fault.meaning}" for name, fault in FAULTS.items()]
    return "\n".join([*lines, "A SHARE is a number from 0 to 1. All but recall do nothing at 0."])
