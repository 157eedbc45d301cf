"""The vocabulary's phrases, found in running text."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from typing import NamedTuple

from mcstress.services.embedded.vocabulary import Vocabulary, load_vocabulary

LONGEST_READ = 8 * 1024
"""Characters of a text that the rules read; 20 ms of work at the worst. The rest they leave out."""


class Mention(NamedTuple):
    """The thing called ``name``, mentioned as ``wording`` from ``start`` to ``end``."""

    name: str
    wording: str
    start: int
    end: int


class Phrasebook:
    """Things and their wordings; a longer wording is preferred to a shorter one inside it."""

    def __init__(self, wordings: Iterable[tuple[str, str]]) -> None:
        """``wordings`` gives (wording, name); where two things share one, the first has it."""
        self._names: dict[str, str] = {}
        for wording, name in wordings:
            self._names.setdefault(plain_words(wording), name)
        longest_first = sorted(self._names, key=lambda wording: (-len(wording), wording))
        choices = "|".join(re.escape(wording) for wording in longest_first)
        self._pattern = re.compile(rf"(?<![a-z0-9])(?:{choices})(?=(?:e?s)?(?![a-z0-9]))")

    def mentions(self, text: str) -> list[Mention]:
        """All mentions in ``text``, which is ``plain_words``, in their order; plurals count."""
        return [
            Mention(self._names[found.group()], found.group(), found.start(), found.end())
            for found in self._pattern.finditer(text)
        ]

    def names(self, text: str) -> list[str]:
        """The things mentioned in ``text``, each once."""
        return list(dict.fromkeys(mention.name for mention in self.mentions(text)))


class Lexicon:
    """One phrasebook for each kind of thing, and the other wordings of each wording."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        roles = [(title, role.name) for role in vocabulary.roles for title in role.titles]
        certs = [(wording, cert.name) for cert in vocabulary.certs for wording in cert.wordings]
        skills = [
            (wording, skill[0])
            for role in vocabulary.roles
            for skill in role.skills
            for wording in skill
        ]
        shifts = [
            (wording, shift.name) for shift in vocabulary.shifts for wording in shift.wordings
        ]
        self.roles = Phrasebook(sorted(roles, key=lambda pair: pair[0] != pair[1]))
        self.certs = Phrasebook(certs)
        self.skills = Phrasebook(skills)
        self.shifts = Phrasebook(shifts)
        self.cities = Phrasebook(
            (city.name, f"{city.name}, {region.state}")
            for region in vocabulary.regions
            for city in region.cities
        )
        self.all_wordings = Phrasebook(
            (wording, wording) for wording, _name in [*roles, *certs, *skills, *shifts]
        )
        self._others = other_wordings(vocabulary)

    def others(self, wording: str) -> list[str]:
        """The other wordings of what ``wording``, one of ``all_wordings``, means."""
        return self._others[plain_words(wording)]


def plain_words(text: str) -> str:
    """``text`` in lower case, with blanks for hyphens and line ends; no longer, no shorter."""
    return "".join(" " if letter in "-\n\t" else letter.lower()[:1] for letter in text)


def other_wordings(vocabulary: Vocabulary) -> dict[str, list[str]]:
    """For each wording, plain, the others of the same thing, in the vocabulary's order."""
    groups = [role.titles for role in vocabulary.roles]
    groups += [cert.wordings for cert in vocabulary.certs]
    groups += [skill for role in vocabulary.roles for skill in role.skills]
    groups += [shift.wordings for shift in vocabulary.shifts]
    others: dict[str, list[str]] = {}
    for group in groups:
        for wording in group:
            others.setdefault(plain_words(wording), [other for other in group if other != wording])
    return others


@cache
def load_lexicon() -> Lexicon:
    """The lexicon of the vocabulary beside this module, made once."""
    return Lexicon(load_vocabulary())
