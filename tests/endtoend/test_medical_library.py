"""A scenario of quite another domain, from end to end: two librarians and medical articles."""

from __future__ import annotations

import html
import re

import pytest
from click.testing import CliRunner
from endtoend.locust_run import run_locust
from standin.medical_articles import FILE, articles

from mcstress.cli import main
from mcstress.services.corpus_file import read_corpus, write_corpus

STAFFING = re.compile(r"(?i)(?<![.\w])(resumes?|people|persons?|trios?|staffing|roles?)\b")
"""Not as a field's name in a command."""
ROUND = ("--headless", "-u", 4, "-r", 4, "--rounds", 1, "--scenario", "medical_library")


def test_its_corpus_is_the_generators_and_mcstress_corpus_writes_it(tmp_path):
    assert [*read_corpus(FILE)] == articles()
    write_corpus(tmp_path / "made.jsonl", articles())
    assert FILE.read_bytes() == (tmp_path / "made.jsonl").read_bytes()
    given = ["corpus", "--scenario", "medical_library", "--out", str(tmp_path)]
    told = CliRunner().invoke(main, given)
    assert told.exit_code == 0, told.output
    assert (tmp_path / FILE.name).read_bytes() == FILE.read_bytes()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("medical")


def test_it_passes_and_its_report_speaks_of_its_own_things(folder):
    code, document, output = run_locust(*ROUND, report_dir=folder / "sound")
    assert code == 0, output
    assert {event["coordinator"] for event in document["events"]} == {
        "nora", "omar", "nora-2", "omar-2",
    }  # fmt: skip
    assert "inbox" not in document["metrics"]["events"]["by_phase"] or (
        document["metrics"]["events"]["by_phase"]["inbox"] == 0
    )
    (page,) = (folder / "sound").glob("multi_coord_stress_*.html")
    text = re.sub(r"(?s)<(script|style|pre|code).*?</\1>|<[^>]+>", " ", page.read_text())
    markdown = page.with_suffix(".md").read_text()
    for told in (html.unescape(text), re.sub(r"`[^`]*`|(?s:```.*?```)", "", markdown)):
        assert "article" in told
        assert [found.group() for found in STAFFING.finditer(told)] == []


def test_noise_fails_it(folder):
    arguments = (*ROUND, "--stack-fault", "noise=1")
    code, document, output = run_locust(*arguments, report_dir=folder / "noise")
    failed = {check["metric"] for check in document["checks"] if check["verdict"] == "fail"}
    assert (code, failed) == (3, {"relevance.precision_at_k", "relevance.mean_gain_at_k"}), output
