"""Whether a run's files still hold what was written into them, and all of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import UNSET

from mcstress.evidence.report import formatting
from mcstress.evidence.run_document import Json, RunDocument
from mcstress.evidence.store.lines import BEGINNINGS
from mcstress.evidence.store.lines_digest import Stated, seal
from mcstress.evidence.store.policy import keeps_all
from mcstress.evidence.store.time_order import END, TimeOrder

NAMED = 10
"""Of many damaged lines, as many are named."""
NO_DIGEST = "it has no digest, for an older version wrote it: only its counts could be checked"
_NOTHING = Stated(0, f"{0:032x}")


class End(msgspec.Struct):
    """The last line of an events file: what stands before it.

    In the run's main file also what the report says of the run as a whole.
    """

    seal: str
    events: Stated
    records: Stated
    lost: int
    error: str | None = None
    run: Json | None = None
    completeness: Json | None = None
    planned: dict[str, int] = {}
    workers: dict[str, Stated] = {}


class Ends:
    """The ends of a run's events files, by the number of the file; ``faults`` of those lines."""

    def __init__(self, order: TimeOrder) -> None:
        self.faults: list[str] = []
        self._by_file: dict[int, End] = {}
        places = order.records.get(END, [])
        for place, raw in zip(places, order.raw_records(END), strict=True):
            name = order.paths[place.file].name
            if place.file in self._by_file:
                self.faults.append(f"{name} has more than one end")
            try:
                stated = msgspec.json.decode(raw, type=Json)
                end = msgspec.convert(stated, End)
            except msgspec.DecodeError as error:
                self.faults.append(f"the end of {name} is damaged: {error}")
                continue
            if end.seal != seal({key: stated[key] for key in stated if key != "seal"}):
                self.faults.append(f"the end of {name} was changed since it was written")
            self._by_file[place.file] = end
        self.unfinished = [
            path for file, path in enumerate(order.paths) if file not in self._by_file
        ]

    @property
    def main(self) -> End | None:
        """The end of the first file, where it is the run's main one and says how the run ended."""
        end = self._by_file.get(0)
        return end if end is not None and end.completeness is not None else None

    def faults_of_files(self, order: TimeOrder) -> list[str]:
        """What differs from what the files say of themselves."""
        faults = list(self.faults)
        for file, end in self._by_file.items():
            name, found = order.paths[file].name, order.files[file]
            faults += differences(f"events of {name}", end.events, found.events.stated)
            faults += differences(f"records of {name}", end.records, found.records.stated)
            if end.lost:
                lost = formatting.plural(end.lost, "event")
                faults.append(f"{name} lacks {lost} that could not be written: {end.error}")
        if self.main is not None:
            faults += faults_of_workers(order, self.main.workers)
        return faults


def faults_of_workers(order: TimeOrder, stated: Mapping[str, Stated]) -> list[str]:
    """What differs from what is stated of each worker's events."""
    found = {name: tally.stated for name, tally in order.workers.items()}
    return [
        fault
        for name in sorted(stated.keys() | found.keys())
        for fault in differences(
            f"events of {name or 'no worker'}",
            stated.get(name, _NOTHING),
            found.get(name, _NOTHING),
        )
    ]


def differences(what: str, stated: Stated, found: Stated) -> list[str]:
    """A sentence where lines are missing, too many, or not as they were written."""
    if stated == found:
        return []
    if stated.lines != found.lines:
        return [f"{what}: {stated.lines:,} were written, and {found.lines:,} are there"]
    return [f"{what}: changed since they were written, for their digest differs"]


def faults_of_lines(order: TimeOrder, evidence: str) -> list[str]:
    """Lines that were left out, events that stand twice, and numbers that no event has."""
    faults = [f"left out as damaged: {damage}" for damage in order.damaged[:NAMED]]
    if (more := len(order.damaged) - NAMED) > 0:
        faults.append(f"left out as damaged: {formatting.plural(more, 'more line')}")
    if order.repeated:
        stand = "stands" if order.repeated == 1 else "stand"
        faults.append(f"{formatting.plural(order.repeated, 'event')} {stand} there more than once")
    # Of a sample it is not known which numbers it should have.
    missing = order.missing() if keeps_all(evidence) else {}
    return faults + [
        f"events of {name or 'no worker'}: {formatting.plural(number, 'number')} missing among them"
        for name, number in missing.items()
    ]


def faults_of_beginnings(order: TimeOrder) -> list[str]:
    """Files of a run whose first line does not say so."""
    places = [place for kind in BEGINNINGS for place in order.records.get(kind, [])]
    well = {place.file for place in places if place.offset == 0}
    return [
        f"{path.name} does not begin with the record of its run"
        for file, path in enumerate(order.paths)
        if file not in well
    ]


def faults_of_document(
    order: TimeOrder, head: Mapping[str, Any], document: RunDocument
) -> list[str]:
    """What differs from what the document says of itself; its seal is of ``head``, as it lies."""
    integrity = document.integrity
    if integrity is UNSET:
        kept = document.completeness.counts.get("events_kept")
        told = f"{kept} events were kept, and {len(order)} are there"
        return [told] if kept is not None and kept != len(order) else []
    faults = faults_of_workers(order, integrity.workers)
    if integrity.head != seal_of(head):
        faults.append("the head was changed since it was written, for its seal differs")
    return faults


def seal_of(head: Mapping[str, Any]) -> str:
    """The seal of a document's head, but for the seal itself."""
    rest = {key: value for key, value in head.items() if key != "integrity"}
    workers = head.get("integrity", {}).get("workers", {})
    return seal(rest | {"integrity": {"workers": workers}})
