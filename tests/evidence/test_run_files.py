"""Files of workers that are brought together after their master died: in parts, in any order."""

from __future__ import annotations

import pytest
from left_run import LeftRun

from mcstress.commands.report import counted_again, report_again
from mcstress.errors import UsageError
from mcstress.evidence.store.history import read_run
from mcstress.evidence.store.run_files import files_of_run


@pytest.fixture
def left(tmp_path):
    """The main file alone: the others are on the machines of their workers."""
    for folder in ("master", "elsewhere"):
        (tmp_path / folder).mkdir()
    left = LeftRun(tmp_path / "master")
    left.whole = counted_again(read_run(left.main))
    uid = left.head["run"]["run_uid"]
    left.away = {
        path: tmp_path / "elsewhere" / f"multi_coord_stress_{uid}.worker-{number}.boot.events.jsonl"
        for number, path in enumerate(left.segments)
    }
    for path, away in left.away.items():
        path.rename(away)
    return left


def brought(away, left, size=None):
    """A worker's file, or its beginning, copied to the main one's folder as it is called there."""
    copy = left.main.with_name(away.name)
    copy.write_bytes(away.read_bytes()[:size])
    return copy


def kept(left):
    """Events that the report counts from what is there, and whether it is complete."""
    document = counted_again(read_run(left.main))
    return document.completeness.counts["events_kept"], document.completeness.complete


def test_each_file_that_is_brought_adds_to_the_report_until_it_is_whole(left):
    first, second = left.away.values()
    counts = [kept(left)]
    brought(first, left)
    counts.append(kept(left))
    brought(second, left, second.stat().st_size // 2)  # the copy was cut
    counts.append(kept(left))
    brought(second, left)  # and is taken up again
    counts.append(kept(left))
    numbers = [number for number, _ in counts]
    assert numbers == sorted({*numbers})
    assert (numbers[0], numbers[-1]) == (0, left.made)
    assert [whole for _, whole in counts] == [False, False, False, True]
    found = counted_again(read_run(left.main))
    assert (found.verdict, found.metrics) == (left.whole.verdict, left.whole.metrics)


def test_of_a_folder_the_file_to_name_is_said(left):
    folder = left.main.parent
    for away in left.away.values():
        brought(away, left)
    with pytest.raises(UsageError, match=rf"{folder}: found a folder; .*as {left.main.name}: all"):
        read_run(folder)
    with pytest.raises(UsageError, match=r"found a folder; expected a run's .*events.jsonl$"):
        read_run(folder.parent)


def test_the_report_of_a_workers_file_is_that_of_its_run_and_is_named_after_it(left):
    copies = [brought(away, left) for away in left.away.values()]
    for copy in copies:
        assert read_run(copy).order.paths == [left.main, *copies]
        report_again(copy)
    made = {path.name for path in left.main.parent.glob("*.md")}
    assert made == {"multi_coord_stress_001.md"}


def test_without_the_main_file_it_is_said_what_is_missing_of_the_file_that_was_named(left):
    copies = [brought(away, left) for away in left.away.values()]
    left.main.unlink()
    for copy in copies:
        with pytest.raises(UsageError) as refused:
            report_again(copy)
        assert str(refused.value) == (
            f"{copy}: found a worker's file; expected beside it the main one of its run, "
            "multi_coord_stress_NNN.events.jsonl of the master, which says what was asked for"
        )


@pytest.mark.parametrize("fetched", [0.5, 1.0])
def test_what_the_master_had_fetched_of_a_file_counts_once(left, fetched):
    for path, away in left.away.items():
        path.write_bytes(away.read_bytes()[: int(away.stat().st_size * fetched)])
        brought(away, left)
    assert kept(left) == (left.made, True)


def test_a_file_of_another_run_is_not_read(left):
    away = next(iter(left.away.values()))
    copy = brought(away, left)
    copy.write_bytes(away.read_bytes().replace(b'"run_uid":"', b'"run_uid":"x', 1))
    assert files_of_run(left.main).paths == [left.main]


def test_where_the_main_files_own_uid_is_damaged_the_files_that_it_no_longer_finds_are_named(
    tmp_path,
):
    left = LeftRun(tmp_path)
    uid = left.head["run"]["run_uid"].encode()
    other = bytes([uid[0] ^ 1]) + uid[1:]
    left.main.write_bytes(left.main.read_bytes().replace(uid, other, 1))
    told = " ".join(read_run(left.main).faults())
    assert all(f"{path.name} was left out" in told for path in left.segments)


def test_a_file_of_another_run_beside_a_whole_one_is_no_fault(tmp_path):
    left = LeftRun(tmp_path)
    stray = left.main.with_name("multi_coord_stress_001.other.events.jsonl")
    stray.write_bytes(left.segments[0].read_bytes().replace(b'"run_uid":"', b'"run_uid":"x', 1))
    assert not read_run(left.main).faults()
