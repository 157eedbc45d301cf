"""A metric of one's own: from how many corpora the lists of the surge come.

``locust -f examples/own_metric.py --headless -u 3 -r 3 --rounds 1``

Its figures have checks (``--check "spread.mean_corpora >= 1"``), a row in the report and in the web
UI's table, and a place in the JSON, by band of users too.
"""

from collections.abc import Iterator
from typing import Any

from mcstress import AliceUser, BobUser, CarolUser, Event, Metric, install, metric
from mcstress.metrics.metric import COUNT, FigureGroup, MetricName, ResultContext, Seen
from mcstress.metrics.tally import Tally

__all__ = ["AliceUser", "BobUser", "CarolUser"]


@metric
class Spread(Metric):
    """Lists of the surge by the number of corpora that they are from: integers, merged exactly."""

    key = section = "spread"
    hears = ("surge",)

    def __init__(self) -> None:
        self.lists: Tally[tuple[int]] = Tally()

    @classmethod
    def names(cls) -> Iterator[MetricName]:
        """Each figure that a check may name."""
        of = FigureGroup("spread", cls.hears, "lists", planned=None).name
        yield of("lists", COUNT, "lists of the surge")
        meaning, row = "mean number of corpora that a list is from", "corpora in a list"
        yield of("mean_corpora", "corpora", meaning, label=row, row=row)

    def add(self, event: Event, seen: Seen) -> None:
        """Count a list, by what is known of its event."""
        del event
        if seen.hits is not None:
            self.lists[(len({hit.corpus for hit in seen.hits}),)] += 1

    def result(self, context: ResultContext) -> dict[str, Any]:
        """The figures; None where nothing was counted."""
        del context
        lists = self.lists.total()
        corpora = sum(number * count for (number,), count in self.lists.items())
        return {"lists": lists, "mean_corpora": corpora / lists if lists else None}


install()
