"""Any order of writes, flushes, full disks, kills and damage: what the evidence files then tell."""

from __future__ import annotations

import errno
import os
import shutil
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp
from unittest.mock import patch

import pytest
from chaos.damage import do, edits
from evidence.made_events import START_S, made_event
from evidence.made_report import head_of
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from mcstress.commands.report import counted_again
from mcstress.errors import UsageError
from mcstress.evidence.run_document import head_of as json_of
from mcstress.evidence.store.document import write_document
from mcstress.evidence.store.history import History, blaming, read_run
from mcstress.evidence.store.paths import ReportPaths
from mcstress.evidence.store.run_files import files_of_run
from mcstress.evidence.store.segment import Segment
from mcstress.metrics.event import encoder

WORKERS = ("worker-0", "worker-1")
UID = "0123456789abcdef"


class Disk:
    """Stands for ``os.write``: takes ``room`` bytes more, a piece at a time."""

    def __init__(self) -> None:
        self.room = 1 << 40
        self._write = os.write

    def __call__(self, descriptor: int, data: bytes) -> int:
        taken = min(self.room, len(data))
        if not taken:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.room -= taken
        return self._write(descriptor, bytes(data[:taken]))


class EvidenceFiles(RuleBasedStateMachine):
    """A master and two workers write their files; those end, are killed, and are damaged."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(mkdtemp(prefix="store-machine-"))
        self.paths = ReportPaths(self.folder, "001")
        self.disk = Disk()
        self.made: dict[str, list[bytes]] = {name: [] for name in WORKERS}
        self.acknowledged = dict.fromkeys(WORKERS, 0)
        self.damaged = self.ended = self.has_document = False
        self.running = True

    @initialize()
    def begin(self) -> None:
        section = head_of([made_event(1)])
        self.head = {key: section[key] for key in ("run", "scenario", "thresholds", "candidates")}
        self.head["run"]["run_uid"] = UID
        self.counted = section["completeness"]
        self.main = Segment(self.paths.events, {"record": "run"} | self.head)
        self.segments = {
            name: Segment(
                self.paths.segment(name), {"record": "segment", "run_uid": UID, "worker": name}
            )
            for name in WORKERS
        }

    def teardown(self) -> None:
        for segment in (self.main, *self.segments.values()):
            segment.close()
        shutil.rmtree(self.folder)

    # While it runs

    @precondition(lambda self: self.running)
    @rule(worker=st.sampled_from(WORKERS), number=st.integers(1, 4), at_once=st.booleans())
    def write(self, worker: str, number: int, at_once: bool) -> None:
        made, begin = self.made[worker], len(self.made[worker]) + 1
        events = [
            made_event(
                seq, worker=worker, time_s=START_S + seq + WORKERS.index(worker) / 2, top_k=[]
            )
            for seq in range(begin, begin + number)
        ]
        made += map(encoder.encode, events)
        with self._the_disk():
            if at_once:
                self.segments[worker].extend(events)
            else:
                for event in events:
                    self.segments[worker].append(event)

    @precondition(lambda self: self.running)
    @rule(second=st.integers(1, 99))
    def note_users(self, second: int) -> None:
        self.main.record({"record": "users", "time": START_S + second, "users": 3})

    @precondition(lambda self: self.running)
    @rule()
    def flush(self) -> None:
        with self._the_disk():
            for segment in (self.main, *self.segments.values()):
                segment.flush()
        for name, segment in self.segments.items():
            self.acknowledged[name] = segment.kept
            if segment.error is None:
                assert segment.kept == len(self.made[name])

    @precondition(lambda self: self.running)
    @rule(room=st.sampled_from([0, 1, 300, 5_000, 1 << 40]))
    def fill_disk(self, room: int) -> None:
        self.disk.room = room

    @precondition(lambda self: self.running)
    @rule()
    def kill(self) -> None:
        """Nothing more is written by anybody."""
        for segment in (self.main, *self.segments.values()):
            segment._waiting.clear()
            segment.close()
        self.running = False

    @precondition(lambda self: self.running)
    @rule()
    def end(self) -> None:
        """As at the end of a run: the workers' files first, then what they hold is told."""
        self.flush()
        with self._the_disk():
            for segment in self.segments.values():
                segment.end()
                segment.close()
            self.main.flush()
            workers = History(files_of_run(self.paths.events).paths).order.workers
            # Numbers that could not be written are the workers' to tell, as in a real run.
            told = [f"{one.path.name} is not whole" for one in self.segments.values() if one.lost]
            counted = self.counted | {
                "complete": not told,
                "faults": told,
                "events_made": sum(map(len, self.made.values())),
                "events_merged": sum(map(len, self.made.values())),
            }
            stated = {name: tally.stated for name, tally in workers.items()}
            self.main.end(
                {"run": self.head["run"], "completeness": counted, "planned": {}, "workers": stated}
            )
            self.main.close()
        self.running, self.ended = False, True
        for name, segment in self.segments.items():
            self.acknowledged[name] = segment.kept

    # At rest

    @precondition(lambda self: not self.running)
    @rule(edit=edits, which=st.integers(0, 3))
    def damage(self, edit, which: int) -> None:
        files = sorted(self.folder.iterdir())
        self.damaged |= do(edit, files[which % len(files)])

    @precondition(lambda self: not self.running)
    @rule(worker=st.sampled_from(WORKERS))
    def copy_a_file(self, worker: str) -> None:
        """A worker's file stands there twice, as a copy by hand does."""
        path = self.paths.segment(worker)
        if path.exists():
            shutil.copy(path, path.with_name(path.name.replace(worker, f"{worker}-copy")))

    @precondition(lambda self: self.ended)
    @rule(worker=st.sampled_from(WORKERS))
    def delete_a_file(self, worker: str) -> None:
        self.paths.segment(worker).unlink(missing_ok=True)
        self.damaged = True

    @precondition(lambda self: not self.running and not self.has_document)
    @rule()
    def make_document(self) -> None:
        """What ``mcstress report`` writes; only here, where nothing refuses."""
        try:
            run = read_run(self.paths.events, skip_damaged=True)
            with blaming(run):
                document = json_of(counted_again(run))
        except UsageError:
            return
        write_document(self.paths.json, document, run.raw_events(), run.order.workers)
        self.has_document = True

    # What holds, whenever somebody looks

    @precondition(lambda self: not self.running)
    @invariant()
    def what_is_read_was_written_or_its_damage_is_named(self) -> None:
        entries = [self.paths.events, *([self.paths.json] if self.has_document else [])]
        for path in entries:
            closely = self._read(path, skip_damaged=False)
            loosely = self._read(path, skip_damaged=True)
            if closely is None:
                assert self.damaged
            elif loosely is not None:
                assert closely == loosely, "what is not damaged is read alike"

    def _read(self, path: Path, *, skip_damaged: bool) -> tuple[list[bytes], list[str]] | None:
        """The events and faults of ``path``; None where it is refused by name."""
        try:
            run = read_run(path, skip_damaged=skip_damaged)
            with blaming(run):
                document = counted_again(run)
        except UsageError as error:
            refused = str(error)
        else:
            refused = ""
        if refused:
            assert str(self.folder) in refused, "the file is named"
            assert len(refused) < 500
            return None
        counted, found = document.completeness, [*run.raw_events()]
        made = [line for name in WORKERS for line in self.made[name]]
        if counted.complete:
            assert Counter(found) == Counter(made), "whole is what was made, and nothing else"
        else:
            assert document.verdict == "unknown"
            assert counted.faults, "why it is not whole is said"
        if not self.damaged:
            assert not Counter(found) - Counter(made), "nothing is invented, nothing is double"
            for name in WORKERS:
                kept = self.made[name][: self.acknowledged[name]]
                assert not Counter(kept) - Counter(found), "what was acknowledged is there"
        if path == self.paths.events:
            self._compare_with_files(found, counted.faults)
        return found, counted.faults

    def _compare_with_files(self, found: list[bytes], faults: list[str]) -> None:
        """Every line that is still as it was written is read; of a file that is not, it is said."""
        made = {line for name in WORKERS for line in self.made[name]}
        read, told = Counter(found), " ".join(faults)
        for path in self.folder.glob("*.events.jsonl"):
            *lines, _torn = path.read_bytes().split(b"\n")
            whole = made.intersection(lines)
            assert path.name in told or all(read[line] == 1 for line in whole), path.name

    @contextmanager
    def _the_disk(self):
        with patch("mcstress.evidence.store.segment.os.write", self.disk):
            yield


def test_any_order_of_writes_and_damage_in_short():
    run_state_machine_as_test(
        EvidenceFiles,
        settings=settings(max_examples=12, stateful_step_count=12, derandomize=True),
    )


@pytest.mark.chaos
def test_any_order_of_writes_and_damage_at_length():
    run_state_machine_as_test(
        EvidenceFiles, settings=settings(max_examples=500, stateful_step_count=25)
    )
