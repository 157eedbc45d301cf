"""The mail from outside that a process has, for its users to take."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from time import monotonic

from gevent.event import Event as Signal

from mcstress.cluster.messages import MailBlock
from mcstress.users.mail import Mail

FEW = 10
"""With so few left the next block is asked for, so that nobody waits for it."""
DEADLINE_S = 60.0


class Mailbox:
    """Filled by the master's blocks, which ``ask`` asks for.

    ``taken`` counts the messages that users began with. A question that did not go out, or that
    nobody answered, is asked again by the next user.
    """

    def __init__(self, ask: Callable[[], None]) -> None:
        self.taken = 0
        self._ask = ask
        self._mail: deque[Mail] = deque()
        self._is_asked = False
        self._is_used_up = False
        self._news = Signal()

    def put(self, block: MailBlock) -> None:
        """Take in a block; an empty one is the last."""
        self._is_asked = False
        self._is_used_up = not block.mail
        self._mail += block.mail
        news, self._news = self._news, Signal()
        news.set()

    def take(self) -> Mail | None:
        """The next message, or None where all are used up; waits for a block where it must.

        Raises RuntimeError where the master gives none.
        """
        end = monotonic() + DEADLINE_S
        self._ask_in_time()
        while not self._mail:
            if self._is_used_up:
                return None
            if not self._news.wait(max(end - monotonic(), 0)):
                self._is_asked = False  # question or answer is lost: the next user asks again
                raise RuntimeError("the master gave no block of mail")
            self._ask_in_time()
        return self._mail.popleft()

    def _ask_in_time(self) -> None:
        if len(self._mail) < FEW and not (self._is_asked or self._is_used_up):
            self._is_asked = True
            try:
                self._ask()
            except BaseException:
                self._is_asked = False  # it never went out: the next user asks again
                raise
