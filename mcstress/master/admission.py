"""Who may take part: a worker that runs something else, or has another key, is refused by name."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import suppress

from locust import __version__ as LOCUST  # noqa: N812  (a constant)
from locust.exception import RPCSendError
from locust.runners import STATE_INIT, STATE_STOPPED, MasterRunner

from mcstress.cluster import messages
from mcstress.cluster.channel import Channel, kind_of
from mcstress.cluster.dropped import LONGEST_REASON, Dropped, quoted
from mcstress.cluster.handshake import mismatch
from mcstress.cluster.key import KeyFaultError, RepeatedError
from mcstress.cluster.port_guard import PortGuard
from mcstress.locust_compat import forget_client, is_client

NAMED_AT_MOST = 100
"""Refused workers that are named in log and report; whoever makes up more is counted only."""
GREETING_WITHIN_S = 30.0
"""A worker greets as soon as it is connected; one on a starved machine takes its time."""
FIRST_WORDS = (kind_of(messages.Greeting), kind_of(messages.Hello))

logger = logging.getLogger(__name__)


class Admission:
    """The master's side. ``refused``: a sentence for each worker that was, by Locust's client."""

    def __init__(self, runner: MasterRunner, channel: Channel, dropped: Dropped) -> None:
        self._runner = runner
        self._channel = channel
        self._dropped = dropped
        self._guard = PortGuard(runner, dropped)
        self._guard.on_ready = self._on_ready
        self._known: set[str] = set()
        self._silent_since: dict[str, float] = {}
        self.refused: dict[str, str] = {}
        self.on_refused: Callable[[str], None] | None = None
        channel.on_unreadable = self._on_unreadable
        channel.on_key_fault = self._on_key_fault
        channel.listen(messages.Greeting, self._on_greeting)
        channel.listen(messages.Refused, self._on_refused)

    def admits(self, hello: messages.Hello | messages.Greeting, client_id: str) -> bool:
        """Whether a worker runs what this master runs; one that does not is refused."""
        self._silent_since.pop(client_id, None)
        if client_id in self.refused:
            return False
        if reason := mismatch(hello.version, hello.protocol, "this master"):
            self.refuse(client_id, reason)
        return not reason

    def refuse(self, client_id: str, reason: str) -> None:
        """Let a worker go; ``reason`` follows its name. Twice is once."""
        if not self._note(client_id, f"{reason}: refused"):
            return
        with suppress(RPCSendError):
            self._channel.send(messages.Refused(self.refused[client_id]), client_id)
            # For one that knows no Refused. A worker of any version obeys this.
            self._runner.send_message("quit", None, client_id)
        if self._runner.state in (STATE_INIT, STATE_STOPPED):
            # Locust ends a headless test whose only worker quits, even while it waits for others.
            forget_client(self._runner, client_id)
            self._guard.turned_away.add(client_id)

    def refuse_silent(self) -> None:
        """Let those go that joined and never greeted: they run no locustfile of ours."""
        now_s = time.monotonic()
        for client_id, since_s in list(self._silent_since.items()):
            if now_s - since_s > GREETING_WITHIN_S:
                del self._silent_since[client_id]
                if is_client(self._runner, client_id):
                    self.refuse(client_id, "never said what it runs")

    def _on_ready(self, client_id: str, locust: str) -> None:
        """A worker has connected, or is ready again; of Locust the first two numbers count."""
        if client_id not in self._known:
            self._known.add(client_id)
            self._silent_since[client_id] = time.monotonic()
        if locust.split(".")[:2] != LOCUST.split(".")[:2]:
            self.refuse(client_id, f"runs Locust {quoted(locust)}, this master {LOCUST}")

    def _note(self, client_id: str, what: str) -> bool:
        """Whether the worker is newly refused, and there was room to name it."""
        if client_id in self.refused:
            return False
        if len(self.refused) >= NAMED_AT_MOST:
            self._dropped.note("of a worker that is refused", client_id)
            return False
        name = f"worker-{self._runner.get_worker_index(client_id)}"
        self.refused[client_id] = f"{name} ({quoted(client_id)}) {what}"
        logger.error("%s", self.refused[client_id])
        if self.on_refused is not None:
            self.on_refused(client_id)
        return True

    def _on_greeting(self, greeting: messages.Greeting, client_id: str) -> None:
        self.admits(greeting, client_id)

    def _on_refused(self, refused: messages.Refused, client_id: str) -> None:
        """A worker cannot take part, and leaves by itself."""
        self._note(client_id, f"takes no part: {quoted(refused.reason, LONGEST_REASON)}")

    def _on_unreadable(self, kind: str, client_id: str, fault: str) -> None:
        if kind in FIRST_WORDS:
            self.refuse(
                client_id, f"says no {kind} that can be read ({quoted(fault, LONGEST_REASON)})"
            )
        else:
            self._dropped.note(f"of our kind {kind} with data that it never has", client_id, fault)

    def _on_key_fault(self, client_id: str, fault: KeyFaultError) -> None:
        if isinstance(fault, RepeatedError):
            self._dropped.note("that was received before", client_id)
        else:
            self.refuse(client_id, str(fault))
