"""Why what a model wrote could not be used, with what it says of itself.

The words are steady: they are counted by, as those of failed steps are.
"""

from __future__ import annotations

from mcstress.services.failure_reason import clip, text_fault
from mcstress.services.llm.schema import ChatAnswer

FENCE = "```"
THOUGHTS = ("<think>", "<thinking>")
ENDED_WELL = ("stop", "")
DONE_REASON_CHARACTERS = 20


def content_fault(error: Exception, answer: ChatAnswer) -> str:
    """What ``error`` says of the content, and what the answer's other members add to it."""
    content = answer.message.content or ""
    fault = text_fault(error, "content") if content.strip() else "content: empty"
    return ", ".join([fault, *_remarks(content, answer)])


def _remarks(content: str, answer: ChatAnswer) -> list[str]:
    begin = content.lstrip()
    said = []
    if begin.startswith(THOUGHTS):
        said.append("thinking before it")
    elif answer.message.thinking and not begin:
        said.append("thinking only")
    if FENCE in content:
        said.append("in a Markdown fence")
    reason = answer.done_reason
    if isinstance(reason, str) and reason not in ENDED_WELL:
        said.append(f"done_reason {clip(reason, DONE_REASON_CHARACTERS)}")
    return said
