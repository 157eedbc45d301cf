"""One keep-alive connection: requests go out and answers come back, one pair at a time."""

from __future__ import annotations

import os
import socket
import ssl

from gevent import Timeout, get_hub, getcurrent

from mcstress.errors import OWN_ERRNOS, NoAnswerError, TransportError
from mcstress.metrics.event import OWN_FAULT
from mcstress.services.http.base_url import BaseUrl
from mcstress.services.http.parser import Reply, ReplyParser
from mcstress.services.http.stream import Stream, open_stream

SPARE_PARSERS = 1000
AS_WHERE = "as where a client certificate is asked for"
TLS_WORDS = {
    "WRONG_VERSION_NUMBER": "the server does not speak TLS on this port; try http://",
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": "a client certificate is asked for; none is supported",
    "SSLV3_ALERT_HANDSHAKE_FAILURE": f"handshake refused, {AS_WHERE}",
    "UNEXPECTED_EOF_WHILE_READING": f"connection closed in the middle, {AS_WHERE}",
}

_spare: list[ReplyParser] = []
"""Parsers of nobody. A user is silent most of the time, and needs none then; the one that was used
last is also the one that the processor still has at hand."""


class DeadlineError(Exception):
    """Thrown into the greenlet whose answer is overdue. No OSError, unlike TimeoutError."""


class Connection:
    """A stream, and a parser while an answer is due on it.

    After any exception it is dirty, and only fit to be closed. ``keep_alive``: the last answer was
    whole, and did not say that the connection ends with it.
    """

    __slots__ = ("_size_limit_bytes", "_stream", "_timeout_s", "_timer", "keep_alive")

    def __init__(self, stream: Stream, timeout_s: float, size_limit_bytes: int) -> None:
        self._stream = stream
        self._timeout_s = timeout_s
        self._size_limit_bytes = size_limit_bytes
        self.keep_alive = False
        # A stopped timer of libev, and so gevent.Timeout, starts again with what was left of it;
        # only one that repeats can be had again in full.
        # After what came in, by its priority: a process that stood still meanwhile would else take
        # an answer that had long come for overdue.
        self._timer = get_hub().loop.timer(timeout_s, timeout_s, priority=-1)

    @property
    def reusable(self) -> bool:
        """Whether another request may go out: nothing came in that nobody asked for, no end."""
        return self.keep_alive and not self._stream.readable

    def exchange(self, request: bytes) -> Reply:
        """The answer to ``request``, complete within the time-out."""
        parser = _spare.pop() if _spare else ReplyParser()
        parser.begin(self._size_limit_bytes)
        self.keep_alive = False
        self._timer.again(getcurrent().throw, DeadlineError, update=True)
        stream, is_whole = self._stream, False
        try:
            try:  # noqa: SIM105  (contextlib.suppress costs time, and this is every call)
                stream.send(request)
            except ConnectionError:
                pass  # a service may answer, and close, before it has read all of a request
            while not parser.complete:
                if data := stream.receive():
                    parser.feed(data)
                else:
                    parser.end()
            is_whole = True  # one that is complete may still have been too large
        except DeadlineError:
            inside = " inside the answer" if parser.received_bytes else ""
            raise TransportError(f"time-out after {self._timeout_s:g} s{inside}") from None
        except NoAnswerError as error:
            self._timer.stop()
            error.refused = stream.was_refused(self._timeout_s)
            raise
        except OSError as error:
            if parser.received_bytes:
                raise TransportError(f"{os_fault(error)} inside the answer") from None
            ends = "" if isinstance(error, ssl.SSLError) else " without an answer"
            raise NoAnswerError(os_fault(error) + ends) from None
        finally:
            self._timer.stop()
            if not is_whole:
                parser.discard()
        reply = parser.reply()
        self.keep_alive = parser.keep_alive
        if parser.keep_alive and len(_spare) < SPARE_PARSERS:
            _spare.append(parser)
        else:
            parser.discard()
        return reply

    def close(self) -> None:
        """Give the socket and the timer back."""
        self._timer.close()
        self._stream.close()


def connect(
    url: BaseUrl, connect_timeout_s: float, timeout_s: float, size_limit_bytes: int, ca: str = ""
) -> Connection:
    """A new connection: name looked up, TCP and TLS agreed within ``connect_timeout_s``."""
    timeout = Timeout.start_new(connect_timeout_s)
    try:
        stream = open_stream(url, connect_timeout_s, ca)
    except Timeout as raised:
        if raised is not timeout:
            raise
        raise TransportError(f"no connection within {connect_timeout_s:g} s") from None
    except OSError as error:
        raise TransportError(os_fault(error)) from None
    finally:
        timeout.close()
        # Raised, it holds this frame and all that called it: only the collector would free them.
        del timeout
    return Connection(stream, timeout_s, size_limit_bytes)


def os_fault(error: OSError) -> str:
    """The reason that an error of the network is, without addresses or numbers."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"TLS: certificate refused, {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        # Without a reason where it is not OpenSSL that raised it.
        reason = str(getattr(error, "reason", None) or error.strerror)
        return f"TLS: {TLS_WORDS.get(reason, reason)}"
    if isinstance(error, socket.gaierror):
        return f"DNS: {error.strerror}"
    if not error.errno:
        return str(error)
    whose = OWN_FAULT if error.errno in OWN_ERRNOS else ""
    return whose + os.strerror(error.errno).lower()
