"""The staffing vocabulary: the words that the corpora are made of and that the rules know."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import msgspec

VOCABULARY_FILE = Path(__file__).with_name("vocabulary.toml")


class ShiftWords(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A shift and the ways to say it."""

    name: str
    wordings: list[str]


class City(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A city; ``share`` weighs how many workers live there."""

    name: str
    county: str
    share: float = 1.0


class Region(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The cities of one contract's surroundings."""

    name: str
    state: str
    state_name: str
    area: str
    cities: list[City]


class Cert(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A certificate or licence; the first wording is its name."""

    wordings: list[str]

    @property
    def name(self) -> str:
        return self.wordings[0]


class Role(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A role: its reported job titles, and what those who hold it can do.

    Each of ``skills`` is a list of wordings of which the first is the skill's name.
    """

    name: str
    titles: list[str]
    certs: list[str]
    skills: list[list[str]]
    duties: list[str]
    share: float = 1.0


class PersonNames(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Given and family names, joined at random."""

    given: list[str]
    family: list[str]


class Vocabulary(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All the words, as ``vocabulary.toml`` has them."""

    shifts: list[ShiftWords]
    regions: list[Region]
    certs: list[Cert]
    roles: list[Role]
    names: PersonNames


@cache
def load_vocabulary() -> Vocabulary:
    """The vocabulary beside this module, read once."""
    return msgspec.toml.decode(VOCABULARY_FILE.read_bytes(), type=Vocabulary)
