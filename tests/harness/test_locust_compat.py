"""What we mend of Locust's own on the way between master and workers."""

from __future__ import annotations

import gevent
from locust import argument_parser
from locust.env import Environment
from locust.event import Events
from locust.rpc import Message
from stranger import Stranger, until

from mcstress import locust_compat


def test_a_worker_builds_its_parser_once_for_all_spawn_messages(monkeypatch):
    """Locust builds one for each option of each message: 110 parsers, 0.1 s of CPU, a second."""
    locust_compat.install()
    options = argument_parser.default_args_dict()
    argument_parser.default_args_dict.cache_clear()
    built, build = [], argument_parser.get_empty_argument_parser
    monkeypatch.setattr(
        argument_parser,
        "get_empty_argument_parser",
        lambda **how: built.append(how) or build(**how),
    )
    master = Environment(events=Events()).create_master_runner("127.0.0.1", 0)
    environment = Environment(events=Events())
    worker = environment.create_worker_runner("127.0.0.1", master.server.port)
    try:
        until(lambda: master.clients.ready)
        environment.parsed_options = argument_parser.get_empty_argument_parser().parse_known_args(
            []
        )[0]
        del built[:]
        for time_stamp in (1, 2, 3):
            job = {
                "timestamp": time_stamp, "user_classes_count": {}, "host": "", "stop_timeout": 0,
                "parsed_options": options | {"ours": time_stamp},
            }  # fmt: skip
            worker.handle_message(Message("spawn", job, worker.client_id))
        assert environment.parsed_options.ours == 3
        assert len(built) == 1
    finally:
        worker.quit()
        master.quit()


def test_installing_twice_is_once():
    locust_compat.install()
    once = argument_parser.default_args_dict
    locust_compat.install()
    assert argument_parser.default_args_dict is once


def test_of_a_message_that_is_far_too_large_nothing_is_taken_in(monkeypatch):
    """Its connection is closed; the client connects again, and what it says then is heard."""
    monkeypatch.setattr(locust_compat, "LARGEST_READ_BYTES", 1 << 20)
    server = locust_compat.GuardedServer("127.0.0.1", 0)
    with Stranger(server.port) as stranger:
        stranger.send(b"\x00" * (2 << 20))
        heard = gevent.spawn(server.recv_from_client)
        while not heard.ready():
            stranger.say("client_ready", "2.47.0")
            heard.join(0.1)
        sender, message = heard.get()
    assert (sender, message.type) == ("stranger", "client_ready")
    server.close(linger=0)
    server.socket.context.term()
