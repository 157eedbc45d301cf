"""The ``run`` section of a report says what was run, against what."""

from __future__ import annotations

import msgspec
import pytest

from mcstress.master.run_info import COORDINATORS_NAMED, describe, services, settings
from mcstress.settings import Settings
from mcstress.target_options import LlmChoice


def with_settings(run, **changed):
    """The system under test, with other settings."""
    run.system.settings = msgspec.structs.replace(run.system.settings, **changed)
    return run.system


def test_a_run_is_named_with_its_options(made_run):
    made_run.registry.enter("worker-1", "client", "boot")
    section = describe(made_run)
    shared = made_run.run
    assert (section.run_uid, section.seed, section.k) == (shared.uid, shared.seed, shared.top_k)
    assert (section.mode, section.workers, section.ended) == ("distributed", 1, None)
    assert section.evidence_path == str(made_run.paths.json)
    assert section.versions.keys() >= {"python", "platform", "locust", "numpy"}


def test_users_are_counted_at_their_most_and_errors_once(made_run):
    made_run.users_timeline += [(0, 3), (1, 9), (2, 6)]
    made_run.user_errors += ["b", "a", "b"]
    section = describe(made_run)
    assert section.peak_users == 9
    assert section.user_errors == ["a", "b"]


def test_coordinators_are_named_trio_by_trio_and_not_all_of_ten_thousand(made_run):
    personas = list(made_run.run.scenario.personas)
    for _ in range(2):
        for persona in personas[:2]:
            made_run.seats.lease(persona, "worker-1")
    named = [note.name for note in describe(made_run).coordinators]
    assert named == [*personas[:2], *(f"{persona}-2" for persona in personas[:2])]
    for _ in range(COORDINATORS_NAMED):
        made_run.seats.lease(personas[2], "worker-1")
    assert len(describe(made_run).coordinators) == COORDINATORS_NAMED


def test_without_a_url_a_service_is_the_built_in_one(made_run):
    gateway, llm = services(made_run.system)
    assert (gateway.name, gateway.embedded, llm.name, llm.embedded) == (
        "gateway",
        True,
        "LLM",
        True,
    )
    assert llm.note == "built-in rules, no language model; they answer to the name m"
    url = "http://127.0.0.1:9"
    gateway, llm = services(with_settings(made_run, gateway_url=url, llm=LlmChoice(url=url)))
    assert (gateway.url, gateway.embedded) == (url, False)
    assert (llm.url, llm.embedded) == (url, False)


@pytest.mark.parametrize(
    ("asked", "arrivals", "max_wait_s"),
    [
        ((), "", None),
        (("--clock", "48", "--max-wait", "7"), "", 7),
        (("--arrival-rate", "20-40", "-t", "60s"), "poisson 20 to 40/s", 10),
        (("--find-capacity", "--arrival-rate", "1200", "--arrivals", "constant"),
         "constant 1,200/s, then what the search for the capacity tries", 10),
    ],
)  # fmt: skip
def test_the_schedule_that_was_asked_for_is_among_the_settings(
    make_run, asked, arrivals, max_wait_s
):
    told = settings(make_run(*asked))
    assert (told["arrivals"], told["max_wait_s"]) == (arrivals, max_wait_s)


def test_no_token_is_among_the_settings(made_run, monkeypatch):
    monkeypatch.setenv("GATEWAY_TOKEN", "sesame-1234")
    told = settings(made_run)
    assert "sesame-1234" not in str((told, describe(made_run)))
    given: Settings = made_run.settings
    assert told["think_time_s"] == [given.think_from_s, given.think_to_s]
    assert told["timeout_s"] == given.timeout_s
