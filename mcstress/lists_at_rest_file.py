"""What each question got at rest: the baseline lists of another run (``--rest``)."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import msgspec

from mcstress.errors import UsageError
from mcstress.evidence.store.history import blaming, events_of, read_run
from mcstress.users.lists_at_rest import RestLists, list_of
from mcstress.users.scenarios.model import Scenario
from mcstress.users.truth import question_id


def read_rest(path: Path, scenario: Scenario, k: int, place: str = "--rest") -> RestLists:
    """The lists of the run at ``path``, a report's JSON, by question.

    Of several lists of a question it is the one with the fewest users. Raises UsageError where the
    run asked other questions or for lists of another length, or kept no list.
    """
    where = f"{place} {path}"
    try:
        state = path.stat()
    except OSError as error:
        raise UsageError(f"{where}: cannot be read: {error.strerror}") from None
    name, variants, length, lists = _read(path, state.st_mtime_ns, state.st_size)
    if variants != msgspec.json.encode(scenario.variants):
        raise UsageError(
            f"{where}: found a run of scenario {name or 'unknown'} in other words, expected one of "
            f"the scenario {scenario.name} as it is"
        )
    if length != k:
        raise UsageError(f"{where}: found lists of K {length}, expected K {k}, this run's")
    if not lists:
        raise UsageError(f"{where}: found no baseline list, expected a run with --evidence all")
    return lists


@lru_cache(maxsize=1)
def _read(path: Path, _changed_ns: int, _size: int) -> tuple[str, bytes, int, RestLists]:
    """Name and wordings of its scenario, K, and its lists; read once as long as it is the same."""
    run = read_run(path)
    document = run.document
    with blaming(run):
        found: dict[str, tuple[int, list[str]]] = {}
        for event in events_of(run):
            has_none = event.outcome == "cut" or event.listed is None
            if event.phase != "baseline" or has_none:
                continue
            key = question_id(event.variant or event.trio, *event.cell)
            if key not in found or event.users < found[key][0]:
                found[key] = event.users, list_of(event)
    variants = msgspec.json.encode(document.scenario.get("variants"))
    lists = {key: ids for key, (_, ids) in found.items()}
    return document.asked.name, variants, document.run.k, lists
