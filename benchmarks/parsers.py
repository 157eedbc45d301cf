"""Two bindings of llhttp on the same answer: httptools, and the one inside geventhttpclient."""

from __future__ import annotations

import timeit
from collections.abc import Callable

from geventhttpclient._parser import HTTPResponseParser

from benchmarks.fixed_server import search_answer
from mcstress.services.http.parser import ReplyParser

ANSWERS = 2_000
ANSWER = search_answer()
SIZE_LIMIT_BYTES = 1 << 26


class GeventParser(HTTPResponseParser):
    """The least that geventhttpclient's parser asks for, keeping the same headers and body."""

    def __init__(self) -> None:
        super().__init__()
        self.begin()

    def begin(self) -> None:
        self.headers: dict[str, str] = {}
        self.body = bytearray()
        self.complete = False

    def _on_status(self, words: str) -> None:
        pass

    def _on_message_begin(self) -> None:
        pass

    def _on_header_field(self, name: str) -> None:
        self.name = name.lower()

    def _on_header_value(self, value: str) -> None:
        self.headers[self.name] = value

    def _on_headers_complete(self) -> None:
        pass

    def _on_body(self, data: bytes) -> None:
        self.body += data

    def _on_message_complete(self) -> None:
        self.complete = True


def httptools_parses() -> Callable[[], object]:
    """The transport's own parser."""
    parser = ReplyParser()

    def parse() -> object:
        parser.begin(SIZE_LIMIT_BYTES)
        parser.feed(ANSWER)
        return parser.reply()

    return parse


def geventhttpclient_parses() -> Callable[[], object]:
    """The same over geventhttpclient's parser."""
    parser = GeventParser()

    def parse() -> object:
        parser.begin()
        parser.feed(ANSWER)
        return parser.get_code(), bytes(parser.body), parser.should_keep_alive()

    return parse


def us_per_answer(parse: Callable[[], object]) -> float:
    """The time to parse one answer of 2 KB, in µs."""
    return timeit.timeit(parse, number=ANSWERS) / ANSWERS * 1e6
