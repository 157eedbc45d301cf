"""Any order of spooling, kills, damage and replays to servers that fail: what arrives, and once."""

from __future__ import annotations

import errno
import os
import shutil
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from tempfile import mkdtemp
from unittest.mock import patch

import pytest
from chaos.damage import do, edits
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from tenacity import wait_none
from tracing.trace_rounds import observation

from mcstress.errors import UsageError
from mcstress.tracing.http.delivery_outcome import REJECTED, DeliveryFault, DeliveryOutcome
from mcstress.tracing.langfuse.answer import event_id
from mcstress.tracing.langfuse.settings import LangfuseSettings
from mcstress.tracing.limits import Limits
from mcstress.tracing.observation import Score, encoder
from mcstress.tracing.spool.line import HEAD_TAG, entry_of, head_of, spool_head, tag_of
from mcstress.tracing.spool.replay import replay
from mcstress.tracing.spool.spool import Spool

START_S = 1_790_000_000.0
SETTINGS = LangfuseSettings("http://127.0.0.1:9", "pk", "sk")
HEAD = spool_head("langfuse", SETTINGS.where.url)
SMALL = {"post": 3, "score_post": 3, "first_score_post": 2}
REPEATING = {"unanswered", "killed", "killed before its answer is read"}
"""After these a server may have what nobody has noted that it has."""


class KilledError(BaseException):
    """SIGKILL: nothing of ours runs any more."""


class Server:
    """What a replay sends to: stores, refuses, breaks off, as it is told for each request."""

    has_questions = False

    def __init__(self) -> None:
        self.stored: dict[str, object] = {}
        self.received: Counter[str] = Counter()
        self.rejected: set[str] = set()
        self.moods: list[str] = []

    def introduce(self):
        """Needs none."""

    def close(self) -> None:
        """Holds nothing."""

    def send_observations(self, entries):
        return self._take([*entries])

    send_scores = send_observations

    def _take(self, entries):
        mood = self.moods.pop(0) if self.moods else "ok"
        fault = [DeliveryFault(mood, f"the server: {mood}")]
        match mood:
            case "killed":
                raise KilledError
            case "interrupted":
                raise KeyboardInterrupt
            case "away":
                return DeliveryOutcome(again=entries, faults=fault)
            case "refuses":
                return DeliveryOutcome(refused=entries, faults=fault)
            case "rejects":  # some, says a collector, and not which
                self.rejected |= {*map(event_id, entries)}
                return DeliveryOutcome(lost=[(entry, REJECTED) for entry in entries], faults=fault)
            case "takes a part":
                half = len(entries) // 2
                self._store(entries[:half])
                return DeliveryOutcome(
                    delivered=entries[:half], refused=entries[half:], faults=fault
                )
        self._store(entries)
        match mood:
            case "unanswered":
                return DeliveryOutcome(again=entries, faults=fault, unanswered=len(entries))
            case "killed before its answer is read":
                raise KilledError
        return DeliveryOutcome(delivered=entries)

    def _store(self, entries) -> None:
        for entry in entries:
            self.stored[event_id(entry)] = entry
            self.received[event_id(entry)] += 1


MOODS = (
    *("ok", "ok", "ok", "ok", "away", "refuses", "takes a part", "unanswered"),
    "rejects",
    *("killed", "interrupted", "killed before its answer is read"),
)


class SpoolAndReplay(RuleBasedStateMachine):
    """A run spools and is killed, its spool is damaged, and what is in it is sent, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(mkdtemp(prefix="spool-machine-"))
        self.path = self.folder / "run.spool.jsonl"
        self.server = Server()
        self.spool: Spool | None = None
        self.kept: dict[bytes, str] = {}
        self.number = 0
        self.damaged = self.repeated = False

    def teardown(self) -> None:
        self._close()
        shutil.rmtree(self.folder)

    def _close(self) -> None:
        if self.spool is not None:
            self.spool.close()
        self.spool = None

    @property
    def lines(self) -> list[bytes]:
        """What the spool holds, half a line at its end too."""
        return self.path.read_bytes().splitlines() if self.path.exists() else []

    # A run spools

    @rule(number=st.integers(1, 6), scores=st.booleans(), room=st.sampled_from([None, 0, 900]))
    def spool_some(self, number: int, scores: bool, room: int | None) -> None:
        made = [self._entry(scores=scores) for _ in range(number)]
        lines = [encoder.encode(each) for each in made]
        if self.spool is None:
            self.spool = Spool(self.path, spare_bytes=0, head=HEAD)
        with ExitStack() as stack:
            if room is not None:
                stack.enter_context(patch("mcstress.tracing.spool.spool.os.write", full(room)))
            stored, reason = self.spool.append(lines)
        assert stored == number or reason
        self.kept |= {
            line: event_id(entry) for line, entry in zip(lines[:stored], made[:stored], strict=True)
        }

    def _entry(self, *, scores: bool):
        self.number += 1
        if scores:
            return Score(name=f"score {self.number}", value=1.0, trace_id="0" * 32)
        return observation(f"work {self.number}", START_S)

    @rule()
    def end_run(self) -> None:
        self._close()

    @precondition(lambda self: self.spool is None)
    @rule(part=st.integers(1, 200))
    def leave_half_a_line(self, part: int) -> None:
        """As a process that is killed while it writes."""
        whole = self.path.read_bytes() if self.path.exists() else b""
        if not whole or whole.endswith(b"\n"):
            line = encoder.encode(observation("half")) if whole else HEAD
            with self.path.open("ab") as file:
                file.write(line[:part])

    # It is damaged

    @precondition(lambda self: self.spool is None and self.path.exists())
    @rule(edit=edits)
    def damage(self, edit) -> None:
        if do(edit, self.path):
            self.damaged = True
            os.utime(self.path, ns=(0, self.path.stat().st_mtime_ns + 10**9))
            whole = {*self.lines}
            self.kept = {
                line: entry
                for line, entry in self.kept.items()
                if line in whole or entry in self.server.stored
            }

    # It is replayed

    @rule(moods=st.lists(st.sampled_from(MOODS), max_size=5))
    def send(self, moods: list[str]) -> None:
        before, stored_before = self.lines, {*self.server.stored}
        self.server.moods = [*moods]
        self.repeated |= bool(REPEATING & {*moods})
        known = {encoder.encode(entry) for line in before if (entry := entry_of(line))}
        outcome = None
        try:
            outcome = self._replay()
        except UsageError as error:
            self._look_at_refusal(str(error))
        except KilledError:
            pass
        new = [self.server.stored[one] for one in self.server.stored.keys() - stored_before]
        assert known.issuperset(map(encoder.encode, new)), "nothing is invented"
        if outcome is not None and before:
            entries = [line for line in before if tag_of(line) != HEAD_TAG]
            told = outcome.delivered + outcome.before + outcome.left
            told += outcome.broken + outcome.rejected
            assert told == len(entries), f"every line is accounted for: {outcome}"
            assert outcome.left == 0 or outcome.fault, "why something is left is said"

    def _replay(self):
        with ExitStack() as stack:
            for name, stand_in in {
                "replay._destination": lambda *_: self.server,
                "replay.Limits": lambda **given: Limits(**given, **SMALL),
                "replay_kind._growing": wait_none(),
            }.items():
                stack.enter_context(patch(f"mcstress.tracing.spool.{name}", stand_in))
            return replay(self.path, SETTINGS)

    def _look_at_refusal(self, refused: str) -> None:
        assert str(self.path) in refused
        if "in use" in refused:
            assert self.spool is not None
        elif "No such file" in refused:
            assert not self.path.exists()
        elif "line 1" in refused:
            assert head_of(self.lines[0]) is None
        else:
            assert "holds no observations" in refused
            assert not any(map(entry_of, self.lines))

    # What holds, whenever somebody looks

    @invariant()
    def whatever_was_kept_is_there_or_delivered(self) -> None:
        lines = {*self.lines}
        for line, entry in self.kept.items():
            known = entry in self.server.stored or entry in self.server.rejected
            assert known or line in lines, "it is lost"
        if not (self.damaged or self.repeated):
            assert set(self.server.received.values()) <= {1}, "sent twice"


def full(room: int):
    """``os.write`` on a disk with ``room`` bytes left."""
    write, left = os.write, [room]

    def writing(descriptor: int, data: bytes) -> int:
        taken = min(left[0], len(data))
        if not taken:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        left[0] -= taken
        return write(descriptor, bytes(data[:taken]))

    return writing


def test_any_order_of_spooling_damage_and_replay_in_short():
    run_state_machine_as_test(
        SpoolAndReplay,
        settings=settings(max_examples=25, stateful_step_count=12, derandomize=True),
    )


@pytest.mark.chaos
def test_any_order_of_spooling_damage_and_replay_at_length():
    run_state_machine_as_test(
        SpoolAndReplay, settings=settings(max_examples=2000, stateful_step_count=25)
    )
