"""Checks judged: pass, fail, unknown or skipped, and the verdict of a run.

The point value decides. A check is certain where its figure has an interval, which does not cross
the threshold; where it is not, the outcome says what would settle it. What cannot be judged is
unknown, never pass.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Annotated, Any, Literal

import msgspec

from mcstress.metrics.arrivals import Starved
from mcstress.metrics.by_question import lift_questions_needed, questions_needed
from mcstress.metrics.check import Check, CheckSyntaxError, parse_check
from mcstress.metrics.metric import NOT_MEASURED, OPERATORS, UNSENT_STEPS, MetricName
from mcstress.metrics.names import METRICS, PLANNED_SHARE, find
from mcstress.metrics.number_format import beyond, figure, plural, shown
from mcstress.metrics.results import says

__all__ = ["Check", "CheckOutcome", "CheckSyntaxError", "evaluate", "overall", "parse_check"]

Verdict = Literal["pass", "fail", "unknown", "skipped"]

WAITS = ("latency.", "arrivals.missed", "arrivals.cut", "appointments.missed", "appointments.cut")
"""Figures of waits, which a starved load generator makes by itself."""


class CheckOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a check, and why."""

    check: Annotated[str, says("as it was asked for")]
    metric: Annotated[str, says("the name of its figure")]
    operator: Annotated[str, says("<, <=, >, >=, == or !=")]
    threshold: Annotated[float, says("what the figure is compared with")]
    verdict: Annotated[Verdict, says("pass, fail, unknown, or skipped: its phase was not chosen")]
    value: Annotated[float | None, says("the figure; null: there is none")]
    samples: Annotated[int, says("behind the figure")]
    questions: Annotated[
        int | None, says("different ones among them; null: the figure is not over questions")
    ] = None
    needs: Annotated[int, says("with fewer questions (else samples) it is unknown")]
    planned: Annotated[int | None, says("samples that were planned; null: not known")]
    ci95: Annotated[list[float] | None, says("95 % interval of the figure")]
    crosses: Annotated[bool, says("ci95 holds values on both sides of the threshold")]
    certain: Annotated[bool, says("it was judged, and has a ci95, which does not cross")] = False
    enough: Annotated[
        int | None, says("questions that would settle it at this value; null: none, or no need")
    ] = None
    there_are: Annotated[
        int | None, says("questions that the scenario has; null: not known, or no end of them")
    ] = None
    at_least: Annotated[
        float | None, says("what the figure is at least, where value is null for that it is more")
    ] = None
    reason: Annotated[str, says("why, in words")]


class Measured(msgspec.Struct, frozen=True):
    """What a run's results hold of one figure."""

    value: float | None = None
    samples: int = 0
    questions: int | None = None
    planned: int | None = None
    ci95: list[float] | None = None
    there_are: int | None = None
    at_least: float | None = None

    @property
    def witnesses(self) -> int:
        """What a check's ``needs`` counts: what is asked again is no new one."""
        return self.samples if self.questions is None else self.questions

    def crosses(self, check: Check) -> bool:
        """Whether the interval holds values that pass and values that do not."""
        if self.ci95 is None:
            return False
        low, high = self.ci95
        ends = [OPERATORS[check.operator](end, check.threshold) for end in (low, high)]
        return ends[0] is not ends[1] or low < check.threshold < high

    def shortage(self, needs: int) -> str:
        """Why there is too little to judge by; empty where there is enough."""
        if self.witnesses < needs:
            noun = "sample" if self.questions is None else "different question"
            if not self.witnesses:
                return f"nothing was measured; it needs at least {plural(needs, noun)}"
            few = f"only {plural(self.witnesses, noun)}"
            return f"{few}; at least {needs:,} {'is' if needs == 1 else 'are'} needed"
        if self.planned and self.samples < PLANNED_SHARE * self.planned:
            return (
                f"only {self.samples:,} of {plural(self.planned, 'planned sample')} were measured "
                f"(at least {PLANNED_SHARE:.0%} are needed)".replace("%", " %")
            )
        return ""

    def counted(self) -> str:
        """``32 questions, 268 samples``, or ``12 samples``."""
        samples = plural(self.samples, "sample")
        if self.questions is None:
            return samples
        asked = plural(self.questions, "question")
        return asked if self.questions == self.samples else f"{asked}, {samples}"


def evaluate(
    checks: Iterable[Check],
    results: Mapping[str, Any],
    *,
    selected_phases: Collection[str],
    complete: bool,
    left_out: Mapping[str, str] = {},
    there_are: Mapping[str, int] = {},
    starved: Starved | None = None,
) -> list[CheckOutcome]:
    """What becomes of each check. ``complete``: every event of every worker is in ``results``.

    ``left_out``: phases that the system under test cannot take part in, each with the reason.
    ``there_are``: the questions that the scenario has, by the path of what they are planned for.
    ``starved``: where waits cannot be told from the load generator's own.
    """
    phases = Phases(selected_phases, left_out, starved)
    return [_safely(check, results, phases, there_are, complete=complete) for check in checks]


class Phases(msgspec.Struct, frozen=True):
    """The phases that ran, and those that could not; why waits are not the services'."""

    selected: Collection[str]
    left_out: Mapping[str, str]
    starved: Starved | None = None

    def why_none(self, of: Collection[str]) -> str:
        """Why none of the phases that a figure is ``of`` ran; empty where one did."""
        if not set(of).isdisjoint(self.selected):
            return ""
        reasons = {self.left_out[phase] for phase in of if phase in self.left_out}
        if reasons:
            return ", ".join(sorted(reasons))
        if len(of) == 1:
            return f'its phase "{next(iter(of))}" was not selected'
        return f"its phases were not selected: {', '.join(of)}"


def _safely(
    check: Check,
    results: Mapping[str, Any],
    phases: Phases,
    there_are: Mapping[str, int],
    *,
    complete: bool,
) -> CheckOutcome:
    try:
        seen = _seen(check, results, there_are)
        return _judge(check, seen, results, phases, complete=complete)
    except Exception as fault:  # noqa: BLE001  (a checker that crashes is unknown, never pass)
        reason = f"the check itself failed: {type(fault).__name__}: {fault}"
        return _outcome(check, "unknown", reason)


def _seen(check: Check, results: Mapping[str, Any], there_are: Mapping[str, int]) -> Measured:
    metric = METRICS[check.metric]
    over = metric.questions
    return Measured(
        value=find(results, metric.name),
        samples=find(results, metric.samples) or 0,
        # A report of an older version counts no questions.
        questions=find(results, over) if over else None,
        planned=find(results, metric.planned) if metric.planned else None,
        ci95=find(results, metric.interval) if metric.interval else None,
        there_are=there_are.get((metric.planned or "").removesuffix(".planned")) if over else None,
        at_least=_at_least(metric.name, results),
    )


def _at_least(name: str, results: Mapping[str, Any]) -> float | None:
    """What is at least so much: a percentile among what never ended, a capacity not found."""
    section, _, leaf = name.rpartition(".")
    for key in ("at_least_ms", "at_least"):
        if isinstance(found := find(results, f"{section}.{key}"), Mapping):
            at_least: float | None = found.get(leaf)
            return at_least
    return None


def _without_value(check: Check, seen: Measured, metric: MetricName) -> CheckOutcome:
    """Judge what is at least so much, where that is known: nothing shows that it is less."""
    if seen.at_least is None:
        return _outcome(check, "unknown", _no_figure(metric, seen), seen)
    if metric.unit != "ms":
        held = check.operator in (">", ">=") and seen.at_least >= check.threshold
        reason = f"at least {figure(seen.at_least, metric.unit)} ({seen.counted()})"
        return _outcome(check, "pass" if held else "unknown", reason, seen)
    reason = f"{beyond(seen.at_least)} ({seen.counted()}): it falls among what never ended"
    if check.operator in ("<", "<=", "=="):
        return _outcome(check, "fail", reason, seen)
    held = check.operator in (">", ">=") and seen.at_least >= check.threshold
    return _outcome(check, "pass" if held else "unknown", reason, seen)


def _judge(
    check: Check, seen: Measured, results: Mapping[str, Any], phases: Phases, *, complete: bool
) -> CheckOutcome:
    metric = METRICS[check.metric]
    if reason := _why_no_check_counts(results, complete=complete):
        return _outcome(check, "unknown", reason, seen)
    unmeasured = _why_not_measured(check.metric, results) if seen.value is None else ""
    if reason := phases.why_none(metric.phases) or unmeasured:
        return _outcome(check, "skipped", reason, seen)
    if reason := seen.shortage(check.needs):
        return _outcome(check, "unknown", reason, seen)
    if phases.starved and check.metric.startswith(WAITS) and not _holds_at_none(check, seen):
        return _while_starved(check, seen, metric, phases.starved)
    if seen.value is None:
        return _without_value(check, seen, metric)
    held = OPERATORS[check.operator](seen.value, check.threshold)
    enough = _enough(check, seen, results) if seen.crosses(check) else None
    value = value_of(check.metric, seen.value, check.threshold)
    reason = f"{value} ({_measured(metric, results, seen)})"
    if seen.ci95 and seen.crosses(check):
        low, high = (shown(end, limits=(check.threshold,)) for end in seen.ci95)
        reason += f"; not certain: the 95 % interval [{low}, {high}] has values on both sides of "
        reason += f"{check.threshold:g}"
        reason += f"; {settled_by(enough, seen.questions, seen.there_are)}" if enough else ""
    return _outcome(check, "pass" if held else "fail", reason, seen, enough)


def _holds_at_none(check: Check, seen: Measured) -> bool:
    """Whether nothing was missed or cut, and none may be: what is the generator's own only adds."""
    return (
        seen.value == 0
        and not check.metric.startswith("latency.")
        and check.operator in ("==", "<", "<=")
    )


def _while_starved(
    check: Check, seen: Measured, metric: MetricName, starved: Starved
) -> CheckOutcome:
    """Unknown, but for a latency that is too high however much of it is the generator's own."""
    value = seen.at_least if seen.value is None else seen.value
    if metric.unit != "ms" or value is None or check.operator not in ("<", "<="):
        return _outcome(check, "unknown", starved.why, seen)
    if value - starved.most_ms <= check.threshold:
        return _outcome(check, "unknown", starved.why, seen)
    is_now = beyond(value) if seen.value is None else value_of(check.metric, value, check.threshold)
    reason = (
        f"{is_now} ({seen.counted()}); the load generator did not keep up itself in some of its "
        f"seconds, and at most {starved.most_ms / 1000:.3g} s of any wait can be its own"
    )
    return _outcome(check, "fail", reason, seen)


def _why_no_check_counts(results: Mapping[str, Any], *, complete: bool) -> str:
    """What is missing of the run as a whole; empty where nothing is."""
    if not complete:
        return "events or workers are missing"
    if unsent := find(results, f"faults.{UNSENT_STEPS}"):
        return f"the load generator could not send {unsent} steps (open files, ports or memory)"
    return ""


def _measured(metric: MetricName, results: Mapping[str, Any], seen: Measured) -> str:
    """What a value is over: its samples, or the time in which it was measured."""
    seconds = find(results, metric.measured) if metric.measured else None
    if seconds is None:
        return seen.counted()
    return f"{seconds:.1f} s, with something in flight in {seen.samples:,} slots"


def _why_not_measured(name: str, results: Mapping[str, Any]) -> str:
    """What the figure's section says: the system's answers do not hold what it is made of."""
    section = name.rpartition(".")[0]
    reason = find(results, f"{section}.{NOT_MEASURED}")
    return f"not measured: {reason}" if reason else ""


def _no_figure(metric: MetricName, seen: Measured) -> str:
    """A percentile needs as many samples as one lies beyond it."""
    number = metric.name.rpartition(".")[2].removeprefix("p").removesuffix("_ms")
    if metric.unit == "ms" and number.isdigit():
        share = int(number) / 10 ** len(number)
        return (
            f"p{number[:2]}{'.' if number[2:] else ''}{number[2:]} needs {1 / (1 - share):,.0f} "
            f"samples; there {'was' if seen.samples == 1 else 'were'} {seen.samples:,}"
        )
    return f"too few samples for this figure: {seen.samples:,}"


def _enough(check: Check, seen: Measured, results: Mapping[str, Any]) -> int | None:
    """How many different questions of this value settle a check over questions."""
    if seen.questions is None or seen.value is None:
        return None
    if not check.metric.endswith(".lift"):
        return questions_needed(check.operator, check.threshold, seen.value)
    of = check.metric.removesuffix("lift")
    pairs, gained, lost = (
        find(results, of + leaf) for leaf in ("pairs", "memory_only", "control_only")
    )
    return lift_questions_needed(check.operator, check.threshold, gained / pairs, lost / pairs)


APART = "groups of users differ too much from one another"
"""Why a check over questions enough is not settled."""


def settled_by(enough: int, asked: int | None, there_are: int | None) -> str:
    """What settles a check that is not certain.

    With questions enough, what widens its interval is how far groups of users are apart.
    """
    if asked is not None and asked >= enough:
        return f"{APART}, though {asked:,} questions would do"
    needs = f"needs {enough:,} different questions of this value"
    if there_are is not None and there_are < enough:
        return f"{needs}, the scenario has {there_are:,}"
    return f"{needs}, {asked or 0:,} were asked"


def value_of(metric: str, value: float, threshold: float) -> str:
    """A check's value, on its own side of the threshold."""
    return figure(value, METRICS[metric].unit, limits=(threshold,))


def line(outcome: CheckOutcome) -> str:
    """A check and what became of it, in a line."""
    if outcome.verdict != "fail" or outcome.value is None:
        return f"{outcome.check}: {outcome.reason}"
    value = value_of(outcome.metric, outcome.value, outcome.threshold)
    rest = outcome.reason.removeprefix(value).strip()
    return f"{outcome.metric} = {value}, expected {expected(outcome)} {rest}".rstrip()


def expected(outcome: CheckOutcome) -> str:
    """``>= 0.95``: what the value was to be, as it was asked for."""
    return outcome.check.removeprefix(outcome.metric).strip()


def _outcome(
    check: Check,
    verdict: Verdict,
    reason: str,
    seen: Measured | None = None,
    enough: int | None = None,
) -> CheckOutcome:
    seen = seen or Measured()
    crosses = seen.crosses(check)
    return CheckOutcome(
        check=check.text,
        metric=check.metric,
        operator=check.operator,
        threshold=check.threshold,
        verdict=verdict,
        value=seen.value,
        samples=seen.samples,
        questions=seen.questions,
        needs=check.needs,
        planned=seen.planned,
        ci95=seen.ci95,
        crosses=crosses,
        certain=verdict in ("pass", "fail") and seen.ci95 is not None and not crosses,
        enough=enough,
        there_are=seen.there_are,
        at_least=seen.at_least,
        reason=reason,
    )


def overall(outcomes: Iterable[CheckOutcome]) -> Literal["pass", "fail", "unknown"]:
    """Fail if one failed, else unknown if one is unknown or none could pass, else pass."""
    verdicts = {outcome.verdict for outcome in outcomes}
    if "fail" in verdicts:
        return "fail"
    return "pass" if "pass" in verdicts and "unknown" not in verdicts else "unknown"
