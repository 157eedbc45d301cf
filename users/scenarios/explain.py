"""What msgspec says of a scenario's file, in the words of the file's author."""

from __future__ import annotations

import re
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import msgspec

from mcstress.users.scenarios.clock_model import PLAIN_NAME
from mcstress.users.scenarios.model import NOT_EMPTY
from mcstress.users.scenarios.scenario_error import describe, entry, suggestion

_KINDS = {
    "int": "a whole number",
    "float": "a number",
    "str": "text",
    "bool": "true or false",
    "array": "a list",
    "date": "a date, such as 2026-03-02",
    "object": "a table",
    "int | null": "a whole number",
    "float | null": "a number",
    "str | null": "text",
    "array | null": "a list",
    "object | null": "a table",
}
_MATCHED = {
    repr(NOT_EMPTY): "text that is not empty",
    repr(PLAIN_NAME): "a name of small letters and digits, beginning with a letter",
}
_UNITS = {"array": "entries", "str": "characters"}
_PATH = re.compile(r" - at `\$([^`]*)`\Z")
_SEGMENT = re.compile(r"\.(?P<key>\w+)|\[(?P<index>\d+|\.\.\.)\]")


def explain(error: msgspec.ValidationError, raw: object, root: type) -> str:
    """Where in the file ``raw`` (to become a ``root``) ``error`` is, what is there, what should be.

    msgspec says ``Expected `int`, got `str` - at `$.variants[0].contracts[1].location```.
    """
    text, path = _said(str(error))
    return _Walk(raw, root).to(path).fault(text)


def _said(error: str) -> tuple[str, str]:
    """What is wrong, and the path to it, which is empty for the file as a whole."""
    path = _PATH.search(error)
    return (error[: path.start()], path[1]) if path else (error, "")


class _Walk:
    """A way into the file's data and, beside it, into the types it should have."""

    def __init__(self, value: Any, kind: Any) -> None:
        self.value, self.kind, self.place = value, kind, ""

    def to(self, path: str) -> _Walk:
        for step in _SEGMENT.finditer(path):
            if step["key"]:
                self._into_key(step["key"])
            else:
                self._into_entry(step["index"])
        return self

    def fault(self, text: str) -> str:
        name = (re.search(r"field `(.+)`", text) or [text, ""])[1]
        if text.startswith("Object contains unknown field"):
            known = [field.encode_name for field in msgspec.structs.fields(self.kind)]
            return (
                f"{self._at(name)}: found a key that is not known here, "
                f"expected one of {', '.join(known)}{suggestion(name, known)}"
            )
        if text.startswith("Object missing required field"):
            return f"{self._at(name)}: the key is missing; found {_keys(self.value)}"
        return f"{self.place or 'the file'}: found {describe(self.value)}, {self._expected(text)}"

    def _at(self, key: str) -> str:
        return f"{self.place}.{key}" if self.place else key

    def _into_key(self, key: str) -> None:
        self.place, self.value = self._at(key), self.value[key]
        fields = {field.encode_name: field.name for field in msgspec.structs.fields(self.kind)}
        self.kind = _bare(get_type_hints(self.kind, include_extras=True)[fields[key]])

    def _into_entry(self, index: str) -> None:
        bounded = get_args(self.kind)[-1]
        self.kind = _bare(bounded)
        if index == "...":  # msgspec does not say which key of a table it means
            key = next(key for key, value in self.value.items() if not _is(value, bounded))
            self.place, self.value = self._at(key), self.value[key]
            return
        self.value = self.value[int(index)]
        self.place = f"{self.place}{entry('', _name_of(self.value, int(index)))}"

    def _expected(self, text: str) -> str:
        if text.startswith("Invalid enum value"):
            known = get_args(self.kind)
            return f"expected one of {', '.join(known)}{suggestion(self.value, known)}"
        # What it says of a text that is no date has no type in it.
        text = text.replace("Invalid RFC3339 encoded date", "Expected `date`")
        parts = re.fullmatch(r"Expected `(.+?)`(.*)", text, re.DOTALL)
        if parts is None:
            return f"expected otherwise: {text}"
        kind, rest = parts.groups()
        if "matching regex" in rest:
            return f"expected {_MATCHED[rest.removeprefix(' matching regex ')]}"
        if length := re.match(r" of length ([<>])= (\d+)", rest):
            how = "at least" if length[1] == ">" else "at most"
            return f"expected {how} {length[2]} {_UNITS[kind]}"
        limit = rest.replace(" >= ", ", at least ").replace(" <= ", ", at most ")
        limit = limit.replace(" > ", ", above ")
        return f"expected {_KINDS.get(kind, kind)}{limit.partition(', got')[0]}"


def _is(value: object, kind: Any) -> bool:
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError:
        return False
    return True


def _bare(kind: Any) -> Any:
    """``kind`` without its constraints and without None."""
    if get_origin(kind) is Annotated:
        return _bare(get_args(kind)[0])
    options = [option for option in get_args(kind) if option is not type(None)]
    return _bare(options[0]) if type(None) in get_args(kind) else kind


def _name_of(value: object, index: int) -> str | int:
    """What an entry of a list is called in messages: its name or role, else its number."""
    if isinstance(value, dict):
        name = value.get("name", value.get("role"))
        return name if isinstance(name, str) and name.strip() else index
    return index


def _keys(table: dict[str, object]) -> str:
    return f"only {', '.join(table)}" if table else "nothing"
