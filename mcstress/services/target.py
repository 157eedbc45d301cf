"""The system under test, in the test's own words: what coordinators ask of it, and what they get.

Personas and phases speak to ``Target`` alone. The gateway of docs/wire.md is one implementation;
another is a class of a user's own (``--target module:Class``, docs/extending.md).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from math import isfinite
from typing import Any, ClassVar, Self, TypeVar, get_args

import msgspec

from mcstress.metrics.event import Count, Fate, Hit, Item
from mcstress.services.failure_reason import ERROR_TEXT_CHARACTERS, clip, type_fault
from mcstress.services.http.bearer_token import TokenHosts
from mcstress.services.steady_clock import CLOCK
from mcstress.services.step import Step, leave_cut
from mcstress.services.toml.numbers import Number
from mcstress.services.toml.secrets import Allowed
from mcstress.services.trace_context import TraceContext, new_span_id

Answer = TypeVar("Answer")

SEARCH, RECORD, INBOX = "matrix.search", "playbook.record", "observerd.inbox.record"
EMBED, ADD = "embed", "index.add"
UPDATE, DELETE, FORGET = "index.update", "index.delete", "playbook.forget"
"""The names of the steps that figures are made of, whatever system answers them."""


FATES: tuple[Fate, ...] = get_args(Fate)

CLASS_FAULT = "target class: "
"""How a step's ``error`` begins where a class of a user's own gave what no target gives."""

INBOX_BYTES = 8192
"""An inbox must refuse a longer body (docs/wire.md); that refusal is not counted as a failure."""


class Search(msgspec.Struct, gc=False):
    """A search for the ``k`` items of ``corpora`` that are nearest to ``text``.

    ``memory`` is the namespace whose recordings take part, for what ``role`` asks; None: retrieval
    only. ``exclude`` are ids that must not come back, ``rejected`` the items that they are
    the ids of. ``metadata``: the hits' metadata is wanted,
    too; ``fields``: of it no more than these, where any are named. ``new_connection``: it must not
    go over the connection of the call before.
    """

    text: str
    corpora: list[str]
    k: int
    memory: str | None = None
    role: str | None = None
    exclude: list[str] = []
    rejected: Sequence[Item] = ()
    metadata: bool = False
    fields: Sequence[str] = ()
    new_connection: bool = False


class Found(msgspec.Struct, gc=False):
    """What a search found: ``hits`` in rank order, the nearest first.

    ``per_corpus_counts`` says how many items each corpus gave, ``boosted`` and ``injected`` how
    many hits the memory moved up or put in; None where the system does not say. ``metadata`` has
    one JSON value a hit where the search asked for it, and the system has any.
    """

    hits: list[Hit]
    per_corpus_counts: dict[str, Count] | None = None
    boosted: Count | None = None
    injected: Count | None = None
    metadata: list[Any] | None = None


class Recording(msgspec.Struct, gc=False):
    """That ``answer`` was chosen for ``text`` and a role, to be remembered in ``namespace``.

    The same one is recorded once a round: doing so again must be no error.
    """

    text: str
    answer: Item
    namespace: str
    role: str


class NewItem(msgspec.Struct, gc=False):
    """An item that is to be found in ``corpus`` from now on; the target embeds ``text``."""

    id: str
    corpus: str
    text: str
    metadata: dict[str, Any]


class Message(msgspec.Struct, gc=False):
    """An ``email`` or ``sms`` (``type``) that reached ``coordinator``."""

    type: str
    sender: str
    subject: str
    body: str
    priority: str | None = None
    coordinator: str | None = None


class Sizes(msgspec.Struct):
    """The number of items by corpus; ``roles``: how many of them hold each role, where known."""

    corpora: dict[str, Count]
    roles: dict[str, Count] | None = None


class MemoryLimits(msgspec.Struct, frozen=True):
    """The scenario's ``[playbook]``: how many recordings a search may use, and how near they are.

    Distances beyond which a recording does nothing; None: no limit.
    """

    top_k: int | None = None
    max_distance: float | None = None
    max_inject_distance: float | None = None


class TargetSetup(msgspec.Struct, frozen=True):
    """What a target is made from, the same in every process of a run.

    ``url`` is ``--host``, empty without one. ``corpora`` are those that the scenario searches,
    ``fresh_corpus`` the one it adds to. Times are in seconds. ``file`` is the path of a
    target's file, ``text`` what is in it, ``numbers`` what ``--set`` replaces there, ``tokens``
    what ``--target-token`` allows.
    """

    url: str = ""
    corpora: tuple[str, ...] = ()
    fresh_corpus: str = ""
    memory: MemoryLimits = MemoryLimits()
    seed: int = 0
    timeout_s: float = 30.0
    max_answer_bytes: int = 8_000_000
    token_hosts: TokenHosts = TokenHosts()
    file: str = ""
    text: str = ""
    numbers: tuple[Number, ...] = ()
    tokens: tuple[Allowed, ...] = ()


class Capabilities(msgspec.Struct, frozen=True):
    """What a target can do. Searching is what every target can.

    ``recall``: the memory is asked by itself; else it takes part in a search. ``exclude``: a search
    heeds ``Search.exclude``. ``update`` and ``delete``: items; ``forget``: what was recorded.
    """

    record: bool = True
    recall: bool = False
    add: bool = True
    inbox: bool = True
    sizes: bool = True
    exclude: bool = True
    update: bool = False
    delete: bool = False
    forget: bool = False

    def skipped_phases(self) -> dict[str, str]:
        """The phases that are left out, each with the reason."""
        return {
            phase: reason
            for name, (phases, reason) in _SKIPPED.items()
            if not getattr(self, name)
            for phase in phases
        }

    def table(self) -> list[tuple[str, bool, str]]:
        """What a target may do, whether this one can, and what follows where it cannot."""
        return [
            (words, getattr(self, name), effect if self.record else _NO_MEMORY.get(name, effect))
            for name, (words, effect) in _EFFECTS.items()
        ]


_SKIPPED = {
    "record": (("handover", "handover_paraphrase"), "the target has no memory"),
    "add": (("fresh_resume",), "the target cannot add"),
    "exclude": (("swap",), "the target cannot exclude"),
}
_EFFECTS = {
    "record": (
        "record answers",
        "nothing is recorded, every search is plain, handover is skipped",
    ),
    "recall": ("search its memory alone", "the memory takes part in a search"),
    "add": ("add items", "fresh_{new_item} is skipped"),
    "inbox": ("take messages in", "the inbox phase does not hand them in"),
    "sizes": ("say its sizes", "sizes of corpora and chance levels are unknown"),
    "exclude": ("exclude items", "swap is skipped"),
    "update": ("update items", "nothing is updated"),
    "delete": ("delete items", "what is added stays"),
    "forget": ("forget answers", "what is recorded stays"),
}
_NO_MEMORY = dict.fromkeys(("recall", "forget"), "there is no memory")


class Target:
    """Base class of the systems that can be tested: subclass it, and write what the system can do.

    One object is made in every process, by ``Class(setup)``; each coordinator calls what
    ``connect`` gives it, from a greenlet of its own. What a subclass does not define, the system
    cannot do (``capabilities``), and the phases that need it are skipped; ``search`` it must.

    No method raises for what the system does wrong: that is the step's ``error``. ``timed`` makes
    such a step. ``trace`` is for systems that take W3C's trace context along.
    """

    title: ClassVar[str] = ""
    """What reports call the system; empty: the class's name."""
    takes_host: ClassVar[bool] = False
    """Whether ``--host`` may be given beside ``--target``; it is ``setup.url`` then."""
    can_exclude: ClassVar[bool] = True
    """Whether ``search`` heeds ``Search.exclude``."""
    batch: ClassVar[int] = 1
    """The most that ``add_all`` and ``record_all`` are given at once."""

    def __init__(self, setup: TargetSetup) -> None:
        self.setup = setup

    def capabilities(self) -> Capabilities:
        """What the system can do: what the class defines."""
        return Capabilities(
            record=self._defines("record"),
            recall=self._defines("recall"),
            add=self._defines("add"),
            inbox=self._defines("inbox"),
            sizes=self._defines("sizes"),
            exclude=self.can_exclude,
            update=self._defines("update"),
            delete=self._defines("delete"),
            forget=self._defines("forget"),
        )

    def _defines(self, method: str) -> bool:
        return getattr(type(self), method) is not getattr(Target, method)

    def notes(self) -> list[str]:
        """What the report says beside the target's name: how its figures are to be read."""
        return []

    def connect(self) -> Self:
        """What one coordinator calls; override it where a connection must not be shared."""
        return self

    def close(self) -> None:
        """Called once for each object that ``connect`` made, and at the end for the first one."""

    def search(self, search: Search, trace: TraceContext) -> Step[Found]:
        """Step ``matrix.search``."""
        raise NotImplementedError

    def recall(self, search: Search, trace: TraceContext) -> Step[Found]:
        """Step ``matrix.search``, of the memory ``search.memory`` alone."""
        raise NotImplementedError

    def record(self, recording: Recording, trace: TraceContext) -> Step[Any]:
        """Step ``playbook.record``; its answer may be a ``Fate``: what became of the recording."""
        raise NotImplementedError

    def add(self, item: NewItem, trace: TraceContext) -> Iterator[Step[Any]]:
        """Step ``index.add``, after ``embed`` where the vector is made apart.

        A step that failed is the last one.
        """
        raise NotImplementedError

    def update(self, item: NewItem, trace: TraceContext) -> Iterator[Step[Any]]:
        """Step ``index.update``: the item of that id is as ``item`` says from then on.

        It comes after ``embed`` where the vector is made apart.
        """
        raise NotImplementedError

    def delete(self, item: NewItem, trace: TraceContext) -> Step[Any]:
        """Step ``index.delete``: the item is found no more, in the memory neither."""
        raise NotImplementedError

    def forget(self, recording: Recording, trace: TraceContext) -> Step[Any]:
        """Step ``playbook.forget``: the memory no longer knows what it was told."""
        raise NotImplementedError

    def add_all(self, items: Sequence[NewItem], trace: TraceContext) -> Iterator[Step[Any]]:
        """Up to ``batch`` items of one corpus, before a run; override it where one call can."""
        for item in items:
            yield from self.add(item, trace)

    def record_all(
        self, recordings: Sequence[Recording], trace: TraceContext
    ) -> Iterator[Step[Any]]:
        """The same of recordings, of any namespaces."""
        for recording in recordings:
            yield self.record(recording, trace)

    def inbox(self, message: Message, trace: TraceContext) -> Step[Any]:
        """Step ``observerd.inbox.record``."""
        raise NotImplementedError

    def sizes(self) -> Step[Sizes]:
        """Looked at before the run and every few seconds in it; the step is in no figure."""
        raise NotImplementedError

    def probe(self) -> Step[str]:
        """Whether the system is there, and in a few words what it is; asked before the run."""
        return self.timed("probe", None, lambda: "")

    def timed(self, name: str, asked: object, work: Callable[[], Answer]) -> Step[Answer]:
        """The step ``name`` that ``work`` is: timed, and failed where it raises an exception.

        ``asked``, a Search for one, and what ``work`` returns are shown in traces as JSON. What it
        found must be in order: no more than ``k`` hits, none twice, finite distances.
        """
        answer, error = None, None
        begin = time.perf_counter()
        try:
            answer = work()
        except Exception as fault:  # noqa: BLE001  (the border: what a class of a user's own does is data here, and counted)
            error = f"{type(fault).__name__}: {clip(str(fault), ERROR_TEXT_CHARACTERS)}"
        except BaseException as end:
            leave_cut(end, self._step(name, asked, begin))
            raise
        latency_ms = (time.perf_counter() - begin) * 1000
        if error is None and (isinstance(asked, Search) or isinstance(answer, Found)):
            error = found_fault(asked, answer)
        step: Step[Answer] = self._step(name, asked, begin, latency_ms)
        step.error, step.answer = error, answer if error is None else None
        if answer is not None:
            step.response = _json(answer)
        return step

    def _step(
        self, name: str, asked: object, begin: float, latency_ms: float | None = None
    ) -> Step[Any]:
        """A step that began at ``begin`` and ended after ``latency_ms``, or now."""
        if latency_ms is None:
            latency_ms = (time.perf_counter() - begin) * 1000
        title = self.title or type(self).__name__
        start_s = CLOCK.anchor_s + begin
        return Step(name, start_s, latency_ms, new_span_id(), title, _json(asked))


def found_fault(search: object, found: object) -> str | None:
    """What is wrong with what a class of a user's own gives for an answer; None: nothing.

    ``search`` is what was asked; K is known where that is a Search.
    """
    if not isinstance(found, Found):
        return f"answer: {type(found).__name__} where Found was due"
    try:
        msgspec.convert(msgspec.to_builtins(found), Found, strict=True)
    except msgspec.ValidationError as error:
        return type_fault(error, "answer")
    except TypeError as error:
        return f"answer: {clip(str(error), ERROR_TEXT_CHARACTERS)}"
    if isinstance(search, Search) and len(found.hits) > search.k:
        return f"hits: {len(found.hits)} of at most {search.k}"
    return _hits_fault(found.hits)


def _hits_fault(hits: list[Hit]) -> str | None:
    seen: set[tuple[str, str]] = set()
    for hit in hits:
        if (hit.corpus, hit.id) in seen:
            return f'hits: id "{clip(hit.id)}" of corpus "{clip(hit.corpus)}" twice'
        if not isfinite(hit.distance):
            return f"hits: distance {hit.distance}"
        seen.add((hit.corpus, hit.id))
    return None


def _json(value: object) -> bytes:
    """``value`` as a trace shows it."""
    return b"" if value is None else msgspec.json.encode(value, enc_hook=repr)
