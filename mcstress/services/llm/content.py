"""What a model wrote: the JSON in it, or why it could not be used.

The reasons are steady: they are counted by, as those of failed steps are.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from mcstress.metrics.event import DECLINED
from mcstress.services.failure_reason import DECODE_ERRORS, clip, text_fault

FENCE = re.compile(r"```[a-zA-Z0-9]*[ \t]*\r?\n(?P<inside>.*?)\r?\n?[ \t]*```", re.DOTALL)
END_OF_THOUGHT = re.compile(r".*</think(?:ing)?>", re.DOTALL)
THOUGHTS = ("<think>", "<thinking>")
CUT = "length"
ENDED_WELL = ("stop", "")
REASON_CHARACTERS = 20


class Said(msgspec.Struct):
    """What a model said: its ``content``, and whether it told its thoughts apart from it.

    ``ended`` is the API's reason why the answer ended: ``stop``, ``length`` (it was cut), or
    another word; anything but a text says nothing.
    """

    content: str
    thought: bool = False
    ended: Any = None


def json_in(content: str) -> str:
    """``content`` without thoughts before it, and out of its Markdown fence."""
    if content.lstrip().startswith("{"):
        return content
    answer = END_OF_THOUGHT.sub("", content)  # some servers take the opening tag away
    fenced = FENCE.search(answer)
    return fenced["inside"] if fenced else answer


class _Declined(msgspec.Struct):
    cannot: str


_declined = msgspec.json.Decoder(_Declined)


def declined(said: Said) -> str | None:
    """What rules in place of a model say that they cannot; None where they do not say so."""
    try:
        return DECLINED + _declined.decode(said.content).cannot
    except DECODE_ERRORS:
        return None


def content_fault(error: Exception, said: Said) -> str:
    """What ``error`` says of the content, and what the model said of itself beside it."""
    content = said.content
    if said.ended == CUT:
        fault = "content: cut at its longest"
    elif content.strip():
        fault = text_fault(error, "content")
    else:
        fault = "content: empty"
    return ", ".join([fault, *_remarks(content, said)])


def _remarks(content: str, said: Said) -> list[str]:
    begin = content.lstrip()
    remarks = []
    if begin.startswith(THOUGHTS):
        closed = END_OF_THOUGHT.match(begin) is not None
        remarks.append("thinking before it" if closed else "thinking without an end")
    elif said.thought and not begin:
        remarks.append("thinking only")
    if "```" in content:
        remarks.append("in a Markdown fence")
    reason = said.ended
    if isinstance(reason, str) and reason not in ENDED_WELL:
        remarks.append(f"ended by {clip(reason, REASON_CHARACTERS)}")
    return remarks
