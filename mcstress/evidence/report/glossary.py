"""The words of a report that not every reader knows, and their places in its HTML.

Each stands in docs/glossary.md too, with the same meaning, in the words of ``three_cities``; a
report speaks in its own scenario's. A word is a link where it comes first in a section: to the
glossary at the report's end, with the meaning as its tooltip.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from markupsafe import Markup, escape

from mcstress.metrics.wording import Words


class Word(NamedTuple):
    """``forms``: how it is written, in singular and plural; the first names it."""

    forms: tuple[str, ...]
    meaning: str

    @property
    def anchor(self) -> str:
        """Its place in the page."""
        return "word-" + re.sub(r"[^a-z0-9]+", "-", self.forms[0].lower())


WORDS = (
    Word(
        ("question", "questions"),
        "what was asked, whatever the round: phase, variant, {contract} or persona, and number of "
        "the demand, message or {new_item}. Asked again it is the same question",
    ),
    Word(
        ("wording", "variant", "wordings"),
        "a full set of texts for all demands, in other cities and other words. {Groups} take "
        "the variants in turn",
    ),
    Word(
        ("group", "trio", "groups", "trios"),
        "one {coordinator} of each persona; they hand {contracts} to one another",
    ),
    Word(("demand", "demands"), "one {role} of one {contract}, with the text that asks for it"),
    Word(("top-1",), "the first place of a result list"),
    Word(("top-K", "K"), "the length of a result list; in the top-K: anywhere in the list"),
    Word(
        ("memory", "playbook"),
        "what a {coordinator} has recorded: a query and the hit that was chosen for it. A "
        "search may use it",
    ),
    Word(
        ("control", "arm"),
        "one of two ways in which the same query is asked: with the memory, or without it (the "
        "control)",
    ),
    Word(
        ("reissue", "reissues"),
        "phase 6: each baseline query again, unchanged. The same {items} should come back",
    ),
    Word(
        ("baseline",),
        "phase 1: each demand is searched by retrieval only, and the choice is recorded. Later "
        "lists are compared with these",
    ),
    Word(
        ("handover",),
        "phase 4: one {coordinator} gives its {contract} and its memory to another, who searches "
        "in the same wording. Phase 4b does so with a paraphrase",
    ),
    Word(("paraphrase", "paraphrased"), "the same need in other words"),
    Word(
        ("swap", "swaps"),
        "phase 2b: a client rejects a list; the same search again must not return the rejected "
        "hits",
    ),
    Word(
        ("Jaccard",),
        "how alike two lists are: the hits in both, divided by the hits in either. 1 is the same "
        "set, 0 is nothing in common",
    ),
    Word(
        ("RBO", "overlap@k"),
        "how alike two lists are when order counts; RBO gives the first places more weight",
    ),
    Word(
        ("Kendall's tau",),
        "whether the hits that two lists share stand in the same order: 1 the same, -1 reversed",
    ),
    Word(
        ("Lift",),
        "the rate of hits at top-1 with the memory minus the rate without it, on the same queries",
    ),
    Word(
        ("McNemar",),
        "how probable a difference at least as large would be if there were none; below 0.05 "
        "counts as proven. McNemar's test gives it for pairs",
    ),
    Word(
        ("interval", "95 % interval", "intervals"),
        "the range that holds the true value in 95 of 100 such runs. It is wide where there are "
        "few samples",
    ),
    Word(("expected by chance", "chance"), "what two random lists would have in common"),
    Word(("certain",), "the whole interval lies on one side of the threshold"),
    Word(
        ("healthy",),
        "the figure lies in the range that a good system is expected to have. It is no verdict",
    ),
    Word(
        ("p95", "p50", "p90", "p99", "p99.9"),
        "percentiles: half, 90 %, … of all took at most so long; max is the longest",
    ),
    Word(
        ("step", "steps"),
        "one request to a service with its answer, such as `matrix.search`",
    ),
    Word(
        ("event", "events"),
        "one task of a {coordinator} in a phase, such as one search with its recording. It has one "
        "or more steps",
    ),
    Word(
        ("silence", "silences"),
        "a silence is a time of at least one second in which requests were waiting and none "
        "succeeded; availability is the share of the run without one",
    ),
    Word(
        ("looks", "look"),
        "a search for a new {new_item}: at once over a new connection, and again until it is seen",
    ),
)
_BY_FORM = {form.lower(): word for word in WORDS for form in word.forms}
_FORMS = re.compile(
    r"(?<![\w.@-])("
    + "|".join(map(re.escape, sorted(_BY_FORM, key=len, reverse=True)))
    + r")(?![\w@-])",
    re.IGNORECASE,
)


class Glossary:
    """The words that one page has used; ``words``: what its scenario calls its things."""

    def __init__(self, words: Words) -> None:
        self._words = words
        self._used: set[Word] = set()

    @property
    def used(self) -> list[Word]:
        """Those that were linked, in the order of WORDS."""
        return [word for word in WORDS if word in self._used]

    def linked(self, text: str, told: set[str]) -> Markup:
        """``text``, escaped, with a link at each word that is not in ``told`` yet."""
        parts: list[Markup] = []
        end = 0
        for match in _FORMS.finditer(text):
            word = _BY_FORM[match[0].lower()]
            if word.anchor in told:
                continue
            told.add(word.anchor)
            self._used.add(word)
            parts += [escape(text[end : match.start()]), self._link(match[0], word)]
            end = match.end()
        return Markup().join([*parts, escape(text[end:])])

    def meaning(self, word: Word) -> str:
        """What it means, in the scenario's words."""
        return self._words.fill(word.meaning).replace("`", "")

    def _link(self, text: str, word: Word) -> Markup:
        return Markup('<a class="word" href="#{}" title="{}">{}</a>').format(
            word.anchor, self.meaning(word), text
        )
