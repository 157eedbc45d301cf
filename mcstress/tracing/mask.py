"""What is taken out of observations before they leave the machine. A spool has them whole.

Only string values of queries, messages and LLM content are looked at: ids, vectors and what a
service knows of its hits go as they are.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from mcstress.tracing.observation import Observation, Score
from mcstress.tracing.personal_data import masked, may_hold, replaced
from mcstress.tracing.trace import MASK, MaskLevel

if TYPE_CHECKING:
    from collections.abc import Callable

    from mcstress.tracing.observation import TraceEntry

_STRING = r'"([^"\\]*+(?:\\.[^"\\]*+)*+)("|\\?\Z)'
"""A JSON string; of a body that was cut, also one without its end."""
_SAID = re.compile(
    rf'"(?:query_text|sender|subject|body|content|thinking)"\s*:\s*{_STRING}', re.DOTALL
)
_ANY = re.compile(
    rf'"(?:id|[a-z_]+_ids?)"\s*:\s*"[^"\\]*+"|"metadata"\s*:\s*\{{[^{{}}]*+\}}|{_STRING}', re.DOTALL
)
_CUT = re.compile(r"([\w@.+()% -]{0,64})(… \[cut: \d+ of \d+ bytes\])\Z")
"""The end of a cut body, where a number or an address may be cut in two."""
_CUT_MARK = re.compile(r"… \[cut: \d+ of \d+ bytes\]\Z")
_CUT_END = " bytes]"
_LONGEST_TOKEN = len("\\ud83d")
"""Of those that a cut may leave half of: an escape, or ``false``."""
_CLIPPED = re.compile(r"[\w.+()%'-]{0,64}[\d@][\w@.+()%' -]{0,64}…\Z")
"""The end of a message that was clipped, from the word on that may be a part of such a thing."""
_PARTS = frozenset("0123456789@")
_LONGEST_END = 120
_SERVICES_WORDS = re.compile(r"(HTTP \d+): .*", re.DOTALL)
_BODY_OF_QUESTION = '{"body":'
"""How a judge's question begins: the message, then the hit that is to be judged."""


def said(text: str) -> str:
    """``text``, a body, with the values masked in which somebody says something."""
    return _in_strings(_SAID, text) if _may_hold(text) else text


def anything(text: str) -> str:
    """``text``, a body of any form, with all of its strings masked but ids and metadata."""
    if not _may_hold(text):
        return text
    in_strings = _in_strings(_ANY, text)
    return in_strings if _is_json(text) else replaced(in_strings)


def _is_json(text: str) -> bool:
    """Whether ``text`` is JSON; of a body that was cut, whether it is as far as it goes."""
    cut = _CUT_MARK.search(text, max(0, len(text) - _LONGEST_END))
    try:
        json.loads(text[: cut.start()] if cut else text, strict=False)
    except json.JSONDecodeError as fault:
        in_a_string = fault.msg.startswith("Unterminated string")
        return cut is not None and (in_a_string or fault.pos >= cut.start() - _LONGEST_TOKEN)
    except (RecursionError, ValueError):  # of a number with more digits than it reads
        return False
    return True


def _may_hold(body: str) -> bool:
    """Whether there is anything to mask in a ``body``; of one that was cut, its end."""
    return may_hold(body) or body.endswith(_CUT_END)


class _Rule(NamedTuple):
    """How a step's request and its answer are masked; None where nothing in it is said."""

    request: Callable[[str], str] | None
    answer: Callable[[str], str] | None


_RULES = {
    "matrix.search": _Rule(said, None),
    "freshness.search": _Rule(said, None),
    "freshness.poll": _Rule(said, None),
    "playbook.record": _Rule(said, anything),  # some services say what they recorded
    "observerd.inbox.record": _Rule(said, anything),
    "embed": _Rule(anything, None),
    "index.add": _Rule(None, None),
    "index.update": _Rule(None, None),
    "llm.parse_demand": _Rule(said, said),
    "llm.judge_top1": _Rule(said, said),
    "llm.paraphrase": _Rule(said, said),
}
_OTHERS = _Rule(anything, anything)


class Masker:
    """Masks entries as ``level`` says; where it is None, as the run of each trace did."""

    def __init__(self, level: MaskLevel | None = None) -> None:
        self._level = level

    def entry(self, entry: TraceEntry) -> TraceEntry:
        """What is sent of ``entry``, which itself stays as it is."""
        if isinstance(entry, Score):
            return self._score(entry)
        level = self._level or entry.trace.metadata.get(MASK, "on")
        if level == "off":
            return entry
        return _without_bodies(entry) if level == "strict" else _masked(entry)

    def _score(self, score: Score) -> Score:
        if score.comment is None or self._level == "off":
            return score
        return msgspec.structs.replace(score, comment=masked(score.comment))


def _masked(found: Observation) -> Observation:
    rule = _RULES.get(found.name, _OTHERS)
    answer = anything if found.level == "ERROR" else rule.answer  # it may say what it was asked
    input_ = rule.request(found.input) if found.input and rule.request else found.input
    output = answer(found.output) if found.output and answer else found.output
    message = found.message and _message(found.message)
    if (input_, output, message) == (found.input, found.output, found.message):
        return found
    return msgspec.structs.replace(found, input=input_, output=output, message=message)


def _without_bodies(found: Observation) -> Observation:
    message = found.message and _message(_SERVICES_WORDS.sub(r"\1", found.message))
    return msgspec.structs.replace(
        found, input=_taken(found.input), output=_taken(found.output), message=message
    )


def _message(text: str) -> str:
    """A message, masked: also half a number, or half an address, where it was clipped."""
    text = masked(text)
    return _CLIPPED.sub("…", text) if text.endswith("…") else text


def _taken(body: str | None) -> str | None:
    return body and f"[{len(body):,} characters, not sent: --mask strict]"


def _in_strings(pattern: re.Pattern[str], text: str) -> str:
    return pattern.sub(_with_string, _without_cut_end(text))


def _with_string(found: re.Match[str]) -> str:
    """A match with its string masked: ``masked`` sees it as it reads, without JSON's escapes."""
    raw = found[1]
    if raw is None or not may_hold(raw):
        return found[0]
    text = _read(raw) if "\\" in raw else raw
    clean = said(text) if text.startswith(_BODY_OF_QUESTION) else replaced(text)
    if clean == text:
        return found[0]
    before = found[0][: found.start(1) - found.start()]
    return f"{before}{_written(clean)}{found[2]}"


def _read(raw: str) -> str:
    """The text of a JSON string; as it stands, where that is none."""
    try:
        text: str = json.loads(f'"{raw}"', strict=False)
    except ValueError:
        return raw
    return text


def _written(text: str) -> str:
    """``text`` as a JSON string, without its quotes. Half a surrogate pair stays an escape."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(text)[1:-1]
    return json.dumps(text, ensure_ascii=False)[1:-1]


def _without_cut_end(text: str) -> str:
    if not text.endswith(_CUT_END):
        return text
    return text[:-_LONGEST_END] + _CUT.sub(_without_part, text[-_LONGEST_END:])


def _without_part(found: re.Match[str]) -> str:
    """The end of a cut body without what may be the first part of a number or an address."""
    return found[0] if _PARTS.isdisjoint(found[1]) else found[2]
