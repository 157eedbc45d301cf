"""Mail from a folder, in a real run of two workers: each message once, and what became of it."""

from __future__ import annotations

from collections import Counter

import pytest
from endtoend.locust_run import LocustRun, forked
from standin.process import Standin

MESSAGES = 60
LARGE = 2


@pytest.fixture(scope="module")
def ended(tmp_path_factory):
    """Three coordinators with 30 rounds of two messages each, and fewer messages than that."""
    folder = tmp_path_factory.mktemp("mail")
    for number in range(MESSAGES):
        body = f"Need {number + 1} forklift operators in Chicago for the night shift"
        padding = " x" * 5000 if number < LARGE else ""
        head = f"From: client {number} <c{number}@client.example>\nImportance: high\n\n"
        (folder / f"{number:03}.eml").write_text(head + body + padding)
    (folder / "broken.eml").write_bytes(b"\x00\x00")
    arguments = ("--tags", "inbox", "--rounds", "30", "--inbox", folder)
    reports = tmp_path_factory.mktemp("run") / "reports"
    users = ("--headless", "-u", "3", "-r", "3", "--only-summary")
    with (
        Standin() as standin,
        LocustRun(
            *users, *forked(2), *arguments, "--host", standin.url, "--llm-host", standin.url,
            report_dir=reports,
        ) as run,
    ):  # fmt: skip
        run.wait()
        return run.document(), run.output


def test_every_message_is_taken_once_over_all_workers(ended):
    document, _ = ended
    events = [event for event in document["events"] if event["phase"] == "inbox"]
    times = Counter(event["question"] for event in events)
    assert len(times) == MESSAGES
    assert set(times.values()) == {1}


def test_a_body_that_the_inbox_has_to_refuse_is_no_failure(ended):
    document, output = ended
    inbox = document["metrics"]["inbox"]
    assert inbox["messages"] == MESSAGES
    assert inbox["refused"] == LARGE
    assert inbox["accepted"] == MESSAGES - LARGE
    assert document["metrics"]["errors"]["rate"] == 0, output


def test_what_was_read_and_left_out_is_said(ended):
    document, output = ended
    mail = document["completeness"]["mail"]
    assert (mail["messages"], mail["taken"], mail["left_out"]) == (MESSAGES, MESSAGES, 1)
    assert mail["faults"][0].startswith("broken.eml: ")
    assert f"1 messages left out, {MESSAGES} can be read: broken.eml: " in output
    assert document["completeness"]["complete"], document["completeness"]["faults"]
