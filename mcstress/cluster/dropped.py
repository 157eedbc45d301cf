"""Messages on the master's port that no worker of the run could send: dropped, counted and said."""

from __future__ import annotations

import logging
from collections import Counter

LONGEST_NAME = 60
LONGEST_REASON = 300

logger = logging.getLogger(__name__)


class Dropped:
    """Counts by reason, a few fixed words each: ``message {reason}``. A reason is logged once.

    Whoever floods the port fills no log. ``clear`` begins the next run's count.
    """

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def note(self, reason: str, sender: str, detail: object = "") -> None:
        """Count one; ``detail`` is logged with the first of its reason."""
        self._counts[reason] += 1
        if self._counts[reason] == 1:
            logger.warning(
                "dropped a message %s, from %s%s; more of the kind are only counted",
                reason,
                quoted(sender),
                f": {quoted(detail)}" if detail else "",
            )

    def notices(self) -> list[str]:
        """What the report says of them: a sentence, or nothing."""
        total = self._counts.total()
        if not total:
            return []
        kinds = ", ".join(f"{number:,} {reason}" for reason, number in self._counts.most_common())
        messages = "message was" if total == 1 else "messages were"
        return [f"{total:,} {messages} dropped that no worker of this run could send: {kinds}"]

    def clear(self) -> None:
        """Forget them."""
        self._counts.clear()


def quoted(text: object, longest: int = LONGEST_NAME) -> str:
    """A stranger's text as a log can bear it: in one line of printable ASCII, and short."""
    line = str(text)[: longest + 1].encode("ascii", "backslashreplace").decode()
    line = "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in line)
    return line if len(line) <= longest else f"{line[:longest]}..."
