"""The embedded stack gives the same figures by a TOML file as by the gateway's own class."""

from __future__ import annotations

from operator import itemgetter

import pytest
from endtoend.locust_run import run_locust
from endtoend.timeless import checks, metrics

from mcstress.services.embedded.process import EmbeddedStack

OF_AN_EVENT = (
    "question", "outcome", "error", "query", "role", "contract", "namespace", "exclude_ids",
    "expected", "expected_corpus", "per_corpus_counts", "boosted", "injected", "parse_status",
    "rating", "gains", "grades",
)  # fmt: skip


@pytest.fixture(scope="module")
def documents(tmp_path_factory):
    """A round by each road, on a stack of its own of the same seed, begun with the same memory."""
    found = {}
    for road, arguments in {"class": (), "file": ("--target", "embedded")}.items():
        stack = EmbeddedStack.start(seed=42)
        try:
            code, document, output = run_locust(
                *("--headless", "-u", 3, "-r", 3, "--rounds", 1, "--playbook-prefix", "p_"),
                *("--host", stack.url, "--llm-host", stack.llm_url, *arguments),
                report_dir=tmp_path_factory.mktemp(road),
            )
        finally:
            stack.stop()
        assert code == 0, output
        found[road] = document
    return found


def test_every_figure_that_is_no_time_is_the_same(documents):
    by_class, by_file = documents["class"], documents["file"]
    assert metrics(by_file) == metrics(by_class)
    assert checks(by_file) == checks(by_class)
    counts = [
        {name: its.get("count") for name, its in one["latency"].items()}
        for one in (by_class, by_file)
    ]
    assert counts[0] == counts[1]
    for name in ("corpora", "left_out", "phases", "k"):
        assert by_file["run"][name] == by_class["run"][name], name


def test_every_list_is_the_same(documents):
    lists = []
    for document in documents.values():
        events = sorted(document["events"], key=itemgetter("coordinator", "phase", "seq"))
        lists.append(
            [
                (
                    {name: event.get(name) for name in OF_AN_EVENT},
                    event["top_k"],
                    [step["name"] for step in event["steps"]],
                )
                for event in events
                # What is added has the run's own id in its name.
                if event["phase"] != "fresh_resume"
            ]
        )
    by_class, by_file = lists
    assert len(by_file) == len(by_class) == 70
    for one, other in zip(by_class, by_file, strict=True):
        assert one == other
