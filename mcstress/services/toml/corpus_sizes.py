"""How many items each corpus has, as ``[size]`` says."""

from __future__ import annotations

from functools import partial
from typing import Any

from mcstress.metrics.event import LARGEST_COUNT
from mcstress.services.target import Sizes
from mcstress.services.toml.caller import Caller, Parts, RequestError
from mcstress.services.toml.operation import Operation, document
from mcstress.services.toml.plan import Plan
from mcstress.services.toml.pointer import Pointer, PointerError, kind_of

LONGEST = len(str(LARGEST_COUNT))


def read_sizes(caller: Caller, parts: Parts) -> Sizes:
    """The sizes of the scenario's corpora, or of all that the target lists; RequestError.

    A corpus that new items go to may not be there yet.
    """
    plan, setup = caller.plan, caller.setup
    size = plan.size
    assert size is not None
    if plan.size_rows is not None:
        values = caller.base(corpora=[*setup.corpora])
        step = caller.send(size, values, read=partial(_listed, plan))
        parts.append(step)
        if step.answer is None:
            raise RequestError(step.error or "size: no answer")
        sizes, roles = step.answer
        return Sizes(sizes, _summed(roles, setup.corpora))
    sizes = {}
    for corpus in dict.fromkeys((*setup.corpora, setup.fresh_corpus)):
        if corpus in setup.corpora:
            sizes[corpus] = _one(caller, size, corpus, parts)
        elif corpus:
            try:
                sizes[corpus] = _one(caller, size, corpus, [])
            except RequestError:
                continue
    return Sizes(sizes)


def _one(caller: Caller, size: Operation, corpus: str, parts: Parts) -> int:
    values = caller.base(corpora=[corpus])
    caller.corpus_into(values, size.needs, corpus)
    pointer = caller.plan.size_of
    assert pointer is not None
    step = caller.send(
        size, values, read=lambda body: _number(pointer.find(document(body)), pointer)
    )
    parts.append(step)
    if step.answer is None:
        raise RequestError(f"size {corpus}: {step.error or 'no answer'}")
    return step.answer


def _listed(plan: Plan, body: bytes) -> tuple[dict[str, int], dict[str, dict[str, int] | None]]:
    """Sizes and roles by corpus, from an answer that lists them all."""
    assert plan.size_rows
    assert plan.size_name
    assert plan.size_of
    sizes: dict[str, int] = {}
    roles: dict[str, dict[str, int] | None] = {}
    rows = plan.size_rows.find(document(body))
    if type(rows) is not list:
        raise PointerError(f"{plan.size_rows.text}: {kind_of(rows)} where a list was due")
    for row in rows:
        name = plan.size_name.find(row)
        if type(name) is not str:
            raise PointerError(f"{plan.size_name.text}: {kind_of(name)} where a name was due")
        sizes[name] = _number(plan.size_of.find(row), plan.size_of)
        if plan.size_roles is not None:
            roles[name] = _by_role(plan.size_roles.find(row), plan.size_roles)
    return sizes, roles


def _by_role(value: Any, pointer: Pointer) -> dict[str, int] | None:
    if value is None:
        return None
    if type(value) is not dict:
        raise PointerError(f"{pointer.text}: {kind_of(value)} where counts by role were due")
    return {role: _number(count, pointer) for role, count in value.items()}


def _summed(
    roles: dict[str, dict[str, int] | None], corpora: tuple[str, ...]
) -> dict[str, int] | None:
    """How many items of all ``corpora`` hold each role; None where one does not say."""
    total: dict[str, int] = {}
    for corpus in corpora:
        of_one = roles.get(corpus)
        if of_one is None:
            return None
        for role, count in of_one.items():
            total[role] = total.get(role, 0) + count
    return total


def _number(value: Any, pointer: Pointer) -> int:
    """A size; some say it as text."""
    if isinstance(value, str) and value.isdecimal() and len(value) <= LONGEST:
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= LARGEST_COUNT:
        return value
    raise PointerError(f"{pointer.text or chr(34) * 2}: {kind_of(value)} where a size was due")
