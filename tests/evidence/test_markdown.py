import os
import re
from collections import Counter
from datetime import UTC, datetime
from html import unescape
from pathlib import Path

import msgspec
import pytest
from made_report import MadeRun, head_of, run_section, typed
from markdown_it import MarkdownIt

from mcstress.evidence.document_parts import Completeness, Service
from mcstress.evidence.report.markdown import code, escape, markdown, one_line
from mcstress.evidence.run_document import _starved

GOLDEN = Path(__file__).with_name("golden_report.md")
GENERATED = datetime(2026, 9, 21, 12, 2, tzinfo=UTC)


def shown(head):
    """The report of a head as it is read from a file."""
    return markdown(typed(head))


@pytest.fixture(scope="module")
def head():
    return head_of(MadeRun(failing=0.02, users=[3, 60]).events(trios=2, rounds=4))


def run_with(head, **changes):
    return head | {"run": msgspec.to_builtins(run_section(**changes))}


def test_it_is_the_golden_report(golden_head):
    """Where the change is meant: WRITE_GOLDEN=1 pytest …, and look at the difference."""
    text = markdown(golden_head, GENERATED)
    if os.environ.get("WRITE_GOLDEN"):
        GOLDEN.write_text(text)
    assert text == GOLDEN.read_text()


def test_title_and_verdict_come_first(head):
    lines = shown(head).splitlines()
    assert lines[0] == "# Multi-Coordinator Stress Test — Run 007"
    assert lines[2].startswith("**FAIL** — handover.verbatim.top1_rate = ")
    assert ", expected >= 0.95; 2 of 6 checks failed; built-in server: this says" in lines[2]


def test_it_says_which_services_were_real_and_which_embedded(head):
    text = shown(head)
    assert (
        "`gateway`: built-in test server (not your system); `LLM`: `http://127.0.0.1:11434`" in text
    )
    assert "- No real gateway was tested: these figures describe the built-in test server." in text
    real = [Service(name="gateway", url="http://gw")]
    assert "embedded" not in shown(run_with(head, services=real))


def test_an_incomplete_run_says_so_at_the_top_and_why(head):
    faults = ["worker-2 was lost; 40 events are known of it"]
    completeness = head["completeness"] | {"complete": False, "faults": faults}
    text = shown(head | {"completeness": completeness, "verdict": "unknown"})
    assert "**UNKNOWN**" in text.splitlines()[2]
    assert "incomplete: worker-2 was lost" in text.splitlines()[2]
    assert "**incomplete: something is missing, so that no check can pass**" in text


def test_observations_that_do_not_add_up_are_told(head):
    tracing = {"made": 10, "delivered": 5, "spooled": 2, "dropped": {"spool full": 1}}
    text = shown(head | {"completeness": head["completeness"] | {"tracing": tracing}})
    assert "| dropped | 1 (spool full: 1) |" in text
    assert "- 10 trace observations were made and 8 are accounted for." in text


def test_observations_are_told_worker_by_worker_with_what_waits_and_the_scores(head):
    first = {"made": 7, "sampled_out": 1, "delivered": 6, "spooled": 0, "dropped": {}}
    second = {"made": 3, "sampled_out": 0, "delivered": 0, "spooled": 2, "dropped": {"late": 1}}
    scores = {"made": 8, "sampled_out": 3, "delivered": 2, "spooled": 2, "dropped": {"late": 1}}
    names = {"worker-0": first, "worker-1": second, "worker-2": None}
    workers = [
        {"name": name, "events": 5, "lost": False, "tracing": tracing}
        for name, tracing in names.items()
    ]
    tracing = {
        "made": 10, "sampled_out": 1, "delivered": 6, "spooled": 2, "dropped": {"late": 1},
        "scores": scores, "spools": ["/reports/run_001.worker-1.spool.jsonl"],
    }  # fmt: skip
    completeness = head["completeness"] | {"workers": workers, "tracing": tracing}
    text = shown(head | {"completeness": completeness})
    assert "| `worker-0` | 7 | 1 | 6 | 0 | 0 |" in text
    assert "| `worker-1` | 3 | 0 | 0 | 2 | 1 |" in text
    assert "| `worker-2` | – | – | – | – | – |" in text  # noqa: RUF001  (no figure)
    assert "mcstress replay" in text
    assert "| `/reports/run_001.worker-1.spool.jsonl` |" in text
    assert "- Of 8 scores on traces: 2 spooled and 1 dropped (late)." in text
    assert "accounted for" not in text


@pytest.mark.parametrize(
    ("tracing", "said"),
    [
        ({"on": True, "mask": "on"}, "numbers shaped like SSN or cards are masked in what is sent"),
        ({"on": True, "mask": "strict"}, "Traces: no bodies are sent (--mask strict)"),
        ({"on": True, "mask": "off"}, "Traces: bodies are sent as they are (--mask off)"),
        ({"on": False, "mask": "on"}, ""),
        ({"on": True}, ""),
    ],
)
def test_how_traces_were_masked_is_told_where_there_are_any(head, tracing, said):
    text = shown(head | {"completeness": head["completeness"] | {"tracing": tracing}})
    assert said in text
    assert ("--mask" in text) == bool(said)


def test_what_was_not_covered_names_phases_evidence_and_traces(head):
    phases = ["baseline", "reissue", "merge"]
    text = shown(run_with(head, phases=phases, evidence="sample=0.1", trace_url=""))
    part = text.split("## What this run did not cover")[1]
    assert "- Phases not selected: fresh resume, inbox, surge, swap, handover, " in part
    assert "- Selected, but never ran: merge." in part
    assert (
        "Not every event was kept as evidence (sample=0.1); the figures are of all events." in part
    )
    assert "No links to traces: tracing to Langfuse was off, or its project" in part


SAID_OF_THE_GENERATOR = "Latencies and silences may include waits of the load generator"


def test_a_generator_without_a_core_to_spare_is_told(head):
    text = shown(run_with(head, generator_saturated=True)).split("did not cover")[1]
    assert SAID_OF_THE_GENERATOR in text
    assert "more than 90 % of its core." in text
    assert SAID_OF_THE_GENERATOR not in shown(run_with(head))


@pytest.mark.parametrize(("late", "is_said"), [(0, False), (5, False), (6, True), (100, True)])
def test_without_a_schedule_a_generator_whose_timer_is_late_is_told_and_no_check_falls(
    head, late, is_said
):
    """Two processes of 50 seconds each: told from 6 of 100 on."""
    of_worker = {"seconds_watched": 50}
    workers = [
        {"name": "worker-0", "seconds_saturated": min(late, 50)} | of_worker,
        {"name": "worker-1", "seconds_saturated": max(late - 50, 0)} | of_worker,
    ]
    counted = head["completeness"] | {"workers": workers}
    text = shown(head | {"completeness": counted})
    assert (SAID_OF_THE_GENERATOR in text) == is_said
    assert (f"in {late} of 100" in text) == is_said
    assert _starved(msgspec.convert(counted, Completeness)) is None


def test_a_check_says_what_it_rests_on_and_what_would_make_it_certain(head):
    table = shown(head).split("## Checks")[1].split("\n## ")[0]
    rows = {cells[1].strip(" `"): cells[4:] for cells in map(cells_of, table.splitlines()) if cells}
    assert rows["errors.rate <= 0.01"][0].strip() == "320 samples"
    questions, verdict, why = rows["handover.verbatim.top1_rate >= 0.95"][:3]
    assert (questions.strip(), verdict.strip()) == ("8 questions", "fail")
    assert why.strip() == "not certain: needs 33 different questions of this value, 8 were asked"
    assert [row[2].strip() for row in rows.values()].count("") == 2  # errors and diversity: certain


def cells_of(line):
    """A table's row; nothing for another line."""
    return line.replace("\u00a0", " ").split("|") if line.startswith("| `") else []


def test_one_question_that_is_asked_forty_times_proves_nothing():
    """One of four is helped by the memory in each of forty rounds: one witness, not forty."""
    head = head_of(MadeRun(1, found=0.25, sticky=True).events(trios=1, rounds=40))
    found = head["metrics"]["handover"]["verbatim"]
    assert (found["memory_only"], found["control_only"], found["pair_questions"]) == (40, 0, 4)
    assert found["mcnemar_p"] == 1.0
    assert found["lift_ci95"][0] < 0 < found["lift_ci95"][1]
    part = shown(head).split("## Learning")[1].split("\n## ")[0]
    assert "not enough data to credit the memory (p = 1.000, n = 4)" in part
    assert "the memory is what finds them" not in part.split("paraphrased")[0]


def test_empty_lists_are_not_called_the_same_people():
    events = MadeRun().events(trios=2, rounds=2)
    for event in events:
        if event.phase == "baseline":
            event.top_k = []
    part = shown(head_of(events)).split("## Diversity")[1].split("\n## ")[0]
    assert "the same people" not in part
    same, different = "nothing found: 36 of 36 pairs", "nothing found: 72 of 72 pairs"
    assert (part.count(same), part.count(different)) == (2, 1)  # the answer, and each row


def test_lists_that_hold_a_hit_twice_are_one_reason():
    events = MadeRun().events(trios=1, rounds=2)
    searches = [step for event in events for step in event.steps if step.name == "matrix.search"]
    for number, step in enumerate(searches[:30]):
        step.error = f'results: id "w-{number}" of corpus "workers" twice'
    searches[30].error = "HTTP 500"
    part = shown(head_of(events)).split("## Failed steps")[1].split("\n## ")[0]
    rows = [line for line in part.splitlines() if line.startswith("| `")]
    assert len(rows) == 2
    assert 'a hit twice in one list, such as id "w-' in rows[0]
    count, begin, end = rows[0].removesuffix(" |").split(" | ")[-3:]
    assert count == "30"
    assert re.fullmatch(r"\d\d:\d\d:\d\d", begin)
    assert begin <= end
    assert "HTTP 500" in rows[1]


def test_a_run_that_measured_nothing_still_has_its_report():
    text = shown({"run": {"run_id": "001"}})
    assert text.startswith("# Multi-Coordinator Stress Test — Run 001\n\n**UNKNOWN** — no check")


HOSTILE = ["a|b`c", "<script>alert(1)</script>", "@everyone #12 **bold** [x](http://evil) ~~s~~",
           "line\n# heading\n\n| a |", "\u202eevil\x1b[31m", "_a_ &lt; \\| `"]  # fmt: skip


GITHUB = MarkdownIt("commonmark").enable(["table", "strikethrough"])


def rendered(head, text):
    """The report as a page, with ``text`` wherever others choose what stands there."""
    errors = head["metrics"]["errors"] | {"by_reason": [{"step": text, "reason": text, "count": 3}]}
    faulty = head | {
        "metrics": head["metrics"] | {"errors": errors},
        "checks": [head["checks"][0] | {"reason": text, "check": text, "verdict": "skipped"}],
        "completeness": head["completeness"] | {"faults": [text], "complete": False},
    }
    return GITHUB.render(shown(run_with(faulty, evidence_path=text, user_errors=[text])))


def tags(page):
    return Counter(re.findall(r"<(\w+)", page))


@pytest.mark.parametrize("text", HOSTILE)
def test_what_others_chose_never_becomes_markup(head, text):
    page = rendered(head, text)
    assert tags(page) == tags(rendered(head, "plain words"))
    # Evidence path, verdict, check, its reason, step, its reason, fault, error of a user.
    assert unescape(page).count(one_line(text).strip()) == 8


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("plain [0.1, 0.2] (12) < 0.30 a_b x@k", "plain [0.1, 0.2] (12) < 0.30 a_b x@k"),
        ("a [x](u)", "a [x&#93;(u)"),
        ("*a* | b", "&#42;a&#42; &#124; b"),
        ("<b> &amp; @me #1", "&#60;b> &#38;amp; &#64;me &#35;1"),
        ("_a_ a_b", "&#95;a&#95; a_b"),
        ("- item", "&#45; item"),
    ],
)
def test_escape(text, written):
    assert escape(text) == written


@pytest.mark.parametrize(
    ("text", "written"),
    [("a*b", "`a*b`"), ("a|b", "<code>a&#124;b</code>"), (" \n ", ""), ("`", "<code>&#96;</code>")],
)
def test_code(text, written):
    assert code(text) == written
