"""How a right answer is spoilt (the faults of modes.py)."""

from __future__ import annotations

import json
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, NamedTuple

from standin.service import Answer


class Reply(NamedTuple):
    """Bytes to send, after a while, and whether the connection ends with them.

    None: nothing is sent, and the connection stays open until the client ends it.
    """

    data: bytes | None
    closes: bool = False
    after_s: float = 0.0


def whole(status: int, body: bytes, *headers: str, kind: str = "application/json") -> bytes:
    """An HTTP answer."""
    lines = [
        f"HTTP/1.1 {int(status)} {HTTPStatus(status).phrase}",
        f"Content-Type: {kind}",
        f"Content-Length: {len(body)}",
        *headers,
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class Right(NamedTuple):
    """What there is to spoil: the answer as it should go out, and its parts."""

    status: int
    body: bytes
    data: bytes
    slow_s: float


REPLIES: dict[str, Callable[[Right], Reply]] = {
    "500": lambda _: Reply(whole(HTTPStatus.INTERNAL_SERVER_ERROR, b'{"error": "told to fail"}')),
    "html": lambda _: Reply(whole(HTTPStatus.OK, b"<html>Welcome</html>", kind="text/html")),
    "cut_json": lambda right: Reply(whole(right.status, right.body[: len(right.body) // 2])),
    "cut_body": lambda right: Reply(right.data[: -(len(right.body) // 2)], closes=True),
    "redirect": lambda _: Reply(whole(HTTPStatus.FOUND, b"", "Location: /health")),
    "empty": lambda right: Reply(whole(right.status, b"")),
    "closed": lambda _: Reply(b"", closes=True),
    "silent": lambda _: Reply(None),
    "slow": lambda right: Reply(right.data, after_s=right.slow_s),
}


def spoilt(answer: Answer, fault: str | None, slow_s: float) -> Reply:
    """``answer`` as it goes out under ``fault``."""
    body = json.dumps(_spoilt_body(answer, fault)).encode()
    data = whole(answer.status, body)
    reply = REPLIES.get(fault or "")
    return reply(Right(answer.status, body, data, slow_s)) if reply else Reply(data)


def _spoilt_body(answer: Answer, fault: str | None) -> Any:
    if fault == "wrong_types":
        return _other_types(answer.body)
    if answer.kind != "matrix.search" or "results" not in answer.body:
        return answer.body
    return answer.body | {"results": _spoilt_results(answer.body["results"], fault)}


def _spoilt_results(hits: list[dict[str, Any]], fault: str | None) -> list[dict[str, Any]]:
    if not hits:
        return hits
    match fault:
        case "id_twice":
            return [*hits[:-1], hits[-1] | {key: hits[0][key] for key in ("id", "corpus")}]
        case "nan":
            return [*hits[:-1], hits[-1] | {"distance": float("nan")}]
        case "too_many":
            return [*hits, hits[-1] | {"id": "w-one-too-many"}]
        case _:
            return hits


def _other_types(value: Any) -> Any:
    """``value`` with texts for numbers and numbers for texts, in the same shape."""
    if isinstance(value, dict):
        return {key: _other_types(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_other_types(inner) for inner in value]
    return 7 if isinstance(value, str) else "seven"
