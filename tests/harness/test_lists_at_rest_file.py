"""``--rest``: the lists of another run, and the runs that are refused."""

from __future__ import annotations

import msgspec
import pytest

from mcstress.errors import UsageError
from mcstress.evidence.store.document import write_document
from mcstress.lists_at_rest_file import read_rest
from mcstress.metrics.event import Event, Hit, encoder, utc
from mcstress.users.lists_at_rest import overlap_at_rest
from mcstress.users.scenarios.load import load_scenario

SCENARIO = load_scenario("three_cities")
CONTRACT, ROLE = "alpha_milwaukee_distribution", "warehouse worker"
NAME = f"1/{CONTRACT}/warehouse_worker"


def baseline(ids, *, users=3, **changes):
    fields = {
        "time": utc(0), "round": 1, "trio": 1, "variant": 1, "phase": "baseline", "k": 8,
        "coordinator": "alice", "contract": CONTRACT, "role": ROLE, "users": users,
        "top_k": [Hit(one, "workers", 0.1) for one in ids], "found": len(ids),
    }  # fmt: skip
    return Event(**(fields | changes))


@pytest.fixture
def written(tmp_path):
    def write(*events, scenario=SCENARIO, k=8):
        head = {
            "run": {"k": k, "run_id": "1"},
            "scenario": msgspec.to_builtins(scenario),
            "completeness": {},
        }
        path = tmp_path / f"run{len([*tmp_path.iterdir()])}.json"
        write_document(path, head, map(encoder.encode, events))
        return path

    return write


def test_a_questions_list_is_the_one_with_the_fewest_users(written):
    path = written(
        baseline("ab", users=9),
        baseline("cd", users=3),
        baseline("ef", users=3),
        baseline("x", users=1, outcome="cut"),
        baseline("x", users=1, phase="reissue"),
        baseline("", users=1, top_k=[], found=None, outcome="failed"),
        baseline("gh", variant=2, contract="c", role="r"),
    )
    assert read_rest(path, SCENARIO, 8) == {
        NAME: ["workers:c", "workers:d"],
        "2/c/r": ["workers:g", "workers:h"],
    }


@pytest.mark.parametrize(
    ("ids", "at_rest", "share"),
    [("ab", "ba", 1), ("ab", "bc", 0.5), ("abc", "a", 0.5), ("", "", 1), ("a", "", 0)],
)
def test_the_overlap_is_the_mean_share_of_a_list_that_the_other_has(ids, at_rest, share):
    assert overlap_at_rest(baseline(ids), [f"workers:{one}" for one in at_rest]) == share
    assert overlap_at_rest(baseline(ids), [f"others:{one}" for one in at_rest]) == float(
        not ids + at_rest
    )


def test_a_run_that_cannot_be_compared_is_refused(written, tmp_path):
    other = msgspec.structs.replace(SCENARIO, name="other", variants=SCENARIO.variants[:2])
    for path, said in (
        (written(baseline("ab"), scenario=other), "found a run of scenario other in other words"),
        (written(baseline("ab", k=5), k=5), "found lists of K 5, expected K 8, this run's"),
        (written(baseline("ab", phase="merge")), "found no baseline list, expected a run with"),
        (tmp_path / "none.json", "cannot be read: No such file"),
    ):
        with pytest.raises(UsageError, match=f"^--rest {path}: {said}"):
            read_rest(path, SCENARIO, 8)
    (tmp_path / "no.json").write_text("[]")
    with pytest.raises(UsageError):
        read_rest(tmp_path / "no.json", SCENARIO, 8)
