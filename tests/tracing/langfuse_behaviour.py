"""How the stand-in for a Langfuse server behaves on good and on bad days."""

from __future__ import annotations

FOREIGN = ("garbage", "empty", "accepted", "object")
"""How what is no Langfuse says yes to everything: 200 with a page, 200 without a body, 202, and 200
with an error in JSON."""
MODES = ("ok", "slow", "hang", "reset", "cut", "partial", "status", *FOREIGN)
"""slow: answers after ``seconds``. hang: never answers. reset: closes at once. cut: closes in the
middle of its answer. partial: takes two thirds. status: answers with ``status`` (and
``retry_after``) to what needs keys."""
VISIBLE_OF_A_THIRD_S = 0.2
SCORE_OF_A_THIRD_S = 0.009
"""The least that a real 3.225 needed for a score: it stores each of a batch by itself, and goes on
with that whether or not anybody waits for the answer."""


class Behaviour:
    """How the server behaves: ``mode`` for ``times`` requests, once ``after`` went well.

    ``route``: only requests whose path holds it are affected. ``per_score_s`` is the time that a
    score takes, ``per_batch_s`` that of a batch of them. What was stored is there to be read after
    ``visible_after_s``. ``elsewhere``: one of FOREIGN, at addresses that it does not have.
    """

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
        route="",
        per_score_s=None,
        per_batch_s=0.0,
        visible_after_s=None,
        elsewhere=None,
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
        self.route = route
        self.per_score_s = per_score_s
        self.per_batch_s = per_batch_s
        self.visible_after_s = visible_after_s
        self.elsewhere = elsewhere

    def affects(self, method, path):
        """Whether ``mode`` is for such requests."""
        return self.route in path and (method == "POST" or not self.posts_only)

    def scores_take_s(self, number, version):
        """How long a server of ``version`` needs for so many scores."""
        each_s = of_third(self.per_score_s, SCORE_OF_A_THIRD_S, version)
        return number * each_s + self.per_batch_s * bool(number)

    def hidden_for_s(self, version):
        """How long a server of ``version`` does not show what it has."""
        return of_third(self.visible_after_s, VISIBLE_OF_A_THIRD_S, version)

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


def of_third(told, usual, version):
    """What was told, or else what is usual for servers of the third generation."""
    if told is None:
        return usual if (3,) <= version < (4,) else 0.0
    return told
