"""What a scenario calls its things, for the texts that speak of figures.

A text in code names them by placeholders: ``new {new_items} are found``. What is no such
placeholder stays as it is: a metric of a user's own may write braces.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Annotated

import msgspec
from msgspec import Meta

Noun = Annotated[str, Meta(pattern=r"\S")]


class Words(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The nouns of a scenario. A plural that is not given is the singular with an s.

    ``item`` is what searches find; ``new_item`` what is added during the run, the same unless told.
    """

    item: Noun = "item"
    items: Noun | None = None
    new_item: Noun | None = None
    new_items: Noun | None = None
    coordinator: Noun = "coordinator"
    coordinators: Noun | None = None
    group: Noun = "group"
    groups: Noun | None = None
    contract: Noun = "contract"
    contracts: Noun | None = None
    role: Noun = "role"
    roles: Noun | None = None

    def fill(self, text: str) -> str:
        """``text`` with the nouns for their placeholders; ``{Items}`` begins a sentence."""
        if "{" not in text:
            return text
        nouns = _nouns(self)
        return _PLACEHOLDER.sub(lambda found: nouns.get(found[1], found[0]), text)

    def phase(self, name: str) -> str:
        """A phase as a reader sees it: ``fresh_resume`` is "fresh resume", or "fresh article"."""
        return self.fill(SPOKEN.get(name, name.replace("_", " ")))


SPOKEN = {"fresh_resume": "fresh {new_item}"}
"""Phases whose name has a noun of the scenario in it."""
STAFFING = Words(item="person", items="people", new_item="resume")
"""What reports said before scenarios had words of their own."""
PLURALS = ("item", "coordinator", "group", "contract", "role")
_PLACEHOLDER = re.compile(r"\{(\w+)\}")


@lru_cache(maxsize=8)
def _nouns(words: Words) -> dict[str, str]:
    """Each placeholder's noun, in small letters and with a capital."""
    found = {name: getattr(words, name) for name in PLURALS}
    found |= {f"{name}s": getattr(words, f"{name}s") or f"{found[name]}s" for name in PLURALS}
    new_item = words.new_item or found["item"]
    plural = found["items"] if words.new_item is None else f"{new_item}s"
    found |= {"new_item": new_item, "new_items": words.new_items or plural}
    return found | {name.capitalize(): noun[:1].upper() + noun[1:] for name, noun in found.items()}
