"""Langfuse is down, dies, hangs, is slow or refuses: the run does not care, and nothing is lost."""

from __future__ import annotations

import stat
import time
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path

import msgspec
import pytest
from endtoend.langfuse_process import Langfuse, check_accounts
from endtoend.locust_run import LocustRun, mcstress, until
from endtoend.timeless import checks, metrics
from standin.process import Standin

from mcstress.cluster.tracing import FLUSH_DEADLINE_S, READ_BACK_WITHIN_S
from mcstress.tracing.langfuse.settings import load_settings
from mcstress.tracing.spool.replay import replay

RUN = ("--headless", "-u", 3, "-r", 3, "--only-summary", "--rounds", 2, "--think-time", 0.2)
PHASES = ("--tags", "inbox", "reissue")
STEPS = 2 * (12 * 2 + 6 * 4 + 12)
"""Two rounds of baseline, inbox and reissue."""

AT_ONCE = {
    "hanging": ("4.16.0", {"mode": "hang"}),
    "10 s slow": ("4.16.0", {"mode": "slow", "seconds": 10.0}),
    "401": ("4.16.0", {"mode": "status", "status": 401}),
    "413": ("4.16.0", {"mode": "status", "status": 413}),
    "429": ("4.16.0", {"mode": "status", "status": 429, "retry_after": 600}),
    "503": ("4.16.0", {"mode": "status", "status": 503}),
}
DOWN, DYING, STUCK, UNTRACED = "down", "dying half-way", "stuck half-way", "untraced"
HALF_WAY = (DYING, STUCK)
NAMES = (DOWN, *HALF_WAY, *AT_ONCE)
SAID = {
    DOWN: "cannot be reached",
    DYING: "cannot be reached",
    STUCK: "gives no answer within 2 s",
    "hanging": "gives no answer within 2 s",
    "10 s slow": "gives no answer within 2 s",
    "401": "answers 401: check LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY",
    "413": "answers 413: too much at once",
    "429": "answers 429: trying again later",
    "503": "answers 503: trying again later",
}


class BadDay(msgspec.Struct):
    """What a run left, how long its end took, and what was delivered before the server died."""

    code: int
    document: dict
    output: str
    folder: Path
    ending_s: float
    langfuse: Langfuse | None = None
    env_file: Path | None = None
    before: dict = {}


@pytest.fixture(scope="module")
def days(tmp_path_factory):
    """A run on each bad day, and one without tracing, all at once."""
    with ExitStack() as stack:
        standin = stack.enter_context(Standin())
        servers = {name: Langfuse(version, **bad) for name, (version, bad) in AT_ONCE.items()}
        servers |= {name: Langfuse() for name in (DOWN, *HALF_WAY)}
        for server in servers.values():
            stack.enter_context(server)
        runs, files = {}, {UNTRACED: Path("/none")}
        for name in (UNTRACED, *NAMES):
            folder = tmp_path_factory.mktemp("day")
            if name in servers:
                files[name] = servers[name].env_file(folder / "secret")
            if name == DOWN:
                servers[name].die()
            arguments = ("--host", standin.url, "--llm-host", standin.url)
            arguments += ("--langfuse-env", files[name])
            run = LocustRun(*RUN, *PHASES, *arguments, report_dir=folder / "reports")
            runs[name] = stack.enter_context(run)
        before = {name: spoil(servers[name], dies=name == DYING) for name in HALF_WAY}
        ended = wait_for_all(runs)
        yield {
            name: BadDay(
                code=run.wait(),
                document=run.document(),
                output=run.output,
                folder=run.report_dir,
                ending_s=ended[name] - moment(run.document()["run"]["ended"]),
                langfuse=servers.get(name),
                env_file=files[name],
                before=before.get(name, {}),
            )
            for name, run in runs.items()
        }


def spoil(langfuse, *, dies):
    """Wait until something is delivered; then die, or answer no more. What it has by then.

    What is stored and not yet answered is answered first: the run calls that delivered, too.
    """
    until(lambda: langfuse.state()["observations"], what="a delivery")
    langfuse.behave("reset" if dies else "hang")
    until(lambda: not langfuse.state()["in_hand"], what="the answers to what is stored")
    state = langfuse.state()
    if dies:
        langfuse.die()
    return state


def wait_for_all(runs):
    """When each of them ended."""
    ended = {}

    def look():
        for name, run in runs.items():
            if name not in ended and run.process.poll() is not None:
                ended[name] = time.time()
        return len(ended) == len(runs)

    until(look, what="the ends of all runs")
    return ended


def moment(text):
    return datetime.fromisoformat(text).timestamp()


@pytest.fixture(params=NAMES)
def day(request, days):
    return days[request.param]


def test_figures_and_exit_code_are_as_without_tracing(day, days):
    without = days[UNTRACED]
    assert day.code == without.code == 0
    assert day.document["verdict"] == "pass"
    assert metrics(day.document) == metrics(without.document)
    assert checks(day.document) == checks(without.document)
    assert day.document["completeness"]["complete"]
    assert "Traceback" not in day.output


def test_the_end_comes_by_the_deadline(day, days):
    """The report is written twice, while other runs write theirs; then it is read back."""
    assert day.ending_s < 2 * days[UNTRACED].ending_s + FLUSH_DEADLINE_S + READ_BACK_WITHIN_S


def test_everything_is_accounted_for_and_nothing_dropped(day):
    tracing = check_accounts(day.document)
    assert tracing["on"]
    assert tracing["made"] == STEPS
    assert tracing["spooled"] > 0
    assert tracing["dropped"] == tracing["scores"]["dropped"] == {}
    lines = 0
    for spool in map(Path, tracing["spools"]):
        assert spool.parent == day.folder
        assert stat.S_IMODE(spool.stat().st_mode) == 0o600
        lines += len(spool.read_text().splitlines()) - 1  # the first says for which sink it is
        assert str(spool) in (day.folder / "multi_coord_stress_001.md").read_text()
    assert lines == tracing["spooled"] + tracing["scores"]["spooled"]
    (told,) = [line for line in day.output.splitlines() if line.startswith("Traces: ")]
    observations, scores = told.split("; scores: ")
    assert f"{tracing['spooled']} spooled" in observations
    assert f"{tracing['scores']['made']} made" in scores
    replay = f"; send the rest with: mcstress replay {' '.join(tracing['spools'])} --langfuse-env "
    assert replay in told


@pytest.mark.parametrize("name", HALF_WAY)
def test_what_was_delivered_before_the_end_of_the_server_counts(days, name):
    tracing = days[name].document["completeness"]["tracing"]
    assert 0 < tracing["delivered"] < STEPS
    assert tracing["delivered"] == len(days[name].before["observations"])
    assert tracing["read_back"] is None


@pytest.mark.parametrize("name", NAMES)
def test_it_is_said_once_and_without_keys(days, name):
    day = days[name]
    assert SAID[name] in day.output
    said = [line.partition("Langfuse: ")[2] for line in day.output.splitlines()]
    assert 2 <= len([text for text in said if text]) <= 5
    everything = day.output + "".join(path.read_text() for path in day.folder.iterdir())
    for secret in day.langfuse.secrets:
        assert secret not in everything


def test_replay_delivers_every_observation_once(day):
    """The last of this file: it makes the servers well."""
    langfuse, tracing = day.langfuse, day.document["completeness"]["tracing"]
    if langfuse.alive:
        langfuse.behave("ok")
    else:
        langfuse.start()
    settings, _ = load_settings(day.env_file, {})
    spools = [*map(Path, tracing["spools"])]
    outcomes = [replay(spool, settings) for spool in spools]
    delivered = sum(outcome.delivered for outcome in outcomes)
    assert delivered == tracing["spooled"] + tracing["scores"]["spooled"]
    requests = len(langfuse.state()["requests"])
    again = [replay(spool, settings) for spool in spools]
    assert [outcome.delivered for outcome in again] == [0] * len(spools)
    assert sum(outcome.before for outcome in again) == delivered
    stored = langfuse.state()
    assert len(stored["requests"]) == requests
    assert len(stored["observations"] | day.before.get("observations", {})) == STEPS
    assert len(stored["scores"] | day.before.get("scores", {})) == tracing["scores"]["made"]
    if day.document["run"]["trace_url"] or day.before:
        return
    assert {each["received"] for each in stored["observations"].values()} == {1}


def test_the_command_replays_and_says_so(days, tmp_path):
    """Into a server of its own: the spools' copies know of no replay."""
    day = days[DOWN]
    names = [Path(spool).name for spool in day.document["completeness"]["tracing"]["spools"]]
    with Langfuse() as langfuse:
        env_file = langfuse.env_file(tmp_path)
        for name in names:
            done = day.folder / f"{name}.delivered"
            source = done if done.exists() else day.folder / name
            (tmp_path / name).write_bytes(source.read_bytes())
        langfuse.behave("status", status=401)
        command = ("replay", *(tmp_path / name for name in names), "--langfuse-env", env_file)
        code, said = outcome(*command)
        assert code == 1, said
        assert "0 delivered" in said
        assert "left in the spool" in said
        langfuse.behave("ok")
        code, said = outcome(*command)
        assert code == 0, said
        assert len(langfuse.state()["observations"]) == STEPS
        for secret in langfuse.secrets:
            assert secret not in said


def outcome(*arguments):
    done = mcstress(*arguments)
    return done.returncode, done.stdout + done.stderr
