"""The end of a run: figures, checks and verdict, and the report that holds them."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar, cast

import gevent
import msgspec
from gevent.monkey import get_original

from mcstress.cluster.messages import FinishTraces
from mcstress.errors import UsageError
from mcstress.evidence.document_parts import Completeness
from mcstress.evidence.run_document import RunDocument, build
from mcstress.evidence.store.event_line import ReadOptions
from mcstress.evidence.store.history import History, RunFile, events_as_made
from mcstress.evidence.store.integrity import differences
from mcstress.evidence.store.policy import parse_policy
from mcstress.evidence.store.run_files import files_of_run
from mcstress.master.completeness import completeness, sink_totals
from mcstress.master.controller import RunController
from mcstress.master.drain import wait_until
from mcstress.master.evidence_transfer import TRACED_DEADLINE_S, gather
from mcstress.master.expected_samples import plan
from mcstress.master.offered_load import offered_seconds
from mcstress.master.report_place import index, write, write_again
from mcstress.master.run_info import describe
from mcstress.master.run_state import RunState, cells
from mcstress.master.stages import RunStage
from mcstress.metrics.arrivals import OfferedSecond
from mcstress.metrics.figures import Figures
from mcstress.metrics.intervals import import_scipy
from mcstress.metrics.number_format import plural
from mcstress.services.steady_clock import CLOCK


def recount(run: RunFile, figures: Figures) -> Counter[str]:
    """Add all that the run's files hold to ``figures``; how many events they hold, by worker.

    Where evidence was sampled, the metrics' own state, which saw every event, stands in the files
    beside the sample, and the sample itself is not counted a second time. Events are counted in
    the order in which they were made: a clock that was set back would tear pairs apart.
    """
    states = 0
    for state in run.states():
        figures.merge(Figures.from_state(state))
        states += 1
    events: Counter[str] = Counter()
    for event in events_as_made(run):
        events[event.worker] += 1
        if not states:
            figures.add(event)
    return events


Made = TypeVar("Made")

LONG_S = 2.0
"""A report that is not there by then is said to be on its way: ten million events take minutes."""

logger = logging.getLogger(__name__)


def finish(controller: RunController, run: RunState) -> RunDocument:
    """Write the report, and again when tracing is accounted for; its document.

    A disk that refuses costs no figure: what could not be read or written is a fault in it.
    """
    run.ended_s = CLOCK.now_s()
    run.clock_watch.look()
    run.write_user_counts()
    run.write_offered()
    run.ensure_report_dir()
    segments = gather(controller, run)
    with _said_where_long(run):
        history = in_thread(lambda: read_back(run))
        figures, miscounted = in_thread(lambda: _figures(run, history, len(segments)))
        run.figures = figures  # whoever looks from now on sees what the report says
        in_thread(import_scipy)
        in_thread(import_bokeh)
        found = [*_found(run, history), *miscounted]
        kept = 0 if history is None else len(history.order)

        def counted() -> Completeness:
            return completeness(run, figures.events, kept, found, scheduled=figures.scheduled)

        document = document_of_run(run, figures, counted(), with_state=True)
        _end_segment(run, document, history)
        in_its_place = in_thread(lambda: write(run, document, history))
    if _trace(controller, run, document.verdict):
        notices = document.completeness.notices
        document = document_of_run(run, figures, counted(), with_state=True)
        document.completeness.notices = notices
        in_thread(lambda: write_again(run, document))
    controller.dismiss(run)
    in_thread(lambda: index(run))
    if in_its_place and history is not None and not found:
        _remove(run, segments)
    return document


@contextmanager
def _said_where_long(run: RunState) -> Iterator[None]:
    """Say, once, that a report is being made, where that takes long."""
    saying = gevent.spawn_later(LONG_S, _say_how_many, run)
    try:
        yield
    finally:
        saying.kill()


def _say_how_many(run: RunState) -> None:
    kept = plural(_events_kept(run), "event")
    logger.info("making the report of %s, read back from %s", kept, run.paths.folder)


def _events_kept(run: RunState) -> int:
    """How many events lie in the files; of a lost worker, as many as it told of."""
    fraction = parse_policy(run.settings.evidence).fraction
    return sum(
        part.drained.events_kept if part.drained else round(part.events_told * fraction)
        for part in run.registry.parts.values()
    )


def _found(run: RunState, history: History | None) -> list[str]:
    """What differs from what was written; the main file has no end yet that could tell."""
    if history is None:
        return [f"the events cannot be read back: {run.read_fault}"]
    name, found, own = run.paths.events.name, history.order.files[0], run.segment.tally
    return [
        *history.faults(),
        *differences(f"events of {name}", own.events.stated, found.events.stated),
        *differences(f"records of {name}", own.records.stated, found.records.stated),
    ]


def _end_segment(run: RunState, document: RunDocument, history: History | None) -> None:
    """Say in the main file how the run ended: a report that was not written can be made of it."""
    run.write_offered_at_the_end(document.offered or ())
    workers = {} if history is None else history.order.workers
    run.segment.end(
        {
            "run": msgspec.to_builtins(document.run),
            "completeness": msgspec.to_builtins(document.completeness),
            "planned": plan(run.run, run.seats.ever_held()),
            "workers": {name: tally.stated for name, tally in workers.items()},
        }
    )
    run.segment.close()


def _remove(run: RunState, segments: list[Path]) -> None:
    """Remove the files whose events are in the report now; one that may still grow stays."""
    growing = {run.paths.segment(part.name) for part in run.registry.lost()}
    for segment in segments:
        if segment not in growing:
            segment.unlink(missing_ok=True)


def in_thread(work: Callable[[], Made]) -> Made:
    """What ``work`` makes, while the message loop and the web page go on: a report may be large.

    Its OSError is raised here alone: gevent prints a traceback of what leaves a thread.
    """

    def tried() -> tuple[Made | None, OSError | None]:
        try:
            return work(), None
        except OSError as fault:
            return None, fault

    made, fault = gevent.get_hub().threadpool.apply(tried)
    if fault is not None:
        raise fault
    return cast("Made", made)


def import_bokeh() -> None:
    """Import it, with a lock of the system's for the ids of its models.

    Reports are drawn in threads, at the same time as other reports and the live page. Where threads
    contend for one of gevent's locks, one that waits is at times never woken (gevent#2013), and its
    report would never be there. This lock is held for an addition.
    """
    from bokeh.util import serialization  # noqa: PLC0415  (a second; a worker never needs it)

    native = get_original("threading", "Lock")
    if not isinstance(serialization._simple_id_lock, type(native())):  # noqa: SLF001  (no other way)
        serialization._simple_id_lock = native()  # noqa: SLF001  (likewise)


def read_back(run: RunState) -> History | None:
    """The run's events as they lie on disk; None where they cannot be read.

    A file that is damaged is read again, closely and without what is damaged.
    """
    try:
        files = files_of_run(run.paths.events)
        with suppress(UsageError):
            history = History(files.paths, left_out=files.left_out)
            if not history.faults():
                return history
        return History(files.paths, ReadOptions(strict=True, skip_damaged=True), files.left_out)
    except (UsageError, OSError) as fault:
        run.read_fault = str(fault)
        return None


def _figures(run: RunState, history: History | None, files: int) -> tuple[Figures, tuple[str, ...]]:
    """What the workers handed over; where one is lost, what their files hold: it may be more.

    With the fault of files that cannot be counted.
    """
    parts = run.registry.parts.values()
    if (
        history is None
        or not run.registry.lost()
        or files < 1 + len(parts)
        or any(p.evidence_missing for p in parts)
    ):
        return run.figures, ()
    try:
        return _counted_again(run, history), ()
    except Exception as fault:
        # The border: whatever damaged files hold, what was handed over is there. It is in the
        # report's faults.
        logger.debug("the events could not be counted again", exc_info=True)
        told = f"{type(fault).__name__}: {fault}"
        return run.figures, (f"the events could not be counted again: {told}",)


def _counted_again(run: RunState, history: History) -> Figures:
    """The figures of what the files hold; lost workers made as many events as those tell."""
    counted = Figures(run.run.top_k, cells=cells(run.run))
    by_worker = recount(history, counted)
    for record in history.records("delta"):
        by_worker[record["worker"]] = max(by_worker[record["worker"]], record["events_made"])
    for part in run.registry.lost():
        part.events_told = max(part.events_told, by_worker[part.name])
    if run.clock is not None:
        run.clock.rows = [*history.appointments()]
    return counted


def document_of_run(
    run: RunState, figures: Figures, counted: Completeness, *, with_state: bool = False
) -> RunDocument:
    """The document of a run that ended or goes on, of what was counted so far."""
    return build(
        describe(run),
        msgspec.to_builtins(run.run.scenario),
        figures,
        counted,
        thresholds=run.settings.checks,
        users=run.users_timeline,
        planned=plan(run.run, run.seats.ever_held()),
        candidates=run.system.target.candidates,
        with_state=with_state,
        now_s=CLOCK.now_s(),
        offered=offered_of(run),
        unserved=run.unserved.rows(),
        trials=() if run.capacity is None else run.capacity.trials,
        appointments=() if run.clock is None else run.clock.rows,
    )


def offered_of(run: RunState) -> list[OfferedSecond]:
    """A schedule's seconds so far; once nothing more is taken, as completeness counts them."""
    if run.offering is None:
        return []
    parts, over = run.registry.parts.values(), run.stage >= RunStage.REPORTING
    return offered_seconds(run.offering, parts, over=over)


def _trace(controller: RunController, run: RunState, verdict: str) -> bool:
    """Have every worker finish tracing, by a deadline; whether there was any tracing."""
    if not run.traces.on:
        return False
    run.traces.say(verdict)
    parts = [part for part in run.registry.parts.values() if part.drained and not part.traced]
    for part in parts:
        controller.notify(run, part.name, FinishTraces(run.run.uid))
    run.traces.close()
    if not wait_until(
        lambda: all(part.traced or not controller.is_there(part) for part in parts),
        TRACED_DEADLINE_S,
    ):
        logger.warning("tracing was not accounted for within %.0f s", TRACED_DEADLINE_S)
    delivered = {total.sink: total.delivered or 0 for total in sink_totals(run)}
    run.read_back = run.traces.read_back(delivered)
    return True
