"""Phone numbers, email addresses, card and social security numbers: found by their shape.

Names are not found, nor is what is written in other than ASCII digits. What is wrong is rather
masked than sent: a number that could be dialled is taken for one.
"""

from __future__ import annotations

import re

_JOINT_BYTES = b" -.()+/" + "\xa0\u2010\u2011\u2012\u2013\u2014\u2015".encode()
_SEVEN_DIGITS = b"0" * 7
"""What every number has that is looked for, apart from what stands between its digits."""
_DIGITS_ALIKE = bytes(ord("0") if byte in b"0123456789" else 0 for byte in range(256))
_JOINT = r"[-. \xa0\u2010-\u2015]"
_DASH = r"[-.\u2010-\u2015]"
_BEGIN = r"(?:(?<![\w.])|(?<=\\[nrtbf]))"
_LOCAL = r"[\w.%+'-]"
_DOMAIN = re.compile(rf"@(?<={_LOCAL}@)[\w-]{{1,63}}(?:\.[\w-]{{1,63}}){{1,8}}")
_LOCAL_PART = re.compile(rf"(?:(?<=\\[nrtbf])|(?<!\\)){_LOCAL}+\Z")
_LONGEST_LOCAL_PART = 64
_NUMBER = re.compile(
    rf"""
    {_BEGIN}(?:
      (?P<card> [3-6]\d{{3}}([ -])\d{{4}}\2\d{{4}}\2\d{{4}}(?!\d)
              | 3[47]\d\d([ -])\d{{6}}\3\d{{5}}(?!\d) )
    | (?P<digits> (?<!-) [3-6]\d{{12,18}} (?![\w-]) )
    | (?P<ssn> \d{{3}}([ -])\d\d\6\d{{4}}(?!\d) )
    | (?P<international> (?:\+|00)[1-9]\d{{0,2}}
                        (?:{_JOINT}{{0,2}}(?:\(\d{{1,4}}\)|\d{{1,8}}+)){{1,6}}+ (?!\d) )
    | (?P<phone> (?:1{_JOINT}?)? (?:\([2-9]\d\d\)|[2-9]\d\d) (?:/|{_JOINT}{{0,2}})
                 \d{{3}} {_JOINT} \d{{4}} (?!\d)
               | (?:1{_JOINT}?)? \([2-9]\d\d\){_JOINT}? \d{{7}} (?!\d)
               | (?<!-)1?[2-9]\d{{9}} (?![\w-])
               | (?<!-)\d{{3}}{_DASH}\d{{4}} (?![\d-]) )
    | (?P<national> 0[1-9]\d{{0,4}}([ /.-])\d{{2,8}}+(?:\10\d{{2,8}}+){{0,4}}+ (?!\d) )
    )""",
    re.VERBOSE | re.ASCII,
)
_RUN = re.compile(r"[0-9+(][-0-9+() ./\xa0\u2010-\u2015]{6,}+")
"""Where a number may be: digits and what stands between them."""
_LENGTHS = {"international": range(8, 16), "national": range(9, 13)}
"""How many digits a number may have in all."""


def may_hold(text: str) -> bool:
    """Whether ``text`` may hold any of them: one scan, with which most texts are done."""
    if "@" in text or "\\u" in text:  # in JSON any character may be spelt so
        return True
    alike = text.encode("utf-8", "replace").translate(_DIGITS_ALIKE, _JOINT_BYTES)
    return _SEVEN_DIGITS in alike


def masked(text: str) -> str:
    """``text`` with its kind, ``[phone]``, ``[email]``, in the place of what was found."""
    return replaced(text) if may_hold(text) else text


def replaced(text: str) -> str:
    """The same for a ``text`` that may hold something."""
    if "@" in text:
        text = _without_addresses(text)
    return _without_numbers(text)


def _without_addresses(text: str) -> str:
    """``text`` with its email addresses replaced, each found from its ``@`` on, and then before it.

    To look for what may come before an ``@`` would take ten times as long.
    """
    parts: list[str] = []
    end = 0
    for found in _DOMAIN.finditer(text):
        at = found.start()
        local = _LOCAL_PART.search(text, max(end, at - _LONGEST_LOCAL_PART), at)
        if local:
            parts += text[end : local.start()], "[email]"
            end = found.end()
    return "".join((*parts, text[end:]))


def _without_numbers(text: str) -> str:
    """``text`` with its numbers replaced, each looked for in a run of digits alone."""
    parts: list[str] = []
    end = 0
    for run in _RUN.finditer(text):
        begin, after = run.start(), run.end() + 1  # what comes after it may say that it is none
        while found := _NUMBER.search(text, begin, after):
            parts += text[end : found.start()], _named(found)
            begin = end = found.end()
    return "".join((*parts, text[end:]))


def _named(found: re.Match[str]) -> str:
    """What stands in the place of a number; the number itself where it is none after all."""
    number = found[0]
    kind = found.lastgroup
    if kind == "digits":
        return "[card]" if _is_card(number) else number
    if kind in _LENGTHS and sum(map(str.isdigit, number)) not in _LENGTHS[kind]:
        return number
    return f"[{kind}]" if kind in ("card", "ssn") else "[phone]"


def _is_card(digits: str) -> bool:
    """Whether the last of ``digits`` is the check digit of the others (Luhn, ISO/IEC 7812-1)."""
    doubled = (int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(digits)))
    return sum(number - 9 * (number > 9) for number in doubled) % 10 == 0  # noqa: PLR2004  (digits)
