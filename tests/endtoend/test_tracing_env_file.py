"""An env file that is missing or wrong: one warning, and the run is as it is without tracing."""

from __future__ import annotations

from contextlib import ExitStack

import msgspec
import pytest
from endtoend.deployments import processes
from endtoend.langfuse_process import Langfuse, check_accounts
from endtoend.locust_run import LocustRun
from endtoend.timeless import checks, metrics
from standin.process import Standin

RUN = ("--headless", "-u", 3, "-r", 3, "--only-summary", "--rounds", 1, "--tags", "swap")
URL, PUBLIC = "LANGFUSE_URL=http://127.0.0.1:9\n", "LANGFUSE_PUBLIC_KEY=pk-lf-seen-nowhere\n"
SECRET = "LANGFUSE_SECRET_KEY=sk-lf-seen-nowhere\n"
WRONG = {
    "missing": (None, "is missing, and the environment has no LANGFUSE_URL and no"),
    "empty": (b"", "is empty"),
    "binary": (bytes(range(256)) * 9, "is not a file of KEY=VALUE lines"),
    "broken": (f"{URL}sk-lf-seen-nowhere by itself\n{PUBLIC}{SECRET}".encode(), "line 2"),
    "no secret": (f"{URL}{PUBLIC}".encode(), "has no LANGFUSE_SECRET_KEY, nor has the environment"),
}
FORKED = "missing, in three processes"
OPEN = "readable by all"
ENVIRONMENT = "from the environment"
NAMES = (*WRONG, FORKED, OPEN, ENVIRONMENT)


class Done(msgspec.Struct):
    """What a run left."""

    code: int
    document: dict
    output: str
    env_file: object


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A short run with each file, all at once; then the one whose workers must be heard of."""
    with ExitStack() as stack:
        standin = stack.enter_context(Standin())
        langfuse = stack.enter_context(Langfuse())
        started, done = {}, {}
        for name in NAMES:
            folder = tmp_path_factory.mktemp("run")
            env_file, environment = prepare(name, folder, langfuse)
            arguments = (*RUN, "--host", standin.url, "--llm-host", standin.url)
            arguments += ("--langfuse-env", env_file)
            if name == FORKED:
                forked = folder / "reports", *arguments
            else:
                run = LocustRun(*arguments, report_dir=folder / "reports", **environment)
                started[name] = (stack.enter_context(run), env_file)
        for name, (run, env_file) in started.items():
            done[name] = Done(run.wait(), run.document(), run.output, env_file)
        run = stack.enter_context(processes(*forked)).master
        done[FORKED] = Done(run.wait(), run.document(), run.output, forked[-1])
        yield done


def prepare(name, folder, langfuse):
    """The env file of a case, and what is in the environment."""
    path = folder / "langfuse.env"
    if name == OPEN:
        langfuse.env_file(folder).chmod(0o644)
    elif name == ENVIRONMENT:
        return path, dict(line.split("=", 1) for line in langfuse.env.splitlines())
    elif (content := WRONG.get(name, (None,))[0]) is not None:
        path.write_bytes(content)
        path.chmod(0o600)
    return path, {}


def warnings(output):
    return [line for line in output.splitlines() if "langfuse" in line.lower()]


@pytest.mark.parametrize("name", [*WRONG, FORKED])
def test_one_warning_names_the_file_and_the_reason(runs, name):
    done = runs[name]
    reason = WRONG.get(name, WRONG["missing"])[1]
    (warning,) = warnings(done.output)
    assert "/WARNING/" in warning
    assert f"Langfuse tracing is off: {done.env_file} " in warning
    assert reason in warning
    assert "seen-nowhere" not in done.output


@pytest.mark.parametrize("name", NAMES)
def test_the_run_is_as_it_is_without_tracing(runs, name):
    done, without = runs[name], runs["missing"]
    assert done.code == without.code == 0
    assert done.document["verdict"] == "pass"
    assert metrics(done.document) == metrics(without.document)
    assert done.document["metrics"]["swap"]["swaps"] == 1
    assert checks(done.document) == checks(without.document)
    assert done.document["completeness"]["complete"]
    assert "Traceback" not in done.output


@pytest.mark.parametrize("name", [*WRONG, FORKED])
def test_nothing_is_traced(runs, name):
    done = runs[name]
    tracing = done.document["completeness"]["tracing"]
    assert not tracing["on"]
    assert (tracing["made"], tracing["delivered"], tracing["spools"]) == (0, 0, [])
    assert "Traces:" not in done.output
    assert done.document["run"]["trace_url"] == ""


def test_a_secret_that_others_can_read_is_warned_of_and_used(runs):
    (warning,) = warnings(runs[OPEN].output)
    assert f"{runs[OPEN].env_file} holds a secret key and others can read it" in warning
    assert check_accounts(runs[OPEN].document)["delivered"] == 2


def test_the_environment_stands_in_for_a_file_that_is_missing(runs):
    assert warnings(runs[ENVIRONMENT].output) == []
    assert check_accounts(runs[ENVIRONMENT].document)["delivered"] == 2
