"""Each question's list at rest, against which its lists under load are held.

It comes from another run (``--rest``), or from the reference (``--reference``): the trio that is
alone at the beginning. What that trio gets there travels by way of the master to all processes;
a question that it was asked again is held against its own first list, so that the lowest band of
users shows how alike lists are without load.
"""

from __future__ import annotations

from collections.abc import Callable

from mcstress.metrics.event import Event

RestLists = dict[str, list[str]]
"""``corpus:id`` of the hits of each question's list at rest, by ``truth.question_id``."""

Tell = Callable[[RestLists], None]


class ListsAtRest:
    """What one process knows of them. ``tell``: to whom new ones go while the reference lasts."""

    def __init__(self, lists: RestLists, tell: Tell | None = None) -> None:
        self._lists = dict(lists)
        self._tell = tell

    def settle(self, lists: RestLists) -> None:
        """The reference is over, and these are all its lists."""
        self._lists, self._tell = lists, None

    def compare(self, event: Event, question: str) -> None:
        """Note in ``event`` how alike its list and the one at rest are; it may be that one."""
        at_rest = self._lists.get(question)
        if at_rest is not None:
            event.rest_overlap = overlap_at_rest(event, at_rest)
        elif self._tell is not None:
            self._lists[question] = listed = list_of(event)
            self._tell({question: listed})


def list_of(event: Event) -> list[str]:
    """The hits of an event as they stand in RestLists."""
    return [f"{hit.corpus}:{hit.id}" for hit in event.top_k or ()]


def overlap_at_rest(event: Event, at_rest: list[str]) -> float:
    """The mean share of the one list that the other has too; two empty ones are alike."""
    listed = set(list_of(event))
    both = len(listed) + len(at_rest)
    return 2 * len(listed.intersection(at_rest)) / both if both else 1.0
