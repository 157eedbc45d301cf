"""Whatever is to be read is refused where it is a pipe: nobody may ever write to it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mcstress.errors import UsageError
from mcstress.evidence.store.history import read_run
from mcstress.lists_at_rest_file import read_rest
from mcstress.process.heartbeat import read_heartbeat
from mcstress.services.corpus_file import read_corpus
from mcstress.services.target_class import read_target
from mcstress.tracing.langfuse.settings import load_settings
from mcstress.tracing.spool.replay import look_at_spool
from mcstress.users.mail import read_mail
from mcstress.users.scenarios.load import load_scenario
from mcstress.users.truth import read_truth

WAITS_S = 20
SCENARIO = load_scenario("three_cities")
READERS = {
    "--truth": lambda path: read_truth(path, SCENARIO),
    "--rest": lambda path: read_rest(path, SCENARIO, 8),
    "--scenario": lambda path: load_scenario(str(path)),
    "--target": lambda path: read_target(str(path)),
    "--inbox": lambda path: read_mail(path, SCENARIO.inbox.priority),
    "a corpus": lambda path: list(read_corpus(path.replace(path.with_suffix(".jsonl")))),
    "report": read_run,
    "replay": look_at_spool,
    "alive": lambda path: read_heartbeat(path, 1.0),
}


@pytest.fixture
def pipe(tmp_path):
    """A named pipe; who waits for it fails the test."""

    def waits(*_):
        raise AssertionError("it waits for somebody to write")

    path = tmp_path / "pipe.toml"
    os.mkfifo(path)
    before = signal.signal(signal.SIGALRM, waits)
    signal.alarm(WAITS_S)
    yield path
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("name", READERS)
def test_a_pipe_is_refused_at_once_by_its_name(pipe, name):
    with pytest.raises(
        UsageError, match=r"pipe\.(toml|jsonl).*(pipe|no file|not a file).*expected"
    ):
        READERS[name](pipe)


def test_an_env_file_that_is_a_pipe_is_said_and_does_without(pipe):
    settings, warnings = load_settings(pipe, {})
    assert settings is None
    assert "found a pipe, socket or device, expected a file" in " ".join(warnings)


@pytest.mark.parametrize("option", ["--truth", "--rest"])
def test_the_command_line_refuses_it_too(tmp_path, option):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    command = [sys.executable, "-c", "from mcstress.cli import main; main()", "check"]
    command += [option, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False,
                          cwd=Path(__file__).parents[2])  # fmt: skip
    assert done.returncode == 2, done.stdout + done.stderr
    assert str(path) in done.stdout + done.stderr
