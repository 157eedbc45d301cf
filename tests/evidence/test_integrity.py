"""Files that are not whole: noticed, named, and never worth a verdict. No traceback for any."""

from __future__ import annotations

import json
import random
import re
import shutil
import subprocess
import sys

import pytest
from left_run import LeftRun
from markupsafe import Markup

from mcstress.commands.report import counted_again, report_again
from mcstress.errors import UsageError
from mcstress.evidence.compare.comparison import compare
from mcstress.evidence.report.write import texts_of
from mcstress.evidence.run_document import head_of
from mcstress.evidence.store.history import blaming, read_run
from mcstress.evidence.store.lines_digest import LinesDigest
from mcstress.evidence.store.paths import ReportPaths

EVENT = b'{"seq":'
FIGURES = ("verdict", "checks", "metrics", "latency", "load_curve", "timeline", "faults")


@pytest.fixture
def left(tmp_path):
    return LeftRun(tmp_path)


@pytest.fixture(autouse=True)
def _no_plots(monkeypatch):
    """Plots have tests of their own, and take a second."""
    monkeypatch.setattr("mcstress.evidence.report.html._drawn", lambda _: (Markup(), {}))


def again(path, **options):
    """What is counted from the file: its figures, its completeness."""
    run = read_run(path, **options)
    with blaming(run):
        document = counted_again(run)
        texts_of(document)
    head = head_of(document)
    return head, head["completeness"]


def edited(path, edit):
    """Change the lines that are events, of a document or of an events file."""
    lines = path.read_bytes().split(b"\n")
    places = [number for number, line in enumerate(lines) if line.startswith(EVENT)]
    edit(lines, places)
    path.write_bytes(b"\n".join(lines))


def as_failed(lines, places):
    """What turns a failing run into a passing one, and back."""
    for place in places[:8]:
        lines[place] = lines[place].replace(b'"outcome":"ok"', b'"outcome":"failed"')


def without_some(lines, places):
    del lines[places[3] : places[7]]


def one_twice(lines, places):
    lines.insert(places[4], lines[places[3]])


def a_latency_less(lines, places):
    lines[places[5]] = re.sub(rb'"latency_ms":[0-9.]+', b'"latency_ms":1.5', lines[places[5]])


EDITS = [as_failed, without_some, one_twice, a_latency_less]


def test_a_run_that_is_whole_gives_its_own_figures_from_either_file(left):
    for path in (left.main, left.segments[0], left.paths.json):
        head, counted = again(path)
        assert counted == left.head["completeness"]
        assert {key: head[key] for key in FIGURES} == {key: left.head[key] for key in FIGURES}
        assert head["run"] == left.head["run"]
    before = left.paths.json.read_bytes()
    assert report_again(left.paths.json)[0] == "pass"
    assert left.paths.json.read_bytes() == before
    assert report_again(left.main)[0] == "pass", "a run that ended well and wrote no report"
    assert json.loads(left.paths.json.read_bytes()) == json.loads(before)


@pytest.mark.parametrize("edit", EDITS)
@pytest.mark.parametrize("file", ["json", "worker"])
def test_events_that_are_missing_doubled_or_changed_are_noticed(left, file, edit):
    path = left.paths.json if file == "json" else left.segments[0]
    edited(path, edit)
    head, counted = again(path)
    assert not counted["complete"]
    assert head["verdict"] == "unknown"
    assert counted["faults"]
    assert {check["verdict"] for check in head["checks"]} == {"unknown"}


@pytest.mark.parametrize("edit", EDITS)
def test_no_report_that_is_whole_gives_way_to_one_that_is_not(left, edit):
    document = left.paths.json.read_bytes()
    edited(left.segments[1], edit)
    verdict, told = report_again(left.main)
    assert (verdict, left.paths.json.read_bytes()) == ("unknown", document)
    assert "stays as it is" in told
    recount = left.paths.folder / "multi_coord_stress_001-recount.json"
    recounted = json.loads(recount.read_bytes())
    assert recounted["verdict"] == "unknown"
    assert recounted["run"]["evidence_path"] == str(recount), "it holds its own events"
    edited(left.paths.json, edit)
    edited_document = left.paths.json.read_bytes()
    assert report_again(left.paths.json)[0] == "unknown"
    assert left.paths.json.read_bytes() == edited_document, "its digests show what was done"
    assert report_again(recount)[0] == "unknown", "and once unknown is unknown for good"


def unreadable(lines, places):
    lines[places[2]] = b'{"seq":nothing},'


@pytest.mark.parametrize("edit", [unreadable, *EDITS])
def test_an_incomplete_report_gives_way_to_none_that_says_less(left, edit):
    left.paths.json.unlink()
    edited(left.segments[1], without_some)
    assert report_again(left.main)[0] == "unknown"
    edited(left.paths.json, edit)
    damaged = left.paths.json.read_bytes()
    verdict, told = report_again(left.paths.json, skip_damaged=True)
    assert (verdict, left.paths.json.read_bytes()) == ("unknown", damaged)
    assert "stays as it is" in told
    recount = left.paths.folder / "multi_coord_stress_001-recount.json"
    assert json.loads(recount.read_bytes())["verdict"] == "unknown"


def test_a_file_that_is_missing_is_noticed(left):
    left.segments[1].unlink()
    _, counted = again(left.main)
    assert counted["faults"][0].startswith("events of worker-1: ")
    assert "and 0 are there" in counted["faults"][0]


def test_a_gap_in_a_run_that_was_cut_off_is_noticed(left):
    lines = left.segments[0].read_bytes().split(b"\n")
    left.segments[0].write_bytes(b"\n".join([*lines[:5], *lines[6:-2], b""]))
    _, counted = again(left.segments[0])
    assert "events of worker-0: 1 number missing among them" in counted["faults"]
    assert not counted["complete"]


def test_a_report_of_an_older_version_says_that_it_has_no_digest(left):
    head = json.loads(left.paths.json.read_bytes())
    del head["integrity"]
    left.paths.json.write_text(json.dumps(head))
    found, counted = again(left.paths.json)
    assert (found["verdict"], counted["complete"]) == ("pass", True)
    assert "no digest" in counted["notices"][0]
    head["events"] = head["events"][:-1]
    left.paths.json.write_text(json.dumps(head))
    assert not again(left.paths.json)[1]["complete"]


def test_another_layout_of_the_same_report_is_the_same_report(left):
    head = json.loads(left.paths.json.read_bytes())
    for layout in ({"indent": 4}, {"sort_keys": True}):
        left.paths.json.write_text(json.dumps(head, **layout))
        assert again(left.paths.json)[1] == left.head["completeness"]


def with_whole_numbers(value):
    """1 for 1.0, as JavaScript has it."""
    if isinstance(value, dict):
        return {key: with_whole_numbers(item) for key, item in value.items()}
    if isinstance(value, list):
        return [with_whole_numbers(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


@pytest.mark.parametrize(
    "layout",
    [{"indent": 2}, {"indent": 4}, {"separators": (",", ":")}, {"indent": 2, "sort_keys": True}],
    ids=str,
)
def test_a_report_that_javascript_laid_out_is_the_same_report(left, layout):
    whole = with_whole_numbers(json.loads(left.paths.json.read_bytes()))
    left.paths.json.write_text(json.dumps(whole, ensure_ascii=False, **layout) + "\n")
    head, counted = again(left.paths.json)
    assert counted == left.head["completeness"]
    assert {key: head[key] for key in FIGURES} == {key: left.head[key] for key in FIGURES}


@pytest.mark.parametrize("options", [["."], ["--indent", "4", "."], ["-c", "."], ["-S", "."]])
def test_a_report_that_jq_laid_out_is_the_same_report(left, options):
    if shutil.which("jq") is None:
        pytest.skip("the layouts are also tested without jq")
    command = ["jq", *options, str(left.paths.json)]
    left.paths.json.write_bytes(subprocess.run(command, capture_output=True, check=True).stdout)
    assert again(left.paths.json)[1] == left.head["completeness"]


def test_a_damaged_line_is_refused_by_name_or_left_out_and_counted(left):
    def damage(lines, places):
        lines[places[2]] = lines[places[2]][:40]

    edited(left.segments[0], damage)
    with pytest.raises(UsageError, match=r"worker-0.events.jsonl, line 4: .*--skip-damaged"):
        read_run(left.main)
    head, counted = again(left.main, skip_damaged=True)
    assert head["metrics"]["events"]["total"] == counted["events_kept"] == left.made - 1
    assert head["verdict"] == "unknown"
    assert any("line 4" in fault for fault in counted["faults"])


def test_a_damaged_event_of_a_report_is_left_out_of_the_next(left):
    def damage(lines, places):
        lines[places[2]] = lines[places[2]].replace(b'"phase"', b'"ph\xe5se"')

    edited(left.paths.json, damage)
    with pytest.raises(UsageError, match=r"001.json, event 3: "):
        read_run(left.paths.json)
    report_again(left.paths.json, skip_damaged=True)
    recount = left.paths.folder / "multi_coord_stress_001-recount.json"
    document = json.loads(recount.read_text(encoding="utf-8"))
    assert len(document["events"]) == left.made - 1


def test_compare_does_not_believe_what_was_changed(left, tmp_path):
    (tmp_path / "other").mkdir()
    other = LeftRun(tmp_path / "other")
    assert not compare([read_run(left.paths.json)], [read_run(other.paths.json)]).damaged
    edited(other.paths.json, as_failed)
    found = compare([read_run(left.paths.json)], [read_run(other.paths.json)])
    assert found.damaged == [str(other.paths.json)]
    assert any("changed since they were written" in warning for warning in found.warnings)


def test_a_figure_that_was_changed_in_the_head_is_noticed(left):
    text = left.paths.json.read_bytes()
    left.paths.json.write_bytes(re.sub(rb'"p95_ms": (\d)', rb'"p95_ms": 1\1', text, count=1))
    assert "the head was changed" in again(left.paths.json)[1]["faults"][0]


def test_a_letter_that_was_flipped_in_a_head_is_refused_or_noticed(left):
    """Every key of what is not counted anew: all three files are written, or none."""
    whole = left.paths.json.read_bytes()
    kept = whole[: whole.index(b'\n  "metrics": {')]
    recount = ReportPaths(left.paths.folder, "001-recount")
    fates = {"refused": 0, "noticed": 0}
    for key in re.finditer(rb'"([a-z_]+)":', kept):
        at = key.start(1)
        left.paths.json.write_bytes(whole[:at] + b"Q" + whole[at + 1 :])
        try:
            assert report_again(left.paths.json)[0] == "unknown", key
            fates["noticed"] += 1
        except UsageError:
            fates["refused"] += 1
        written = [*recount.reports.values()]
        assert len({path.exists() for path in written}) == 1, key
        for path in written:
            path.unlink(missing_ok=True)
    assert min(fates.values()) > 0, fates


BAD = {
    "nested": b"[" * 100_000,
    "zeros": b"\0" * (3 << 20),
    "latin-1": '{"run": {"mode": "é"}}'.encode("latin-1"),
    "scenario": b'{"schema": 1, "scenario": 5}',
    "k": b'{"schema": 1, "run": {"k": 1' + b"0" * 400 + b"}}",
    "users": b'{"schema": 1, "users": [[1e300, 3]]}',
    "list": b"[]",
    "nothing": b"",
    "metrics": b'{"schema": 1, "run": {"k": 8}, "thresholds": [], "candidates": null, '
    b'"metrics": {"x": {"planned": "y"}}, "completeness": {"complete": true, "faults": 3}}',
}


@pytest.mark.parametrize("ending", [".json", ".events.jsonl"])
@pytest.mark.parametrize("bad", BAD)
def test_what_no_run_writes_is_refused_in_a_line(tmp_path, bad, ending):
    path = tmp_path / f"x{ending}"
    record = b'{"record":"run",' if BAD[bad].startswith(b"{") and ending != ".json" else b""
    path.write_bytes(record + BAD[bad].removeprefix(b"{" if record else b"") + b"\n")
    with pytest.raises(UsageError, match=re.escape(str(path))) as refused:
        again(path)
    assert len(str(refused.value)) < 400


MEASURED = """
import resource, sys
from pathlib import Path
from mcstress.evidence.store.history import read_run
from mcstress.errors import UsageError
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    read_run(Path(sys.argv[1]), skip_damaged=True)
except UsageError as fault:
    print(fault, file=sys.stderr)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.parametrize("file", ["alone.json", "alone.events.jsonl", "tail"])
def test_half_a_gigabyte_of_nothing_is_never_held(left, tmp_path, file):
    path = left.segments[0] if file == "tail" else tmp_path / file
    with path.open("ab") as sparse:
        sparse.truncate(sparse.tell() + (512 << 20))
    command = [sys.executable, "-c", MEASURED, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert int(done.stdout) < 64 << 10, "KB"
    assert bool(done.stderr) == (file != "tail")


MUTATIONS = 150


def mutated(text: bytes, rng: random.Random) -> bytes:
    """A bit or a byte changed, or a line removed, doubled, moved, cut or joined."""
    lines = text.split(b"\n")
    place = rng.randrange(len(lines))
    at = rng.randrange(len(text))
    match rng.randrange(9):
        case 0 | 1 | 2:
            return text[:at] + bytes([text[at] ^ 1 << rng.randrange(8)]) + text[at + 1 :]
        case 3:
            digits = [found.start() for found in re.finditer(rb"\d", text)]
            at = rng.choice(digits)
            return text[:at] + rng.choice(b"0123456789").to_bytes() + text[at + 1 :]
        case 4:
            del lines[place]
        case 5:
            lines.insert(place, lines[place])
        case 6:
            lines[place] = lines[place][: rng.randrange(len(lines[place]) + 1)]
        case 7:
            lines.insert(rng.randrange(len(lines)), lines.pop(place))
        case _:
            return text[:at]
    return b"\n".join(lines)


@pytest.mark.parametrize("kind", ["json", "main", "worker"])
@pytest.mark.parametrize("skip_damaged", [False, True])
def test_whatever_is_changed_is_refused_noticed_or_of_no_effect(left, kind, skip_damaged):
    path = {"json": left.paths.json, "main": left.main, "worker": left.segments[0]}[kind]
    whole, rng = path.read_bytes(), random.Random(7)
    fates = {"refused": 0, "noticed": 0, "equal": 0}
    for number in range(MUTATIONS):
        path.write_bytes(mutated(whole, rng))
        try:
            head, counted = again(path, skip_damaged=skip_damaged)
        except UsageError:
            fates["refused"] += 1
            continue
        if not counted["complete"]:
            assert head["verdict"] == "unknown"
            fates["noticed"] += 1
            continue
        figures = {key: head[key] for key in FIGURES}
        assert figures == {key: left.head[key] for key in FIGURES}, number
        fates["equal"] += 1
    assert fates["noticed"] > 0, fates
    assert fates["equal"] < MUTATIONS / 5, fates


def test_a_tally_does_not_depend_on_the_order_of_lines():
    lines = [str(number).encode() for number in range(50)]
    tallies = [LinesDigest(), LinesDigest()]
    tallies[0].add_all(lines)
    tallies[1].add_all(reversed(lines))
    assert tallies[0].stated == tallies[1].stated
    tallies[1].add(lines[0])
    assert tallies[0].stated != tallies[1].stated
