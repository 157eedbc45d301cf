"""Tracing in the web UI: the page has the numbers of the report, links to it, and shows no key."""

from __future__ import annotations

import csv
from collections import Counter

import pytest
from endtoend.langfuse_process import Langfuse, check_accounts
from web_run import WebRun

STEPS = 109
"""Of one trio's one round."""
PAGES = (
    "",
    "stats/requests",
    "stats/report",
    "exceptions",
    "tasks",
    "logs",
    "coordination/",
    "coordination/figures",
    "coordination/figures.csv",
    "coordination/reports/001.html",
    "coordination/reports/001.json",
    "coordination/reports/001.md",
)


@pytest.fixture(scope="module")
def story(services, tmp_path_factory):
    """Two runs, one after the other, and what one could read meanwhile."""
    folder = tmp_path_factory.mktemp("web")
    with Langfuse() as langfuse:
        env_file = langfuse.env_file(folder / "secret")
        with WebRun(folder, *services, "--langfuse-env", env_file) as web:
            before = web.client.get("").text
            web.run_to_the_end()
            texts = {path: web.client.get(path).raise_for_status().text for path in PAGES}
            web.run_to_the_end()
            documents = [web.document("001"), web.document("002")]
            texts |= {"the start form": before, "the output": web.output}
        yield texts, documents, langfuse, langfuse.state()


def test_no_key_shows_on_any_page(story):
    texts, _, langfuse, _ = story
    for name, text in texts.items():
        for secret in langfuse.secrets:
            assert secret not in text, name


def test_the_page_has_the_numbers_of_the_report(story):
    texts, (document, _), _, _ = story
    tracing = check_accounts(document)
    rows = csv.DictReader(texts["coordination/figures.csv"].splitlines())
    shown = {row["figure"]: row["value"] for row in rows if row["part"] == "Completeness"}
    for key in ("made", "sampled_out", "delivered", "read_back", "spooled"):
        assert shown[f"trace observations {key.replace('_', ' ')}"] == str(tracing[key])
    assert shown["trace observations dropped"] == "0"
    assert tracing["delivered"] == STEPS


def test_the_page_links_to_the_session(story):
    texts, (document, _), langfuse, _ = story
    session = f"{langfuse.url}/project/project-of-the-stand-in/sessions"
    assert f"{session}/{document['run']['run_uid']}" in texts["coordination/figures"]


def test_each_run_has_a_session_of_its_own(story):
    _, documents, _, stored = story
    sessions = Counter(
        stored["traces"][each["trace"]]["session"] for each in stored["observations"].values()
    )
    assert sessions == {document["run"]["run_uid"]: STEPS for document in documents}
    for document in documents:
        tracing = check_accounts(document)
        assert (tracing["made"], tracing["read_back"]) == (STEPS, STEPS)
