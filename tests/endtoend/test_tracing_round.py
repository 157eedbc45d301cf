"""One round, headless, into each generation of Langfuse: the traces are those of TRACING.md."""

from __future__ import annotations

import json
import time
from collections import Counter
from contextlib import ExitStack, suppress
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest
from endtoend.langfuse_process import Langfuse, check_accounts
from endtoend.locust_run import LocustRun
from endtoend.timeless import checks, metrics
from standin.process import Standin

ROUND = ("--headless", "-u", 3, "-r", 3, "--only-summary", "--rounds", 1, "--loglevel", "DEBUG")
VERSIONS = ("2.95.9", "3.225.0", "4.16.0")
UNEVEN = {
    "memory": "same_words",
    "fault": "500",
    "fault_steps": ["llm.judge_top1"],
    "fault_every": 3,
}
"""Some of everything: reissues change, paraphrases are not found, two judgements of six fail."""
TRACES = {
    "multi_coord_stress phase 1 baseline": (["stress", "phase-1", "baseline"], 12 * 2),
    "multi_coord_stress phase 1b fresh resume": (["stress", "phase-1b", "fresh"], 3 * 3),
    "multi_coord_stress phase 1c inbox burst": (["stress", "phase-1c", "inbox"], 6 * 4),
    "multi_coord_stress phase 2 surge": (["stress", "phase-2", "surge"], 12),
    "multi_coord_stress phase 2b swap": (["stress", "phase-2b", "swap"], 2),
    "multi_coord_stress phase 3 merge": (["stress", "phase-3", "merge"], 6),
    "multi_coord_stress phase 4 handover": (["stress", "phase-4", "handover"], 4 + 4),
    "multi_coord_stress phase 4b handover paraphrase": (["stress", "phase-4b", "handover"], 4 + 4),
    "multi_coord_stress phase 5 split": (["stress", "phase-5", "split"], 4),
    "multi_coord_stress phase 6 reissue": (["stress", "phase-6", "reissue"], 12),
}
STEPS = sum(steps for _, steps in TRACES.values())
INBOX_STEPS = ["observerd.inbox.record", "llm.parse_demand", "matrix.search", "llm.judge_top1"]
SEARCHES = dict.fromkeys(("matrix.search", "freshness.search", "freshness.poll"), "matrix.search")
"""Steps that search, and what the gateway knows them by."""
CLOCKS_AGREE_S = 0.001
"""Of a step's beginning and its duration, which two clocks tell."""


class Round(msgspec.Struct):
    """What a run left: its report, what Langfuse and the services have of it, what one could see.

    ``asked`` are the requests with a traceparent, ``seen`` everything that must hold no key.
    """

    code: int
    document: dict
    stored: dict
    asked: list
    output: str
    seen: str
    folder: Path
    langfuse: Langfuse

    def phase_of(self, observation):
        return self.stored["traces"][observation["trace"]]["metadata"]["phase"]

    def observations(self, phase=None):
        found = self.stored["observations"].values()
        return sorted(
            (each for each in found if phase in (None, self.phase_of(each))),
            key=lambda each: each["start_s"],
        )

    def scores(self, name):
        return [score for score in self.stored["scores"].values() if score["name"] == name]


@pytest.fixture(scope="module")
def rounds(tmp_path_factory):
    """A round into each generation, and one without tracing, all at once."""
    with ExitStack() as stack:
        services = {name: stack.enter_context(Standin("restless", **UNEVEN)) for name in NAMES}
        servers = {name: stack.enter_context(Langfuse(name)) for name in VERSIONS}
        folders = {name: tmp_path_factory.mktemp("round") for name in NAMES}
        runs = {}
        for name, folder in folders.items():
            url = services[name].url
            env_file = folder.parent / "none.env"
            if name in servers:
                env_file = servers[name].env_file(folder / "secret")
            arguments = ("--host", url, "--llm-host", url, "--langfuse-env", env_file)
            run = LocustRun(*ROUND, *arguments, report_dir=folder / "reports", cold=True)
            runs[name] = stack.enter_context(run)
        processes = watch_processes(runs.values())
        yield {
            name: Round(
                code=run.wait(),
                document=run.document(),
                stored=servers[name].state() if name in servers else {},
                asked=services[name].traceparents(),
                output=run.output,
                seen=processes + run.output + everything_in(run.report_dir),
                folder=run.report_dir,
                langfuse=servers.get(name),
            )
            for name, run in runs.items()
        }


UNTRACED = "untraced"
NAMES = (*VERSIONS, UNTRACED)


@pytest.fixture(params=VERSIONS)
def done(request, rounds):
    return rounds[request.param]


def watch_processes(runs):
    """Every command line that there was while the runs went on."""
    seen = set()
    while any(run.process.poll() is None for run in runs):
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            with suppress(OSError):
                seen.add(path.read_bytes())
        time.sleep(0.1)
    assert any(b"--langfuse-env" in line for line in seen)
    return b"\n".join(seen).decode(errors="replace")


def everything_in(folder):
    return "\n".join(path.read_text(errors="replace") for path in folder.rglob("*"))


def test_there_is_one_trace_for_each_phase(done):
    traces = done.stored["traces"]
    found = {trace["name"]: trace["tags"] for trace in traces.values()}
    assert found == {name: tags for name, (tags, _) in TRACES.items()}
    assert len(traces) == len(TRACES)
    for trace in traces.values():
        assert trace["session"] == done.document["run"]["run_uid"]
        assert trace["user"] == "trio-1"
        assert trace["environment"] == "stress"
        assert trace["metadata"]["run"] == "001"
        assert trace["metadata"]["round"] == "1"


def test_every_step_is_one_observation_of_its_trace(done):
    traces, observations = done.stored["traces"], done.observations()
    counted = Counter(traces[each["trace"]]["name"] for each in observations)
    assert counted == {name: steps for name, (_, steps) in TRACES.items()}
    assert {each["received"] for each in observations} == {1}
    assert all(each["input"] and each["output"] for each in observations)
    assert {each["metadata"]["coordinator"] for each in observations} == {"alice", "bob", "carol"}


def test_the_evidence_and_the_traces_tell_the_same(done):
    told = {
        (event["trace_id"], step["name"], datetime.fromisoformat(step["time"]).timestamp())
        for event in done.document["events"]
        for step in event["steps"]
    }
    found = {
        (each["trace"], each["name"], round(each["start_s"], 6)) for each in done.observations()
    }
    assert len(told) == STEPS
    assert found == {(trace, name, round(start_s, 6)) for trace, name, start_s in told}
    assert {event["trace_id"] for event in done.document["events"]} == set(done.stored["traces"])


def test_the_inbox_reads_as_a_waterfall(done):
    bursts = {}
    for each in done.observations("inbox"):
        bursts.setdefault(each["metadata"]["event"], []).append(each)
    assert [len(steps) for steps in bursts.values()] == [4] * 6
    for steps in bursts.values():
        assert [each["name"] for each in steps] == INBOX_STEPS
        for before, after in pairwise(steps):
            assert after["start_s"] >= before["end_s"] - CLOCKS_AGREE_S


def test_an_event_is_a_subtree_of_its_trace(done):
    stored = done.stored["observations"]
    heads = {key: each for key, each in stored.items() if each["parent"] not in stored}
    events = {each["metadata"]["event"] for each in stored.values()}
    assert {each["metadata"]["event"] for each in heads.values()} == events
    assert len(heads) == len(events)
    for each in stored.values():
        head = heads.get(each["parent"], each)
        assert (head["trace"], head["metadata"]["event"]) == (
            each["trace"],
            each["metadata"]["event"],
        )
    told = done.stored["version"] != "2.95.9"
    assert {(each["parent"] is not None, each["app_root"]) for each in heads.values()} == {
        (told, told)
    }


def test_no_step_takes_the_place_of_its_trace(done):
    for trace in done.stored["traces"].values():
        assert trace["input"].startswith("Phase ")
        assert trace["output"] is None
        assert trace["metadata"].keys() == {"run", "scenario", "trio", "round", "phase", "mask"}


def test_all_of_it_lies_within_the_run(done):
    run = done.document["run"]
    started_s, ended_s = (
        datetime.fromisoformat(run[key]).timestamp() for key in ("started", "ended")
    )
    for each in done.observations():
        assert started_s <= each["start_s"] <= each["end_s"] <= ended_s
    starts = [min(each["start_s"] for each in done.observations(phase)) for phase in PHASES]
    assert starts == sorted(starts)


PHASES = ("baseline", "inbox", "surge", "reissue")
"""Those that everybody has, in their order."""


def test_llm_steps_are_generations_and_searches_retrievers(done):
    batches = done.stored["version"] == "2.95.9"
    for each in done.observations():
        if each["name"].startswith("llm."):
            assert each["type"] == "GENERATION"
            assert each["model"].startswith("qwen2.5")
            assert each["level"] == "ERROR" or each["usage"]["input"] > 0
        else:
            search = each["name"] in SEARCHES and not batches
            assert each["type"] == ("RETRIEVER" if search else "SPAN")


def test_failed_steps_are_errors_with_their_message(done):
    failed = [each for each in done.observations() if each["level"] != "DEFAULT"]
    assert [each["name"] for each in failed] == ["llm.judge_top1"] * 2
    assert {each["level"] for each in failed} == {"ERROR"}
    errors = {step["error"] for event in done.document["events"] for step in event["steps"]} - {
        None
    }
    assert {each["message"] for each in failed} == errors


def test_the_scores_are_the_reports_figures(done):
    figures = done.document["metrics"]
    reissues = done.scores("determinism")
    assert len(reissues) == 12
    mean = sum(score["value"] for score in reissues) / 12
    assert mean == pytest.approx(figures["determinism"]["mean_jaccard"]) == pytest.approx(7 / 9)
    hits = Counter(
        done.phase_of({"trace": score["traceId"]})
        for score in done.scores("handover_top1")
        if score["value"]
    )
    assert len(done.scores("handover_top1")) == len(done.scores("handover_top_k")) == 8
    assert hits["handover"] == figures["handover"]["verbatim"]["top1"] == 4
    assert hits["handover_paraphrase"] == figures["handover"]["paraphrase"]["top1"] == 0
    ratings = Counter(str(int(score["value"])) for score in done.scores("judge_rating"))
    assert ratings == Counter(figures["inbox"]["ratings"]) == Counter({"4": 4})
    for score in done.stored["scores"].values():
        if "traceId" in score:
            assert done.stored["observations"][score["observationId"]]["trace"] == score["traceId"]


def test_the_verdict_is_a_score_of_the_session(done):
    verdicts = done.scores("verdict")
    scores = done.document["completeness"]["tracing"]["scores"]
    if done.stored["version"] == "2.95.9":
        assert scores["dropped"] == {"the server has no scores on sessions": 1}
        assert not verdicts
    else:
        assert [score["value"] for score in verdicts] == [done.document["verdict"]] == ["fail"]
        assert verdicts[0]["sessionId"] == done.document["run"]["run_uid"]
        assert scores["dropped"] == {}


def test_the_services_get_the_ids_of_trace_and_span(done):
    told = {
        (SEARCHES.get(each["name"], each["name"]), f"00-{each['trace']}-{span}-01")
        for span, each in done.stored["observations"].items()
    }
    assert {tuple(each) for each in done.asked} == told
    assert len(done.asked) == STEPS


def test_the_report_accounts_for_all_and_has_read_it_back(done):
    tracing = check_accounts(done.document)
    assert tracing["on"]
    assert (tracing["made"], tracing["delivered"], tracing["read_back"]) == (STEPS, STEPS, STEPS)
    assert (tracing["sampled_out"], tracing["spooled"], tracing["dropped"]) == (0, 0, {})
    assert tracing["spools"] == []
    assert "Traces: 109 made, 109 delivered, 109 read back" in done.output


def test_who_wrote_is_masked_and_the_report_says_so(done):
    assert done.document["completeness"]["tracing"]["mask"] == "on"
    markdown = (done.folder / "multi_coord_stress_001.md").read_text()
    assert "email addresses and numbers shaped like SSN or cards are masked" in markdown
    recorded = [each for each in done.observations("inbox") if each["name"] == INBOX_STEPS[0]]
    senders = [json.loads(each["input"])["sender"] for each in recorded]
    assert Counter(senders) == {"[email]": 3, "[phone]": 3}
    assert "-distribution.example" not in json.dumps(done.stored)


def test_the_reports_link_to_the_traces(done):
    project = f"{done.langfuse.url}/project/project-of-the-stand-in"
    assert done.document["run"]["trace_url"] == project
    markdown = (done.folder / "multi_coord_stress_001.md").read_text()
    page = (done.folder / "multi_coord_stress_001.html").read_text()
    uid = done.document["run"]["run_uid"]
    for text in (markdown, page):
        assert f"{project}/sessions/{uid}" in text
    worst = done.document["worst_reissues"][0]["trace_id"]
    assert f"{project}/traces/{worst}" in page


def test_no_key_is_anywhere(done):
    assert "phase 1c" in json.dumps(done.stored)
    for secret in done.langfuse.secrets:
        assert secret not in done.seen
        assert secret not in json.dumps(done.stored["observations"])


def test_figures_and_exit_code_are_as_without_tracing(done, rounds):
    without = rounds[UNTRACED]
    assert done.code == without.code == 3
    assert metrics(done.document) == metrics(without.document)
    assert checks(done.document) == checks(without.document)
    assert "Langfuse" not in done.output
    assert without.output.count("Langfuse") == 1
    assert not without.document["completeness"]["tracing"]["on"]
