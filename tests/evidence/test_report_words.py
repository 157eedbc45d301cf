"""The words of a report: explained as the docs explain them, and linked once in a section."""

import json
import re
from pathlib import Path

from made_report import MadeRun, head_of, typed

from mcstress.evidence.report.glossary import WORDS, Glossary
from mcstress.evidence.report.html import html
from mcstress.evidence.report.sections.settings import MEANINGS
from mcstress.metrics.wording import STAFFING, Words

ROOT = Path(__file__).parents[2]
ROW = re.compile(r"^\| (\*\*.+?\*\*) \| (.+?) \|", re.MULTILINE)


def test_each_word_means_what_the_docs_say():
    rows = ROW.findall((ROOT / "docs" / "glossary.md").read_text())
    told = {
        name.lower(): meaning
        for names, meaning in rows
        for name in re.findall(r"\*\*(.+?)\*\*", names)
    }
    for word in WORDS:
        assert told[word.forms[0].lower()] == STAFFING.fill(word.meaning)


def test_a_word_is_a_link_where_it_comes_first_and_all_else_is_escaped():
    glossary, told = Glossary(STAFFING), set()
    shown = glossary.linked("<b> mean Jaccard, Jaccard & steps-off", told)
    assert shown.startswith('&lt;b&gt; mean <a class="word" href="#word-jaccard" title="how alike')
    assert shown.endswith("</a>, Jaccard &amp; steps-off")
    assert glossary.linked("jaccard", told) == "jaccard"
    assert [word.forms[0] for word in glossary.used] == ["Jaccard"]


def test_a_meaning_is_in_the_words_of_the_scenario():
    library = Words(item="article", coordinator="librarian", group="pair", role="topic")
    text = " ".join(Glossary(library).meaning(word) for word in WORDS)
    assert "article" in text
    assert not re.findall(r"(?i)\b(resumes?|people|coordinators?|trios?|roles?)\b|[{}]", text)


def test_each_link_of_a_report_has_its_place_and_none_stands_twice_in_a_section():
    page = html(typed(head_of(MadeRun().events(trios=1, rounds=2))))
    for section in re.findall(r"<section.*?</section>", page, re.DOTALL):
        links = re.findall(r'href="#(word-[a-z0-9-]+)"', section)
        assert len(links) == len({*links})
    places = re.findall(r'<dt id="(word-[^"]+)"', page)
    assert {*places} == {*re.findall(r'href="#(word-[^"]+)"', page)}
    assert "word-jaccard" in places


def test_each_setting_of_a_run_has_a_meaning():
    sample = ROOT / "reports" / "reality-tests" / "multi_coord_stress_sample.json"
    settings = json.loads(sample.read_text())["run"]["settings"]
    assert {*settings} <= {*MEANINGS}
