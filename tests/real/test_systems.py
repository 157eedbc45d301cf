"""A round, and thirty seconds of thirty users, held against the system asked directly."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter, defaultdict
from pathlib import Path
from statistics import fmean

import numpy as np
import pytest
from endtoend.locust_run import CHECKOUT, LocustRun, forked
from real.systems import SEED, SYSTEMS, booted

from mcstress.services.embedded.people import make_workers
from mcstress.services.embedded.system import CORPORA
from mcstress.services.embedded.vocabulary import load_vocabulary
from mcstress.services.toml.vectors import builtin_embedding

pytestmark = pytest.mark.targets
K = 8
SEARCHED = [name for name, _, _ in CORPORA]
CHANGING = {"chroma", "pgvector"}
"""Those whose target updates, deletes and forgets."""
AGREES = {"mem0": 0.9}
"""Lists of the run that are as asked directly, least share; 0.99 for others. mem0 has all in one
table, whose approximate index changes with what is added and recorded meanwhile. A connection's
first ten searches look at every row, its later ones use the index: a list is as either gives it."""


@pytest.mark.parametrize("name", SYSTEMS)
def test_figures_are_those_of_the_system_itself(name, needs, tell, tmp_path):
    needs(name)
    with booted(SYSTEMS[name], tmp_path / "data") as system:
        target = ("--target", system.target, *system.options)
        loaded = subprocess.run(
            [Path(sys.executable).with_name("mcstress"), "load", *target, "--again"],
            capture_output=True, text=True, check=True, cwd=CHECKOUT,
        )  # fmt: skip
        assert loaded.stdout.count("the last is found after") == len(SEARCHED), loaded.stdout
        made = {name: count for name, _, count in CORPORA}
        assert {corpus: system.count(corpus) for corpus in SEARCHED} == made
        target += ("--memory-size", system.memory_size)
        one_round = run(tmp_path / "round", *target, "-u", 3, "-r", 3, "--rounds", 1)
        check(system, one_round)
        loaded_run = run(
            tmp_path / "load", *target, "-u", 30, "-r", 10, "-t", "30s", *forked(2)
        )  # fmt: skip
        agreed = check(system, loaded_run, one_round)
        of_memory = [*told_of_memory(system, loaded_run)]
    tell(row(name, one_round, loaded_run, agreed, exact_recall(one_round, loaded_run)))
    for line in (f"  loaded: {loaded.stdout.splitlines()[-1]}", *of_memory):
        tell(line)


def run(folder, *arguments):
    """The document of a run, whatever its verdict."""
    folder.mkdir()
    reports = folder / "reports"
    with LocustRun("--headless", *arguments, report_dir=reports, cold=True) as locust:
        code = locust.wait(600)
        assert code in {0, 3, 4}, locust.output
        return locust.document() | {"verdict": code}


def check(system, document, *earlier):
    """Everything that can be asked otherwise; how alike the lists are, as shares."""
    events = [event for event in document["events"] if event["outcome"] == "ok"]
    metrics = document["metrics"]
    sizes, made = document["run"]["corpora"], {name: count for name, _, count in CORPORA}
    assert not sizes or {name: sizes[name] for name in SEARCHED} == made, "mem0 does not say"
    least = AGREES.get(system.name, 0.99)
    agreed = [lists_agree(system, events), memory_agrees(system, events)]
    # A busy machine may come to neither in thirty seconds; a round does.
    assert earlier or None not in agreed, Counter((e["phase"], e["outcome"]) for e in events)
    assert all(share is None or share >= least for share in agreed), agreed
    added = {e["expected"] for d in (document, *earlier) for e in d["events"] if is_there(e)}
    cut = sum(step["cut"] for d in (document, *earlier) for e in d["events"] for step in e["steps"])
    assert len(added) - cut <= system.count("fresh_workers") <= len(added) + cut
    changes = metrics["changes"]
    twice = [fault for fault in document["completeness"]["faults"] if "more than once" in fault]
    assert not twice, "a worker may be lost on a busy machine; no event is told twice"
    made = [bool(changes[done]) for done in ("updates", "deletes", "forgets")]
    assert made == [system.name in CHANGING] * 3, changes
    assert not any(changes[back] for back in ("stale", "returned", "remembered")), changes
    steps = [step for e in document["events"] for step in e["steps"] if counted(step)]
    failed = sum(step["error"] is not None for step in steps)
    assert (metrics["errors"]["steps"], metrics["errors"]["failed"]) == (len(steps), failed)
    verbatim = [
        (e["question"], float(e["top_k"][:1] != [] and is_expected(e, e["top_k"][0])))
        for e in events
        if e["phase"] == "handover" and e["arm"] == "memory"
    ]
    figure = metrics["handover"]["verbatim"]
    assert figure["queries"] == len(verbatim)
    assert figure["top1_rate"] == pytest.approx(mean_of_means(verbatim))
    repeated = mean_of_means(reissued(events))
    assert earlier or repeated is not None, "a round has reissues"
    assert metrics["determinism"]["mean_jaccard"] == pytest.approx(repeated)
    asked = [e["memory"] for e in events if e["memory"]]
    # A busy machine may ask no memory in thirty seconds; a round does.
    assert earlier or asked
    assert metrics["memory"]["leaks"] == (sum(one["leaks"] for one in asked) if asked else None)
    return agreed


def is_there(event):
    """Whether it added an item, and did not delete it."""
    done = {s["name"] for s in event["steps"] if not s["error"] and not s["cut"]}
    return "index.add" in done and "index.delete" not in done


def counted(step):
    return not step["cut"] and step["name"] not in {"freshness.poll", "freshness.search"}


def is_expected(event, hit):
    return (hit["corpus"], hit["id"]) == (event["expected_corpus"], event["expected"])


def mean_of_means(pairs):
    by_question = defaultdict(list)
    for question, value in pairs:
        by_question[question].append(value)
    return fmean(map(fmean, by_question.values())) if by_question else None


def ids_of(event):
    return {(hit["corpus"], hit["id"]) for hit in event["top_k"]}


def reissued(events):
    """Of each reissue, its question and the Jaccard similarity to its baseline."""
    baselines = {
        (e["coordinator"], e["round"], e["contract"], e["role"]): e
        for e in events
        if e["phase"] == "baseline"
    }
    for event in events:
        cell = event["coordinator"], event["round"], event["contract"], event["role"]
        if event["phase"] == "reissue" and cell in baselines:
            a, b = ids_of(event), ids_of(baselines[cell])
            yield (event["variant"], event["contract"], event["role"]), len(a & b) / len(a | b)


def lists_agree(system, events):
    """The mean share of a baseline's hits that the system gives when it is asked directly.

    None without baselines.
    """
    lists = {e["query"]: e for e in events if e["phase"] == "baseline"}
    ways = [system.search, getattr(system, "search_every_row", system.search)]
    return mean(
        max(len(ids_of(event) & {*map(tuple, asked(SEARCHED, query, K))}) / K for asked in ways)
        for query, event in lists.items()
    )


def mean(values):
    """None of no values."""
    given = [*values]
    return fmean(given) if given else None


def memory_agrees(system, events):
    """The share of handovers whose first hit is the memory's own first; and that it was filled.

    None without handovers.
    """
    alike = []
    asked = [e for e in events if e["phase"].startswith("handover") and e["arm"] == "memory"]
    for namespace in {e["memory"]["namespace"] for e in asked}:
        told = max(e["memory"]["records"] for e in asked if e["memory"]["namespace"] == namespace)
        assert system.records(namespace) >= told > system.memory_size
    for query, namespace in {(e["query"], e["memory"]["namespace"]) for e in asked}:
        first = [tuple(one) for one in system.remembered(namespace, query, K)[:1]]
        alike += [
            first == [(hit["corpus"], hit["id"]) for hit in e["top_k"][:1]]
            for e in asked
            if (e["query"], e["memory"]["namespace"]) == (query, namespace)
        ]
    return mean(alike)


def told_of_memory(system, document):
    """How long the memory's lists are, and how often the first is right, run and SDK alike."""
    asked = [
        (event, event["query"], event["memory"]["namespace"])
        for event in document["events"]
        if event["outcome"] == "ok" and event["phase"].startswith("handover")
        if event["arm"] == "memory"
    ]
    if not (asked and hasattr(system, "nearest_of_all")):
        return
    of_run = [[(hit["corpus"], hit["id"]) for hit in event["top_k"]] for event, *_ in asked]
    of_sdk = [system.remembered(namespace, query, K) for _, query, namespace in asked]
    right = [system.nearest_of_all(namespace, query, K) for _, query, namespace in asked]
    told = []
    for name, lists in (("the run", of_run), ("the SDK asked directly", of_sdk)):
        first = fmean(one[:1] == its[:1] for one, its in zip(lists, right, strict=True))
        told.append((name, first, fmean(map(len, lists))))
    (_, of_the_run, _), (_, of_the_sdk, _) = told
    assert abs(of_the_run - of_the_sdk) <= 0.1, told
    for name, first, length in told:
        yield (
            f"  memory, by {name}: first as with every vector looked at {first:.3f}, "
            f"{length:.1f} of {fmean(map(len, right)):.1f} hits a list"
        )


def exact_recall(*documents):
    """Recall@K of the baselines against every vector looked at."""
    names, rows = [], []
    embedding = builtin_embedding(SEED)
    for corpus, prefix, count in CORPORA:
        for worker in make_workers(load_vocabulary(), SEED, prefix, count):
            names.append((corpus, worker.id))
            rows.append(embedding.encode(worker.text))
    matrix = np.array(rows)
    recalls = []
    events = [event for document in documents for event in document["events"]]
    for event in {e["query"]: e for e in events if e["phase"] == "baseline"}.values():
        if event["top_k"]:
            nearest = np.argsort(-(matrix @ embedding.encode(event["query"])))[:K]
            recalls.append(len(ids_of(event) & {names[place] for place in nearest}) / K)
    return fmean(recalls)


def row(name, one_round, loaded, agreed, recall):
    metrics, search = loaded["metrics"], loaded["latency"]["matrix_search"]
    failing = [check["metric"] for check in loaded["checks"] if check["verdict"] == "fail"]
    handover = metrics["handover"]
    return (
        f"{name}: round {one_round['verdict']}, load {loaded['verdict']} {failing}; "
        f"{metrics['events']['total']:,} events, {metrics['errors']['steps']:,} steps, "
        f"{metrics['errors']['failed']} failed; search p50 {figure(search['p50_ms'])} ms, "
        f"p95 {figure(search['p95_ms'])} ms; recall@8 {recall:.3f}; as asked directly: lists "
        f"{figure(agreed[0])}, memory {figure(agreed[1])}; handover top-1 "
        f"{figure(handover['verbatim']['top1_rate'])} verbatim, "
        f"{figure(handover['paraphrase']['top1_rate'])} paraphrased; leaks "
        f"{metrics['memory']['leaks']}; visible {metrics['freshness']['visible_rate']}; changes "
        f"{metrics['changes']}"
    )


def figure(value):
    """With three digits, or that the run did not come so far."""
    return "not asked" if value is None else f"{value:.3f}"
