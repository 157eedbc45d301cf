"""A port that is taken is found before anything is forked or started: one line, exit code 2."""

from __future__ import annotations

import socket

import pytest
from endtoend.locust_run import run_locust
from free_ports import free_port
from locust.argument_parser import get_parser

from mcstress.errors import UsageError
from mcstress.process import ports
from mcstress.process.ports import check_connections, check_ports
from mcstress.services.http import dns


@pytest.fixture
def taken():
    """A port that somebody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as somebody:
        yield somebody.getsockname()[1]


def options(*arguments):
    parser = get_parser(default_config_files=[])
    # The class's own: that of the instance is ours where another test has hung up the listeners.
    return type(parser).parse_args(parser, [*map(str, arguments)])


HERE = ("--master-bind-host", "127.0.0.1", "--web-host", "127.0.0.1")


def refusal(*arguments):
    with pytest.raises(UsageError) as raised:
        check_ports(options(*HERE, *arguments))
    return str(raised.value)


def test_a_taken_port_is_named_with_its_option(taken):
    port = f"-port {taken}: address already in use; name another port with"
    processes = ("--processes", 2, "--master-bind-port", taken, "--master-port", taken)
    assert refusal("--headless", *processes) == (
        f"--master-bind-host 127.0.0.1, --master-bind{port} --master-bind-port and --master-port"
    )
    assert refusal("--headless", "--master", "--master-bind-port", taken) == (
        f"--master-bind-host 127.0.0.1, --master-bind{port} --master-bind-port"
    )
    web = f"--web-host 127.0.0.1, --web{port} --web-port"
    assert refusal("--web-port", taken) == web
    assert refusal("--headless", "--headful", "--web-port", taken) == web


def test_a_taken_port_for_prometheus_is_named(taken):
    asked = options(*HERE, "--headless")
    asked.prometheus_port = taken
    said = f"--web-host 127.0.0.1, --prometheus-port {taken}: address already in use; name another"
    with pytest.raises(UsageError, match=said):
        check_ports(asked)
    asked.prometheus_port = 70_000
    with pytest.raises(UsageError, match="--prometheus-port: found 70000, expected 0 to 65535"):
        check_ports(asked)
    asked.worker = True
    check_ports(asked)


def test_a_port_that_cannot_be_is_refused():
    assert refusal("--web-port", 70_000) == "--web-port: found 70000, expected 0 to 65535"
    assert refusal("--web-host", "no such host").startswith("--web-host: found 'no such host': ")


def test_workers_of_this_machine_must_find_their_own_master():
    found = refusal("--headless", "--processes", 2, "--master-bind-port", 6001)
    assert "--master-port 5557" in found
    assert "--master-bind-port 6001" in found


@pytest.mark.parametrize("host", ["127.0.0.1", "*", ""])
def test_free_ports_are_free_afterwards(host):
    ports = ("--master-bind-port", free_port(), "--web-port", free_port())
    for _ in range(2):
        check_ports(options("--master", *ports, "--master-bind-host", host, "--web-host", host))


@pytest.mark.parametrize(
    "nobody_listens",
    [("--headless",), ("--worker",), ("--list",), ("--show-task-ratio",)],
    ids="".join,
)
def test_who_listens_on_no_port_needs_none(taken, nobody_listens):
    check_ports(options(*HERE, "--web-port", taken, "--master-bind-port", taken, *nobody_listens))


@pytest.mark.parametrize(
    ("option", "arguments"),
    [
        ("--master-bind-port", ("--headless", "--processes", "2", "--master-port")),
        ("--web-port", ("--autostart",)),
    ],
)
def test_it_is_all_that_locust_says(taken, option, arguments, tmp_path):
    arguments += (taken,) if arguments[-1] == "--master-port" else ()
    code, document, output = run_locust(
        *(*HERE, option, taken, *arguments), report_dir=tmp_path / "reports"
    )
    (line,) = output.splitlines()
    assert code == 2
    assert document is None
    assert line.startswith(f"mcstress: {option.removesuffix('port')}host 127.0.0.1, {option} ")


@pytest.mark.parametrize(
    ("users", "addresses", "refused"),
    [(100, 1, False), (101, 1, True), (200, 2, False), (201, 2, True), (None, 1, False)],
)
def test_users_have_a_local_port_each_to_one_of_the_services_addresses(
    monkeypatch, tmp_path, users, addresses, refused
):
    (tmp_path / "range").write_text("1001\t1100\n")
    monkeypatch.setattr(ports, "PORT_RANGE", tmp_path / "range")
    found = [(socket.AF_INET, (f"127.0.0.{n + 1}", 80)) for n in range(addresses)]
    found.append((socket.AF_INET6, ("::1", 80, 0, 0)))  # of another family: for when none answers
    monkeypatch.setattr(dns, "addresses", lambda *_: found)
    if not refused:
        check_connections(users, "http://service")
        return
    told = rf"--users {users}: .* 100 local ports .* has {addresses}; expected at most {users - 1} "
    with pytest.raises(UsageError, match=told):
        check_connections(users, "http://service")


def test_where_the_system_does_not_tell_or_the_name_is_unknown_nothing_is_refused(
    monkeypatch, tmp_path
):
    check_connections(10**7, "http://no-such-host.invalid")
    monkeypatch.setattr(ports, "PORT_RANGE", tmp_path / "none")
    check_connections(10**7, "http://127.0.0.1")
