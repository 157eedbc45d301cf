"""The spool: private, bounded, never half a line; and replaying it, even when that is cut off."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import gevent
import msgspec
import pytest
from free_ports import free_port
from langfuse_standin import INGESTION, PUBLIC_KEY, SECRET_KEY, StandIn
from trace_rounds import balanced, event, observation, spool_lines, step, wait_for

from mcstress.errors import UsageError
from mcstress.tracing.langfuse.settings import LangfuseSettings
from mcstress.tracing.observation import Score, encoder
from mcstress.tracing.spool.line import entry_of, spool_head
from mcstress.tracing.spool.replay import look_at_spool, replay
from mcstress.tracing.spool.replay_outcome import Mark, ReplayProgress
from mcstress.tracing.spool.spool import DISK_FULL, FULL, REMOVED, Spool

CHECKOUT = Path(__file__).parents[2]


def settings(url):
    """The stand-in's keys at ``url``."""
    return LangfuseSettings(url, PUBLIC_KEY, SECRET_KEY)


def observations(number):
    """So many observations of one trace, as the spool has them."""
    return [encoder.encode(observation(f"work {n}")) for n in range(number)]


@pytest.fixture
def spool_file(tmp_path):
    """Writes a spool of so many observations."""

    def write(number, name="run.spool.jsonl"):
        spool = Spool(tmp_path / name, spare_bytes=0)
        assert spool.append(observations(number))[0] == number
        spool.close()
        return tmp_path / name

    return write


def test_what_is_spooled_comes_back_as_it_was(tmp_path):
    made = observation(
        *("llm.judge_top1", 1.5),
        input="ü\n",
        usage={"input": 3},
        level="WARNING",
    )
    spool = Spool(tmp_path / "deep" / "down" / "x.jsonl", spare_bytes=0)
    assert spool.append([encoder.encode(made)])[0] == 1
    spool.close()
    (line,) = spool.path.read_bytes().splitlines()
    assert entry_of(line) == made
    assert stat.S_IMODE(spool.path.stat().st_mode) == 0o600


def test_it_is_made_private_even_where_a_file_was(tmp_path):
    path = tmp_path / "x.jsonl"
    path.write_text("")
    path.chmod(0o644)
    spool = Spool(path, spare_bytes=0)
    spool.append([b"{}"])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_it_takes_what_fits_and_says_why_not_more(tmp_path):
    spool = Spool(tmp_path / "x.jsonl", largest_bytes=100, spare_bytes=0)
    assert spool.append([b"x" * 39, b"y" * 39, b"z" * 39]) == (2, FULL)
    assert spool.append([b"z" * 19]) == (1, FULL)
    assert spool.append([b""]) == (0, FULL)
    assert spool.path.stat().st_size == 100


def test_it_leaves_room_on_the_disk(tmp_path):
    assert Spool(tmp_path / "x.jsonl", spare_bytes=1 << 60).append([b"{}"]) == (0, DISK_FULL)


def test_a_disk_that_fails_leaves_no_half_line(tmp_path):
    script = f"""
        import resource, signal, sys
        from pathlib import Path
        from mcstress.tracing.spool.spool import Spool
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))
        spool = Spool(Path({str(tmp_path / "x.jsonl")!r}), spare_bytes=0)
        for _ in range(3):
            print(spool.append([b"x" * 1999]))
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "(0, 'spool: File too large')"
    assert (tmp_path / "x.jsonl").read_bytes() == (b"x" * 1999 + b"\n") * 2


def test_no_path_no_spool(tmp_path):
    (tmp_path / "file").write_text("")
    assert Spool(tmp_path / "file" / "x.jsonl").append([b"{}"])[0] == 0


def test_half_a_line_of_a_killed_process_does_not_spoil_the_next(tmp_path):
    path = tmp_path / "x.jsonl"
    path.write_bytes(b'{"half')
    spool = Spool(path, spare_bytes=0)
    spool.append([b"{}"])
    assert path.read_bytes() == b'{"half\n{}\n'


def test_a_full_spool_drops_and_counts(trace_to):
    tracer = trace_to(f"http://127.0.0.1:{free_port()}", limits={"spool_bytes": 50_000})
    for number in range(100):
        tracer.record(event("surge", number=number), [step("matrix.search")])
    counts = tracer.finish(1)
    assert balanced(counts)
    assert counts.dropped.keys() == {FULL}
    head, *lines = tracer._spool_path.read_bytes().splitlines(keepends=True)
    assert counts.spooled == len(lines) > 0
    lines.append(head)
    assert sum(map(len, lines)) <= 50_000 < sum(map(len, lines)) + len(lines[0])


@pytest.mark.parametrize("again", [True, False])
def test_what_was_in_a_spool_that_is_removed_is_not_spooled(trace_to, caplog, again):
    tracer = trace_to(f"http://127.0.0.1:{free_port()}")
    tracer.record(event("surge"), [step("matrix.search")])
    tracer.score("verdict", "pass")
    wait_for(lambda: not tracer.counts().pending + tracer.counts().scores.pending)
    path = tracer._spool_path
    path.unlink()
    if again:
        tracer.record(event("swap"), [step("matrix.search")])
    counts = tracer.finish(2)
    assert balanced(counts)
    assert counts.dropped == counts.scores.dropped == {REMOVED: 1}
    assert (counts.spooled, counts.scores.spooled) == (int(again), 0)
    assert counts.spools == [str(path)] * again
    assert path.exists() == again
    if again:
        assert len(spool_lines(path)) == 1
    assert f"{path} was removed, and 2 that were in it are lost" in caplog.text


@pytest.mark.parametrize("version", ["2.95.9", "4.16.0"])
def test_replay_delivers_each_once(spool_file, version):
    spool = spool_file(1203)
    with StandIn(version) as standin:
        outcome = replay(spool, settings(standin.url))
        assert str(outcome) == "1203 delivered"
        assert len(standin.observations) == 1203
        assert all(each["received"] == 1 for each in standin.observations.values())
        assert standin.faults == []
        assert str(replay(spool, settings(standin.url))) == "0 delivered, 1203 delivered before"
        assert not spool.exists()
        assert stat.S_IMODE(spool.with_name(f"{spool.name}.delivered").stat().st_mode) == 0o600


def test_replay_of_what_is_not_there(tmp_path):
    with pytest.raises(UsageError, match=r"none\.jsonl: No such file.*expected a spool"):
        replay(tmp_path / "none.jsonl", settings("http://127.0.0.1:9"))


def test_a_spool_that_grows_is_left_alone(tmp_path):
    spool = Spool(tmp_path / "x.jsonl", spare_bytes=0)
    spool.append(observations(1))
    with pytest.raises(UsageError, match="is in use: let the run or the other replay end"):
        replay(spool.path, settings("http://127.0.0.1:9"))
    spool.close()


def test_broken_lines_are_passed_over_and_counted(spool_file):
    spool = spool_file(3)
    with spool.open("ab") as lines:
        lines.write(b'{"is": "observation", "tra\n\xff\n')
    with StandIn() as standin:
        outcome = replay(spool, settings(standin.url))
        assert str(outcome) == "3 delivered, 2 broken lines passed over"
        assert len(standin.observations) == 3


def test_what_a_server_refuses_stays(spool_file):
    spool = spool_file(90)
    with StandIn(mode="partial") as standin:
        outcome = replay(spool, settings(standin.url))
        assert outcome.delivered + outcome.left == 90
        assert outcome.left > 0
        assert "as told" in outcome.fault
        assert len(standin.observations) == outcome.delivered
        left = {entry_of(line).span_id for line in spool.read_bytes().splitlines()}
        assert not left & standin.observations.keys()
        standin.behave("ok")
        assert replay(spool, settings(standin.url)).delivered == outcome.left
        assert len(standin.observations) == 90


def test_wrong_keys_leave_the_spool_as_it_is(spool_file):
    spool = spool_file(1500)
    content = spool.read_bytes()
    with StandIn() as standin:
        outcome = replay(spool, LangfuseSettings(standin.url, PUBLIC_KEY, "sk-wrong"))
        assert (outcome.delivered, outcome.left) == (0, 1500)
        assert "check LANGFUSE_PUBLIC_KEY" in outcome.fault
        assert len([each for each in standin.requests if each[0] == "POST"]) == 1
    assert spool.read_bytes() == content
    assert list(spool.parent.iterdir()) == [spool]


def test_a_replay_that_is_killed_goes_on_where_it_was(spool_file):
    spool = spool_file(2000)
    script = f"""
        from pathlib import Path
        from mcstress.tracing.spool.replay import replay
        from mcstress.tracing.langfuse.settings import LangfuseSettings
        replay(Path({str(spool)!r}), LangfuseSettings(%r, {PUBLIC_KEY!r}, {SECRET_KEY!r}))
    """
    with StandIn(mode="hang", after=4, checked=False) as standin:
        code = textwrap.dedent(script) % standin.url
        process = subprocess.Popen([sys.executable, "-c", code], cwd=CHECKOUT)
        end = time.monotonic() + 60
        while not [each for each in standin.requests if each[2] == "hang"]:
            assert time.monotonic() < end
            gevent.sleep(0.01)
        process.kill()
        process.wait()
        assert 0 < len(standin.observations) < 2000
        sent = len(standin.observations)
        standin.behave("ok")
        outcome = replay(spool, settings(standin.url))
        assert (outcome.before, outcome.delivered, outcome.left) == (sent, 2000 - sent, 0)
        assert len(standin.observations) == 2000
        assert all(each["received"] == 1 for each in standin.observations.values())


def test_progress_of_another_spool_is_not_believed(spool_file):
    spool = spool_file(10)
    progress = spool.with_name(f"{spool.name}.progress")
    progress.write_bytes(msgspec.json.encode({"size": 1, "offset": 1, "lines": 1}))
    with StandIn() as standin:
        assert replay(spool, settings(standin.url)).delivered == 10
    assert not progress.exists()


def test_a_line_is_plain_json(spool_file):
    (line,) = spool_file(1).read_text().splitlines()
    content = json.loads(line)
    assert content["is"] == "observation"
    assert content["trace"]["name"] == "multi_coord_stress phase 2 surge"
    assert os.linesep not in line


@pytest.mark.parametrize("content", ["", "# A page\n", '{"run": 1}\n{"events": []}\n'])
def test_a_file_that_is_no_spool_is_left_alone(tmp_path, content):
    page = tmp_path / "page.md"
    page.write_text(content)
    with pytest.raises(UsageError, match="holds no observations; expected a spool"):
        replay(page, LangfuseSettings("http://127.0.0.1:1", "pk", "sk"))
    assert page.read_text() == content
    assert list(tmp_path.iterdir()) == [page]


def test_half_a_line_at_the_end_does_not_spoil_what_is_kept_after_it(spool_file):
    """Scores are kept after observations, of which the last may be half of one."""
    spool = spool_file(2)
    score = Score(name="score", value=1.0, trace_id=observation().trace.id)
    lines = spool.read_bytes()
    spool.write_bytes(encoder.encode(score) + b"\n" + lines + b'{"is": "obser')
    with StandIn() as standin:
        standin.behave("status", status=400, route=INGESTION)
        outcome = replay(spool, settings(standin.url))
        assert (outcome.delivered, outcome.left, outcome.broken) == (2, 1, 1)
        assert score in [entry_of(line) for line in spool.read_bytes().splitlines()]


@pytest.mark.parametrize(
    "first", [b'{"is":"spoo\xff","sink":"otlp"}', b'{"is":"spool","sink":"x"}']
)
def test_without_knowing_for_which_sink_it_is_nothing_is_sent(spool_file, first):
    spool = spool_file(2)
    spool.write_bytes(first + b"\n" + spool.read_bytes())
    for look in (look_at_spool, lambda path: replay(path, settings("http://127.0.0.1:9"))):
        with pytest.raises(UsageError, match=r'line 1: .* expected \{"is":"spool"'):
            look(spool)


def test_half_a_head_of_a_killed_process_is_written_again(tmp_path):
    head = spool_head("otlp", "http://127.0.0.1:4318")
    path = tmp_path / "x.jsonl"
    path.write_bytes(head[:20])
    spool = Spool(path, spare_bytes=0, head=head)
    spool.append(observations(1))
    assert look_at_spool(path).sink == "otlp"
    spool.close()


def test_what_moved_within_a_spool_while_its_replay_was_cut_off_is_sent_again(spool_file):
    spool = spool_file(3)
    lines = spool.read_bytes().splitlines(keepends=True)
    noted = ReplayProgress(spool.stat().st_size, spool.stat().st_mtime_ns)
    noted.observations = Mark(offset=len(lines[0]), lines=1)
    noted.save(spool.with_name(f"{spool.name}.progress"))
    spool.write_bytes(b"".join([lines[1], lines[0], lines[2]]))
    os.utime(spool, ns=(0, noted.changed_ns + 10**9))
    with StandIn() as standin:
        replay(spool, settings(standin.url))
        assert len(standin.observations) == 3
