"""What it means for what was sent that no answer came."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import msgspec

from mcstress.tracing.langfuse.answer_limit import AnswerTooLongError
from mcstress.tracing.langfuse.response import Fault, Reply, Sent

if TYPE_CHECKING:
    from mcstress.tracing.langfuse.settings import Settings

_NEVER_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
)


class NoAnswer(msgspec.Struct, frozen=True):
    """A request that came to nothing.

    ``sent``: the server has it, or a part of it, and may be working on it still. ``final``: trying
    again is of no use.
    """

    fault: Fault
    sent: bool = False
    final: bool = False

    def reply(self, items: list[Sent]) -> Reply[Sent]:
        """The fate of the ``items`` that were in the request."""
        if self.final:
            return Reply(refused=items, faults=[self.fault])
        unanswered = len(items) if self.sent else 0
        return Reply(again=items, faults=[self.fault], unanswered=unanswered)


def no_answer(settings: Settings, error: Exception, timeout_s: float) -> NoAnswer:
    """What the ``error`` of a request means; ``timeout_s`` is how long it had, in seconds."""
    url = settings.url
    if isinstance(error, AnswerTooLongError):
        return NoAnswer(Fault("no Langfuse", f"{url}: {error}: check LANGFUSE_URL"), final=True)
    sent = isinstance(error, httpx.TransportError) and not isinstance(error, _NEVER_SENT)
    if isinstance(error, httpx.TimeoutException):
        return NoAnswer(Fault("slow", f"{url} gives no answer within {timeout_s:g} s"), sent)
    reason = str(error) or type(error).__name__
    return NoAnswer(Fault("unreachable", f"{url} cannot be reached: {reason}"), sent)
