"""What is written: the values of its placeholders, and many things in one request."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from itertools import groupby, islice
from typing import Any, TypeVar
from uuid import NAMESPACE_URL, UUID, uuid5

from mcstress.services.failure_reason import SUCCESS
from mcstress.services.steady_clock import CLOCK
from mcstress.services.step import Step
from mcstress.services.target import ADD, DELETE, FORGET, RECORD, NewItem, Recording
from mcstress.services.toml.caller import STORE_QUERY, Caller, Parts, RequestError
from mcstress.services.toml.operation import Operation
from mcstress.services.toml.plan import WritePlan
from mcstress.services.toml.vectors import dimension_of
from mcstress.services.trace_context import TraceContext, new_span_id

Item = TypeVar("Item")

TIME_TO_DONE = "time_to_done"
OWN_IDS = {"uuid", "integer", "record_uuid", "record_integer"}
"""Placeholders that are computed where a request has them."""


def uuid_of(*names: str) -> str:
    """A UUID (version 5) that depends on ``names`` alone: many stores take no other ids."""
    return str(uuid5(NAMESPACE_URL, "/".join(names)))


def integer_of(uuid: str) -> int:
    """53 bits of a UUID, which every JSON reader takes: of 100,000 two agree once in a million."""
    return UUID(uuid).int & (2**53 - 1)


def ids_of_item(item: NewItem) -> dict[str, Any]:
    """An item's id, and what depends on it and its corpus alone."""
    uuid = uuid_of(item.corpus, item.id)
    return {"id": item.id, "uuid": uuid, "integer": integer_of(uuid)}


def ids_of_recording(recording: Recording) -> dict[str, Any]:
    """The same for the same recording, so that it is kept once."""
    answer = recording.answer
    uuid = uuid_of(recording.namespace, recording.text, answer.corpus, answer.id)
    return {"record_uuid": uuid, "record_integer": integer_of(uuid)}


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
    if plan.all_needs & OWN_IDS:
        values |= ids_of_recording(recording)
    return values


def item_values(plan: WritePlan, item: NewItem, host: dict[str, str]) -> dict[str, Any]:
    """The same of ``[add]``."""
    values = {
        "text": item.text,
        "id": item.id,
        "metadata": item.metadata,
        **host,
    }
    if plan.all_needs & OWN_IDS:
        values |= ids_of_item(item)
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


def until_done(
    caller: Caller, step: Step[Any], plan: WritePlan, values: dict[str, Any]
) -> Step[Any]:
    """``step``, which ends with the acceptance; whoever is told of it is told after it is done.

    What it took from then on is a part of its own.
    """
    done = plan.done
    if step.error is not None:
        return step
    if step.status not in SUCCESS and (done is None or plan.task is not None):
        return step  # by ``ok``: the answer, with its task and its words, was not read
    if done is None:
        if plan.became is not None:
            step.answer = plan.became.of(step.answer)
        return step
    if plan.task is not None:
        values["task"] = step.answer
    name = f"{plan.request.name}.{TIME_TO_DONE}"
    begin = time.perf_counter()
    fault, answer = caller.poll(done, values)
    took_ms = (time.perf_counter() - begin) * 1000
    waited: Step[Any] = Step(
        name, CLOCK.anchor_s + begin, took_ms, new_span_id(), step.url, b"", error=fault
    )
    waited.method = done.request.method
    step.parts = [*(step.parts or []), waited]
    if fault is not None:
        step.answer, step.error = None, fault
    elif plan.became is not None:
        step.answer = plan.became.of(answer)
    return step


def delete_item(caller: Caller, item: NewItem, trace: TraceContext) -> Step[Any]:
    """The step of ``[delete]``."""
    request = caller.plan.delete
    assert request is not None
    values = caller.base(**ids_of_item(item))

    def work(parts: Parts) -> None:
        caller.corpus_into(values, request.needs, item.corpus)
        _ask_alone(caller, request, values, trace, parts)

    return caller.whole(DELETE, item, work)


def forget_recording(caller: Caller, recording: Recording, trace: TraceContext) -> Step[Any]:
    """The step of ``[record.forget]``."""
    request, record, collection = (
        caller.plan.forget, caller.plan.record, caller.plan.record_collection
    )  # fmt: skip
    assert request is not None
    assert record is not None
    values = recorded_values(record, recording, caller.base())
    values |= ids_of_recording(recording)
    corpus = recording.answer.corpus if collection is None else collection(values)

    def work(parts: Parts) -> None:
        caller.vector_into(values, request.needs, trace, parts)
        caller.corpus_into(values, request.needs, corpus)
        _ask_alone(caller, request, values, trace, parts)

    return caller.whole(FORGET, recording, work)


def _ask_alone(
    caller: Caller, request: Operation, values: dict[str, Any], trace: TraceContext, parts: Parts
) -> None:
    """A request whose answer nobody reads."""
    step: Step[Any] = caller.send(request, values, trace, name=STORE_QUERY)
    parts.append(step)
    if step.error is not None:
        raise RequestError(step.error)
