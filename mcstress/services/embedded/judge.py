"""How well a worker fits a message, by counting what of the demand is met."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec

from mcstress.services.embedded.demand_parsing import ReadDemand, read_demand
from mcstress.services.embedded.lexicon import LONGEST_READ, Lexicon, plain_words

if TYPE_CHECKING:
    from collections.abc import Iterator

ALL, ONE_MISSING, ROLE_ONLY, RELATED, NOTHING = 5, 4, 3, 2, 1


class RuleRating(msgspec.Struct, frozen=True):
    """``rating`` 1 to 5, and one sentence that says why."""

    rating: int
    reason: str


class Cannot(msgspec.Struct, frozen=True):
    """Why the rules do not rate: they know nothing that they would have to."""

    cannot: str


NO_ROLE_ASKED = Cannot("the message names no role that the built-in rules know")
NO_ROLE_FOUND = Cannot("the hit names no role that the built-in rules know")


class HitToRate(msgspec.Struct):
    metadata: Any = None


class RatingRequest(msgspec.Struct):
    """The message's own words, and the first hit of the search."""

    body: str
    hit: HitToRate


question_decoder = msgspec.json.Decoder(RatingRequest)


def judge(question: RatingRequest, lexicon: Lexicon) -> RuleRating | Cannot:
    """5: all met; 4: one thing missing; 3: the role fits; 2: something does; 1: nothing does.

    A message or a hit of another vocabulary is not rated: 1 would say that the search is bad.
    """
    demand = read_demand(question.body, lexicon)
    if not demand.role:
        return NO_ROLE_ASKED
    worker = plain_words(" , ".join(words_of(question.hit.metadata))[:LONGEST_READ])
    if not (stands_in(demand.role, worker) or any(lexicon.roles.names(worker))):
        return NO_ROLE_FOUND
    met, missing = compare(demand, worker, lexicon)
    if demand.role in missing:
        rating = RELATED if met else NOTHING
        return RuleRating(rating, f"Not a {demand.role}{listed('; fits', met)}.")
    rating = {0: ALL, 1: ONE_MISSING}.get(len(missing), ROLE_ONLY)
    return RuleRating(rating, f"A {demand.role}{listed('; missing', missing) or ', all met'}.")


def compare(demand: ReadDemand, worker: str, lexicon: Lexicon) -> tuple[list[str], list[str]]:
    """What of ``demand`` the words about the worker mention in any wording, and what not."""
    books = (lexicon.roles, lexicon.certs, lexicon.skills, lexicon.shifts)
    mentioned = {name for book in books for name in book.names(worker)}
    city = demand.location.split(",")[0]
    asked = [demand.role, city, *demand.certs, *demand.skills, demand.shift]
    things = [thing for thing in asked if thing]
    met = [thing for thing in things if thing in mentioned or stands_in(thing, worker)]
    return met, [thing for thing in things if thing not in met]


def stands_in(thing: str, words: str) -> bool:
    """Whether ``words``, which are ``plain_words``, hold ``thing`` as words of its own."""
    return re.search(rf"(?<!\w){re.escape(plain_words(thing))}(?!\w)", words) is not None


def words_of(metadata: object) -> Iterator[str]:
    """All texts in ``metadata``, at any depth."""
    waiting = [metadata]  # no recursion: a client decides how deep it is nested
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, dict):
            waiting += reversed(value.values())
        elif isinstance(value, list):
            waiting += reversed(value)


def listed(before: str, things: list[str]) -> str:
    """``things`` after ``before``, or nothing."""
    return f"{before} {', '.join(things)}" if things else ""
