"""What is counted again from a run's files is what was counted live."""

from __future__ import annotations

import json

from mcstress.evidence.store.history import read_run
from mcstress.evidence.store.segment import Segment
from mcstress.master.finalize import recount
from mcstress.metrics import rounds
from mcstress.metrics.event import Event, Hit, utc
from mcstress.metrics.figures import Figures

K = 3
BACK_AT, BACK_S = 30, 2.0
ROUNDS, ROLES = 10, "abcd"
FIRST = {"record": "run", "run": {"run_uid": "u", "k": K}, "scenario": {}}


def test_a_clock_that_is_set_back_tears_no_pair_apart(tmp_path):
    segment = Segment(tmp_path / "multi_coord_stress_001.events.jsonl", FIRST)
    live, seq, time_s = Figures(K), 0, 1_790_000_000.0
    for round_ in range(1, ROUNDS + 1):
        asked: dict[str, int] = {}
        for phase in ("baseline", "reissue"):
            for role in ROLES:
                seq += 1
                time_s += 0.05 - (BACK_S if seq == BACK_AT else 0)
                event = Event(
                    seq=seq,
                    worker="worker-0",
                    time=utc(time_s),
                    round=round_,
                    trio=1,
                    phase=phase,
                    coordinator="alice",
                    contract="c",
                    role=role,
                    query=role,
                    k=K,
                    users=1,
                    paired_seq=asked.get(role),
                    top_k=[Hit(f"w-{rank}", "workers", 0.1) for rank in range(K)],
                )
                asked[role] = seq
                live.add(event)
                segment.append(event)
    segment.close()
    again = Figures(K)
    run = read_run(segment.path)
    recount(run, again)
    assert live.result()["metrics"]["determinism"]["pairs"] == ROUNDS * len(ROLES)
    assert again.state() == live.state()
    times = [event["time"] for event in map(json.loads, run.raw_events())]
    assert times == sorted(times)


def test_files_of_several_workers_are_counted_side_by_side(tmp_path, monkeypatch):
    """One after the other, every round would wait for the last file, and too many be given up."""
    monkeypatch.setattr(rounds, "LISTS_KEPT", 10)
    main = Segment(tmp_path / "multi_coord_stress_001.events.jsonl", FIRST)
    main.close()
    for number, persona in enumerate(("alice", "bob")):
        name = f"multi_coord_stress_001.worker-{number}.events.jsonl"
        segment = Segment(tmp_path / name, {"record": "segment", "run_uid": "u"})
        for round_ in range(1, 101):
            segment.append(
                Event(
                    seq=round_,
                    worker=f"worker-{number}",
                    round=round_,
                    trio=1,
                    phase="baseline",
                    coordinator=persona,
                    contract=persona,
                    role="a",
                    query="a",
                    k=K,
                    users=2,
                    time=utc(1_790_000_000.0 + round_ + number / 10),
                    top_k=[Hit(f"w-{rank}", "workers", 0.1) for rank in range(K)],
                )
            )
        segment.close()
    figures = Figures(K, cells=2)
    recount(read_run(main.path), figures)
    found = figures.result()
    assert found["metrics"]["diversity"]["same_role_across_contracts"]["pairs"] == 100
    assert found["faults"]["late_lists"] == 0
