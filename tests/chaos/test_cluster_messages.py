"""What workers tell, lost, doubled, late, out of order or spoilt: totals are right or unknown."""

from __future__ import annotations

import shutil
from itertools import count
from pathlib import Path
from tempfile import mkdtemp
from types import SimpleNamespace
from unittest.mock import patch

import gevent
import msgspec
import pytest
from evidence.made_report import MadeRun
from hypothesis import given, settings
from hypothesis import strategies as st
from locust.env import Environment
from locust.event import Events
from locust.runners import WorkerRunner

from mcstress import locust_compat
from mcstress.cluster.channel import Channel, kind_of
from mcstress.cluster.key import MASTER, VARIABLE, ClusterKey
from mcstress.cluster.messages import Piece, SendPiece
from mcstress.commands.check import parse
from mcstress.evidence.run_document import head_of
from mcstress.evidence.store.policy import parse_policy
from mcstress.master import drain as drain_module
from mcstress.master import evidence_transfer, finalize
from mcstress.master.controller import RunController
from mcstress.master.drain import drain
from mcstress.master.progress import Progress
from mcstress.master.run_start import begin_run
from mcstress.master.stages import RunStage
from mcstress.services.preflight import ModelFacts
from mcstress.services.target import Target, TargetSetup
from mcstress.settings import read_settings
from mcstress.system_under_test import SystemUnderTest, TargetFacts
from mcstress.worker.recorder import Recorder
from mcstress.worker.segment_file import open_segment
from mcstress.worker.worker_run import WorkerRun

WORKERS = ("one", "other")
NOWHERE = "http://127.0.0.1:9"
PIECE_BYTES = 20_000
FATES = ("lost", "doubled", "stale", "garbage", "short", "long", "empty")
FIGURES = ("verdict", "checks", "metrics", "latency", "faults")


class Wire(WorkerRunner):
    """A worker's end of the connection: what it sends stays here, to be delivered or not."""

    def __init__(self, name: str) -> None:
        self.client_id, self.greenlet = name, None
        self.custom_messages = {}
        self.sent: list[tuple[str, bytes, str]] = []

    def send_message(self, msg_type, data=None, client_id=None):
        """Keep it."""
        self.sent.append((msg_type, data, self.client_id))


class Cluster:
    """A master and its two workers in this process, each of its own class, for one run."""

    def __init__(self, environment, runner) -> None:
        self.folder = Path(mkdtemp(prefix="cluster-"))
        options = parse(
            ["--report-dir", str(self.folder), "--langfuse-env", str(self.folder / "-")]
        )
        given_settings = read_settings(options, None)
        facts = ModelFacts("m", rule_based=True)
        system = SystemUnderTest(given_settings, NOWHERE, NOWHERE, TargetFacts(), facts)
        self.run = begin_run(given_settings, system, "distributed")
        runner.custom_messages.clear()
        self.runner = runner
        self.controller = RunController(environment, runner, Channel(runner))
        self.controller.conduct(self.run, Progress(None, None))
        self.run.go(RunStage.RUNNING)
        self.wires = [Wire(name) for name in WORKERS]
        self.channels = [Channel(wire) for wire in self.wires]
        self.keys = {name: ClusterKey.of_environment(name) for name in WORKERS}
        self.made = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.runner.send_message.side_effect = None
        self.controller.rest()
        self.run.segment.close()
        shutil.rmtree(self.folder)

    def tell(self, deltas: int) -> list[tuple[str, bytes, str]]:
        """What both workers send of a run that ends well, each in so many parts, in turns."""
        wires = [self._told(number, deltas) for number in range(len(WORKERS))]
        return [message for turn in zip(*wires, strict=True) for message in turn]

    def _told(self, number: int, deltas: int) -> list[tuple[str, bytes, str]]:
        wire = self.wires[number]
        part = self.run.registry.enter(f"worker-{number}", wire.client_id, f"boot-{number}")
        welcome = self.run.welcome(part)
        segment = open_segment(welcome, part.boot)
        recorder = Recorder(part.name, self.run.run.top_k, segment, parse_policy("all"))
        channel = self.channels[number]
        worker = WorkerRun(welcome, part.boot, channel, recorder, Target(TargetSetup()))
        events = MadeRun(seed=number, failing=0.1).events(trios=1, rounds=1)
        share = len(events) // deltas
        for begin in range(0, share * deltas, share):
            for event in events[begin : begin + share]:
                event.trio = number + 1
                recorder.on_event(event, ())
            if begin < share * (deltas - 1):
                worker.hand_over()
        worker.hand_over_all(unheard=False)
        self.made += recorder.events_made
        return [*wire.sent]

    def go_elsewhere(self, plan: dict[int, str]) -> None:
        """The workers' files are on another machine; ``plan``: what becomes of the n-th piece."""
        elsewhere = self.folder / "elsewhere"
        elsewhere.mkdir()
        for number in range(len(WORKERS)):
            path = self.run.paths.segment(f"worker-{number}")
            path.rename(elsewhere / str(number))
        numbers = count()

        def asked(kind, content, client):
            if kind == kind_of(SendPiece):
                asks = msgspec.msgpack.decode(
                    self.keys[client].open(kind, MASTER, content), type=SendPiece
                )
                gevent.spawn(self._send_piece, WORKERS.index(client), asks, plan.get(next(numbers)))

        self.runner.send_message.side_effect = asked

    def _send_piece(self, number: int, asked: SendPiece, fate: str | None) -> None:
        content = (self.folder / "elsewhere" / str(number)).read_bytes()
        piece = content[asked.offset : asked.offset + PIECE_BYTES]
        sent = {
            "lost": [],
            "doubled": [(asked.offset, piece)] * 2,
            "stale": [(0, content[:PIECE_BYTES]), (asked.offset, piece)],
            "garbage": [(asked.offset, bytes(len(piece)))],
            "short": [(asked.offset, piece[:-1])],
            "long": [(asked.offset, piece + piece)],
            "empty": [(asked.offset, b"")],
        }.get(fate or "", [(asked.offset, piece)])
        for offset, part in sent:
            message = Piece(self.run.run.uid, f"worker-{number}", offset, part)
            self.channels[number].send(message)
            self.hear([self.wires[number].sent[-1]])

    def hear(self, messages) -> None:
        """Let the master hear ``messages``, as Locust's loop hands them on."""
        for kind, content, sender in messages:
            if (found := self.runner.custom_messages.get(kind)) is not None:
                found[0](environment=None, msg=SimpleNamespace(data=content, node_id=sender))

    def end(self):
        """The run's document, all that was heard taken together."""
        self.run.go(RunStage.STOPPING)
        self.run.go(RunStage.DRAINING)
        with (
            patch.object(drain_module, "GRACE_S", 0.0),
            patch.object(drain_module, "POLL_S", 0.0),
            patch.object(drain_module, "RETURN_S", 0.0),
            patch.object(finalize, "write", lambda *_: True),
            patch.object(finalize, "index", lambda *_: None),
            patch.object(evidence_transfer, "POLL_S", 0.02),
            patch.object(evidence_transfer, "ASKED_AGAIN_S", 0.02),
        ):
            drain(self.controller, self.run, 0.0)
            with patch.object(RunController, "is_there", lambda *_: True):
                return head_of(finalize.finish(self.controller, self.run))


@pytest.fixture(scope="module")
def master():
    """A master of Locust's, without workers: what it would send to them goes nowhere."""
    locust_compat.install()
    environment = Environment(events=Events())
    runner = environment.create_master_runner("127.0.0.1", 0)
    with patch.object(runner, "send_message"):
        yield environment, runner
    runner.greenlet.kill()
    runner.server.close(linger=0)
    runner.server.socket.context.term()


@st.composite
def altered(draw, number: int):
    """For each of ``number`` messages, in the order of arrival: (which, how it is spoilt)."""
    order = list(range(number))
    for which in draw(st.lists(st.integers(0, number - 1), max_size=3)):
        match draw(st.sampled_from(["lost", "doubled", "late"])):
            case "lost":
                order = [one for one in order if one != which]
            case "doubled":
                order.insert(draw(st.integers(0, len(order))), which)
            case "late" if which in order:
                order.remove(which)
                order.insert(draw(st.integers(0, len(order))), which)
    spoilt = draw(st.dictionaries(st.integers(0, max(len(order) - 1, 0)), st.binary(max_size=30)))
    few = dict(list(spoilt.items())[: draw(st.integers(0, 2))])
    return [(which, few.get(place)) for place, which in enumerate(order)]


def deliver(messages, plan, *, replace: bool):
    """``messages`` as ``plan`` has them; what is spoilt is garbage, or garbage beside it."""
    for which, garbage in plan:
        kind, content, sender = messages[which]
        if garbage is not None:
            yield kind, garbage, sender
        if garbage is None or not replace:
            yield kind, content, sender


DELTAS = 3
MESSAGES = len(WORKERS) * (DELTAS + 1)


def figures_of(document):
    """What depends on the events alone, and not on when the run ended."""
    metrics = {name: part for name, part in document["metrics"].items() if name != "availability"}
    return {key: document[key] for key in FIGURES} | {"metrics": metrics}


@pytest.fixture(scope="module")
def right(master):
    """The document of a run whose messages all arrive as they were sent."""
    with Cluster(*master) as whole:
        whole.hear(whole.tell(DELTAS))
        document = whole.end()
    assert document["completeness"]["complete"], document["completeness"]["faults"]
    assert document["metrics"]["events"]["total"] == whole.made
    return document


def check_totals_are_right_or_unknown(master, right, plan, *, replace):
    with Cluster(*master) as cluster:
        cluster.hear(deliver(cluster.tell(DELTAS), plan, replace=replace))
        found = cluster.end()
    counted = found["completeness"]
    if counted["complete"]:
        assert figures_of(found) == figures_of(right)
    else:
        assert found["verdict"] == "unknown"
        assert counted["faults"]
    assert found["metrics"]["events"]["total"] <= cluster.made, "nothing counts twice"


@given(plan=altered(MESSAGES), replace=st.booleans())
@settings(max_examples=8, derandomize=True)
def test_totals_are_right_or_unknown_in_short(master, right, plan, replace):
    check_totals_are_right_or_unknown(master, right, plan, replace=replace)


@pytest.mark.chaos
@pytest.mark.parametrize("key", ["", "a secret"])
def test_totals_are_right_or_unknown_at_length(master, right, monkeypatch, key):
    monkeypatch.setenv(VARIABLE, key)

    @given(plan=altered(MESSAGES), replace=st.booleans())
    @settings(max_examples=300)
    def totals_are_right_or_unknown(plan, replace):
        check_totals_are_right_or_unknown(master, right, plan, replace=replace)

    totals_are_right_or_unknown()


def test_what_arrives_as_it_was_sent_is_complete_and_what_is_lost_is_not(master):
    """The other tests hold for a master that calls everything unknown: this one does not."""
    for lost in range(MESSAGES):
        with Cluster(*master) as cluster:
            messages = cluster.tell(DELTAS)
            cluster.hear([one for place, one in enumerate(messages) if place != lost])
            assert not cluster.end()["completeness"]["complete"], messages[lost][0]
    for twice in range(0, MESSAGES, 3):
        with Cluster(*master) as cluster:
            messages = cluster.tell(DELTAS)
            messages.insert(twice, messages[twice])
            cluster.hear(messages)
            document = cluster.end()
            assert document["completeness"]["complete"], document["completeness"]["faults"]
            assert document["metrics"]["events"]["total"] == cluster.made


def fetched(master, plan):
    """The document of a run whose workers' files come from another machine, as ``plan`` lets."""
    with Cluster(*master) as cluster:
        cluster.hear(cluster.tell(DELTAS))
        cluster.go_elsewhere(plan)
        return cluster.end(), cluster.made


@pytest.mark.parametrize("fate", [None, *FATES])
def test_evidence_from_elsewhere_is_whole_or_unknown(master, right, fate):
    document, made = fetched(master, {} if fate is None else {1: fate})
    assert document["completeness"]["complete"] == (
        fate in (None, "lost", "doubled", "stale", "short")
    )
    assert document["completeness"]["complete"] or document["verdict"] == "unknown"
    assert figures_of(document)["metrics"] == figures_of(right)["metrics"], "those were told"
    assert (document["completeness"]["events_kept"] == made) >= document["completeness"]["complete"]


@pytest.mark.chaos
@pytest.mark.parametrize("key", ["", "a secret"])
def test_evidence_from_elsewhere_is_whole_or_unknown_at_length(master, monkeypatch, key):
    monkeypatch.setenv(VARIABLE, key)

    @given(plan=st.dictionaries(st.integers(0, 12), st.sampled_from(FATES), max_size=4))
    @settings(max_examples=200)
    def is_whole_or_unknown(plan):
        document, made = fetched(master, plan)
        if document["completeness"]["complete"]:
            assert document["completeness"]["events_kept"] == made
        else:
            assert document["verdict"] == "unknown"

    is_whole_or_unknown()
