"""A request that is refused: the status and the one sentence that the answer carries."""

from __future__ import annotations


class RefusalError(Exception):
    """Becomes an answer with ``status`` and ``{"error": message}``."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
