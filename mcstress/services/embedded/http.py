"""Bodies in, JSON out: what all routes of the embedded stack share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response

if TYPE_CHECKING:
    from starlette.requests import Request


class RefusalError(Exception):
    """Becomes an answer with ``status`` and ``{"error": message}``."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


OK = 200
BAD_REQUEST = 400
PAYLOAD_TOO_LARGE = 413
INTERNAL_ERROR = 500
LARGEST_BODY_BYTES = 2 * 1024 * 1024
LARGEST_ITEMS_BYTES = 6 * 1024 * 1024
"""Either is decoded in less than 0.1 s, in which nobody else is answered, whatever it holds."""

encode = msgspec.json.Encoder().encode


async def read_body(request: Request, most_bytes: int = LARGEST_BODY_BYTES) -> bytes:
    """The request's body; RefusalError 413 as soon as it is longer than any that makes sense."""
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > most_bytes:
                raise RefusalError(PAYLOAD_TOO_LARGE, f"body: over {most_bytes} bytes")
    except ClientDisconnect:
        raise RefusalError(BAD_REQUEST, "body: the client went away") from None
    return bytes(body)


def answer(content: object, status: int = OK) -> Response:
    """``content`` as JSON."""
    return Response(encode(content), status, media_type="application/json")


def error_answer(status: int, message: str) -> Response:
    """``{"error": message}``."""
    return answer({"error": message}, status)


async def refused(_request: Request, error: Exception) -> Response:
    """The answer to a request that was refused."""
    assert isinstance(error, RefusalError)
    return error_answer(error.status, error.message)


async def no_route(request: Request, error: Exception) -> Response:
    """The answer where there is no such path, or not with this method."""
    assert isinstance(error, HTTPException)
    reason = f"{request.method} {request.url.path}: {error.detail.lower()}"
    return error_answer(error.status_code, reason)


async def failed(_request: Request, error: Exception) -> Response:
    """The answer where the stack itself is at fault; uvicorn writes the fault to stderr."""
    return error_answer(INTERNAL_ERROR, f"internal error: {type(error).__name__}")
