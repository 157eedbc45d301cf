"""The seam of metrics: what one is, and what the names, the plan and the report make of it.

A metric is one class in one file. It says its figures' ``names``, counts events in integers
(``add``), is merged and written down (``tally.Accumulator``), gives its ``result``, says how many
samples were ``planned``, and what each question got (``per_question``). The report's JSON, checks,
documentation, the table in the web UI, load curve and ``mcstress compare`` are made of these.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Literal

import msgspec

from mcstress.metrics.appointments import AppointmentTotals
from mcstress.metrics.arrivals import ArrivalTotals, Trial, UnservedRow
from mcstress.metrics.availability import GATEWAY, ServiceFigures, Silence
from mcstress.metrics.event import Event, Hit
from mcstress.metrics.histogram import Histograms
from mcstress.metrics.pairing import Ids, Pair, Remembered
from mcstress.metrics.tally import Accumulator, Tally
from mcstress.metrics.worst_events import Examples, WorstReissues

COUNT, JACCARD, RATE = "count", "Jaccard, 0 to 1", "share, 0 to 1"
BY_CHANCE, DIFFERENCE = "Jaccard by chance, 0 to 1", "difference of shares, -1 to 1"
RATE_BY_CHANCE = "share by chance, 0 to 1"
PROBABILITY, RATING, SECONDS = "probability", "rating, 1 to 5", "s"

BESIDE_METRICS = ("latency", "faults")
"""Sections that stand beside ``metrics`` in a run's JSON, not in it."""

NOT_MEASURED = "not_measured"
"""The key of a section that says why it could not be measured: its checks are skipped."""

NO_UNIT = 0
"""The unit of what an older version counted without one; trios and variants count from 1."""

NO_QUESTION = ""
"""The question of what an older version counted without one."""

UNSENT_STEPS = "unsent_steps"

REPORT_TABLES = (
    "relevance",
    "relevance_by_truth",
    "diversity",
    "determinism",
    "handover",
    "lift",
    "memory",
    "freshness",
    "freshness_times",
    "freshness_looks",
    "changes",
    "swap_and_inbox",
    FURTHER := "further",
)
"""The tables of the report that figures can name; the last has what names none."""

FAULTS = {
    "repeated_ids": "lists that held a hit (corpus and id) twice: refused, or counted once",
    "short_lists": "lists that held fewer than K, though something was found",
    "nothing_found": "searches that succeeded and found nothing",
    "nothing_expected": "handovers and new resumes that did not say which hit should come back",
    "repeated_lists": "baseline lists of a trio, round and cell that had one already: not counted",
    "late_lists": "baseline lists that came after others of their round were given up",
    "changed_corpora_pairs": "reissues whose corpora changed since the baseline, counted apart",
    UNSENT_STEPS: "steps that the load generator could not send, for want of open files, ports or "
    "memory: no failure of a service, and no check can pass",
}
"""The kinds of faults in what was measured: counted, shown, and never quietly mended."""

Faults = Tally[tuple[str]]

OPERATORS: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}
"""How a figure is compared, in checks and ranges."""

Hits = list[Hit] | None
"""An event's hits without repeats, in rank order; None where it has no list."""

Unit = Any
"""What counts as one witness: an integer, a string, or a tuple of them; all of one kind."""

Say = Callable[[Event, str, float | bool], None]
"""Hears what is found of one event, by name, as it is counted."""

Mean = tuple[float, int]
"""The sum of some values, and their number."""

PerQuestion = Mapping[str, Mapping[Unit, Mean]]
"""By a figure's name and by unit: what its values add up to."""


class Range(msgspec.Struct, frozen=True):
    """The values that ``operator`` and ``limit`` admit, in a word and in a sentence's words.

    ``suggests`` says what such a value lets one think of; empty where the meaning says it all.
    """

    operator: str
    limit: float
    word: str
    meaning: str
    suggests: str = ""


class MetricName(msgspec.Struct, frozen=True):
    """One figure. ``samples``, ``questions``, ``planned`` and ``interval`` name other figures.

    ``samples`` counts all that was measured, ``questions`` the different ones of them: what a check
    needs, and what the interval is over. Where there is none, samples are.

    ``phases`` are those that it comes from: a check of it is skipped where none was chosen.
    ``ranges`` are tried in order, the first is the healthy one. ``label`` is its name in the web
    UI's table. In the report it stands in ``row`` of ``table`` (one of REPORT_TABLES),
    under ``column`` (without, that of values); without a row, nowhere.
    ``by_load`` is its column in the load curve's tables, where it stands by band.
    ``counts``: the two figures whose "3 of 4" stands beside it, or is the cell of a count.
    ``better`` and ``span``, the largest difference
    there can be (0: as many as K), are for figures that are compared by question. ``measured``
    names the figure that says over how many seconds it was measured.
    """

    name: str
    meaning: str
    unit: str
    phases: tuple[str, ...]
    samples: str
    planned: str | None = None
    interval: str | None = None
    questions: str | None = None
    ranges: tuple[Range, ...] = ()
    label: str = ""
    table: str = FURTHER
    row: str = ""
    column: str = ""
    by_load: str = ""
    counts: tuple[str, ...] = ()
    better: Literal["higher", "lower", ""] = ""
    span: float = 1.0
    measured: str = ""


class FigureGroup(msgspec.Struct, frozen=True):
    """Figures that share a path, phases, samples and a plan.

    ``questions``: the leaf that counts the questions which all but counts are means over.
    """

    path: str
    phases: tuple[str, ...]
    samples: str
    planned: str | None = "planned"
    questions: str | None = None

    def name(
        self,
        leaf: str,
        unit: str,
        meaning: str,
        interval: str | None = None,
        samples: str | None = None,
        *,
        counts: tuple[str, ...] = (),
        **more: Any,
    ) -> MetricName:
        """The figure at ``leaf``; the other leaves are of this section too.

        ``more`` are further fields of a MetricName, as ``ranges`` or ``label``.
        """
        if counts:
            more["counts"] = tuple(f"{self.path}.{one}" for one in counts)
        if self.questions and unit != COUNT:
            more.setdefault("questions", f"{self.path}.{self.questions}")
        return MetricName(
            f"{self.path}.{leaf}",
            meaning,
            unit,
            self.phases,
            f"{self.path}.{samples or self.samples}",
            self.planned and f"{self.path}.{self.planned}",
            interval and f"{self.path}.{interval}",
            **more,
        )


class WholeRun(msgspec.Struct, frozen=True):
    """What a run as a whole has, and no band of it.

    ``availability`` by service; ``blocks`` are failed steps and steps by block (within_run.py);
    ``arrivals``: None without a schedule; ``appointments``: None without a clock; ``trials`` are
    those of a search for the capacity.
    """

    run_s: float
    availability: Mapping[str, ServiceFigures]
    blocks: Sequence[tuple[int, int]]
    arrivals: ArrivalTotals | None = None
    trials: Sequence[Trial] = ()
    appointments: AppointmentTotals | None = None

    @property
    def silences(self) -> Sequence[Silence]:
        """When nothing of the gateway succeeded: the first of them."""
        gateway = self.availability.get(GATEWAY)
        return () if gateway is None else gateway.silences


class ResultContext(msgspec.Struct, frozen=True):
    """What a result needs beside its own counts.

    ``k``: the length of lists. ``planned``: the least number of samples by figure. ``candidates``:
    how many people there are for each role, where known. ``steps``: latencies of all steps by
    name; ``failed``: how many of them failed. ``whole``: None for a band, and where a run's times
    are not asked for. ``unserved``: arrivals of a schedule that never began.
    """

    k: int
    planned: Mapping[str, int] = {}
    candidates: Mapping[str, int] | None = None
    steps: Histograms = msgspec.field(default_factory=Histograms)
    failed: Tally[tuple[str]] = msgspec.field(default_factory=Tally)
    whole: WholeRun | None = None
    unserved: Sequence[UnservedRow] = ()


class PlannedRound(msgspec.Struct, frozen=True):
    """One round of a run of so many rounds, as it was planned.

    ``asked``: events by phase, of the phases that were chosen; 0 for those of a user's own, which
    say nothing beforehand. ``trios``: whole ones. ``contracts``: the roles that each contract of
    one trio asks for.
    """

    asked: Mapping[str, int]
    trios: int
    contracts: Sequence[Sequence[str]]


RARE = frozenset({"memory", "truth", "rest_overlap", "recorded", "changes"})
"""Fields that an event of most runs does not have, and by which some metrics go alone."""


class Seen:
    """What a metric is told of an event beside the event itself, and where it notes what it finds.

    One object serves all events of a second: what it holds of an event is good during ``add`` only.

    ``hits`` has no repeats; ``ids`` are their identities in baselines, reissues and swaps, and None
    elsewhere. ``before`` is what the event is compared with: a reissue's baseline, the memory arm
    of a control, the first query of a swap; ``pair``: a reissue with its baseline. ``place``: where
    the hit that was expected stands (rates.py). ``question``: what was asked (question.py), and
    ``unit`` who asks: a trio, or the trios of one wording. ``say`` hears of single events.
    ``faults``, ``worst``, ``examples`` and, for the timeline, ``determinism`` (shared, union) and
    ``handover`` (arm, hit at top-1) are kept beside the figures. ``alike`` has the length of each
    pair of identical lists, ``arms`` phase, arm and place of each handover: they are counted when
    the second is over, since appending takes a tenth of counting.
    """

    __slots__ = (
        "alike", "arms", "before", "determinism", "examples", "faults", "handover", "hits", "ids",
        "pair", "place", "question", "say", "unit", "worst",
    )  # fmt: skip

    def __init__(
        self,
        faults: Faults,
        worst: WorstReissues,
        examples: Examples,
        say: Say | None = None,
    ) -> None:
        self.hits: Hits = None
        self.ids: Ids | None = None
        self.before: Remembered | None = None
        self.pair: Pair | None = None
        self.place: int | None = None
        self.question = NO_QUESTION
        self.unit = NO_UNIT
        self.faults = faults
        self.worst = worst
        self.examples = examples
        self.say = say
        self.alike: list[int] = []
        self.arms: list[tuple[str, str, int]] = []
        self.determinism: Tally[tuple[int, int]] = Tally()
        self.handover: Tally[tuple[str, int]] = Tally()


class Metric(Accumulator):
    """One metric of one band of users. Its attributes are of tally.py's kind: Tally, Histograms.

    ``key`` names its state and is unique. ``section``: the path of its result in ``metrics``; two
    metrics may share one. ``hears``: the phases whose events ``add`` gets. ``about``: the field of
    an event that it is about, one of RARE; ``add`` may be spared events that have none of those.
    ``may_be_absent``: a result that is empty makes no section.
    """

    key: ClassVar[str]
    section: ClassVar[str]
    hears: ClassVar[tuple[str, ...]] = ()
    about: ClassVar[str] = ""
    may_be_absent: ClassVar[bool] = False

    @classmethod
    def names(cls) -> Iterator[MetricName]:
        """The figures, in their order in the documentation."""
        raise NotImplementedError

    @classmethod
    def planned(cls, one_round: PlannedRound) -> Mapping[str, int]:
        """Samples that one round was to give, by the path that ``result`` looks up."""
        del one_round
        return {}

    def add(self, event: Event, seen: Seen) -> None:
        """Count an event of a phase that it hears, but for those cut off."""

    def heard(self, phase: str, number: int) -> None:
        """Count so many events of a phase that it hears, once they were all added one by one."""

    def result(self, context: ResultContext) -> dict[str, Any]:
        """The figures, by the rest of their paths."""
        raise NotImplementedError

    def per_question(self) -> PerQuestion:
        """What each unit's values add up to, for the figures that are compared by question."""
        return {}


def question_means(rows: Iterator[tuple[Unit, float, int]]) -> dict[Unit, Mean]:
    """(unit, value, count) added up by unit."""
    means: dict[Unit, Mean] = {}
    for unit, value, count in rows:
        total, number = means.get(unit, (0.0, 0))
        means[unit] = (total + value * count, number + count)
    return means
