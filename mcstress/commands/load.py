"""``mcstress load``: corpora, or many memories, written into a target before a test."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from itertools import chain, islice
from pathlib import Path
from time import monotonic, sleep
from typing import Any, TypeVar

import msgspec

from mcstress.commands.check import parse
from mcstress.commands.corpus import corpora_of
from mcstress.commands.load_journal import Journal
from mcstress.commands.truth import exact_lines
from mcstress.errors import ServiceRefusalError, UsageError
from mcstress.probe_search import untraced
from mcstress.services.corpus_file import CorpusItem, read_corpora
from mcstress.services.step import Step
from mcstress.services.target import Found, NewItem, Recording, Search, Sizes, Target
from mcstress.services.target_class import OPTION, capabilities_of, make_target
from mcstress.settings import Settings, read_settings
from mcstress.users.bulk_write import Write, write_all
from mcstress.users.memory import filler
from mcstress.users.scenarios.load import load_scenario

TELL_EVERY_S = 5.0
FINDABLE_WITHIN_S = 60.0
LOOK_EVERY_S = 0.1
LOOKED_AT = 100
"""Items with the text of the last one stand before it at times; so many hits are looked through."""

Item = TypeVar("Item")


class LoadRequest(msgspec.Struct, frozen=True):
    """What is to be written where. ``memories`` 0: the corpora, of ``files`` or the scenario's.

    ``again``: also what was written before. ``truth``: the file for ``--truth``, empty for none.
    """

    target: str = ""
    host: str = ""
    scenario: str = "three_cities"
    seed: int = 42
    files: tuple[Path, ...] = ()
    memories: int = 0
    tenants: int = 1
    again: bool = False
    truth: str = ""
    tokens: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()
    timeout_s: float = 30.0


class Load(msgspec.Struct, frozen=True):
    """Things that are written as one: what they are called, how many, how the last is found."""

    name: str
    noun: str
    things: Iterable[Any]
    count: int
    write: Write[Any]
    find: Callable[[Target, Any], Step[Found]] | None


def load(request: LoadRequest) -> Iterator[str]:
    """Write everything; lines of progress and of what was done.

    Raises UsageError for what is wrong with the request, ServiceRefusalError for what the target
    does not take: the same command then goes on from there.
    """
    settings = _settings(request)
    if request.truth:
        _write_truth(request)
        yield f"{request.truth}: what exact search finds, for --truth"
    with closing(make_target(settings.target, settings.target_setup(settings.gateway_url))) as own:
        _refuse_unable(request, own)
        loads = _memories(request, own) if request.memories else _corpora(request)
        named = settings.target_name
        where = (named.name, named.text, *named.numbers, settings.gateway_url)
        for one, digest in loads:
            journal = Journal.of((*where, digest))
            if request.again or (not request.memories and _has_fewer(own, one.name, journal)):
                journal.forget()
            yield from _written(own, one, journal)


def _settings(request: LoadRequest) -> Settings:
    given = ["--scenario", request.scenario, "--seed", str(request.seed)]
    given += ["--timeout", str(request.timeout_s)]
    for option, value in (("--target", request.target), ("--host", request.host)):
        given += [option, value] if value else []
    for token in request.tokens:
        given += ["--target-token", token]
    for number in request.numbers:
        given += ["--set", number]
    if not request.target and not request.host:
        raise UsageError("found neither --target nor --host, expected where the items go")
    return read_settings(parse(given), request.host or None)


def _refuse_unable(request: LoadRequest, target: Target) -> None:
    can = capabilities_of(f"{OPTION} {request.target}", target)
    if request.memories and not can.record:
        raise UsageError("--memories: the target has no memory, expected one with record")
    if not request.memories and not can.add:
        raise UsageError("the target cannot add, expected one with add, to write corpora to")


def _write_truth(request: LoadRequest) -> None:
    lines = exact_lines(request.scenario, request.seed, 0, request.files)
    try:
        Path(request.truth).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    except OSError as error:
        raise UsageError(f"--truth {request.truth}: {error.strerror}, expected a file") from None


def _corpora(request: LoadRequest) -> Iterator[tuple[Load, tuple[object, ...]]]:
    scenario = load_scenario(request.scenario)
    found: dict[str, list[CorpusItem]]
    if request.files:
        found = read_corpora(request.files)
    else:
        found = {
            name: [*items]
            for name, items in corpora_of(request.scenario, scenario, request.seed).items()
        }
    for name, items in found.items():
        things = [NewItem(item.id, name, item.text, item.metadata) for item in items]
        load_ = Load(name, "items", things, len(things), _add_all, _find_item)
        yield load_, (name, [(item.id, item.text) for item in items])


def _add_all(target: Target, items: Sequence[NewItem], trace: Any) -> Iterator[Step[Any]]:
    return target.add_all(items, trace)


def _find_item(target: Target, item: NewItem) -> Step[Found]:
    return target.search(Search(item.text, [item.corpus], LOOKED_AT), untraced())


def _memories(request: LoadRequest, target: Target) -> Iterator[tuple[Load, tuple[object, ...]]]:
    scenario = load_scenario(request.scenario)
    total, tenants = request.memories, request.tenants
    if tenants > total:
        raise UsageError(f"--tenants: found {tenants}, expected at most --memories, {total}")
    shares = [total // tenants + (number < total % tenants) for number in range(tenants)]
    things = chain.from_iterable(
        islice(filler(scenario, request.seed, f"load_{number}"), share)
        for number, share in enumerate(shares, 1)
    )
    find = _find_recording if target.capabilities().recall else None
    name = f"memories in {tenants:,} namespaces, load_1 to load_{tenants}"
    load_ = Load(name, "records", things, total, _record_all, find)
    yield load_, ("memories", request.scenario, request.seed, total, tenants)


def _record_all(target: Target, those: Sequence[Recording], trace: Any) -> Iterator[Step[Any]]:
    return target.record_all(those, trace)


def _find_recording(target: Target, recording: Recording) -> Step[Found]:
    corpora = [recording.answer.corpus]
    memory, role = recording.namespace, recording.role
    search = Search(recording.text, corpora, LOOKED_AT, memory=memory, role=role)
    return target.recall(search, untraced())


def _has_fewer(target: Target, corpus: str, journal: Journal) -> bool:
    """Whether the target was emptied since: it says that it has fewer than were written."""
    if not journal.count or not target.capabilities().sizes:
        return False
    step: Step[Sizes] = target.sizes()
    return step.answer is None or step.answer.corpora.get(corpus, 0) < journal.count


def _written(target: Target, one: Load, journal: Journal) -> Iterator[str]:
    before, begin = journal.count, monotonic()
    if before >= one.count:
        yield f"{one.name}: all {one.count:,} {one.noun} were written before; --again writes them"
        return
    done, told_s, last = before, begin, _Last(one.things)
    for batch in write_all(target, last, one.write, skip=journal.places):
        if batch.error is not None:
            raise ServiceRefusalError(
                f"{one.name}: {one.noun} {batch.first + 1:,} to {batch.first + batch.count:,} were "
                f"not taken, {batch.error}; {done:,} of {one.count:,} are in, the same command "
                "goes on from there"
            )
        journal.add(batch.first, batch.count)
        done += batch.count
        if monotonic() - told_s > TELL_EVERY_S:
            told_s = monotonic()
            rate = (done - before) / (told_s - begin)
            yield f"{one.name}: {done:,} of {one.count:,} {one.noun}, {rate:,.0f}/s"
    took_s = monotonic() - begin
    kept = f" ({before:,} were there)" if before else ""
    rate = (done - before) / took_s
    told = f"{one.name}: {done:,} {one.noun}{kept}, {took_s:.1f} s, {rate:,.0f}/s"
    yield told + _findable(target, one, last.thing)


class _Last:
    """Goes through ``things`` and keeps the last one."""

    def __init__(self, things: Iterable[Item]) -> None:
        self._things = things
        self.thing: Any = None

    def __iter__(self) -> Iterator[Any]:
        for thing in self._things:
            self.thing = thing
            yield thing


def _findable(target: Target, one: Load, thing: Any) -> str:
    """How long after the last was taken it is found; what was found where it is not."""
    if one.find is None:
        return ""
    wanted = thing.answer.id if isinstance(thing, Recording) else thing.id
    begin = monotonic()
    while True:
        step = one.find(target, thing)
        after_s = monotonic() - begin
        found = step.answer
        if found is not None and any(hit.id == wanted for hit in found.hits):
            return f"; the last is found after {after_s:.2f} s"
        if after_s > FINDABLE_WITHIN_S:
            why = step.error or f"not among the {len(found.hits) if found else 0} nearest"
            return f"; the last, {wanted}, is not found within {FINDABLE_WITHIN_S:.0f} s: {why}"
        sleep(LOOK_EVERY_S)
