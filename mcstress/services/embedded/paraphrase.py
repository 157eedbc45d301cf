"""A query in other words: each known phrase gets another of its wordings."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from mcstress.services.embedded.lexicon import LONGEST_READ, Lexicon, plain_words

if TYPE_CHECKING:
    from mcstress.services.embedded.lexicon import Mention


def paraphrase(query: str, lexicon: Lexicon, seed: int) -> str:
    """``query`` with other wordings; the same query and seed give the same.

    Places, numbers and all that the vocabulary does not know stay as they are.
    """
    random = Random(f"{seed}/{query}")
    parts: list[str] = []
    end = 0
    for mention in lexicon.all_wordings.mentions(plain_words(query[:LONGEST_READ])):
        parts += [query[end : mention.start], other_words(mention, lexicon, random)]
        end = mention.end
    return "".join([*parts, query[end:]])


def other_words(mention: Mention, lexicon: Lexicon, random: Random) -> str:
    """Another wording of what is mentioned, or the same where there is no other."""
    return random.choice(lexicon.others(mention.name) or [mention.name])
