"""The run that is on, who takes part in it, and how to speak to them."""

from __future__ import annotations

import logging
import time
from typing import NamedTuple

import msgspec
from locust.runners import MasterRunner, Runner

from mcstress.cluster import messages
from mcstress.cluster.channel import Channel
from mcstress.cluster.dropped import Dropped
from mcstress.locust_compat import is_client, is_heard
from mcstress.master.run_state import RunState
from mcstress.master.stages import RunStage, WorkerStage
from mcstress.master.worker_registry import WorkerState

logger = logging.getLogger(__name__)


class Speaker(NamedTuple):
    """Who said something: a worker's part of the run that is on."""

    run: RunState
    part: WorkerState


class RunSession:
    """Knows the speaker of a message, and whether it is of the run that is on."""

    def __init__(self, runner: Runner, channel: Channel) -> None:
        self.runner = runner
        self.channel = channel
        self.current: RunState | None = None
        self.dropped = Dropped()
        self._uids: set[str] = set()

    def open(self, run: RunState) -> None:
        """From now on this run is on."""
        self.current = run
        self._uids.add(run.run.uid)

    def run_of(self, run_uid: str) -> RunState | None:
        """The run that is on, where the message is of it and not a late one of the last."""
        run = self.current
        return run if run is not None and run.run.uid == run_uid else None

    def part_of(self, run_uid: str, sender: str) -> Speaker | None:
        """The run that is on, and the part in it of the worker who speaks."""
        run = self.run_of(run_uid)
        if run is None:
            if run_uid not in self._uids:
                self.dropped.note("of another run", sender, run_uid)
            return None
        part = run.registry.of_client(sender)
        if part is None:
            self.dropped.note("of a worker that has no part in the run", sender)
            return None
        part.heard_s = time.monotonic()
        if part.lost and run.stage < RunStage.REPORTING:
            self._readmit(run, part)
        return Speaker(run, part)

    def is_own(self, message: messages.Delta | messages.Drained, part: WorkerState) -> bool:
        """Whether the worker speaks for itself; else the message is dropped."""
        own = (message.worker, message.boot) == (part.name, part.boot)
        if not own:
            self.dropped.note("in another worker's name", part.client_id, message.worker)
        return own

    def _readmit(self, run: RunState, part: WorkerState) -> None:
        """A worker that was only silent (frozen, cut off) goes on, without its old seats.

        One that Locust has forgotten meanwhile will get no more users: it may only hand over.
        """
        part.go(WorkerStage.HERE)
        logger.warning("%s is back; its users lease new seats", part.name)
        self.notify(run, part.name, messages.Revoked())
        runner = self.runner
        if isinstance(runner, MasterRunner) and not is_client(runner, part.client_id):
            self.notify(run, part.name, messages.Drain(run.run.uid))

    def living(self, run: RunState) -> int:
        """The number of coordinators of the run that are there."""
        return run.headcount.of(len(run.seats), self.runner.target_user_count)

    def name_of(self, client_id: str) -> str:
        """What we call Locust's client."""
        runner = self.runner
        if isinstance(runner, MasterRunner):
            return f"worker-{runner.get_worker_index(client_id)}"
        return messages.LOCAL

    def address_of(self, part: WorkerState) -> str | None:
        """The receiver of a message to the worker, as the channel names it."""
        return part.client_id if isinstance(self.runner, MasterRunner) else None

    def notify(
        self, run: RunState, worker: str, message: msgspec.Struct, *, soon: bool = False
    ) -> None:
        """Tell a worker of the run, at once or ``soon``."""
        part = run.registry.parts.get(worker)
        if part is not None:
            (self.channel.send_soon if soon else self.channel.send)(message, self.address_of(part))

    def is_there(self, part: WorkerState) -> bool:
        """Whether Locust hears of the worker."""
        if not isinstance(self.runner, MasterRunner):
            return True
        return is_heard(self.runner, part.client_id)
