"""Each fault of the embedded stack fails the checks that it should, and no other.

All runs are those of one Locust, started over its web UI, on stacks that share one process: a fault
costs its own round only. ``FAULTS`` is what docs/faults.md says, and a test holds the two together.
"""

from __future__ import annotations

import html
import re
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from endtoend.faulty_stacks import FaultyStacks
from endtoend.locust_run import CHECKOUT, run_locust, until
from recomputation.document import differences
from web.web_run import WebRun

from mcstress.commands.report import report_again
from mcstress.services.embedded.faults import FAULTS as KNOWN

SAME_ROLE = "diversity.same_role_across_contracts.mean_jaccard"
DIFFERENT_ROLES = "diversity.different_roles_within_contract.mean_jaccard"
DETERMINISM = "determinism.mean_jaccard"
VERBATIM, PARAPHRASE = "handover.verbatim.top1_rate", "handover.paraphrase.top1_rate"
VISIBLE = "freshness.visible_rate"
RETURNED = "swap.returned"
ERRORS = "errors.rate"
PRECISION, GAIN = "relevance.precision_at_k", "relevance.mean_gain_at_k"
PARSED, RATED, RATING = "inbox.parsed_rate", "inbox.rated_rate", "inbox.mean_rating"
SILENCE, AVAILABILITY = "availability.longest_silence_s", "availability.rate"

LONGER = {"rounds": 3, "think_time": "0.1"}
"""Rounds that outlast an outage, also where each step of it fails at once."""


OFTEN = {"rounds": 4}
"""In one round, a share of one half forgets none of the four once in sixteen runs."""


class Row(msgspec.Struct, frozen=True):
    """Which checks a fault ``fails``, and which it ``may`` fail by its nature.

    ``run`` is the fault that is run where the docs' own takes long, ``form`` what its run is
    started with.
    """

    fails: set[str]
    may: set[str] = set()
    run: str = ""
    form: dict[str, object] = {}


FAULTS = {
    "noise=1": Row({PRECISION, GAIN, RATING}),
    "recall=0.1": Row({GAIN}, may={VERBATIM}),
    "nondeterminism=0.1": Row({DETERMINISM}),
    "cycle=1": Row({SAME_ROLE, GAIN}, may={RATING}),
    "forget=0.5": Row({VERBATIM}, may={PARAPHRASE}, form=OFTEN),
    "forget=1": Row({VERBATIM, PARAPHRASE}),
    "lose_fresh=1": Row({VISIBLE}),
    "replica_lag_s=3": Row(set()),
    "replica_lag_s=15": Row({VISIBLE}),
    "ignore_exclude=1": Row({RETURNED}),
    "null_results=1": Row({PRECISION, GAIN, SAME_ROLE, DIFFERENT_ROLES, VISIBLE}),
    "same_ids=1": Row({ERRORS}, may={SILENCE, AVAILABILITY}),
    "unparseable=0.5": Row({PARSED, RATED}),
    "unparseable=1": Row({PARSED}),
    "outage=10+5": Row({SILENCE, AVAILABILITY}, run="outage=0.5+3", form=LONGER),
    "outage=10+5refuse": Row(
        {ERRORS, SILENCE, AVAILABILITY}, run="outage=0.5+3refuse", form=LONGER
    ),
    "slow_ms=200": Row(set(), run="slow_ms=40"),
}
WITHOUT_A_CHECK = {"echo_paraphrase=1": "its scenario leaves paraphrasing to the LLM"}
"""What fails no check: it leaves one unknown, so that the run is no PASS."""


@pytest.fixture(scope="module")
def stacks():
    with FaultyStacks() as running:
        yield running


@pytest.fixture(scope="module")
def web(stacks, tmp_path_factory):
    url = stacks.url("noise=0")
    hosts = ("--host", url, "--llm-host", url)
    with WebRun(tmp_path_factory.mktemp("faults"), *hosts, drawn=False) as run:
        yield run


def checks_of(web, url, **form):
    """One run of one trio, whose figures are what its events say; the verdict of each check."""
    before = len(web.figures()["reports"])
    started = web.start(**({"rounds": 1, "host": url, "llm_host": url} | form))
    assert started["success"], started
    until(lambda: len(web.figures()["reports"]) > before, what="a report")
    told = web.until_stage("finished")
    document = web.document(told["reports"][0]["id"])
    assert differences(document) == []
    return {check["metric"]: check["verdict"] for check in document["checks"]}


def test_without_a_fault_every_check_passes(web, stacks):
    assert {*checks_of(web, stacks.url("noise=0")).values()} == {"pass"}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_fails_the_checks_that_it_should_and_no_other(web, stacks, fault):
    row = FAULTS[fault]
    verdicts = checks_of(web, stacks.url(row.run or fault), **row.form)
    failing = {metric for metric, verdict in verdicts.items() if verdict == "fail"}
    assert failing - row.may == row.fails, verdicts


def test_paraphrases_that_are_none_leave_their_check_unknown(web, stacks, tmp_path):
    scenario = tmp_path / "by_llm.toml"
    ours, by_llm = 'paraphrases_by = "scenario"', 'paraphrases_by = "llm"'
    text = (CHECKOUT / "users" / "scenarios" / "data" / "three_cities.toml").read_text()
    assert ours in text
    scenario.write_text(text.replace(ours, by_llm))
    verdicts = checks_of(web, stacks.url("echo_paraphrase=1"), scenario=str(scenario))
    assert verdicts.pop(PARAPHRASE) == "unknown"
    assert {*verdicts.values()} == {"pass"}


def test_the_docs_say_the_same():
    text = (CHECKOUT / "docs" / "faults.md").read_text()
    told = {}
    for line in text.splitlines():
        if line.startswith("| `") and "=" in line:
            fault, _, failing, _ = (cell.strip() for cell in line.split("|")[1:-1])
            told[fault.strip("`")] = names(failing)
    rows = {fault: row.fails for fault, row in FAULTS.items()}
    assert told == rows | dict.fromkeys(WITHOUT_A_CHECK, frozenset())
    assert {fault.partition("=")[0] for fault in told} == KNOWN.keys()


def test_each_fault_has_its_picture_and_each_picture_is_there():
    docs = CHECKOUT / "docs"
    text = (docs / "faults.md").read_text()
    for line in text.splitlines():
        if line.startswith("| `") and "=" in line:
            name = line[3:].partition("=")[0]
            assert f"[{name}](#{name}) |" in line
            assert f"\n### {name}\n" in text
            assert f"](pictures/{name}.png)" in text
    shown = {
        page.parent / target
        for page in [*docs.glob("*.md"), CHECKOUT / "README.md"]
        for target in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", page.read_text())
    }
    assert len(shown) > len(KNOWN)
    assert [path for path in shown if not path.read_bytes().startswith(b"\x89PNG")] == []
    assert {*(docs / "pictures").glob("*")} <= shown
    assert all(path.stat().st_size < 80_000 for path in shown)
    told = re.findall(r"\(faults\.md#(\w+)\)", (docs / "reading-a-report.md").read_text())
    assert {*told} == KNOWN.keys()


def names(cell):
    """The figures that a cell of the table names."""
    return set(re.findall(r"`([a-z_]+(?:\.[a-z0-9_]+)+)`", cell))


@pytest.fixture(scope="module")
def broken(tmp_path_factory):
    """(document, report) of a run whose lists fail at times, and which hangs when it ends."""
    reports = tmp_path_factory.mktemp("broken") / "reports"
    code, document, output = run_locust(
        *("--headless", "-u", 3, "-r", 3, "-t", "5s", "--only-summary"),
        *("--stack-fault", "same_ids=0.5,outage=1+60"),
        report_dir=reports,
        drawn=True,
    )
    assert document, output
    assert code == 3, output
    return document, next(reports.glob("*.md")).read_text()


def test_the_report_says_which_faults_the_built_in_server_had(broken):
    document, report = broken
    assert document["run"]["settings"]["stack_faults"] == "same_ids=0.5,outage=1+60"
    head = report.split("##")[0]
    assert "built-in test server" in head
    assert "with faults: same_ids=0.5,outage=1+60" in html.unescape(head)


def test_an_outage_to_the_end_is_found_and_said(broken):
    """What hangs when the run ends is in an event, as cut: without, nothing would tell of it."""
    document, report = broken
    found = document["metrics"]["availability"]
    assert differences(document) == []
    begin, seconds = found["silences"][-1].values()
    ended = datetime.fromisoformat(document["run"]["ended"]).timestamp()
    assert seconds > 2
    assert begin + seconds > ended - 1
    failed = {one["metric"] for one in document["checks"] if one["verdict"] == "fail"}
    assert {SILENCE, AVAILABILITY} <= failed
    when = f"{datetime.fromtimestamp(begin, UTC):%H:%M:%S} UTC for {seconds:.1f} s"
    assert f"nothing succeeded from {when}" in report
    page = Path(document["run"]["evidence_path"]).with_suffix(".html").read_text()
    assert "BoxAnnotation" in page


def test_a_report_made_again_from_the_events_has_the_same_silences(broken, tmp_path):
    document, _ = broken
    copied = shutil.copy(document["run"]["evidence_path"], tmp_path)
    report_again(Path(copied))
    again = msgspec.json.decode(Path(copied).read_bytes())
    for key in ("metrics", "latency", "timeline", "time_axis", "load_curve", "load_curve_reading"):
        assert again[key] == document[key], key


def test_cut_steps_are_in_no_error_rate_and_no_percentile(broken):
    document, _ = broken
    steps = [step for event in document["events"] for step in event["steps"]]
    searches = [step for step in steps if step["name"] == "matrix.search"]
    cut = [step for step in searches if step["cut"]]
    assert cut
    assert all(step["error"] is None and step["latency_ms"] > 2000 for step in cut)
    assert document["latency"]["matrix_search"]["count"] == len(searches) - len(cut)
    whole = [
        step for step in steps if not step["cut"] and not step["name"].startswith("freshness.")
    ]
    assert document["metrics"]["errors"]["steps"] == len(whole)


def test_the_jq_lines_of_the_report_work_where_events_failed_and_were_cut(broken):
    """As its reader would paste them; an event without a list says by its outcome why."""
    document, report = broken
    events = document["events"]
    without = [event for event in events if event["found"] is None]
    assert {"failed", "cut"} <= {event["outcome"] for event in without}
    assert all(event["top_k"] == [] and event["outcome"] != "ok" for event in without)
    assert all(event["found"] == len(event["top_k"]) for event in events if event not in without)
    if shutil.which("jq") is None:
        pytest.skip("there is no jq")
    commands = re.findall(r"^jq .*$", report, re.MULTILINE)
    told = [
        subprocess.run(["sh", "-c", command], capture_output=True, check=True).stdout
        for command in commands
    ]
    merges, baselines, workers = (
        [*msgspec.json.Decoder().decode_lines(one)] for one in map(compact, told)
    )
    assert merges == [event for event in events if event["phase"] == "merge"]
    of_alice = ("alice", "baseline")
    assert baselines == [e for e in events if (e["coordinator"], e["phase"]) == of_alice]
    assert [len(one["top_k_ids"]) for one in workers] == [
        len(event["top_k"]) for event in events if event["role"] == "warehouse worker"
    ]


def compact(told):
    """What jq printed, a value a line."""
    return subprocess.run(["jq", "-c", "."], input=told, capture_output=True, check=True).stdout
