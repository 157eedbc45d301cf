"""Whether what a model wrote can be a paraphrase: the same need, in other words.

A weak model writes the schema's word "paraphrase", three words, or the query again. Searched for,
such words would say something of the model and be read as a fault of the memory. What is asked here
is the least that a paraphrase has; whether it keeps the meaning, no rule can say.
"""

from __future__ import annotations

import re

NUMBER_WORDS = {
    "one": "1", "two": "2", "three": "3", "four": "4", "five": "5", "six": "6", "seven": "7",
    "eight": "8", "nine": "9", "ten": "10", "eleven": "11", "twelve": "12", "dozen": "12",
    "fifteen": "15", "twenty": "20", "thirty": "30", "forty": "40", "fifty": "50",
}  # fmt: skip
FEWEST_WORDS = 4
LETTERS_OF_A_STEM = 5
"""Of longer words so many letters are compared: an electrician does electrical work."""
SHORTEST_CONTENT = 4
"""Shorter words without a digit or a capital are of the grammar: for, the, and."""
OF_THE_GRAMMAR = frozenset({
    "need", "needs", "needed", "want", "wants", "wanted", "require", "requires", "required",
    "looking", "find", "with", "from", "that", "this", "these", "those", "they", "them", "their",
    "there", "have", "must", "will", "shall", "should", "would", "could", "some", "able", "into",
    "onto", "upon", "about", "where", "when", "whom", "whose", "which", "while", "please",
    "people", "person", "worker", "workers", "jobs", "work", "search", "query",
})  # fmt: skip
SCHEMA_WORDS = frozenset({
    "paraphrase", "title", "type", "object", "properties", "required", "string", "description",
    "answer", "json", "schema", "value", "the", "a", "same", "need", "query", "in", "other",
    "words", "text",
})  # fmt: skip
"""What the model is shown around the query: the schema's words, and the instruction's for it."""

_WORD = re.compile(r"[^\W_]+")


def paraphrase_fault(query: str, paraphrase: str) -> str | None:
    """Why ``paraphrase`` is none of ``query``; None where it may be one. The reasons are steady."""
    words, asked = _words(paraphrase), _words(query)
    fault = None
    if not words:
        fault = "found nothing"
    elif words == asked:
        fault = "the query itself"
    elif SCHEMA_WORDS.issuperset(words):
        fault = "the schema's own words"
    elif len(words) < FEWEST_WORDS and 2 * len(words) < len(asked):
        fault = "too few words"
    elif (content := _content(query)) and content.isdisjoint(_content(paraphrase)):
        fault = "nothing of what the query asks for"
    return fault and f"paraphrase: {fault}"


def _words(text: str) -> list[str]:
    return _WORD.findall(text.casefold())


def _content(text: str) -> set[str]:
    """Numbers, names and content words of ``text``, in a form that is the same for their kin."""
    found = set()
    for word in _WORD.findall(text):
        folded = word.casefold()
        if number := NUMBER_WORDS.get(folded) or (folded if folded.isdecimal() else None):
            found.add(number)
        elif folded not in OF_THE_GRAMMAR and (len(word) >= SHORTEST_CONTENT or word.isupper()):
            found.add(folded[:LETTERS_OF_A_STEM].removesuffix("s"))
    return found
