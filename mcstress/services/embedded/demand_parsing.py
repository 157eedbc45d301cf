"""What a message asks for, read by rules: known phrases first, grammar where there are none."""

from __future__ import annotations

import re

import msgspec

from mcstress.services.embedded.lexicon import LONGEST_READ, Lexicon, Mention, plain_words

NUMBER_WORDS = {
    "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8,
    "nine": 9, "ten": 10, "eleven": 11, "twelve": 12, "dozen": 12, "pair of": 2, "couple of": 2,
}  # fmt: skip

NUMBER = r"\d{1,3}|" + "|".join(sorted(NUMBER_WORDS, key=len, reverse=True))
NUMBER_BEFORE = re.compile(rf"(?<![\w.])({NUMBER})(?:\s+[a-z]+){{0,2}}\s+$")
NUMBER_OF_PEOPLE = re.compile(
    rf"(?<![\w.])({NUMBER})\s+(?:people|persons|hands|openings|positions|of them|for)\b"
)
COUNTED_NOUN = re.compile(
    rf"(?<![\w.])({NUMBER})\s+((?:[a-z]+\s+){{0,3}}?[a-z]+)"
    r"(?=\s+(?:in|for|at|to|on|near|around|with|who|by|from)\b|[,.;:!?])"
)
PLACE = re.compile(
    r"\b(?:in|at|near|to|around)\s+([A-Z][\w.]+(?:\s[A-Z][\w.]+){0,2})\s?,?\s+([A-Z]{2})\b"
)
NUMBER_WITHIN = 200
"""Characters before a title: looked for farther, the time would grow with the text's square."""


class ReadDemand(msgspec.Struct, frozen=True):
    """What is asked for; empty where nothing was found."""

    role: str
    count: int
    location: str
    certs: list[str]
    skills: list[str]
    shift: str


def read_demand(text: str, lexicon: Lexicon) -> ReadDemand:
    """The demand in ``text``."""
    text = text[:LONGEST_READ]
    words = plain_words(text)
    role, count, rest = read_role(words, lexicon)
    certs = lexicon.certs.mentions(rest)
    rest = blanked(rest, certs)
    shifts = lexicon.shifts.mentions(rest)
    return ReadDemand(
        role=role,
        count=count,
        location=read_location(text, words, lexicon),
        certs=names_of(certs),
        skills=lexicon.skills.names(blanked(rest, shifts)),
        shift=shifts[0].name if shifts else "",
    )


def read_role(words: str, lexicon: Lexicon) -> tuple[str, int, str]:
    """The role, how many of it, and ``words`` without the role's mentions.

    A title with a number before it is the one asked for; else the first title, with the number of
    people wherever it stands; else a counted noun.
    """
    # nothing inside the name of a certificate ("certified flagger", "OSHA 10") is role or number
    uncertified = blanked(words, lexicon.certs.mentions(words))
    titles = lexicon.roles.mentions(uncertified)
    for title in titles:
        before = words[max(0, title.start - NUMBER_WITHIN) : title.start]
        if number := NUMBER_BEFORE.search(before):
            return title.name, number_of(number.group(1)), blanked(words, titles)
    if titles:
        people = NUMBER_OF_PEOPLE.search(uncertified)
        count = number_of(people.group(1)) if people else 1
        return titles[0].name, count, blanked(words, titles)
    if noun := COUNTED_NOUN.search(words):
        return noun.group(2).removesuffix("s"), number_of(noun.group(1)), words
    return "", 1, words


def read_location(text: str, words: str, lexicon: Lexicon) -> str:
    """City and state: a known city, else what is written like a place."""
    if cities := lexicon.cities.mentions(words):
        return cities[0].name
    place = PLACE.search(text)
    return f"{place.group(1).strip()}, {place.group(2)}" if place else ""


def number_of(words: str) -> int:
    """The number that ``words`` are."""
    return int(words) if words.isdigit() else NUMBER_WORDS[words]


def names_of(mentions: list[Mention]) -> list[str]:
    """The things mentioned, each once, in their order."""
    return list(dict.fromkeys(mention.name for mention in mentions))


def blanked(text: str, mentions: list[Mention]) -> str:
    """``text`` with blanks where ``mentions`` are."""
    letters = list(text)
    for mention in mentions:
        letters[mention.start : mention.end] = " " * (mention.end - mention.start)
    return "".join(letters)
