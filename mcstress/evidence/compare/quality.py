"""Quality, compared by question: what both sides were asked, and what only one can show.

The columns are the reports' own figures. Beside them stands the effect on the questions that both
sides were asked, in the same words, as the same metrics count them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean
from typing import Any, Literal

from mcstress.evidence.compare.figure import Figure
from mcstress.evidence.compare.paired import PairedTest, paired_test
from mcstress.evidence.report import words
from mcstress.evidence.store.history import RunFile, blaming, events_as_made
from mcstress.metrics.figures import Figures
from mcstress.metrics.metric import MetricName
from mcstress.metrics.names import METRICS, find
from mcstress.metrics.question import Question, Questions

Means = Mapping[Question, float]


class RunQuality:
    """What one run has of quality: its report's figures, and its questions' own values."""

    def __init__(self, run: RunFile) -> None:
        self._head = run.head
        self.is_sampled = not run.document.run.keeps_all
        with blaming(run):
            counted = _counted(run)
            self.questions = counted.per_question()
            # A run that was cut off has no figures in its head.
            self._results = run.head if "metrics" in run.head else counted.glance()

    @property
    def is_exact(self) -> bool:
        """Whether its figures are of all its events."""
        return "metrics" in self._head or not self.is_sampled

    def value(self, name: str) -> float | None:
        """The run's own figure."""
        found: float | None = find(self._results, name)
        return found

    def means(self, name: str) -> Means:
        """The mean of each question; of a sample it is not known which message is which."""
        return {
            question: total / number
            for question, (total, number) in self.questions.get(name, {}).items()
            if not (self.is_sampled and _is_message(question))
        }


def _counted(run: RunFile) -> Figures:
    cells = sum(len(contract.demands) for contract in run.document.asked.contracts)
    figures = Figures(run.document.run.k, cells=cells or None, question_of=Questions())
    figures.add_all(events_as_made(run))
    return figures


def _is_message(question: Any) -> bool:
    return isinstance(question, Question) and question.message >= 0


class Quality:
    """The figures of both sides, and the mean of each question on either."""

    def __init__(self, a: Sequence[RunFile], b: Sequence[RunFile]) -> None:
        self._k = a[0].document.run.k
        self._sides = [[RunQuality(run) for run in side] for side in (a, b)]
        self._sampled = any(run.is_sampled for side in self._sides for run in side)
        self._names = {name: metric for name, metric in METRICS.items() if metric.better}
        self._means: dict[str, tuple[Means, Means]] = {
            name: (_side_means(self._sides[0], name), _side_means(self._sides[1], name))
            for name in self._names
        }

    def figures(self, *, paired: bool) -> list[Figure]:
        """A figure for each that both sides have."""
        return [
            figure
            for metric in self._names.values()
            if (figure := self._figure(metric, paired=paired)) is not None
        ]

    def _figure(self, metric: MetricName, *, paired: bool) -> Figure | None:
        name, (before, after) = metric.name, self._means[metric.name]
        a, b = (_side_value(side, name) for side in self._sides)
        if a is None or b is None or not metric.better:
            return None
        shared = sorted(before.keys() & after.keys())
        test = PairedTest(b - a, None, None, None)
        if shared:
            differences = [after[question] - before[question] for question in shared]
            test = paired_test(differences, metric.span or float(self._k))
        return Figure(
            name=name,
            better=metric.better,
            unit="queries",
            a=a,
            b=b,
            n_a=len(shared),
            n_b=len(shared),
            effect=test.effect,
            ci95=test.ci95 if paired else None,
            p=test.p if paired else None,
            least_p=test.least_p if paired else None,
        )

    def only(self, side: Literal["a", "b"]) -> list[str]:
        """The figures that the other side does not have, by its exact ones."""
        own, other = self._sides if side == "a" else reversed(self._sides)
        if not all(run.is_exact for run in other):
            return []
        return [
            name
            for name in self._names
            if _side_value(own, name) is not None and _side_value(other, name) is None
        ]

    def notes(self) -> list[str]:
        """What is left out of the comparison."""
        found = []
        for name, (before, after) in self._means.items():
            alone = {"A": len(before.keys() - after.keys()), "B": len(after.keys() - before.keys())}
            said = [
                f"{words.plural(number, 'query', 'queries')} that only {side} has"
                for side, number in alone.items()
                if number
            ]
            if said and not (self._sampled and self._is_of_messages(name)):
                found.append(f"{name} leaves out {' and '.join(said)}.")
        found += [
            f"{name} is not paired: of a sample it is not known which message is which."
            for name in self._names
            if self._sampled and self._is_of_messages(name)
        ]
        return found

    def _is_of_messages(self, name: str) -> bool:
        runs = (run for side in self._sides for run in side)
        return any(_is_message(one) for run in runs for one in run.questions.get(name, {}))


def _side_value(runs: Iterable[RunQuality], name: str) -> float | None:
    """The mean of the runs' own figures; None where no run has it."""
    values = [value for run in runs if (value := run.value(name)) is not None]
    return fmean(values) if values else None


def _side_means(runs: Iterable[RunQuality], name: str) -> Means:
    """The mean over runs of each question's value."""
    values: dict[Question, list[float]] = defaultdict(list)
    for run in runs:
        for question, value in run.means(name).items():
            values[question].append(value)
    return {question: fmean(its) for question, its in values.items()}
