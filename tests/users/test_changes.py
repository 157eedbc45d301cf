"""A new item that was seen is updated, forgotten and deleted; what comes back is noted."""

from __future__ import annotations

import gevent.event
import pytest
from test_freshness_poll import Context, join, walk

from mcstress.metrics.event import Changed, Hit
from mcstress.services.target import Found, Target, TargetSetup
from mcstress.users import changes


class Store(Target):
    """Items by id, and what namespaces were told; ``lasts``: what it does not heed."""

    def __init__(self, *lasts, late=0):
        super().__init__(TargetSetup())
        self.lasts, self.late = {*lasts}, late
        self.items, self.told, self.calls = {}, {}, []

    def connect(self):
        return self

    def add(self, item, trace):
        yield self._done("index.add", lambda: self.items.update({item.id: item}))

    def search(self, search, trace):
        def work():
            found = [*self.items.values()]
            if search.memory:
                found += self.told.get(search.memory, {}).values()
            hits = {item.id: item for item in found}
            metadata = [one.metadata for one in hits.values()] if search.metadata else None
            return Found([Hit(one.id, one.corpus, 0.1) for one in hits.values()], metadata=metadata)

        self.calls.append(("search", search.memory))
        return self.timed("matrix.search", search, work)

    def _done(self, name, work):
        self.calls.append(name)
        if name in self.lasts:
            return self.timed(name, None, lambda: "")
        return self.timed(name, None, lambda: work() or "")


class Changing(Store):
    def update(self, item, trace):
        yield self._done("index.update", lambda: self.items.update({item.id: item}))

    def delete(self, item, trace):
        def work():
            self.items.pop(item.id)
            if self.late:
                self.items |= {item.id: item}
                gevent.spawn_later(self.late, self.items.pop, item.id)

        return self._done("index.delete", work)


class InSearch(Changing):
    """Its memory takes part in searches; where it ``remembers``, deleted items stay there."""

    def record(self, recording, trace):
        def work():
            item = self.items[recording.answer.id]
            self.told.setdefault(recording.namespace, {})[item.id] = item

        return self._done("playbook.record", work)

    def delete(self, item, trace):
        def work():
            self.items.pop(item.id)
            if "remembers" not in self.lasts:
                self.told.clear()

        return self._done("index.delete", work)


class Alone(InSearch):
    """Its memory is asked by itself."""

    def recall(self, search, trace):
        def work():
            told = self.told.get(search.memory, {}).values()
            return Found([Hit(one.id, one.corpus, 0.1) for one in told])

        self.calls.append(("recall", search.memory))
        return self.timed("matrix.search", search, work)

    def forget(self, recording, trace):
        return self._done(
            "playbook.forget", lambda: self.told[recording.namespace].pop(recording.answer.id)
        )


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(changes, "EVERY_S", 0.001)
    monkeypatch.setattr(changes, "WITHIN_S", 0.02)


def walked(store):
    context = Context(store)
    walk(context.coordinator())
    join(context)
    (event, steps), *_ = context.told
    return event, steps


@pytest.mark.parametrize(
    ("store", "came"),
    [
        (Changing(), Changed(updated=True, deleted=True)),
        (Changing("index.update"), Changed(updated=False, deleted=True)),
        (Changing("index.delete"), Changed(updated=True, deleted=False)),
        (Changing(late=0.01), Changed(updated=True, deleted=True)),
        (InSearch(), Changed(updated=True, deleted=True)),
        (InSearch("remembers"), Changed(updated=True, deleted=False)),
        (Alone(), Changed(updated=True, deleted=True, forgotten=True)),
        (Alone("playbook.forget"), Changed(updated=True, deleted=True, forgotten=False)),
        (Alone("playbook.record"), Changed(updated=True, deleted=True)),
    ],
)
def test_what_comes_back_after_it_was_changed_is_noted(store, came, monkeypatch):
    if store.late:
        monkeypatch.setattr(changes, "WITHIN_S", 10)
    event, steps = walked(store)
    assert event.changes == came
    assert event.outcome == "ok"
    assert event.visible_after_s is not None
    assert steps.count("index.delete") == 1
    assert steps[:2] == ["index.add", "freshness.search"]


def test_an_item_is_told_in_a_namespace_of_its_own():
    store = Alone()
    walked(store)
    asked = [one[1] for one in store.calls if one[0] == "recall"]
    assert {*asked} == {"p_alice_forget"}
    assert not store.items


def test_what_fails_is_not_known_and_fails_its_event():
    class Failing(Changing):
        def delete(self, item, trace):
            return self.timed("index.delete", item, lambda: 1 // 0)

    event, _ = walked(Failing())
    assert event.changes == Changed(updated=True)
    assert event.outcome == "failed"
    assert event.error.startswith("index.delete: ZeroDivisionError")


def test_a_change_that_the_end_of_the_run_cuts_is_a_cut_step():
    """It may have been done all the same: the item may be gone."""
    begun = gevent.event.Event()

    class Hanging(Changing):
        def delete(self, item, trace):
            begun.set()
            return self.timed("index.delete", item, gevent.event.Event().wait)

    context = Context(Hanging())
    walk(context.coordinator())
    assert begun.wait(60)
    context.polls.cut()
    ((event, steps),) = context.told
    assert [step.name for step in event.steps if step.cut] == ["index.delete"]
    assert steps[-1] == "index.delete"
    assert event.changes == Changed(updated=True)
    assert event.outcome == "ok"


def test_a_target_that_cannot_is_not_asked():
    event, steps = walked(Store())
    assert not isinstance(event.changes, Changed)
    assert steps == ["index.add", "freshness.search"]
