"""The examples do what docs/extending.md says of them."""

from __future__ import annotations

import json
import re

import httpx
import pytest
from endtoend.locust_run import CHECKOUT, LocustRun, forked, mcstress, steps_and_looks, until
from free_ports import free_port
from standin.process import Standin

EXAMPLES = CHECKOUT / "examples"


@pytest.fixture(scope="module")
def services():
    with Standin() as standin:
        yield ("--host", standin.url, "--llm-host", standin.url)


def outcome(tmp_path, example, *arguments, **environment):
    """Exit code, document and output of a headless run of one of the examples."""
    locustfile = EXAMPLES / example
    with LocustRun(
        "--headless",
        *arguments,
        report_dir=tmp_path / "reports",
        locustfile=locustfile,
        **environment,
    ) as run:
        code = run.wait()
        return code, run.document(), run.output


ROUND = ("-u", 3, "-r", 3, "--rounds", 1)


@pytest.mark.parametrize("processes", [0, 2])
def test_a_phase_of_ones_own_has_tags_checks_and_figures(tmp_path, services, processes):
    check = "events.by_phase.spot_check == 3; latency.phases.spot_check.p50_ms < 30000"
    workers = forked(processes) if processes else ()
    arguments = (*ROUND, *services, *workers, "--tags", "spot_check", "--check", check)
    code, document, output = outcome(tmp_path, "own_phase.py", *arguments)
    assert code == 0, output
    assert document["run"]["phases"] == ["spot_check"]
    assert {event["phase"] for event in document["events"]} == {"spot_check"}
    assert document["latency"]["phases"]["spot_check"]["count"] == 3
    markdown = (tmp_path / "reports" / "multi_coord_stress_001.md").read_text()
    assert "spot check` |" in markdown


def test_its_report_can_be_made_again_without_its_locustfile(tmp_path, services):
    code, document, output = outcome(tmp_path, "own_phase.py", *ROUND, *services)
    assert code == 0, output
    assert document["metrics"]["events"]["by_phase"]["spot_check"] == 3
    path = tmp_path / "reports" / "multi_coord_stress_001.json"
    done = mcstress("report", path)
    assert done.returncode == 0, done.stdout + done.stderr
    again = json.loads(path.read_text())
    assert again["metrics"] == document["metrics"]
    assert again["latency"] == document["latency"]
    assert "spot check` |" in path.with_suffix(".md").read_text()


def test_a_fourth_persona_and_its_scenario(tmp_path):
    scenario = ("--scenario", EXAMPLES / "four_coordinators.toml")
    with Standin(scenario=str(EXAMPLES / "four_coordinators.toml")) as standin:
        hosts = ("--host", standin.url, "--llm-host", standin.url)
        code, document, output = outcome(
            tmp_path, "own_persona.py", "-u", 4, "-r", 4, "--rounds", 1, *scenario, *hosts
        )
    assert code == 0, output
    assert {event["coordinator"] for event in document["events"]} == {
        "alice",
        "bob",
        "carol",
        "dave",
    }
    assert document["metrics"]["handover"]["verbatim"]["queries"] == 2


def test_a_listener_hears_every_event(tmp_path, services):
    code, document, output = outcome(tmp_path, "own_listener.py", *ROUND, *services)
    assert code == 0, output
    (line,) = (line for line in output.splitlines() if line.startswith("heard: "))
    heard = eval(line.removeprefix("heard: "))  # a dict of our own words and numbers
    steps = heard.pop("steps")
    by_phase = document["metrics"]["events"]["by_phase"]
    assert heard == {phase: count for phase, count in by_phase.items() if count}
    assert steps == steps_and_looks(document)


STORE = f"{EXAMPLES / 'own_target.py'}:VectorStore"
BARE = """
from pathlib import Path
from mcstress import AliceUser, BobUser, CarolUser, Target, install
from mcstress.metrics.event import Hit
from mcstress.services.target import Found

class Bare(Target):
    title = "a bare store"
    can_exclude = False

    def search(self, search, trace):
        name = search.corpora[0]
        hits = [Hit(f"{search.text}/{n}", name, n / 10) for n in range(search.k)]
        return self.timed("matrix.search", search, lambda: Found(hits))

    def close(self):
        with Path(__file__).with_name("closed.txt").open("a") as file:
            file.write("x")

install()
"""
"""It can search, and nothing else."""


def test_a_target_of_ones_own_goes_through_every_phase_that_it_can(tmp_path, services):
    arguments = (*ROUND, *services[2:], "--target", STORE)
    code, document, output = outcome(tmp_path, "own_target.py", *arguments)
    failed = [check["metric"] for check in document["checks"] if check["verdict"] == "fail"]
    assert (code, failed) == (3, ["relevance.mean_gain_at_k"]), "its items have a role alone"
    run, metrics = document["run"], document["metrics"]
    assert run["left_out"] == {}
    assert len(run["phases"]) == 10
    assert all(metrics["events"]["by_phase"].values())
    assert {event["outcome"] for event in document["events"]} == {"ok"}
    steps = {step["name"] for event in document["events"] for step in event["steps"]}
    assert {"matrix.search", "playbook.record", "index.add", "llm.judge_top1"} <= steps
    assert "observerd.inbox.record" not in steps
    assert metrics["handover"]["verbatim"]["top1_rate"] == 1
    assert run["corpora"] == {"workers": 2000, "ethereal_workers": 2000}
    (service,) = (one for one in run["services"] if one["name"] != "LLM")
    assert (service["name"], service["embedded"]) == ("vector store in this process", False)
    markdown = (tmp_path / "reports" / "multi_coord_stress_001.md").read_text()
    assert "| take messages in | no | the inbox phase does not hand them in |" in markdown
    assert "This run writes to target vector store in this process: playbook namespaces" in output


@pytest.mark.parametrize("processes", [0, 2])
def test_what_a_target_cannot_do_is_skipped_with_its_reason(tmp_path, services, processes):
    (tmp_path / "bare.py").write_text(BARE)
    workers = forked(processes) if processes else ()
    target = f"{tmp_path / 'bare.py'}:Bare"
    has_llm = bool(processes)
    llm = services[2:] if has_llm else ()
    arguments = (*ROUND, *llm, *workers, "--target", target)
    with LocustRun(
        "--headless",
        *arguments,
        report_dir=tmp_path / "reports",
        locustfile=tmp_path / "bare.py",
    ) as run:
        code, document, output = run.wait(), run.document(), run.output
    assert set((tmp_path / "closed.txt").read_text()) == {"x"}, "every target is closed"
    reasons = {one["metric"]: one["reason"] for one in document["checks"]}
    assert reasons["handover.verbatim.top1_rate"] == "the target has no memory", output
    assert reasons["handover.paraphrase.top1_rate"] == "the target has no memory"
    assert reasons["freshness.visible_rate"] == "the target cannot add"
    assert reasons["swap.returned"] == "the target cannot exclude"
    assert (reasons["inbox.parsed_rate"] == "there is no language model") != has_llm
    assert ("LLM" in {one["name"] for one in document["run"]["services"]}) == has_llm
    assert {one["verdict"] for one in document["checks"]} == {"pass", "skipped"}
    assert code == 0
    by_phase = document["metrics"]["events"]["by_phase"]
    left_out = document["run"]["left_out"]
    assert {phase for phase, n in by_phase.items() if not n} == set(left_out)
    asking = set() if has_llm else {"inbox"}
    assert set(left_out) == {"handover", "handover_paraphrase", "fresh_resume", "swap"} | asking
    assert document["metrics"]["errors"]["failed"] == 0
    path = tmp_path / "reports" / "multi_coord_stress_001.json"
    again = mcstress("report", path)
    assert again.returncode == 0, again.stdout + again.stderr
    assert json.loads(path.read_text())["checks"] == document["checks"]


CLOSES_ILL = """
    def connect(self):
        return type(self)(self.setup)

    def close(self):
        raise OSError("gone")

install()
"""


@pytest.mark.parametrize("processes", [0, 2])
def test_connections_that_cannot_be_closed_take_two_lines_of_each_process(tmp_path, processes):
    """Each of six coordinators has one, and each process one of its own."""
    (tmp_path / "ill.py").write_text(BARE.partition("    def close")[0] + CLOSES_ILL)
    workers = forked(processes) if processes else ()
    code, _, output = outcome(
        tmp_path, tmp_path / "ill.py", "-u", 6, "-r", 6, "--rounds", 1, "--tags", "baseline",
        *workers, "--target", f"{tmp_path / 'ill.py'}:Bare",
    )  # fmt: skip
    assert code == 0, output
    told = re.findall(r"Bare.close failed (\d+) times", output)
    assert len(told) == max(processes, 1), output
    assert sum(map(int, told)) >= 6 + len(told)
    assert output.count("Bare.close raised OSError: gone") == 1 + processes, "the master's too"


def test_check_prints_what_a_target_can(tmp_path, services):
    options = ["--target", STORE, *services[2:], "--report-dir", tmp_path]
    done = mcstress("check", "-f", EXAMPLES / "own_target.py", *options)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "target vector store in this process: ethereal_workers (2,000), wor" in done.stdout
    assert "target can record answers: yes" in done.stdout
    assert "target can take messages in: no, the inbox phase does not hand them in" in done.stdout
    assert "relevance: no hit has the field city, state, certs that a rule names" in done.stdout


def test_a_target_that_is_not_there_is_refused_before_the_first_user(tmp_path):
    with LocustRun(
        "--headless",
        *(*ROUND, "--target", f"{EXAMPLES / 'own_target.py'}:Store"),
        report_dir=tmp_path / "reports",
        locustfile=EXAMPLES / "own_target.py",
    ) as run:
        assert run.wait() == 2
    assert "found no Store in" in run.output
    assert "expected one of its targets: VectorStore" in run.output
    assert "Traceback" not in run.output


def test_a_load_shape(tmp_path, services):
    code, document, output = outcome(
        tmp_path, "load_shape.py", "--think-time", 0.05, *services, STAGE_S="3"
    )
    assert code in (0, 3, 4), output  # so short a run may leave checks unknown
    assert document["run"]["peak_users"] == 9, output
    assert document["completeness"]["complete"], output


def test_a_login(tmp_path, services):
    port = free_port()
    arguments = ("--web-login", "--web-host", "127.0.0.1", "--web-port", port, *services)
    with (
        LocustRun(
            *arguments,
            report_dir=tmp_path / "reports",
            locustfile=EXAMPLES / "web_login.py",
            LOGIN_PASSWORD="right",
        ) as run,
        httpx.Client(base_url=f"http://127.0.0.1:{port}") as client,
    ):

        def is_up():
            assert run.process.poll() is None, run.output
            try:
                return client.get("/login").is_success
            except httpx.TransportError:
                return False

        until(is_up, what="the web UI")
        assert client.get("/coordination/").status_code == 302
        client.post("/login_submit", data={"username": "any", "password": "wrong"})
        assert client.get("/coordination/").status_code == 302
        client.post("/login_submit", data={"username": "any", "password": "right"})
        assert client.get("/coordination/").status_code == 200


@pytest.mark.parametrize("processes", [2])
def test_a_metric_of_ones_own_has_checks_figures_and_rows(tmp_path, services, processes):
    check = "spread.lists == 12; spread.mean_corpora >= 1"
    arguments = (*ROUND, *services, *forked(processes), "--check", check)
    code, document, output = outcome(tmp_path, "own_metric.py", *arguments)
    assert code == 0, output
    surges = [one["top_k"] for one in document["events"] if one["phase"] == "surge"]
    corpora = [len({hit["corpus"] for hit in hits}) for hits in surges]
    expected = {"lists": len(surges), "mean_corpora": sum(corpora) / len(corpora)}
    assert document["metrics"]["spread"] == expected
    assert document["load_curve"][0]["spread"] == expected
    markdown = (tmp_path / "reports" / "multi_coord_stress_001.md").read_text()
    assert f"| corpora in a list | {expected['mean_corpora']:.3f} |" in markdown


MEMORY = """
from mcstress import Target, install
from mcstress import AliceUser, BobUser, CarolUser
from mcstress.metrics.event import Hit
from mcstress.services.target import Found

class Memory(Target):
    title = "a memory of its own"

    def __init__(self, setup):
        super().__init__(setup)
        self.told = {}

    def search(self, search, trace):
        name = search.corpora[0]
        hits = [Hit(f"{search.text}/{n}", name, n / 10) for n in range(search.k)]
        return self.timed("matrix.search", search, lambda: Found(hits))

    def record(self, recording, trace):
        def work():
            its = self.told.setdefault(recording.namespace, {})
            its[recording.answer.corpus, recording.answer.id] = set(recording.text.split())
        return self.timed("playbook.record", recording, work)

    def recall(self, search, trace):
        def work():
            asked = set(search.text.split())
            names = [one for one in self.told if "carol" in search.memory or one == search.memory]
            near = {}
            for name in names:
                for item, words in self.told[name].items():
                    near[item] = 1 - len(words & asked) / len(words | asked)
            best = sorted(near, key=lambda item: (near[item], item))[: search.k]
            return Found([Hit(id_, corpus, near[corpus, id_]) for corpus, id_ in best])
        return self.timed("matrix.search", search, work)

install()
"""
"""Its memory is asked by itself; whoever asks in carol's namespace is told what others were."""


def test_a_memory_that_is_asked_by_itself_is_filled_first_and_its_leaks_fail_the_run(
    tmp_path, services
):
    (tmp_path / "memory.py").write_text(MEMORY)
    target = ("--target", f"{tmp_path / 'memory.py'}:Memory", "--memory-size", 200)
    arguments = (*ROUND, *services[2:], *target)
    code, document, output = outcome(tmp_path, tmp_path / "memory.py", *arguments)
    assert "filling 2 namespaces with 200 pairs each (--memory-size)" in output
    metrics, failed = document["metrics"], {
        check["metric"] for check in document["checks"] if check["verdict"] == "fail"
    }  # fmt: skip
    assert (code, "memory.leaks" in failed) == (3, True)
    verbatim, memory = metrics["handover"]["verbatim"], metrics["memory"]
    assert (verbatim["top1_rate"], verbatim["control_top1_rate"]) == (1.0, 0.0)
    assert verbatim["lift"] is None
    asked = [event for event in document["events"] if event["memory"] is not None]
    assert memory["asked"] == len(asked) > 0
    leaking = {event["coordinator"] for event in asked if event["memory"]["leaks"]}
    assert leaking == {"carol"}
    told = [event["memory"]["records"] for event in asked if event["arm"] == "memory"]
    assert set(told) == {204}, "filler, and what alice recorded in the round"
    assert memory["chance_top1"] == pytest.approx(1 / 204)
    assert memory["chance_top_k"] == pytest.approx(8 / 204)
    markdown = (tmp_path / "reports" / "multi_coord_stress_001.md").read_text()
    for row in ("records in a namespace | 204", "chance, top-1 | 0.0049", "chance, top-K | 0.039"):
        assert f"| {row} | " in markdown
    assert "Lift:" not in markdown
