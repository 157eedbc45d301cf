"""What came of updates, deletions and forgetting, counted again from the events."""

from __future__ import annotations

from random import Random

import msgspec
import pytest
from made_run import K, MadeRun

from mcstress.metrics.changes import UNTOLD
from mcstress.metrics.event import Changed, Event, decoder
from mcstress.metrics.figures import Figures
from mcstress.metrics.metric import NOT_MEASURED

BACK = {"updated": "stale", "deleted": "returned", "forgotten": "remembered"}
DONE = {"updated": "updates", "deleted": "deletes", "forgotten": "forgets"}


def result_of(events, parts=1):
    whole = Figures(K)
    for part in range(parts):
        figures = Figures(K)
        figures.add_all(event for event in events if event.trio % parts == part)
        whole.merge(Figures.from_state(figures.state()))
    return whole.result()["metrics"]["changes"]


@pytest.fixture(scope="module")
def events():
    random, events = Random(3), MadeRun(29, faults=0.1).rounds(6, 4)
    for event in events:
        if event.phase == "fresh_resume" and random.random() < 0.8:
            fates = [random.choice([True, True, False, None]) for _ in BACK]
            event.changes = Changed(*fates)
    return events


def test_each_kind_is_counted_by_itself(events):
    found = result_of(events)
    for field, back in BACK.items():
        changed = [e for e in events if e.outcome != "cut" and isinstance(e.changes, Changed)]
        fates = [getattr(event.changes, field) for event in changed]
        assert found[DONE[field]] == len(fates) - fates.count(None) > 0
        assert found[back] == fates.count(False) > 0
    assert NOT_MEASURED not in found
    assert result_of(events, 2) == found


def test_a_kind_of_which_there_was_none_has_no_figures(events):
    told = [msgspec.structs.replace(e, changes=msgspec.UNSET) for e in events]
    for event in told:
        if event.phase == "fresh_resume":
            event.changes = Changed(deleted=True)
    found = result_of(told)
    assert (found["deletes"] > 0, found["returned"]) == (True, 0)
    assert {found[one] for one in ("updates", "stale", "forgets", "remembered")} == {None}
    for event in told:
        event.changes = msgspec.UNSET
    none = result_of(told)
    assert none.pop(NOT_MEASURED) == "nothing was updated, deleted or forgotten"
    assert {*none.values()} == {None}


def test_what_a_memory_made_of_recordings_is_counted_where_it_says_so():
    random, events = Random(5), MadeRun(31, faults=0.1).rounds(4, 2)
    assert {*recordings_of(events).values()} == {None, UNTOLD}
    for event in events:
        if event.phase == "baseline" and random.random() < 0.7:
            event.recorded = random.choice(["kept", "kept", "merged", "dropped"])
    told = [e.recorded for e in events if e.outcome != "cut" and isinstance(e.recorded, str)]
    assert recordings_of(events) == {
        "told": len(told), "merged": told.count("merged"), "dropped": told.count("dropped")
    }  # fmt: skip
    assert told.count("merged") > 0 < told.count("dropped")
    again = decoder.decode(msgspec.json.encode(next(e for e in events if e.recorded == "merged")))
    assert again.recorded == "merged"


def recordings_of(events):
    figures = Figures(K)
    figures.add_all(events)
    return figures.result()["metrics"]["recordings"]


def test_an_event_keeps_what_came_of_them(events):
    event = next(e for e in events if e.phase == "fresh_resume" and e.changes is not msgspec.UNSET)
    again = decoder.decode(msgspec.json.encode(event))
    assert isinstance(again, Event)
    assert again.changes == event.changes
