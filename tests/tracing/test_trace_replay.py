"""Replaying where scores are slow, a server answers late, or there is no time for all of it."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from langfuse_standin import INGESTION, OTLP, PUBLIC_KEY, SECRET_KEY, StandIn
from tcp.raw_server import RawServer
from tenacity import wait_none
from trace_rounds import observation, wait_for

from mcstress.errors import UsageError
from mcstress.tracing.langfuse.settings import LangfuseSettings
from mcstress.tracing.observation import Score, encoder
from mcstress.tracing.spool.line import entry_of
from mcstress.tracing.spool.replay import look_at_spool, replay
from mcstress.tracing.spool.replay_kind import IN_VAIN

MCSTRESS = str(Path(sys.executable).with_name("mcstress"))
SCORES, OBSERVATIONS = 1000, 600


@pytest.fixture(autouse=True)
def no_waits(monkeypatch):
    """Between tries."""
    monkeypatch.setattr("mcstress.tracing.spool.replay_kind._growing", wait_none())


def settings(url):
    """The stand-in's keys at ``url``."""
    return LangfuseSettings(url, PUBLIC_KEY, SECRET_KEY)


@pytest.fixture
def spool(tmp_path):
    """Writes a spool that begins with scores, as that of a run whose scores were too slow."""

    def write(scores=SCORES, observations=OBSERVATIONS):
        trace_id = observation().trace.id
        made = [Score(name=f"score {n}", value=1.0, trace_id=trace_id) for n in range(scores)]
        made += [observation(f"work {n}") for n in range(observations)]
        path = tmp_path / "run.spool.jsonl"
        path.write_bytes(b"".join(encoder.encode(each) + b"\n" for each in made))
        return path

    return write


def kinds(path):
    """How many scores a spool holds, and how many observations."""
    entries = [entry_of(line) for line in path.read_bytes().splitlines()]
    scores = sum(isinstance(each, Score) for each in entries)
    return scores, len(entries) - scores


@pytest.mark.parametrize(
    "bad",
    [
        {"mode": "hang", "route": INGESTION},
        {"mode": "status", "status": 500, "route": INGESTION},
        {"mode": "status", "status": 404, "route": INGESTION},
        {"mode": "garbage", "route": INGESTION},
        {"per_batch_s": 1.5},
    ],
    ids=lambda bad: bad.get("mode", "slow") + str(bad.get("status", "")),
)
def test_all_observations_whatever_the_scores_do(spool, bad):
    path = spool()
    with StandIn("3.225.4", checked=False, **bad) as standin:
        outcome = replay(path, settings(standin.url), timeout_s=0.7)
        assert len(standin.observations) == outcome.delivered == OBSERVATIONS
        assert (outcome.left, outcome.left_scores) == (SCORES, SCORES)
        assert f"1000 left in the spool (1000 of them scores): {standin.url}" in str(outcome)
        assert kinds(path) == (SCORES, 0)
        assert standin.requests[1][1] == OTLP
        standin.behave("ok", per_score_s=0.0)
        outcome = replay(path, settings(standin.url))
        assert (outcome.delivered, outcome.left) == (SCORES, 0)
        assert len(standin.scores) == SCORES
        assert {each["received"] for each in standin.observations.values()} == {1}


@pytest.mark.parametrize(
    "bad",
    [
        {"mode": "status", "status": 404},
        {"mode": "status", "status": 400},
        {"mode": "status", "status": 302},
        {"mode": "garbage"},
    ],
    ids=lambda bad: bad["mode"] + str(bad.get("status", "")),
)
def test_not_all_of_a_spool_is_sent_to_a_mistaken_address(spool, bad):
    path = spool(scores=300, observations=3000)
    with StandIn("4.16.0", checked=False, **bad, posts_only=True) as standin:
        outcome = replay(path, settings(standin.url))
        assert (outcome.delivered, outcome.left, outcome.left_scores) == (0, 3300, 300)
        assert outcome.fault
        posts = [each for each in standin.requests if each[0] == "POST"]
        roads = 2 if bad.get("status") == 404 else 1
        assert len(posts) == IN_VAIN * roads + IN_VAIN
        assert kinds(path) == (300, 3000)
        standin.behave("ok")
        assert replay(path, settings(standin.url)).left == 0
    assert len(standin.observations) == 3000


def test_what_is_refused_later_does_not_stop_the_others(spool):
    """Once something was taken, the address is right: the others may be taken too."""
    path = spool(scores=300, observations=0)
    with StandIn("3.225.4", per_score_s=0.0) as standin:
        standin.behave("status", status=400, after=2, times=6, per_score_s=0.0)
        outcome = replay(path, settings(standin.url))
        assert 0 < outcome.left < 300
        assert standin.requests[-1][2] == "ok"


def test_every_line_is_read_once(spool, monkeypatch):
    path, read = spool(scores=30, observations=100), []
    monkeypatch.setattr(
        "mcstress.tracing.spool.replay.entry_of", lambda line: read.append(line) or entry_of(line)
    )
    with StandIn("4.16.0") as standin:
        assert replay(path, settings(standin.url)).delivered == 130
    assert len(read) == 130 + 1, "and the first, to see whether it is a spool"


def test_all_scores_whatever_the_observations_do(spool):
    path = spool(scores=100)
    with StandIn("3.225.4", mode="status", route=OTLP, per_score_s=0.0) as standin:
        outcome = replay(path, settings(standin.url))
        assert (outcome.delivered, outcome.left, outcome.left_scores) == (100, OBSERVATIONS, 0)
        assert kinds(path) == (0, OBSERVATIONS)


def test_a_server_that_takes_its_time_stores_nothing_twice(spool):
    """As a real 3.225: 9 ms a score; in one batch of 500 that is over the 2 s of a run."""
    path = spool(scores=300, observations=100)
    with StandIn("3.225.4") as standin:
        outcome = replay(path, settings(standin.url))
        assert (outcome.delivered, outcome.left) == (400, 0)
        assert standin.stored_twice == [0, 0]
        assert max(standin.score_batches) == 50


def test_what_may_be_being_stored_still_is_sent_again_in_smaller_batches_only(spool):
    path = spool(scores=60, observations=0)
    with StandIn("3.225.4", per_batch_s=1.5) as standin:
        outcome = replay(path, settings(standin.url), timeout_s=0.5)
        assert (outcome.delivered, outcome.left) == (0, 60)
        assert standin.score_batches == [15, 7, 3, 1]
        wait_for(lambda: standin.stored_twice[1] == 7 + 3 + 1)


def test_what_cannot_be_made_smaller_is_not_sent_again(spool):
    path = spool(scores=3, observations=0)
    with StandIn("3.225.4", per_batch_s=1.5) as standin:
        outcome = replay(path, settings(standin.url), timeout_s=0.5)
        assert outcome.left == 3
        assert standin.score_batches == [3, 1, 1, 1], "all at once, and then each by itself"
        wait_for(lambda: standin.stored_twice[1] == 3)


def test_large_ones_that_may_be_being_stored_still_are_not_sent_again_as_they_were(tmp_path):
    """Three of them are a body, of however many a portion is."""
    text = secrets.token_hex(600_000)
    made = [observation(f"work {n}", input=text) for n in range(12)]
    path = tmp_path / "run.spool.jsonl"
    path.write_bytes(b"".join(encoder.encode(each) + b"\n" for each in made))
    with StandIn(mode="slow", seconds=30.0, route=OTLP) as standin:
        outcome = replay(path, settings(standin.url), timeout_s=0.5)
        assert (outcome.delivered, outcome.left) == (0, 12)
        sizes = [size for _, where, _, size in standin.requests if where == OTLP]
        largest = max(sizes)
        assert [round(3 * size / largest) for size in sizes[:2]] == [3, 1]
        assert sum(size > largest / 2 for size in sizes) == 1


def test_the_command_waits_thirty_seconds_for_an_answer(spool, tmp_path):
    path = spool(scores=0, observations=3)
    with StandIn(mode="slow", seconds=3.0, route=OTLP) as standin:
        code, said = mcstress(standin, tmp_path, path)
    assert (code, said) == (0, f"{path}: 3 delivered\n")
    assert standin.stored_twice == [0, 0]


def test_the_command_ends_within_the_time_it_is_given(spool, tmp_path):
    path = spool(scores=3, observations=3)
    with StandIn(mode="hang", posts_only=True) as standin:
        code, said = mcstress(standin, tmp_path, path, "--within", "1")
    assert code == 1
    why = "there was no more time for it"
    assert said == f"{path}: 0 delivered, 6 left in the spool (3 of them scores): {why}\n"
    assert kinds(path) == (3, 3)


def test_a_server_that_never_ends_its_answer_does_not_keep_it(spool, tmp_path):
    path = spool(scores=0, observations=3)
    with RawServer(drip) as server:
        server.env = StandIn.env.fget(server)
        code, said = mcstress(server, tmp_path, path, "--timeout", "1", "--within", "2")
    assert code == 1
    assert "0 delivered, 3 left in the spool: " in said


def drip(_):
    """An answer that never ends, a byte at a time: each is there in good time."""
    yield b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n"
    while True:
        yield 0.02
        yield b" "


def test_ctrl_c_keeps_what_was_not_delivered_and_says_so(spool, tmp_path):
    path = spool(scores=3, observations=600)
    with StandIn(mode="hang", route=OTLP, after=1) as standin:
        with started(standin, tmp_path, path) as process:
            wait_for(lambda: [each for each in standin.requests if each[2] == "hang"], 30)
            process.send_signal(signal.SIGINT)
            said, complaint = process.communicate(timeout=30)
        delivered = len(standin.observations)
    assert complaint == ""
    assert process.returncode == 1
    left = 603 - delivered
    assert f"{path}: {delivered} delivered, {left} left in the spool (3 of them scores): " in said
    assert said.endswith("interrupted\n")
    assert kinds(path) == (3, 600 - delivered)


def test_without_any_time_left_nothing_is_sent_and_all_is_kept(spool):
    path = spool(scores=3, observations=5)
    before = path.read_bytes()
    with StandIn() as standin:
        outcome = replay(path, settings(standin.url), until_s=time.monotonic())
        assert standin.requests == []
    assert (outcome.delivered, outcome.left, outcome.left_scores) == (0, 8, 3)
    assert outcome.fault == "there was no more time for it"
    assert path.read_bytes() == before


def test_scores_that_a_server_has_no_place_for_stay_in_the_spool(tmp_path):
    """Servers before 3.53 have none on sessions; a newer one takes them later."""
    made = [Score(name="verdict", value="pass", session_id="run-3f9c"), observation()]
    made.append(Score(name="hit", value=1.0, trace_id=made[1].trace.id))
    path = tmp_path / "run.spool.jsonl"
    path.write_bytes(b"".join(encoder.encode(each) + b"\n" for each in made))
    with StandIn("3.40.0") as standin:
        outcome = replay(path, settings(standin.url))
        assert (outcome.delivered, outcome.left, outcome.left_scores) == (2, 1, 1)
    assert [entry_of(line) for line in path.read_bytes().splitlines()] == made[:1]
    with StandIn("3.225.4") as standin:
        assert replay(path, settings(standin.url)).delivered == 1
        assert [score["name"] for score in standin.scores.values()] == ["verdict"]


def test_a_missing_file_is_what_is_complained_of_first(tmp_path):
    missing = tmp_path / "none.jsonl"
    command = [MCSTRESS, "replay", str(missing), "--langfuse-env", str(tmp_path / "none.env")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == (
        f"mcstress: {missing}: No such file or directory; expected a spool of traces\n"
    )


def test_a_spool_that_was_delivered_is_not_missing(tmp_path):
    (tmp_path / "x.jsonl.delivered").write_text("")
    look_at_spool(tmp_path / "x.jsonl")
    with pytest.raises(UsageError, match=r"y\.jsonl: No such file or directory"):
        look_at_spool(tmp_path / "y.jsonl")


def started(standin, folder, path, *more):
    """The command, with the stand-in's keys."""
    env_file = folder / "langfuse.env"
    env_file.write_text(standin.env)
    env_file.chmod(0o600)
    command = [MCSTRESS, "replay", str(path), "--langfuse-env", str(env_file), *more]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, env=os.environ, stdout=pipe, stderr=pipe, text=True)


def mcstress(standin, folder, path, *more):
    """The command's exit code and all that it says."""
    with started(standin, folder, path, *more) as process:
        said, complaint = process.communicate(timeout=60)
    return process.returncode, said + complaint
