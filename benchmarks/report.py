"""The final report of 10⁴, 10⁵ and 10⁶ events: its time and its memory, in a process of its own.

Two workers' segments become JSON, Markdown and HTML. The measure beside it is a plain copy of the
same bytes: what a machine takes that does nothing but read and write them.
"""

from __future__ import annotations

import json
import resource
import shutil
import subprocess
import sys
import tempfile
from datetime import timedelta
from pathlib import Path
from time import perf_counter

import msgspec

from benchmarks.row import Row, print_rows
from mcstress.evidence.document_parts import RunSection
from mcstress.evidence.report.write import write_report
from mcstress.evidence.run_document import document_of
from mcstress.evidence.store.paths import ReportPaths
from mcstress.evidence.store.segment import Segment
from mcstress.metrics.event import Event, Hit, StepRecord, utc
from mcstress.metrics.figures import Figures

SIZES = (10_000, 100_000, 1_000_000)
WORKERS = 2
K = 8
START_S = 1_790_000_000
EVENTS_PER_S = 2000
COPY = "a copy of the same bytes"


def run() -> list[Row]:
    """Seconds and peak memory of each report, sizes ascending."""
    rows: list[Row] = []
    for size in SIZES:
        with tempfile.TemporaryDirectory() as folder:
            rows += _measured(Path(folder), size)
    return rows


def _measured(folder: Path, size: int) -> list[Row]:
    paths = ReportPaths(folder, "001")
    segments = _segments(paths, size)
    copied_s = _copy(segments)
    command = [sys.executable, "-m", "benchmarks.report", str(folder)]
    report = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    copied_s = min(copied_s, _copy(segments))
    named = f"report of {size:,} events"
    return [
        Row(named, report["seconds"], "s", report["seconds"] / copied_s, COPY),
        Row(f"{named}: peak memory", report["peak_mb"], "MB"),
        Row(f"{named}: JSON", paths.json.stat().st_size / 1e6, "MB"),
    ]


def _segments(paths: ReportPaths, size: int) -> list[Path]:
    """The files that ``WORKERS`` leave of ``size`` events, and the head of their document."""
    first = {"record": "segment", "run_uid": "u"}
    segments = [Segment(paths.segment(f"w-{n}"), first) for n in range(WORKERS)]
    figures = Figures(K)
    event = _event()
    for number in range(size):
        event.seq, event.worker = number + 1, f"w-{number % WORKERS}"
        # An event is written at its end and ordered by its beginning: neighbours change places.
        event.time = utc(START_S + number / EVENTS_PER_S) - timedelta(milliseconds=number % 7)
        event.round = number // 1000
        segments[number % WORKERS].append(event)
        if number % 1000 == 0:
            figures.add(event)
        if number % EVENTS_PER_S == 0:  # a run's file has records among its events
            segments[0].record(
                {"record": "users", "time": START_S + number // EVENTS_PER_S, "users": 300}
            )
    for segment in segments:
        segment.close()
    head = {"run": msgspec.to_builtins(RunSection(run_id="001", k=K)), **figures.result()}
    (paths.folder / "head.json").write_bytes(msgspec.json.encode(head))
    return [segment.path for segment in segments]


def _event() -> Event:
    time = utc(START_S)
    return Event(
        time=time, round=1, trio=1, phase="surge", coordinator="alice", k=K, users=300,
        contract="alpha_milwaukee_distribution", role="warehouse worker",
        query="4 warehouse workers in Milwaukee with forklift certificate, first shift, urgently",
        top_k=[Hit(f"w-{rank:05}", "workers", 0.1 + rank / 50) for rank in range(K)],
        per_corpus_counts={"workers": 6, "ethereal_workers": 2},
        corpus_sizes={"workers": 5000, "ethereal_workers": 10000},
        question="surge/1/alpha_milwaukee_distribution/0", gains=[1.0] * K, found=K,
        latency_ms=2.5, trace_id="0" * 32, steps=[StepRecord("matrix.search", time, 2.5)],
    )  # fmt: skip


def _copy(segments: list[Path]) -> float:
    start = perf_counter()
    for segment in segments:
        shutil.copyfile(segment, segment.with_suffix(".copy"))
    return perf_counter() - start


def _report(folder: Path) -> None:
    """In the process that is measured."""
    paths = ReportPaths(folder, "001")
    path = folder / "head.json"
    document = document_of(path, msgspec.json.decode(path.read_bytes()))
    start = perf_counter()
    write_report(paths, document, [paths.segment(f"w-{n}") for n in range(WORKERS)])
    seconds = perf_counter() - start
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    print(json.dumps({"seconds": seconds, "peak_mb": peak_mb}))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        _report(Path(sys.argv[1]))
    else:
        print_rows(run())
