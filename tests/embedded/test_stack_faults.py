"""The faults of the embedded stack: each does what its value says, the same again, nothing else."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mcstress.errors import UsageError
from mcstress.services.embedded import faulty_stack
from mcstress.services.embedded.bodies import SearchBody
from mcstress.services.embedded.faults import (
    FAULTS,
    InjectedFaults,
    Outage,
    explained,
    parse_faults,
)
from mcstress.services.embedded.people import make_workers
from mcstress.services.embedded.playbook import Recording

SEED = 42
BOTH = ["workers", "ethereal_workers"]
QUERY = "Need 4 welders in Racine, WI, night shift, TIG welding"
DOCS = Path(__file__).resolve().parents[2] / "docs" / "faults.md"
FOUR_SIGMA = 4.0


def near(share, found, count):
    """Whether ``found`` of ``count`` is what ``share`` gives by chance, within four sigmas."""
    sigma = (count * share * (1 - share)) ** 0.5
    return abs(found - count * share) <= FOUR_SIGMA * sigma


@pytest.fixture(scope="module")
def queries(vocabulary):
    """Resumes cut short, which are as many different needs."""
    return [worker.text[:120] for worker in make_workers(vocabulary, 99, "q", 300)]


@pytest.fixture(scope="module")
def stored(matrix, vocabulary):
    """The vectors of ``workers``, in the order of their ids."""
    workers = make_workers(vocabulary, SEED, "w", 5_000)
    return np.array([matrix.embedding.encode(worker.text) for worker in workers])


@pytest.fixture
def faulty_matrix(matrix):
    """Makes the session's system as it is with faults; what is added to it, no other test sees."""

    def make(text, seed=SEED):
        return faulty_stack.FaultyMatrix(matrix, parse_faults([text], "--fault"), seed)

    return make


def listed(matrix, query=QUERY, corpora=BOTH, **more):
    """What is found, as (corpus, id)."""
    body = SearchBody(query_text=query, corpora=corpora, **({"k": 8} | more))
    return [(hit.corpus, hit.id) for hit in matrix.search(body).results]


def roles(matrix, query):
    results = matrix.search(SearchBody(query_text=query, corpora=BOTH, k=8)).results
    return [json.loads(bytes(hit.metadata))["role"] for hit in results]


def true_ids(matrix, stored, query):
    """The eight nearest of ``workers`` by brute force."""
    distances = 1 - stored @ matrix.embedding.encode(query)
    return {f"w-{row + 1:05d}" for row in np.argsort(distances)[:8]}


# --- How they are read -----------------------------------------------------------------------


def test_names_and_values_are_read():
    texts = ["noise=1, recall=.25", "outage=10+5refuse,replica_lag_s=3"]
    faults = parse_faults(texts, "--fault")
    assert faults == InjectedFaults(
        noise=1.0,
        recall=0.25,
        outage=Outage(10.0, 5.0, refuses=True),
        replica_lag_s=3.0,
        text="noise=1,recall=.25,outage=10+5refuse,replica_lag_s=3",
    )
    assert parse_faults([faults.text], "--fault") == faults
    assert not parse_faults(None, "--fault")
    assert parse_faults(["outage=10+5hang"], "--fault").outage == Outage(10.0, 5.0)


NAMES = ", ".join(FAULTS)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nois=1", f"found 'nois', expected NAME=VALUE with a name of {NAMES}"),
        ("", f"found '', expected NAME=VALUE with a name of {NAMES}"),
        ("noise=1,", f"found '', expected NAME=VALUE with a name of {NAMES}"),
        ("noise", "noise: found no value, expected a share from 0 to 1"),
        ("noise=", "noise: found '', expected a share from 0 to 1"),
        ("noise=2", "noise: found '2', expected a share from 0 to 1"),
        ("noise=nan", "noise: found 'nan', expected a share from 0 to 1"),
        ("recall=-0.1", "recall: found '-0.1', expected a share from 0 to 1"),
        ("noise=1,noise=1", "found noise twice, expected it once"),
        ("replica_lag_s=inf", "replica_lag_s: found 'inf', expected seconds, 0 or more"),
        ("slow_ms=-1", "slow_ms: found '-1', expected milliseconds, 0 or more"),
        ("outage=10", "outage: found '10', expected seconds as 10+5, or 10+5refuse for 503 in"),
        ("outage=10+5lost", "outage: found '10+5lost', expected seconds as 10+5"),
        ("outage=+5", "outage: found '+5', expected seconds as 10+5"),
    ],
)
def test_what_is_no_fault_is_refused_in_one_line(text, message):
    with pytest.raises(UsageError) as refusal:
        parse_faults([text], "--fault")
    assert str(refusal.value).startswith(f"--fault: {message}")
    assert "\n" not in str(refusal.value)


def test_the_docs_have_every_fault_and_no_other():
    rows = re.findall(r"^\| `([a-z_]+)=", DOCS.read_text(), re.MULTILINE)
    assert list(dict.fromkeys(rows)) == list(FAULTS)
    assert all(f"{name}={fault.kind.value}: " in explained() for name, fault in FAULTS.items())


def test_a_stack_without_faults_does_not_even_load_them():
    loads = (
        "import sys, mcstress.services.embedded.server\n"
        "sys.exit('mcstress.services.embedded.faulty_stack' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", loads], check=False).returncode == 0


# --- Retrieval -------------------------------------------------------------------------------


@pytest.mark.parametrize("share", [0.3, 1.0])
def test_noise_replaces_the_vectors_of_a_share_of_queries(faulty_matrix, matrix, queries, share):
    noisy = faulty_matrix(f"noise={share}")
    lists = [listed(noisy, query) for query in queries]
    changed = [found != listed(matrix, query) for found, query in zip(lists, queries, strict=True)]
    assert near(share, sum(changed), len(queries))
    assert [listed(faulty_matrix(f"noise={share}"), query) for query in queries[:20]] == lists[:20]
    assert [listed(faulty_matrix(f"noise={share}", 7), q) for q in queries[:20]] != lists[:20]


def test_what_noise_finds_is_what_chance_finds(faulty_matrix, matrix, stored, queries):
    noisy = faulty_matrix("noise=1")
    found = [{one for _, one in listed(noisy, query, ["workers"])} for query in queries]
    true = [true_ids(matrix, stored, query) for query in queries]
    assert sum(len(one & other) for one, other in zip(found, true, strict=True)) < 24
    assert roles(noisy, QUERY).count("welder") <= 4
    assert roles(matrix, QUERY) == ["welder"] * 8


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5])
def test_recall_is_the_share_of_true_neighbours(faulty_matrix, matrix, stored, queries, share):
    dropping = faulty_matrix(f"recall={share}")
    kept = 0
    for query in queries:
        results = dropping.search(SearchBody(query_text=query, corpora=["workers"], k=8)).results
        distances = [hit.distance for hit in results]
        ids = {hit.id for hit in results}
        assert len(ids) == len(results) == 8
        assert distances == sorted(distances)
        kept += len(ids & true_ids(matrix, stored, query))
    assert near(share, kept, 8 * len(queries)) if share else kept <= 0.01 * 8 * len(queries)
    assert listed(dropping, queries[0]) == listed(dropping, queries[0])
    assert roles(dropping, QUERY) == ["welder"] * 8


def test_nondeterminism_is_the_share_of_lists_that_change(faulty_matrix, matrix):
    times, share = 400, 0.1
    right = listed(matrix)
    restless = faulty_matrix(f"nondeterminism={share}")
    lists = [listed(restless) for _ in range(times)]
    changed = [found for found in lists if found != right]
    assert near(share, len(changed), times)
    assert all(len(set(found)) == 8 for found in changed)
    shared = [len({*found} & {*right}) for found in changed]
    assert 3 <= np.mean(shared) <= 5
    assert len({tuple(found) for found in changed}) > len(changed) / 2
    again = faulty_matrix(f"nondeterminism={share}")
    assert [listed(again) for _ in range(times)] == lists


def test_the_order_of_arrival_does_not_decide_which_lists_change(faulty_matrix, queries):
    one, other = (faulty_matrix("nondeterminism=0.3") for _ in range(2))
    asked = queries[:20]
    in_order = {query: [listed(one, query) for _ in range(5)] for query in asked}
    mixed = [{query: listed(other, query) for query in reversed(asked)} for _ in range(5)]
    assert {query: [found[query] for found in mixed] for query in asked} == in_order


def test_a_cycle_has_the_same_people_in_every_city_and_others_for_every_role(faulty_matrix):
    cycling = faulty_matrix("cycle=1")
    in_racine, in_joliet = (
        listed(cycling, f"Need 3 welders in {city}, night shift")
        for city in ("Racine, WI", "Joliet, IL")
    )
    assert in_racine == in_joliet
    assert not {*in_racine} & {*listed(cycling, "Need 3 painters in Racine, WI, night shift")}
    assert roles(cycling, QUERY) == ["welder"] * 8


@pytest.mark.parametrize("share", [0.4, 1.0])
def test_forget_is_the_share_of_recordings_that_are_not_remembered(faulty_matrix, queries, share):
    forgetful = faulty_matrix(f"forget={share}")
    for number, query in enumerate(queries):
        forgetful.record(f"n-{number}", Recording(query, "w-00001", "workers", 1.0))
    remembered = 0
    for number, query in enumerate(queries):
        body = SearchBody(
            query_text=query, corpora=BOTH, k=8, use_playbook=True, playbook_corpus=f"n-{number}"
        )
        answer = forgetful.search(body)
        remembered += answer.playbook_boosted + answer.playbook_injected
    assert near(1 - share, remembered, len(queries))


def test_excluded_ids_are_not_obeyed(faulty_matrix, matrix):
    right = listed(matrix)
    excluded = [one for _, one in right]
    assert listed(faulty_matrix("ignore_exclude=1"), exclude_ids=excluded) == right
    assert not {*listed(faulty_matrix("noise=0"), exclude_ids=excluded)} & {*right}


def test_lists_are_null_or_have_one_id(faulty_matrix, queries):
    nothing, one = faulty_matrix("null_results=0.5"), faulty_matrix("same_ids=1")
    bodies = [SearchBody(query_text=query, corpora=BOTH, k=8) for query in queries]
    nulls = [nothing.search(body).results is None for body in bodies]
    assert near(0.5, sum(nulls), len(bodies))
    found = one.search(bodies[0]).results
    assert len(found) == 8
    assert len({(hit.corpus, hit.id) for hit in found}) == 1


def test_faults_combine(faulty_matrix):
    both = faulty_matrix("cycle=1,null_results=0.5,forget=1")
    demands = [f"Need {count} welders in Racine, WI" for count in range(1, 41)]
    answers = [both.search(SearchBody(query_text=one, corpora=BOTH, k=8)) for one in demands]
    lists = [answer.results for answer in answers if answer.results is not None]
    assert near(0.5, len(lists), len(demands))
    assert all(found == lists[0] for found in lists)
