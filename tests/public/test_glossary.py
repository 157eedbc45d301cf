"""docs/glossary.md explains the words of a report: its titles, tables and facts."""

from __future__ import annotations

import re
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from mcstress.evidence.report.markdown import markdown
from mcstress.metrics.phase import PHASES

CHECKOUT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(CHECKOUT / "tests" / "evidence"))
from made_report import MadeRun, head_of, typed  # noqa: E402  (found by the line above)

DOCS = CHECKOUT / "docs"
GLOSSARY = (DOCS / "glossary.md").read_text()
ROWS = re.findall(r"^\| (\*\*.+?) \| (.+?) \| (.+?) \|$", GLOSSARY, re.MULTILINE)
TERMS = [term.casefold() for row in ROWS for term in re.findall(r"\*\*(.+?)\*\*", row[0])]
ASKED = re.findall(
    r"\S+",
    """
group trio seat cell arm K boost injection playbook namespace fresh reissue baseline surge swap
merge split handover schedule arrival offered begun missed clock appointment due band round step
event phase question unit wording variant certain silence response wait saturated capacity trial
spike fit gain recall@k ndcg@k mrr leak worker master censored corpus interval check verdict
""",
)


def has_word(heading: str) -> bool:
    """Whether a term of the glossary stands in ``heading``, as whole words."""
    return any(re.search(rf"(?<!\w){re.escape(term)}(?!\w)", heading.casefold()) for term in TERMS)


@pytest.fixture(scope="module")
def report() -> list[str]:
    made = MadeRun(failing=0.02, users=[3, 60]).events(trios=2, rounds=4)
    return markdown(typed(head_of(made))).splitlines()


def test_each_word_has_one_entry_with_a_meaning_and_a_link():
    assert len(ROWS) > 60
    assert sorted({term for term in TERMS if TERMS.count(term) > 1}) == []
    assert [row[0] for row in ROWS if not row[2].startswith("[")] == []


@pytest.mark.parametrize("word", [*ASKED, *(phase.title for phase in PHASES.values())])
def test_the_words_of_a_round_are_there(word):
    assert has_word(word)


def test_each_title_and_each_heading_of_a_report_has_its_word(report):
    titles = [line[3:] for line in report if line.startswith("## ")]
    cells = [
        cell.strip()
        for line, below in pairwise(report)
        if below.startswith("| ---")
        for cell in line.strip("| ").split(" | ")
    ]
    facts = [match[1] for line in report if (match := re.match(r"- \*\*(.+?):\*\*", line))]
    assert len(titles) > 10
    assert len(cells) > 50
    assert len(facts) > 10
    assert ", ".join(words for words in [*titles, *cells, *facts] if not has_word(words)) == ""


def test_its_links_lead_somewhere():
    for page, anchor in re.findall(r"\]\(([a-z]+\.md)(?:#([a-z-]+))?\)", GLOSSARY):
        titles = re.findall(r"^#+ (.+)$", (DOCS / page).read_text(), re.MULTILINE)
        anchors = {re.sub(r"[^a-z -]", "", title.casefold()).replace(" ", "-") for title in titles}
        assert not anchor or anchor in anchors, f"{page}#{anchor}"
