"""How the stand-in for a Langfuse server behaves on good and on bad days."""

from __future__ import annotations

MODES = ("ok", "slow", "hang", "reset", "cut", "garbage", "partial", "status")
"""slow: answers after ``seconds``. hang: never answers. reset: closes at once. cut: closes in the
middle of its answer. garbage: 200 with a page. partial: takes two thirds. status: answers with
``status`` (and ``retry_after``) to what needs keys."""


class Behaviour:
    """How the server behaves: ``mode`` for ``times`` requests, once ``after`` went well."""

    def __init__(
        self,
        mode="ok",
        *,
        status=503,
        retry_after=None,
        seconds=10.0,
        times=None,
        after=0,
        max_bytes=None,
        posts_only=False,
        event_status=500,
    ):
        if mode not in MODES:
            raise ValueError(f"mode {mode!r} is none of {MODES}")
        self.mode = mode
        self.status = status
        self.retry_after = retry_after
        self.seconds = seconds
        self.times = times
        self.after = after
        self.max_bytes = max_bytes
        self.posts_only = posts_only
        self.event_status = event_status

    def now(self):
        """The mode for the request that is being answered."""
        if self.after > 0:
            self.after -= 1
            return "ok"
        if self.times is not None:
            self.times -= 1
            if self.times < 0:
                return "ok"
        return self.mode
