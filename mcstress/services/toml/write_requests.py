"""What is written: the values of its placeholders, and many things in one request."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby, islice
from typing import Any, TypeVar
from uuid import NAMESPACE_URL, uuid5

from mcstress.services.step import Step
from mcstress.services.target import ADD, RECORD, NewItem, Recording
from mcstress.services.toml.caller import Caller, RequestError
from mcstress.services.toml.plan import WritePlan
from mcstress.services.toml.vectors import dimension_of
from mcstress.services.trace_context import TraceContext

Item = TypeVar("Item")


def uuid_of(*names: str) -> str:
    """A UUID (version 5) that depends on ``names`` alone: many stores take no other ids."""
    return str(uuid5(NAMESPACE_URL, "/".join(names)))


def recorded_values(plan: WritePlan, recording: Recording, host: dict[str, str]) -> dict[str, Any]:
    """What the placeholders of ``[record]`` stand for, but the vector."""
    answer = recording.answer
    values = {
        "text": recording.text,
        "namespace": recording.namespace,
        "answer_id": answer.id,
        "answer_corpus": answer.corpus,
        "role": recording.role,
        **host,
    }
    if "record_uuid" in plan.all_needs:
        values["record_uuid"] = uuid_of(
            recording.namespace, recording.text, answer.corpus, answer.id
        )
    return values


def item_values(plan: WritePlan, item: NewItem, host: dict[str, str]) -> dict[str, Any]:
    """The same of ``[add]``."""
    values = {
        "text": item.text,
        "id": item.id,
        "metadata": item.metadata,
        **host,
    }
    if "uuid" in plan.all_needs:
        values["uuid"] = uuid_of(item.corpus, item.id)
    return values


def batches(things: Sequence[Item], size: int) -> Iterator[list[Item]]:
    """``things`` in their order, at most ``size`` together."""
    rest = iter(things)
    while those := list(islice(rest, size)):
        yield those


def together(recordings: Sequence[Recording], size: int) -> Iterator[list[Recording]]:
    """Those that can go in one request: of one namespace, and of answers of one corpus."""
    for _, those in groupby(recordings, key=lambda one: (one.namespace, one.answer.corpus)):
        yield from batches([*those], size)


def write_items(
    caller: Caller,
    plan: WritePlan,
    items: Sequence[NewItem],
    of_each: list[dict[str, Any]],
    trace: TraceContext,
) -> Step[Any]:
    """The step of one request that adds ``items``, all of one corpus."""
    return _write(caller, plan, items, of_each, items[0].corpus, name=ADD, trace=trace)


def write_recordings(
    caller: Caller,
    plan: WritePlan,
    recordings: Sequence[Recording],
    of_each: list[dict[str, Any]],
    trace: TraceContext,
) -> Step[Any]:
    """The same of ``recordings``, all of one namespace."""
    collection = caller.plan.record_collection
    corpus = recordings[0].answer.corpus if collection is None else collection(of_each[0])
    return _write(
        *(caller, plan, recordings, of_each, corpus),
        name=RECORD,
        trace=trace,
        makes=collection is not None,
    )


def _write(
    caller: Caller,
    plan: WritePlan,
    things: Sequence[object],
    of_each: list[dict[str, Any]],
    corpus: str,
    *,
    name: str,
    trace: TraceContext,
    makes: bool = True,
) -> Step[Any]:
    def work(parts: list[Step[Any]]) -> Any:
        for values in of_each:
            caller.vector_into(values, plan.needs, trace, None)
        vector = of_each[0].get("vector")
        if makes:
            caller.ensure(corpus, None if vector is None else dimension_of(vector))
        for values in of_each:
            caller.corpus_into(values, plan.needs, corpus)
        if plan.item is not None:
            of_each[0]["items"] = [plan.item.value(values) for values in of_each]
        out = plan.request.together(of_each, plan.columns)
        step = caller.send_out(plan.request, out, trace, read=plan.reader, name=name)
        parts.append(step)
        if step.error is not None:
            raise RequestError(step.error)
        return step.answer

    return caller.whole(name, things, work)
