"""Tracing as a worker opens it: quickly, or not at all and with the reason."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest

from mcstress.cluster.messages import Welcome
from mcstress.cluster.tracing import (
    SessionTraces,
    finish_sinks,
    open_sinks,
    sink_counts,
)
from mcstress.evidence.document_parts import Tracing
from mcstress.master.completeness import tracing
from mcstress.master.notify import traced
from mcstress.option_defaults import DEFAULT_LANGFUSE_ENV
from mcstress.services.llm.language_model import ModelSetup
from mcstress.services.target import TargetSetup
from mcstress.tracing.delivery_counts import SinkCounts, TraceCounts, counts_of
from mcstress.tracing.sink import Where
from mcstress.tracing.untraced import COULD_NOT, Untraced
from mcstress.users.run import Run
from mcstress.users.scenarios.load import load_scenario

CHECKOUT = Path(__file__).resolve().parents[2]
KEYS = "LANGFUSE_URL=http://127.0.0.1:9\nLANGFUSE_PUBLIC_KEY=pk\nLANGFUSE_SECRET_KEY=sk\n"


def welcome(env_file, folder):
    """What a master sends to its second worker."""
    run = Run(
        uid="u", label="001", target_setup=TargetSetup(), llm_setup=ModelSetup("", "m"),
        scenario=load_scenario("three_cities"), phases=[], rounds=1, seed=1, top_k=8,
        playbook_prefix="p_", fresh_prefix="f-", wait_deadline_s=1, think_from_s=0,
        think_to_s=0,
    )  # fmt: skip
    return Welcome(
        run=run, worker="worker-1", segment_path="", evidence="all", llm_parallel=1, reference_s=0,
        langfuse_env=env_file, otlp_traces="", mask="on", spool_path=str(folder / "spool.jsonl"),
        corpora_poll_s=5, corpus_sizes={},
    )  # fmt: skip


@pytest.fixture
def no_settings(monkeypatch):
    """Nothing about Langfuse in the environment."""
    for name in ("LANGFUSE_URL", "LANGFUSE_HOST", "LANGFUSE_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


def test_a_worker_does_without_the_sdk(tmp_path):
    """Loading it takes so long that on a busy machine Locust gave the worker up for lost."""
    (tmp_path / "langfuse.env").write_text(KEYS)
    script = f"""
import locust, sys
from pathlib import Path
sys.path.insert(0, {str(Path(__file__).parent)!r})
from test_traces import open_sinks, welcome
assert open_sinks(welcome({str(tmp_path / "langfuse.env")!r}, Path({str(tmp_path)!r})))
print([name for name in sys.modules if name.startswith("langfuse")])
"""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=CHECKOUT, capture_output=True, text=True, check=False
    )
    assert done.stdout == "[]\n", done.stderr


@pytest.mark.usefixtures("no_settings")
def test_a_worker_without_the_file_says_so(tmp_path, caplog):
    missing = str(tmp_path / "missing.env")
    (untraced,) = open_sinks(welcome(missing, tmp_path))
    assert missing in untraced.fault
    assert f"worker-1: Langfuse tracing is off: {missing} is missing" in caplog.text


@pytest.mark.parametrize("level", ["off", "on", "strict"])
def test_a_worker_masks_as_the_master_says(tmp_path, level):
    (tmp_path / "langfuse.env").write_text(KEYS)
    told = msgspec.structs.replace(welcome(str(tmp_path / "langfuse.env"), tmp_path), mask=level)
    (tracer,) = open_sinks(told)
    assert tracer._run.mask == level
    tracer.finish(0)


def test_where_the_master_traces_nothing_a_worker_is_silent(tmp_path, caplog):
    assert open_sinks(welcome("", tmp_path)) == []
    assert caplog.text == ""


def test_a_tracer_that_cannot_be_made_is_no_reason_to_end(tmp_path, caplog, monkeypatch):
    (tmp_path / "langfuse.env").write_text(KEYS)

    def fail(*_, **__):
        raise RuntimeError("no more memory for pk:sk")

    monkeypatch.setattr("mcstress.tracing.langfuse.tracer.LangfuseTracer", fail)
    (sink,) = open_sinks(welcome(str(tmp_path / "langfuse.env"), tmp_path))
    assert isinstance(sink, Untraced)
    assert "worker-1: Langfuse tracing is off: RuntimeError: no more memory" in caplog.text
    assert "pk:sk" not in caplog.text


def test_who_has_no_langfuse_loads_nothing_that_delivers_or_exports(tmp_path):
    """httpx, tenacity and pydantic take 10 MB; OpenTelemetry's SDK is for after the fork."""
    code = f"""
import sys
import locustfile
import mcstress.export.exporter
from pathlib import Path
from mcstress.cluster.tracing import load_settings
assert load_settings(Path({str(tmp_path / "none")!r}), {{}})[0] is None
assert not {{"httpx", "tenacity", "pydantic", "scipy"}} & sys.modules.keys()
assert not [name for name in sys.modules if name.startswith("opentelemetry.sdk")]
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=CHECKOUT)


SCORES = {"made": 40, "sampled_out": 0, "delivered": 38, "spooled": 2, "dropped": {}}


def read(tracing):
    """As a document's section of it is read."""
    return msgspec.convert(tracing, Tracing)


TRACING = {
    "on": True, "made": 218, "sampled_out": 0, "delivered": 218, "spooled": 0, "dropped": {},
    "read_back": 218, "read_back_within_s": 15.0, "spools": [], "scores": SCORES | {"made": 0},
}  # fmt: skip


def test_the_last_line_of_a_run_tells_every_fate_and_what_sends_the_rest():
    tracing = TRACING | {
        "made": 1200, "sampled_out": 100, "delivered": 1000, "spooled": 50,
        "dropped": {"spool full": 20, "after the end": 5}, "read_back": None,
        "spools": ["/x y.jsonl", "/z.jsonl"], "scores": SCORES,
    }  # fmt: skip
    assert traced(read(tracing)) == [
        (
            "Traces: 1,200 made, 100 sampled out, 1,000 delivered, 50 spooled, 25 dropped, "
            "25 unaccounted for; scores: 40 made, 38 delivered, 2 spooled; "
            "send the rest with: mcstress replay '/x y.jsonl' /z.jsonl"
        )
    ]
    assert traced(read(tracing | {"on": False})) == []
    (line,) = traced(read(tracing | {"spools": ["/x.jsonl"]}), "/etc/my keys.env")
    assert line.endswith(": mcstress replay /x.jsonl --langfuse-env '/etc/my keys.env'")
    assert "langfuse-env" not in traced(read(tracing | {"spools": []}), "/etc/my keys.env")[0]


def test_a_spool_elsewhere_is_told_of_whatever_its_path(made_run):
    part = made_run.registry.enter("worker-1", "client", "boot", "there")
    path = "/" + "x" * 5000
    part.tracing = {"langfuse": SinkCounts(spools=[path])}
    assert tracing(made_run).spools_elsewhere == [f"{path} on there (worker-1)"]


OWN = "LANGFUSE_URL=http://127.0.0.1:9\nLANGFUSE_PUBLIC_KEY=own\nLANGFUSE_SECRET_KEY=sk\n"


def public_key(sinks):
    """Whose project the one sink sends to."""
    (tracer,) = sinks
    found = tracer._settings.public_key
    tracer.finish(0.0)
    return found


@pytest.fixture
def masters(tmp_path):
    """The file that the master names, which is on this machine too."""
    (tmp_path / "langfuse.env").write_text(KEYS)
    return welcome(str(tmp_path / "langfuse.env"), tmp_path)


@pytest.mark.usefixtures("no_settings")
def test_a_workers_own_file_counts_first(tmp_path, masters):
    own = tmp_path / "own.env"
    own.write_text(OWN)
    assert public_key(open_sinks(masters, own)) == "own"
    assert public_key(open_sinks(masters, Path(DEFAULT_LANGFUSE_ENV))) == "pk"
    assert public_key(open_sinks(masters)) == "pk"


@pytest.mark.usefixtures("no_settings")
def test_the_masters_file_counts_before_a_workers_own_environment(tmp_path, masters, monkeypatch):
    """Or its observations go to another project than all the others."""
    for line in OWN.splitlines():
        monkeypatch.setenv(*line.split("=", 1))
    assert public_key(open_sinks(masters, Path(DEFAULT_LANGFUSE_ENV))) == "pk"
    assert public_key(open_sinks(masters)) == "pk"
    elsewhere = welcome(str(tmp_path / "elsewhere.env"), tmp_path)
    assert public_key(open_sinks(elsewhere, Path(DEFAULT_LANGFUSE_ENV))) == "own"
    assert public_key(open_sinks(elsewhere)) == "own"
    given = tmp_path / "none.env"
    assert public_key(open_sinks(masters, given)) == "own", "what it was given, and what adds to it"


@pytest.mark.usefixtures("no_settings")
def test_the_masters_file_counts_before_a_workers_default_one(tmp_path, masters, monkeypatch):
    default = tmp_path / "default.env"
    default.write_text(OWN)
    monkeypatch.setattr("mcstress.cluster.tracing.DEFAULT_LANGFUSE_ENV", str(default))
    assert public_key(open_sinks(masters, default)) == "pk"
    elsewhere = welcome(str(tmp_path / "elsewhere.env"), tmp_path)
    assert public_key(open_sinks(elsewhere, default)) == "own"
    monkeypatch.setenv("LANGFUSE_PUBLIC_KEY", "environment")
    assert public_key(open_sinks(elsewhere, default)) == "own", "a file goes before it"


@pytest.mark.parametrize(
    ("local", "answered", "expected"),
    [(True, True, 7), (True, False, None), (False, True, 7), (False, False, 7)],
)
def test_a_masters_verdict_says_nothing_of_the_workers_server(
    monkeypatch, local, answered, expected
):
    sink = SimpleNamespace(
        where=Where("langfuse", ""), answered=answered, read_back=lambda _delivered, _within_s: 7
    )
    opened = lambda *_, **__: (sink, ())  # noqa: E731  (short)
    monkeypatch.setattr("mcstress.cluster.tracing._Process.langfuse", opened)
    settings = SimpleNamespace(langfuse_env=Path("x"), otlp_traces="", mask="on")
    run = welcome("x", Path("x")).run
    paths = SimpleNamespace(spool=Path)
    traces = SessionTraces(settings, run, paths, local=local)
    assert traces.read_back({"langfuse": 7}).get("langfuse") == expected
    assert traces.read_back({"langfuse": 0}) == {}


@pytest.mark.usefixtures("no_settings")
def test_where_neither_file_is_there_both_are_named(tmp_path, caplog):
    given, missing = tmp_path / "given.env", str(tmp_path / "missing.env")
    (untraced,) = open_sinks(welcome(missing, tmp_path), given)
    assert f"{given} is missing" in untraced.fault
    assert f"{missing} is missing" in untraced.fault
    (default,) = open_sinks(welcome(missing, tmp_path), Path(DEFAULT_LANGFUSE_ENV))
    assert DEFAULT_LANGFUSE_ENV not in default.fault
    assert untraced.fault in caplog.text


@pytest.mark.parametrize(
    ("read_back", "words"),
    [
        (218, "218 delivered, 218 read back"),
        (220, "218 delivered, 220 read back"),
        (0, "218 delivered, 0 visible so far after 15 s: the server ingests late"),
        (200, "218 delivered, 200 visible so far after 15 s: the server ingests late"),
        (None, "218 delivered"),
    ],
)
def test_what_is_not_visible_yet_is_no_fault(read_back, words):
    assert traced(read(TRACING | {"read_back": read_back})) == [f"Traces: 218 made, {words}"]


HEADERS = {"OTEL_EXPORTER_OTLP_HEADERS": "authorization=s3cr3t"}
COLLECTOR = "http://127.0.0.1:9/v1/traces"


def collector_of(tmp_path, own="", url=COLLECTOR):
    """The sink of a worker whose master sends to ``url``."""
    told = msgspec.structs.replace(welcome("", tmp_path), otlp_traces=url)
    (sink,) = open_sinks(told, None, own)
    return sink


@pytest.mark.parametrize(
    ("own", "named", "url", "headers"),
    [
        ("", "", COLLECTOR, True),
        ("env", "", COLLECTOR, True),
        ("http://127.0.0.1:8", "", "http://127.0.0.1:8/v1/traces", True),
        ("", "http://127.0.0.1:9", COLLECTOR, True),
        ("", "http://127.0.0.1:7", COLLECTOR, False),
    ],
)
def test_a_worker_sends_where_it_is_told_with_headers_that_belong_there(  # noqa: PLR0917  (cases)
    tmp_path, monkeypatch, caplog, own, named, url, headers
):
    for variable, value in (HEADERS | {"OTEL_EXPORTER_OTLP_ENDPOINT": named}).items():
        monkeypatch.setenv(variable, value)
    sink = collector_of(tmp_path, own)
    assert sink.where == ("otlp", url)
    assert bool(sink._settings.headers) is headers
    assert ("was not sent to http://127.0.0.1:9" in caplog.text) is not headers
    sink.finish(0.0)


def test_a_worker_whose_headers_cannot_be_used_counts_what_it_cannot_send(tmp_path, monkeypatch):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "s3cr3t")
    sink = collector_of(tmp_path)
    assert isinstance(sink, Untraced)
    sink.record(None, ["a step", "another"])
    told = sink_counts([sink])["otlp"]
    assert (told.made, told.dropped) == (2, {COULD_NOT: 2})
    assert told.fault.startswith("OTLP tracing is off: OTEL_EXPORTER_OTLP_HEADERS: entry 1 ")
    assert "s3cr3t" not in told.fault


class Kept:
    """A TraceSink that keeps what it is told, and ends as it is told."""

    fault = ""
    answered = True
    project_url = None

    def __init__(self, name, ends=None):
        self.where, self.told, self._ends = Where(name, f"http://{name}"), [], ends

    def record(self, event, steps):
        self.told.append((event, *steps))

    def add_scores(self, scores):
        self.told += scores

    def score(self, name, value):
        self.told.append((name, value))

    def counts(self):
        return TraceCounts(made=len(self.told), delivered=len(self.told))

    def begin_to_finish(self, deadline_s):
        self.told.append(("begun", deadline_s))

    def finish(self, deadline_s):
        self.told.append(("finished", deadline_s))
        if self._ends:
            raise self._ends
        return self.counts()


def test_all_sinks_begin_to_finish_before_one_is_waited_for_and_all_finish():
    """A signal that cuts short the wait for one must not lose what another holds."""
    first, second = Kept("langfuse", SystemExit(1)), Kept("otlp")
    with pytest.raises(SystemExit):
        finish_sinks([first, second], 3.0)
    assert first.told == second.told == [("begun", 3.0), ("finished", 3.0)]


def test_what_is_told_of_each_sink_apart(made_run):
    run = made_run
    run.traces.sinks = [Kept("langfuse"), Kept("otlp")]
    for name, langfuse, otlp in (("worker-0", 3, 5), ("worker-1", 4, 6)):
        part = run.registry.enter(name, name, "boot", "there")
        part.tracing = {
            "langfuse": SinkCounts(made=langfuse, delivered=langfuse),
            "otlp": SinkCounts(made=otlp, spooled=otlp, fault="no header"),
        }
    counted = tracing(run)
    assert (counted.on, counted.made, counted.delivered, counted.faults) == (True, 7, 7, [])
    assert [(sink.sink, sink.title, sink.where) for sink in counted.sinks] == [
        ("langfuse", "Langfuse", "http://langfuse"),
        ("otlp", "OTLP", "http://otlp"),
    ]
    langfuse, otlp = counted.sinks
    assert (langfuse.made, langfuse.delivered) == (7, 7)
    assert (otlp.made, otlp.spooled, otlp.delivered) == (11, 11, 0)
    assert len(otlp.faults) == 2
    assert traced(counted) == [
        "Traces: 7 made, 7 delivered",
        "OTLP traces to http://otlp: 11 made, 11 spooled",
        *(f"        {fault}" for fault in otlp.faults),
    ]


@pytest.mark.parametrize(
    "counts",
    [
        {"zipkin": {}},
        {"otlp": {"made": -1}},
        {"otlp": {"made": "1"}},
        {"otlp": {"spools": ["x" * 5000]}},
        {"langfuse": {"fault": 3}},
    ],
)
def test_what_no_worker_counts_is_refused(counts):
    assert counts_of({"langfuse": {"made": 1}, "otlp": {}})["langfuse"].made == 1
    with pytest.raises(msgspec.ValidationError):
        counts_of(counts)
