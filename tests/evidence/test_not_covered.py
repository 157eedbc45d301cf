"""What a run did not cover: each sentence where it holds, and nowhere else."""

import msgspec
import pytest
from made_report import MadeRun, head_of, run_section, typed

from mcstress.evidence.document_parts import Service
from mcstress.evidence.report.sections.not_covered import not_covered


@pytest.fixture(scope="module")
def head():
    return head_of(MadeRun().events(trios=2, rounds=1))


def notes(head, **run):
    changed = head | {"run": msgspec.to_builtins(run_section(**run))} if run else head
    return not_covered(typed(changed)).notes


def beginning(notes, words):
    """The one note that begins with ``words``; empty where none does."""
    found = [note for note in notes if str(note).startswith(words)]
    assert len(found) <= 1
    return str(found[0]) if found else ""


def with_figures(head, **sections):
    return head | {"metrics": head["metrics"] | sections}


@pytest.mark.parametrize(
    ("seats", "said"),
    [
        ({"alice": 2, "bob": 2, "carol": 2}, ""),
        (
            {"alice": 3, "bob": 3, "carol": 2},
            (
                "1 incomplete group beside 2 whole: there were 3 alice, 3 bob, 2 carol. What its "
                "coordinators do together was not tested."
            ),
        ),
        (
            {"alice": 1202, "bob": 1200, "carol": 1200},
            (
                "2 incomplete groups beside 1,200 whole: there were 1,202 alice, 1,200 bob, 1,200 "
                "carol. What their coordinators do together was not tested."
            ),
        ),
    ],
)
def test_groups_that_lacked_somebody_are_counted(head, seats, said):
    told = [str(note) for note in notes(head, seats=seats) if "incomplete group" in str(note)]
    assert told == ([said] if said else [])


@pytest.mark.parametrize(
    ("service", "said"),
    [
        (Service(name="gateway", url="http://gateway.example"), ""),
        (
            Service(name="gateway", embedded=True),
            "No real gateway was tested: these figures describe the built-in test server.",
        ),
        (
            Service(name="LLM", embedded=True, note="built-in rules"),
            (
                "No real LLM was tested: these figures describe the built-in test server (built-in "
                "rules)."
            ),
        ),
        (
            Service(name="LLM", url="http://llm.example", note="rules, no language model"),
            "No real LLM was tested: it says that it is none (rules, no language model).",
        ),
        (
            Service(name="LLM", url="http://llm.example", note="token not sent"),
            "The LLM with its token: token not sent to http://llm.example, another service.",
        ),
    ],
)
def test_a_service_that_was_not_the_real_one_is_named(head, service, said):
    found = notes(head, services=[service])
    told = [str(note) for note in found if "real" in str(note) or "with its token" in str(note)]
    assert told == ([said] if said else [])


LLM = "Answers of the LLM that could not be read: "


def test_answers_of_the_llm_that_could_not_be_read_are_of_those_that_came(head):
    inbox = {"parsed": 9, "unparseable": 3, "rated": 8, "unparseable_ratings": 2}
    changed = with_figures(head, inbox=head["metrics"]["inbox"] | inbox)
    assert beginning(notes(changed), LLM) == f"{LLM}3 of 12 demands and 2 of 10 ratings."


def test_nothing_is_said_of_the_llm_where_all_could_be_read_or_a_check_asks(head):
    unread = {"parsed": 9, "unparseable": 3}
    unread = with_figures(head, inbox=head["metrics"]["inbox"] | unread)
    read = with_figures(head, inbox=head["metrics"]["inbox"] | {"unparseable": 0})
    assert beginning(notes(unread), LLM)
    assert not beginning(notes(read), LLM)
    check = head["checks"][0] | {"metric": "inbox.parsed_rate"}
    assert not beginning(notes(unread | {"checks": [check]}), LLM)


@pytest.mark.parametrize(
    ("variants", "trios", "said"),
    [
        (8, 1, ("Only 1 of 8 wordings of the demands was used; each further group of users has "
               "another.")),
        (8, 4, ("Only 4 of 8 wordings of the demands were used; each further group of users has "
               "another.")),
        (1, 1, "Only 1 wording of the demands was used: the scenario has no more."),
        (4, 4, "Only 4 wordings of the demands were used: the scenario has no more."),
        (8, 5, ""),
        (8, 0, ""),
    ],
)  # fmt: skip
def test_few_wordings_are_told_and_whether_there_are_more(head, variants, trios, said):
    figure = "same_role_across_contracts"
    diversity = head["metrics"]["diversity"]
    diversity = diversity | {figure: diversity[figure] | {"trios": trios}}
    scenario = head["scenario"] | {"variants": head["scenario"]["variants"] * variants}
    changed = with_figures(head, diversity=diversity) | {"scenario": scenario}
    assert beginning(notes(changed), "Only ") == said


@pytest.mark.parametrize(
    ("users", "said"),
    [
        ([[1000.0, 6]], "Load: it did not vary, with 6 concurrent users at most."),
        ([[1000.0, 3], [1001.0, 6], [1002.0, 0]],
         "Load: from 3 to 6 concurrent users, too briefly at each number to tell them apart."),
    ],
)  # fmt: skip
def test_one_band_of_load_is_told_with_its_users(head, users, said):
    one_band = head | {"users": users, "load_curve": head["load_curve"][:1]}
    assert beginning(notes(one_band, peak_users=6), "Load: ") == said
    two_bands = one_band | {"load_curve": head["load_curve"][:1] * 2}
    assert not beginning(notes(two_bands, peak_users=6), "Load: ")


def test_each_way_in_which_events_end_early_is_counted(head):
    outcomes = {"ok": 90, "failed": 1, "skipped": 2, "unmet": 3, "cut": 1400}
    changed = with_figures(head, events=head["metrics"]["events"] | {"by_outcome": outcomes})
    changed |= {"faults": head["faults"] | {"unsent_steps": 4}}
    said = beginning(notes(changed), "Incomplete events: ")
    for words in ("1 failed", "2 skipped", "3 whose partner", "1,400 cut off", "4 steps of them"):
        assert words in said
    whole = with_figures(head, events=head["metrics"]["events"] | {"by_outcome": {"ok": 97}})
    assert not beginning(notes(whole | {"faults": {}}), "Incomplete events: ")
