"""A body as a trace shows it."""

from __future__ import annotations


def text_of(body: bytes, body_bytes: int) -> str | None:
    """``body`` as text that every server stores, cut with a mark where it is too long."""
    if not body:
        return None
    text = body[:body_bytes].decode("utf-8", "replace")
    if "\0" in text:  # Postgres, under the older servers, refuses it
        text = text.replace("\0", "\ufffd")
    if len(body) > body_bytes:
        text += f"… [cut: {body_bytes} of {len(body)} bytes]"
    return text
