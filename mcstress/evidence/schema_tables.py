"""The tables of docs/document.md: ``python -m mcstress.evidence.schema_tables`` prints them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from inspect import cleandoc

from mcstress.evidence.run_document import Json
from mcstress.evidence.schema import schema

PARTS = {
    "run": "RunSection",
    "checks": "CheckOutcome",
    "load_curve": "",
    "completeness": "Completeness",
    "events": "Event",
    "events[].steps": "StepRecord",
}
"""Where the keys of each table stand, and their definition; none: beside the key itself."""


def tables() -> str:
    """Markdown: the document's own keys, then those of each part."""
    root = schema()
    parts = [f"## The document\n\n{_table(root)}"]
    for place, name in PARTS.items():
        part = root["$defs"][name] if name else root["properties"][place]["items"]
        told = f"{_prose(part['description'])}\n\n" if name and not _tells(part) else ""
        parts.append(f"## `{place}`\n\n{told}{_table(part)}")
    return "\n\n".join(parts) + "\n"


def _tells(part: Json) -> bool:
    """Whether keys have meanings beside them; else the definition's text has them."""
    return any("description" in each for each in part["properties"].values())


def _prose(text: str) -> str:
    """A docstring as Markdown."""
    return cleandoc(text).replace("``", "`")


def _table(part: Json) -> str:
    """One row for each key; the column of meanings only where some key says one."""
    rows = list(part["properties"].items())
    told = _tells(part)
    head = "| key | type | meaning |\n|---|---|---|" if told else "| key | type |\n|---|---|"
    lines = []
    for key, each in rows:
        cells = [f"`{key}`", " or ".join(dict.fromkeys(_types(each)))]
        cells += [each.get("description", "").replace("|", r"\|")] if told else []
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([head, *lines])


def _types(each: Json) -> Iterator[str]:
    """What may stand there, in the schema's words."""
    if "anyOf" in each:
        for one in each["anyOf"]:
            yield from _types(one)
    elif "enum" in each:
        yield from (f"`{value}`" for value in each["enum"])
    elif each.get("type") == "array" and (items := each.get("items")):
        yield f"array of {' or '.join(dict.fromkeys(_types(items)))}"
    elif "$ref" in each:
        yield "object"
    else:
        told = each.get("type", "any")
        yield from told if isinstance(told, list) else [told]


if __name__ == "__main__":
    sys.stdout.write(tables())
