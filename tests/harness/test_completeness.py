"""What is missing is told, each fault in its own words, and nothing that is there is missed."""

from __future__ import annotations

import pytest

from mcstress.cluster.messages import Delta, Drained
from mcstress.master.completeness import completeness, completeness_so_far, faults_of


@pytest.fixture
def part(made_run):
    """A worker that told of ten events in its first delta."""
    part = made_run.registry.enter("worker-0", "client", "boot", "host-7")
    part.takes(Delta("uid", "worker-0", "boot", 1, 10, [], {}, {}))
    return part


def totals(**more):
    return Drained("uid", "worker-0", "boot", **{"deltas": 1, "events_made": 10} | more)


def test_a_run_that_is_whole(made_run, part):
    part.hand_over(totals(events_kept=10))
    found = completeness(made_run, events_merged=10, events_kept=10)
    assert found.complete
    assert found.faults == []
    assert found.workers[0].lost is False


@pytest.mark.parametrize(
    ("told", "fault"),
    [
        ({"deltas": 3}, "2 reports of worker-0 never arrived"),
        ({"unheard": True}, "worker-0 heard nothing of the master and stopped its users early"),
        ({"evidence_fault": "disk full"}, "evidence of worker-0: disk full"),
        (
            {"evidence_fault": "disk full", "events_lost": 1234},
            "evidence of worker-0: disk full; 1,234 events were not kept",
        ),
    ],
)
def test_each_fault_of_a_worker(part, told, fault):
    part.hand_over(totals(**told))
    assert faults_of(part) == [fault]


def test_evidence_that_did_not_arrive_is_said_with_where_it_is(part):
    part.hand_over(totals(segment_bytes=100, segment_path="/away/segment"))
    part.evidence_missing = 40
    (fault,) = faults_of(part)
    assert fault.startswith("40 of 100 bytes of the evidence of worker-0 never arrived; ")
    assert fault.endswith("its machine, host-7, has them in /away/segment")


def test_a_worker_that_is_lost_counts_as_far_as_it_told(made_run, part):
    part.lose()
    fault = "worker-0 was lost; 10 events are known of it"
    assert completeness(made_run, 10, 10).faults == [fault]
    assert completeness_so_far(made_run, 10).faults == [fault]


def test_while_the_run_goes_on_nobody_is_missed_that_locust_hears(made_run, part):
    assert part.drained is None
    assert completeness_so_far(made_run, 10).complete
    assert not completeness(made_run, 10, 10).complete, "at the end it would have handed over"


@pytest.mark.parametrize(
    ("merged", "kept", "fault"),
    [
        (9, 10, "10 events were made and 9 are in the figures"),
        (10, 8, "10 events were kept and 8 are in the report"),
    ],
)
def test_events_that_went_missing_on_the_way(made_run, part, merged, kept, fault):
    part.hand_over(totals(events_kept=10))
    assert completeness(made_run, merged, kept).faults == [fault]


def test_users_that_never_came_and_users_that_broke_down(made_run, part):
    part.hand_over(totals(events_kept=10))
    made_run.absent_users = 2
    made_run.user_errors += ["KeyError: 'x'", "KeyError: 'x'"]
    made_run.own_errors.add("OSError: y")
    found = completeness(made_run, 10, 10, ["a file is damaged"])
    assert found.faults == [
        "2 users that were asked for never took part",
        "a coordinator broke down: KeyError: 'x'",
        "the master could not see to the run: OSError: y",
        "a file is damaged",
    ]
    assert found.user_errors == 2
