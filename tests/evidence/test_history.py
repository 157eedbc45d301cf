import json
import random
from datetime import timedelta

import msgspec
import pytest
from made_events import START_S, made_event

from mcstress.errors import UsageError
from mcstress.evidence.store.document import write_document
from mcstress.evidence.store.history import events_of, read_run
from mcstress.evidence.store.segment import Segment
from mcstress.metrics.event import encoder, utc

RUN = {"record": "run", "run": {"run_uid": "u-1", "seed": 42}, "scenario": {"name": "x"}}


def main_file(folder, events, first=RUN):
    path = folder / "multi_coord_stress_001.events.jsonl"
    return written(path, events, first)


def worker_file(folder, worker, events, uid="u-1", run="001"):
    path = folder / f"multi_coord_stress_{run}.{worker}.events.jsonl"
    return written(path, events, {"record": "segment", "run_uid": uid, "worker": worker})


def written(path, events, first):
    segment = Segment(path, first)
    for event in events:
        segment.append(event)
    segment.close()
    return path


def seqs(path):
    return [event.seq for event in events_of(read_run(path))]


def test_events_come_in_the_order_of_their_beginnings(tmp_path):
    rng = random.Random(7)
    events = [made_event(seq, time_s=START_S + rng.randrange(10**7) / 1e6) for seq in range(500)]
    path = main_file(tmp_path, events)
    found = list(events_of(read_run(path)))
    assert found == sorted(events, key=lambda event: event.time)


def test_whole_seconds_and_microseconds_are_told_apart(tmp_path):
    times = [utc(START_S) + timedelta(microseconds=step) for step in (0, 1, -1, 999_999, 1_000_000)]
    events = [made_event(seq, time=time) for seq, time in enumerate(times, 1)]
    assert seqs(main_file(tmp_path, events)) == [3, 1, 2, 4, 5]


def test_equal_times_are_ordered_by_worker_and_seq(tmp_path):
    main = main_file(tmp_path, [])
    for worker in ("w-b", "w-a"):
        events = [made_event(seq, worker=worker, time_s=START_S) for seq in (2, 1)]
        worker_file(tmp_path, worker, events)
    found = [(event.worker, event.seq) for event in events_of(read_run(main))]
    assert found == [("w-a", 1), ("w-a", 2), ("w-b", 1), ("w-b", 2)]


def test_segments_of_the_same_run_are_found_and_those_of_others_left(tmp_path):
    main = main_file(tmp_path, [made_event(1)])
    own = worker_file(tmp_path, "w-1", [made_event(2, worker="w-1")])
    worker_file(tmp_path, "w-2", [made_event(3, worker="w-2")], uid="another")
    worker_file(tmp_path, "w-1", [made_event(4, worker="w-1")], run="0010")
    (tmp_path / "multi_coord_stress_001.w-3.events.jsonl").write_bytes(b'{"record":"segm')
    assert seqs(main) == [1, 2]
    assert seqs(own) == [1, 2]
    assert read_run(own).head["run"]["seed"] == 42


def test_a_segment_whose_main_file_is_lost_is_read_alone(tmp_path):
    own = worker_file(tmp_path, "w-1", [made_event(2, worker="w-1")])
    run = read_run(own)
    assert [event.seq for event in events_of(run)] == [2]
    assert run.head == {"run": {"run_uid": "u-1"}, "scenario": {}}


def test_an_event_that_stands_there_twice_counts_once(tmp_path):
    event = made_event(1)
    run = read_run(main_file(tmp_path, [event, made_event(2), event]))
    assert [event.seq for event in events_of(run)] == [1, 2]
    assert run.order.repeated == 1
    assert len(run.order) == 2


def test_events_without_a_stamp_are_never_taken_for_one(tmp_path):
    event = made_event(0, worker="")
    assert seqs(main_file(tmp_path, [event, event])) == [0, 0]


@pytest.mark.parametrize("cut", [1, 2, 30, 700])
def test_a_torn_last_line_is_left_out_and_counted(tmp_path, cut):
    path = main_file(tmp_path, [made_event(1), made_event(2)])
    path.write_bytes(path.read_bytes()[:-cut])
    run = read_run(path)
    whole = 2 if cut == 1 else 1  # only the newline is missing: the event is whole
    assert [event.seq for event in events_of(run)] == [1, 2][:whole]
    assert run.order.torn == 2 - whole


@pytest.mark.parametrize(
    "line", [b'{"seq": 1, "time', b"", b"\0\0\0", b"[1]", b'{"seq": 1}', b'{"record": 5}']
)
def test_a_broken_line_in_the_middle_is_named(tmp_path, line):
    path = main_file(tmp_path, [made_event(1), made_event(2)])
    lines = path.read_bytes().splitlines()
    path.write_bytes(b"\n".join([*lines[:2], line, *lines[2:], b""]))
    with pytest.raises(UsageError, match=r"001.events.jsonl, line 3: .*expected one whole JSON"):
        read_run(path)


def test_a_time_of_no_zone_is_named(tmp_path):
    path = main_file(tmp_path, [made_event(1), made_event(2)])
    path.write_bytes(path.read_bytes().replace(b'Z"', b'"', 1))
    with pytest.raises(UsageError, match=r"line 2: .*timezone"):
        read_run(path)


def test_an_event_that_lacks_a_field_is_named(tmp_path):
    path = main_file(tmp_path, [made_event(1)])
    with path.open("ab") as file:
        file.write(b'{"seq": 2, "worker": "w", "time": "2030-01-01T00:00:00Z"}\n')
    with pytest.raises(UsageError, match=r"line 3: .*required field `round`"):
        read_run(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "holds nothing yet"),
        (b'{"record":"ru', "line 1"),
        (b'{"seq": 1}\n', "line 1: found no"),
        (b'{"record":"run","run":{}}\n', "key 'scenario' is missing"),
        (b"\xff\xfe\n", "line 1"),
    ],
)
def test_a_file_without_a_first_record_is_refused(tmp_path, text, message):
    path = tmp_path / "x.events.jsonl"
    path.write_bytes(text)
    with pytest.raises(UsageError, match=message):
        read_run(path)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(UsageError, match="no such file"):
        read_run(tmp_path / "x.json")


def test_other_records_are_read_back(tmp_path):
    path = tmp_path / "x.events.jsonl"
    segment = Segment(path, RUN)
    for second, users in ((2, 5), (1, 3)):
        segment.record({"record": "users", "time": float(second), "users": users})
    segment.record({"record": "delta", "state": {"n": 1}})
    segment.flush()
    run = read_run(path)
    assert run.users() == [(1.0, 3), (2.0, 5)]
    assert list(run.states()) == [{"n": 1}]
    assert run.unfinished == [path]
    segment.end({"run": {"seed": 1}, "completeness": {"complete": True}})
    segment.close()
    ended = read_run(path)
    assert (ended.unfinished, ended.faults()) == ([], [])
    assert (ended.head["run"], ended.head["completeness"]) == ({"seed": 1}, {"complete": True})


def test_a_document_gives_back_what_went_in(tmp_path):
    events = [made_event(seq) for seq in range(1, 6)]
    head = {"run": {"run_uid": "u"}, "scenario": {}, "users": [[1.5, 3]], "state": {"n": 2}}
    write_document(tmp_path / "x.json", head, map(encoder.encode, events))
    run = read_run(tmp_path / "x.json")
    assert list(events_of(run)) == events
    assert run.head == {"schema": 1} | head
    assert run.users() == [(1.5, 3)]
    assert list(run.states()) == [{"n": 2}]


def test_a_document_that_another_tool_laid_out_is_read_the_same(tmp_path):
    path = tmp_path / "x.json"
    events = [made_event(seq) for seq in range(1, 6)]
    write_document(path, {"run": {}, "scenario": {}}, map(encoder.encode, events))
    for indent in (None, 4):
        path.write_text(json.dumps(json.loads(path.read_text()), indent=indent))
        assert list(events_of(read_run(path))) == events


def test_a_document_of_another_schema_or_cut_short_is_refused(tmp_path):
    path = tmp_path / "x.json"
    write_document(path, {"schema": 2}, [])
    with pytest.raises(UsageError, match=r"x.json: schema 2; expected 1"):
        read_run(path)
    write_document(path, {}, [msgspec.json.encode(made_event(seq)) for seq in (1, 2)])
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(UsageError, match="ends in the middle"):
        read_run(path)
    path.write_text("# Report")
    with pytest.raises(UsageError, match=r"malformed.*expected a run's .json"):
        read_run(path)


def damaged_first_line(path):
    path.write_bytes(path.read_bytes().replace(b'"run_uid"', b'"run\xff', 1))


def test_a_file_whose_first_line_is_damaged_is_refused_by_name_or_read_without_it(tmp_path):
    """Of a run that was cut off nothing else tells that a whole file of events is missing."""
    main = main_file(tmp_path, [made_event(1)])
    own = worker_file(tmp_path, "w-1", [made_event(2, worker="w-1")])
    damaged_first_line(own)
    with pytest.raises(UsageError, match=r"w-1\.events\.jsonl, line 1: .*--skip-damaged"):
        read_run(main)
    run = read_run(main, skip_damaged=True)
    assert [event.seq for event in events_of(run)] == [1, 2]
    assert any("w-1.events.jsonl, line 1" in fault for fault in run.faults())


def test_a_first_line_that_is_another_record_is_noticed(tmp_path):
    main = main_file(tmp_path, [made_event(1)])
    own = worker_file(tmp_path, "w-1", [made_event(1, worker="w-1")])
    own.write_bytes(own.read_bytes().replace(b'"segment"', b'"segmemt"', 1))
    assert f"{own.name} does not begin with the record of its run" in read_run(main).faults()


def test_a_file_of_another_run_beside_one_that_was_cut_off_is_named(tmp_path):
    main = main_file(tmp_path, [made_event(1)])
    worker_file(tmp_path, "w-2", [made_event(3, worker="w-2")], uid="another")
    (fault,) = read_run(main).faults()
    assert fault.endswith("w-2.events.jsonl was left out: it is of another run, another")
