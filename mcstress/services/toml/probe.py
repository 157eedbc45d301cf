"""One request of each operation of a target's file, with harmless content: how a file is written.

What is written carries the mark ``mcstress_probe``, and is deleted where the file has ``[delete]``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal
from uuid import uuid4

import msgspec

from mcstress.metrics.event import Item
from mcstress.services.concurrent_calls import wait
from mcstress.services.failure_reason import DECODE_ERRORS, clip
from mcstress.services.step import Step
from mcstress.services.target import Found, Message, NewItem, Recording, Search
from mcstress.services.toml.plan import HitsPlan
from mcstress.services.toml.pointer import PointerError
from mcstress.services.toml.probe_text import ListeningCaller, shown
from mcstress.services.toml.target import TomlTarget
from mcstress.services.trace_context import TraceContext

MARK = "mcstress_probe"
SEEN_WITHIN_S, LOOK_EVERY_S = 10.0, 0.25
WITHIN = f"{SEEN_WITHIN_S:.0f} s"


class Shown(msgspec.Struct, frozen=True):
    """One thing that was tried. ``text`` has several lines."""

    mark: Literal["ok", "warn", "fail"]
    text: str


class Probe:
    """Tries everything that ``target``'s file has, with a query and a role of the scenario."""

    def __init__(self, target: TomlTarget, text: str, role: str, k: int) -> None:
        plan, setup = target.plan, target.setup
        self.target, self.plan = target, plan
        self.caller = ListeningCaller(plan, setup, target.services, target.caller.known)
        self.caller.heard = []
        target.caller = self.caller
        own = uuid4().hex
        self.namespace = f"{MARK}_{own[:8]}"
        self.trace = TraceContext(own, sampled=False)
        self.text, self.role = text, role
        self.corpora = [*dict.fromkeys(setup.corpora)]
        self.search = Search(text, self.corpora, k, metadata=True)
        self._seen: set[str] = set()
        self._left: list[str] = []

    def run(self) -> Iterator[Shown]:
        """Everything in the order of a run. Nothing is raised for what is wrong."""
        plan = self.plan
        if plan.ready is not None:
            fault, _ = self.caller.poll(plan.ready, self.caller.base(corpora=self.corpora))
            yield from self._told(fault, "ready")
        if plan.size is not None:
            yield from self._told(self.target.sizes().error, "size")
        step = self.target.search(self.search, self.trace)
        yield from self._told(step.error)
        yield from self._of_hits(plan.search, step)
        yield from self._exclude(step.answer)
        if plan.exact is not None:
            yield from self._told(self.target.exact(self.search, self.trace).error, "exact")
        if plan.record is not None:
            hits = step.answer.hits if step.answer else []
            first = Item(hits[0].id, hits[0].corpus) if hits else Item(MARK, self.corpora[0])
            yield from self._memory(first)
        if plan.add is not None:
            yield from self._add()
        if plan.inbox is not None:
            message = Message("email", f"{MARK}@localhost", MARK, self.text)
            yield from self._told(self.target.inbox(message, self.trace).error, "inbox")
            self._left.append("a message in the inbox")
        if self._left:
            yield Shown("ok", f"left behind: {', '.join(self._left)}")

    def _told(self, error: str | None, name: str = "search") -> Iterator[Shown]:
        """What was sent since the last time: of each operation the first, and what failed.

        ``error`` is that of the operation ``name``.
        """
        heard, self.caller.heard = self.caller.heard, []
        for request, step in heard:
            failed = step.error is not None
            if request.name in self._seen and not failed:
                continue
            self._seen.add(request.name)
            yield Shown("warn" if failed else "ok", shown(self.plan.tables, request, step))
        if error is not None:
            yield Shown("fail", error if error.startswith(name) else f"{name}: {error}")

    def _of_hits(self, hits: HitsPlan, step: Step[Found]) -> Iterator[Shown]:
        name = hits.request.name
        if step.answer is None:
            return
        if not step.answer.hits:
            yield Shown("warn", f"{name}: no hits; are the corpora loaded? (mcstress load)")
        if not hits.reader.has_metadata and hits is not self.plan.recall:
            yield Shown("warn", f"{name}: no metadata pointer: rules of relevance see ids alone")
        bodies = [part.response for part in step.parts or [step] if part.name != "embed.query"]
        if not self._in_order(hits, bodies):
            yield Shown("warn", f"{name}: hits came unordered; they are ordered by their distance")

    def _in_order(self, hits: HitsPlan, bodies: Sequence[bytes]) -> bool:
        try:
            rows = [
                hits.reader.read(body, corpus=self.corpora[0], metadata=False) for body in bodies
            ]
        except (PointerError, *DECODE_ERRORS):
            return True
        return all(one.in_order for one in rows)

    def _exclude(self, found: Found | None) -> Iterator[Shown]:
        """Whether the first hit stays away where it is to."""
        if not self.plan.capabilities().exclude or found is None or not found.hits:
            return
        first = Item(found.hits[0].id, found.hits[0].corpus)
        search = msgspec.structs.replace(self.search, exclude=[first.id], rejected=[first])
        step = self.target.search(search, self.trace)
        yield from self._told(step.error)
        if _is_among(first, step.answer):
            yield Shown("fail", f"search: {{exclude_ids}} had {clip(first.id)}, and it came back")

    def _memory(self, answer: Item) -> Iterator[Shown]:
        """The same triple twice, as each round does; then who knows of it."""
        recording = Recording(self.text, answer, self.namespace, self.role)
        step = self.target.record(recording, self.trace)
        yield from self._told(step.error, "record")
        if step.error is not None:
            return
        self._left.append(f"a recording in the namespace {self.namespace}")
        error = self.target.record(recording, self.trace).error
        yield from self._told(None)
        if error is not None:
            yield Shown(
                "fail",
                f"record: the same once more fails: {error}; each round records the same: expected "
                "{record_uuid} as its id, or ok = [the status]",
            )
        yield from self._remembered(answer, recording)

    def _remembered(self, answer: Item, recording: Recording) -> Iterator[Shown]:
        wants = msgspec.structs.replace(self.search, memory=self.namespace, role=self.role)
        ask = self.target.search if self.plan.recall is None else self.target.recall
        step, seconds = self._until_seen(ask, wants, answer)
        yield from self._told(step.error, "search" if self.plan.recall is None else "recall")
        if step.answer is None:
            return
        if seconds is None:
            yield Shown("fail", f"record: {clip(answer.id)} did not come back within {WITHIN}")
            return
        yield Shown("ok", f"record: the answer comes back {seconds:.1f} s later")
        if self.plan.recall is None:
            return
        yield from self._of_hits(self.plan.recall, step)
        if len(self._entries(step)) > 1:
            yield Shown("warn", "record: the same twice makes two entries; expected {record_uuid}")
        stranger = msgspec.structs.replace(wants, memory=f"{self.namespace}_other")
        step = ask(stranger, self.trace)
        yield from self._told(step.error, "recall")
        if _is_among(answer, step.answer):
            yield Shown("fail", "recall: the answer comes back in another {namespace}, too")
        if self.plan.forget is not None:
            step = self.target.forget(recording, self.trace)
            yield from self._told(step.error, "record.forget")
            if step.error is None:
                self._left.remove(f"a recording in the namespace {self.namespace}")
                yield from self._gone("record.forget", ask, wants, answer)

    def _gone(self, name: str, ask: Any, search: Search, item: Item) -> Iterator[Shown]:
        """Whether what was deleted or forgotten stays away."""
        step, seconds = self._until(lambda found: not _is_among(item, found), ask, search)
        yield from self._told(step.error)
        if seconds is None and step.error is None:
            yield Shown("fail", f"{name}: {clip(item.id)} still comes back after {WITHIN}")
        elif seconds is not None:
            yield Shown("ok", f"{name}: it is gone {seconds:.1f} s later")

    def _entries(self, step: Step[Found]) -> list[Any]:
        """What the memory has, before the same answers are made one."""
        assert self.plan.recall is not None
        body = (step.parts or [step])[-1].response
        corpus = self.corpora[0]
        try:
            return self.plan.recall.reader.read(body, corpus=corpus, metadata=False).rows
        except (PointerError, *DECODE_ERRORS):
            return []

    def _add(self) -> Iterator[Shown]:
        corpus = self.target.setup.fresh_corpus
        item = NewItem(f"{self.namespace}", corpus, self.text, {"role": self.role, "probe": MARK})
        *_, step = self.target.add(item, self.trace)
        yield from self._told(step.error, "add")
        if step.error is not None:
            return
        search = msgspec.structs.replace(self.search, corpora=[corpus])
        found, seconds = self._until_seen(self.target.search, search, Item(item.id, corpus))
        yield from self._told(found.error)
        if seconds is None:
            yield Shown("warn", f"add: a search of {corpus} does not find it within {WITHIN}")
        else:
            yield Shown("ok", f"add: a search of {corpus} finds it {seconds:.1f} s later")
        if self.plan.update is not None:
            yield from self._update(item, search)
        yield from self._delete(item, search)

    def _update(self, item: NewItem, search: Search) -> Iterator[Shown]:
        """Whether a search sees metadata that an update added."""
        changed = msgspec.structs.replace(item, metadata={**item.metadata, "updated": MARK})
        *_, step = self.target.update(changed, self.trace)
        yield from self._told(step.error, "update")
        if step.error is not None:
            return

        def is_updated(found: Found | None) -> bool:
            known = (found and found.metadata) or []
            return any(isinstance(one, dict) and one.get("updated") == MARK for one in known)

        found, seconds = self._until(is_updated, self.target.search, search)
        yield from self._told(found.error)
        if seconds is None:
            yield Shown("fail", f"update: a search does not see the new metadata within {WITHIN}")
        else:
            yield Shown("ok", f"update: a search sees it {seconds:.1f} s later")

    def _delete(self, item: NewItem, search: Search) -> Iterator[Shown]:
        left = f"{item.id} in {item.corpus}"
        self._left.append(left)
        if self.plan.delete is None:
            return
        step = self.target.delete(item, self.trace)
        yield from self._told(step.error, "delete")
        if step.error is None:
            self._left.remove(left)
            who = Item(item.id, item.corpus)
            yield from self._gone("delete", self.target.search, search, who)

    def _until_seen(self, ask: Any, search: Search, item: Item) -> tuple[Step[Found], float | None]:
        """The last search, and the seconds until it found ``item``; None where it did not."""
        return self._until(lambda found: _is_among(item, found), ask, search)

    def _until(
        self, is_so: Callable[[Found | None], bool], ask: Any, search: Search
    ) -> tuple[Step[Found], float | None]:
        """The same until ``is_so``; a search that failed ends it."""
        begin = time.perf_counter()
        while True:
            step: Step[Found] = ask(search, self.trace)
            seconds = time.perf_counter() - begin
            if step.error is None and is_so(step.answer):
                return step, seconds
            if step.error is not None or seconds > SEEN_WITHIN_S:
                return step, None
            wait(LOOK_EVERY_S)


def _is_among(item: Item, found: Found | None) -> bool:
    return found is not None and any(
        (hit.id, hit.corpus) == (item.id, item.corpus) for hit in found.hits
    )


def secret_origins(target: TomlTarget) -> list[str]:
    """``variable → origin`` for each secret that goes out."""
    return [
        f"{variable} → {service.origin}"
        for service in target.services.values()
        for _, variable in service.variables()
    ]
