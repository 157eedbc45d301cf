"""``mcstress check``: what it looks at, how it marks what it found, and what it sends."""

from __future__ import annotations

import socket

import pytest
from endtoend.accounts import calls
from endtoend.locust_run import CHECKOUT
from endtoend.test_bad_input import check
from endtoend.test_own_locustfile import FRONT
from free_ports import free_port
from standin.modes import STEPS
from standin.process import Standin
from tcp.raw_server import RawServer
from tracing.otlp_receiver import Receiver


@pytest.fixture(scope="module")
def healthy():
    with Standin() as standin:
        yield standin


NOT_JUDGED = (
    "relevance: no hit has the field role, city, state, certs, shift that a rule names; found "
    "field made_by"
)
"""What the probe finds of the stand-in, whose hits say nothing of themselves."""


def findings(checked):
    """Its lines by mark, but for what is always said of the stand-in."""
    lines = [line.split(maxsplit=1) for line in checked.stdout.splitlines()]
    lines = [line for line in lines if not line[1].endswith(NOT_JUDGED)]
    return {mark: [text for found, text in lines if found == mark] for mark, _ in lines}


def hosts(standin, tmp_path):
    return ("--host", standin.url, "--llm-host", standin.url, "--report-dir", tmp_path / "r")


def test_what_is_right_is_ok(tmp_path, healthy):
    checked = check(*hosts(healthy, tmp_path))
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert set(findings(checked)) == {"ok"}
    assert checked.stdout.count(NOT_JUDGED) == 1
    assert "three_cities: 8 variants" in checked.stdout
    assert "workers (" in checked.stdout
    assert "understood as" in checked.stdout
    assert not (tmp_path / "r").exists() or not list((tmp_path / "r").iterdir())


def test_the_probe_is_one_search_and_one_chat_and_writes_nothing(tmp_path):
    with Standin() as standin:
        assert check(*hosts(standin, tmp_path)).returncode == 0
        kinds = ("untraced search", *STEPS)
        sent = {step: standin.calls()[step] for step in kinds if standin.calls().get(step)}
    assert sent == {"untraced search": 1, "llm.parse_demand": 1}


def test_without_a_probe_nothing_is_sent(tmp_path):
    with Standin() as standin:
        assert check(*hosts(standin, tmp_path), "--no-probe").returncode == 0
        assert calls(standin) == 0


def test_langfuse_that_was_named_and_is_not_there_is_a_warning(tmp_path, healthy):
    env = tmp_path / "langfuse.env"
    env.write_text(
        f"LANGFUSE_URL=http://127.0.0.1:{free_port()}\n"
        "LANGFUSE_PUBLIC_KEY=pk-lf-1\nLANGFUSE_SECRET_KEY=sk-lf-1\n"
    )
    env.chmod(0o600)
    checked = check(*hosts(healthy, tmp_path), "--langfuse-env", env)
    assert checked.returncode == 0
    assert ["cannot be reached" in text for text in findings(checked)["warn"]] == [True]
    env.write_text("no key and no value\n")
    checked = check(*hosts(healthy, tmp_path), "--langfuse-env", env)
    assert ["line 1 is not KEY=VALUE" in text for text in findings(checked)["warn"]] == [True]


def test_a_collector_that_takes_spans_is_ok_and_one_that_is_away_a_warning(tmp_path, healthy):
    with Receiver() as receiver:
        options = (*hosts(healthy, tmp_path), "--no-probe", "--otlp-traces", receiver.url)
        checked = check(*options)
        assert checked.returncode == 0, checked.stdout + checked.stderr
        takes = f"OTLP traces: the collector at {receiver.url} takes them"
        assert takes in findings(checked)["ok"]
        assert len(receiver.requests) == 1
        assert receiver.stored == []
    checked = check(*options)
    assert checked.returncode == 0
    (text,) = findings(checked)["warn"]
    assert receiver.url in text
    assert "OTLP" in text


def test_rules_that_judge_a_system_of_ones_own_are_a_warning(tmp_path, healthy):
    checked = check("--host", healthy.url, "--report-dir", tmp_path / "r")
    assert checked.returncode == 0, checked.stdout
    assert ["rules, no language model" in text for text in findings(checked)["warn"]] == [True]


def test_everything_that_fails_is_said_in_one_go(tmp_path, healthy):
    """A dead gateway does not hide a model that is missing."""
    dead = f"http://127.0.0.1:{free_port()}"
    arguments = ("--host", dead, "--llm-host", healthy.url, "--llm-model", "llama9")
    checked = check(*arguments, "--report-dir", tmp_path / "r")
    assert checked.returncode == 2
    assert len(findings(checked)["fail"]) == 2
    assert "connection refused" in findings(checked)["fail"][0]
    assert "ollama pull llama9" in findings(checked)["fail"][1]


def test_a_taken_port_and_too_many_users_hide_nothing(tmp_path, healthy):
    with socket.create_server(("127.0.0.1", 0)) as somebody:
        taken = somebody.getsockname()[1]
        run = ("--web-host", "127.0.0.1", "--web-port", taken, "-u", 10**9)
        checked = check(*hosts(healthy, tmp_path), *run)
    assert checked.returncode == 2
    port, users, ports = findings(checked)["fail"]
    assert f"--web-port {taken}: address already in use" in port
    assert users.startswith("--users: 1,000,000,000 users need about 2,000,000,200 open files")
    assert ports.startswith("--users 1,000,000,000: this machine has ")
    assert any("three_cities" in text for text in findings(checked)["ok"])
    assert "understood as" in checked.stdout
    assert "Traceback" not in checked.stderr


def test_users_of_forked_workers_are_counted_for_each(tmp_path, healthy):
    run = ("--headless", "--processes", 2, "-u", 2 * 10**9)
    checked = check(*hosts(healthy, tmp_path), *run)
    users, ports = findings(checked)["fail"]
    assert "local ports" in ports
    assert users.startswith("--users 2,000,000,000, on each of 2 processes: 1,000,000,000 users")


def test_a_model_for_the_built_in_rules_is_refused_with_advice_that_works(tmp_path, healthy):
    checked = check(
        *("--host", healthy.url, "--llm-model", "llama3", "--report-dir", tmp_path / "r")
    )
    assert checked.returncode == 2
    (fault,) = findings(checked)["fail"]
    assert fault.startswith("--llm-model: found llama3, and no --llm-host; expected the host that")
    assert "ollama pull" not in checked.stdout


def test_a_search_that_fails_is_a_failure(tmp_path):
    with Standin(fault="500", fault_steps=["untraced search"], fault_every=1) as standin:
        checked = check(*hosts(standin, tmp_path))
    assert checked.returncode == 2
    assert any(text.startswith("search ") for text in findings(checked)["fail"])


def test_the_locustfile_of_the_folder_is_read_as_locust_reads_it(tmp_path, healthy):
    text = (
        (CHECKOUT / "users" / "scenarios" / "data" / "three_cities.toml")
        .read_text()
        .replace("carol", "dora")
    )
    (tmp_path / "mine.toml").write_text(text)
    arguments = (*hosts(healthy, tmp_path), "--scenario", "mine.toml")
    # Without one it is the one that ships, as in `mcstress run`.
    checked = check(*arguments, cwd=tmp_path)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    (tmp_path / "locustfile.py").write_text("from locust import User\n")
    checked = check(*arguments, cwd=tmp_path)
    assert checked.returncode == 2
    assert "locustfile" in findings(checked)["fail"][0] + checked.stderr
    own = FRONT.replace("CarolUser", "CoordinatorUser").replace('"CoordinatorUser"', '"DoraUser"')
    own += "\nclass DoraUser(CoordinatorUser):\n    persona = 'dora'\n"
    (tmp_path / "locustfile.py").write_text(own)
    checked = check(*arguments, cwd=tmp_path)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_options_of_a_run_are_taken_and_unknown_ones_refused(tmp_path, healthy):
    run = ("--headless", "-u", 30, "-r", 5, "-t", "60s", "--processes", 2)
    assert check(*hosts(healthy, tmp_path), *run).returncode == 0
    checked = check(*hosts(healthy, tmp_path), "AliceUser", "DoraUser")
    assert "user classes: found DoraUser, expected AliceUser" in checked.stdout
    assert checked.returncode == 2


def test_help_shows_the_options_of_a_run():
    checked = check("--help")
    assert checked.returncode == 0
    assert "--think-time" in checked.stdout
    assert "--probe" in checked.stdout


def test_an_answer_without_a_hit_is_a_warning(tmp_path):
    """The corpora are there, and the search finds nothing in them."""

    def answer(request):
        body = (
            b'{"corpora":[{"name":"workers","size":5},{"name":"ethereal_workers","size":5},'
            b'{"name":"fresh_workers","size":0}]}'
            if request.path.endswith("/corpora")
            else b'{"results":[]}'
        )
        return [b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)]

    with RawServer(answer) as server, Standin() as standin:
        arguments = ("--host", server.url, "--llm-host", standin.url)
        checked = check(*arguments, "--report-dir", tmp_path / "r")
    assert checked.returncode == 0, checked.stdout
    assert ["nothing found" in text for text in findings(checked)["warn"]] == [True]
