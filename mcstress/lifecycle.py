"""The listeners that turn Locust's test_start, test_stopping, test_stop and quitting into runs."""

from __future__ import annotations

import logging
import shlex
import sys
from collections.abc import Iterable
from contextlib import ExitStack, suppress
from functools import partial
from typing import Any, Literal

import gevent
from gevent.event import Event as Signal
from locust.env import Environment
from locust.exception import StopTest
from locust.runners import (
    STATE_CLEANUP,
    STATE_RUNNING,
    STATE_SPAWNING,
    MasterRunner,
    Runner,
    WorkerRunner,
)

from mcstress import locust_compat
from mcstress.cluster.channel import Channel
from mcstress.errors import UsageError
from mcstress.evidence.run_document import RunDocument
from mcstress.evidence.store.paths import release
from mcstress.exit_codes import EXIT_CODES, EXIT_USAGE, SIGNALLED
from mcstress.export.exporter import Exporter
from mcstress.master.controller import OVER, RunController
from mcstress.master.drain import drain
from mcstress.master.evidence_transfer import release_worker
from mcstress.master.finalize import finish
from mcstress.master.memory_fill import fill_memory
from mcstress.master.notify import notify, summary
from mcstress.master.progress import Progress, open_display
from mcstress.master.quit_guard import QuitGuard
from mcstress.master.report_place import FinishedRuns
from mcstress.master.run_start import begin_run, check_claim, said_before
from mcstress.master.run_state import ENDED_BY_LOSS, RunState
from mcstress.master.stages import RunStage
from mcstress.options import option
from mcstress.process.file_limit import check_asked
from mcstress.process.ports import check_connections
from mcstress.services.http.bearer_token import TokenHosts
from mcstress.services.steady_clock import CLOCK
from mcstress.services.target_class import import_early
from mcstress.settings import Settings, read_settings
from mcstress.system_under_test import SystemUnderTest, started_system
from mcstress.truth_check import said_of_truth
from mcstress.users.persona_check import check_personas, host_of
from mcstress.users.persona_classes import in_step, incomplete_trio, missing
from mcstress.worker.worker import Worker

BUSY = (STATE_SPAWNING, STATE_RUNNING, STATE_CLEANUP)

Stage = Literal["ready", "running", "ending", "finished"]

logger = logging.getLogger(__name__)


class Lifecycle:
    """One per environment. The master conducts, a worker takes part, a local runner does both."""

    exporter: Exporter | None = None
    """Where options ask for metrics out."""

    def __init__(self, environment: Environment, runner: Runner) -> None:
        self.environment = environment
        locust_compat.exclude_no_tags(environment)  # choose_phases has read them
        self.runner = runner
        if isinstance(runner, WorkerRunner):
            import_early(option(environment, "target") or "")  # one that --processes forked
            locust_compat.before_spawning(runner, self._make_classes)
        channel = Channel(runner)
        worker, master = isinstance(runner, WorkerRunner), isinstance(runner, MasterRunner)
        self.controller = None if worker else RunController(environment, runner, channel)
        self.worker = None if master else Worker(environment, runner, channel)
        self.system: SystemUnderTest | None = None
        self.token_hosts: TokenHosts | None = None
        self.finished = FinishedRuns()
        self._last_words = ""
        self.quitting = False
        self.is_set_up = False
        self._begun = False
        self.quit_guard: QuitGuard | None = None
        if self.controller is not None:
            self.controller.on_early_leave = partial(release_worker, self.controller)
            if isinstance(runner, MasterRunner):
                self.quit_guard = QuitGuard(runner, self.controller)
        events = environment.events
        events.test_start.add_listener(self.on_test_start)
        events.test_stopping.add_listener(self.on_test_stopping)
        events.test_stop.add_listener(self.on_test_stop)
        events.quitting.add_listener(self.on_quitting)
        events.quit.add_listener(self.on_quit)
        if isinstance(runner, WorkerRunner) and locust_compat.worker_state(runner) in BUSY:
            # A worker that joins a test is at times told to begin before Locust tells us of it.
            self.on_test_start()

    @property
    def stage(self) -> Stage:
        """Where the run that is on stands, or else whether there was one."""
        run = self.controller.current if self.controller else None
        if run is None:
            return "finished" if self.finished.runs else "ready"
        is_ending = run.stage >= RunStage.STOPPING or self.runner.state in OVER
        return "ending" if is_ending else "running"

    def settings(self) -> Settings:
        """What the options say now; the web form may have changed them. Raises UsageError."""
        options = self.environment.parsed_options
        if options is None:
            raise UsageError("this environment has no options; expected those of mcstress.options")
        classes = self.environment.user_classes
        host = host_of(self.environment.host, classes)
        settings = read_settings(options, host, self.token_hosts)
        if not option(self.environment, "user_classes") and not self.runner.user_count:
            classes[:] = in_step(classes, settings.scenario)
        # Asked first before there is a web form: what that names gets no token.
        self.token_hosts = settings.token_hosts
        check_personas(settings.scenario, classes)
        return settings

    def _make_classes(self, names: Iterable[str]) -> None:
        """A worker learns of its master's scenario when it is told whom to start."""
        classes = self.environment.user_classes
        classes += missing(names, classes)

    def check_users(self, asked: object, url: str) -> None:
        """Refuse more users than this machine has open files and ports for; UsageError."""
        processes, local = option(self.environment, "processes"), self.worker is not None
        check_asked(asked, processes=processes, local=local)
        if local or processes:
            check_connections(asked, url)

    def prepare(self, settings: Settings, users: int | None = None) -> SystemUnderTest:
        """Check everything, and start what was not given, before any user; raises UsageError.

        A memory is filled for ``users``, by default as many as the options say.
        """
        if self.system is None or self.system.settings != settings:
            self.leave()
            check_claim(settings)
            said_of_truth(settings)  # what it refuses, before services are started
            self.system = system = started_system(settings)
            users = users or option(self.environment, "num_users") or 1
            try:
                system.memory_trios = fill_memory(settings, system, users)
            except BaseException:
                self.leave()
                raise
        return self.system

    def on_test_start(self, **_: Any) -> None:
        """Begin a run; where it cannot, say why and stop the test: Locust would swallow it."""
        self._begun = True
        if self.controller is not None:
            if self.controller.current is not None:
                raise StopTest("the last run is still being ended; start again when it is")
            try:
                self._conduct(self.controller)
            except UsageError as fault:
                self._refuse(fault)
                return
        if self.worker is not None:
            self.worker.begin()

    def _conduct(self, controller: RunController) -> None:
        settings = self.settings()
        system = self.prepare(settings)
        run = begin_run(settings, system, "local" if self.worker else "distributed")
        users, classes = self.runner.target_user_count, self.environment.user_classes
        if said := incomplete_trio(users, classes, settings.scenario):
            logger.warning("--users: %s", said)
        processes = getattr(self.runner, "worker_count", 1)  # a local runner has none
        for said in said_before(run, system, processes, self._run_time):
            logger.warning("%s", said)
        if self.quitting:  # a signal came while all this was made ready
            run.segment.close()
            release(run.paths)
            raise StopTest("the process ends; nothing was begun")
        controller.conduct(run, self._progress(settings))
        if self.exporter is not None:
            self.exporter.began(run)
        if self.worker is not None:
            self.worker.local_segment, self.worker.local_sinks = run.segment, run.traces.sinks

    def _progress(self, settings: Settings) -> Progress:
        display = open_display(json_progress=settings.json_progress, headless=self._headless)
        return Progress(display, self._run_time)

    @property
    def _run_time(self) -> Any:
        return option(self.environment, "run_time")

    def _refuse(self, fault: UsageError) -> None:
        logger.error("the run was refused: %s", fault)
        self.environment.process_exit_code = EXIT_USAGE
        gevent.spawn(self.runner.quit if self._headless else self.runner.stop)

    def on_test_stopping(self, **_: Any) -> None:
        """On the master the whole end, while its message loop is alive and no worker is let go."""
        if self.controller is not None and (run := self.controller.current) is not None:
            self.controller.look_for_absent(run)
            for schedule in (run.offering, run.clock):
                if schedule is not None:
                    schedule.end()
        if self.worker is not None:
            self.worker.stop_offering()
        if self.worker is None:
            self._end()

    def on_test_stop(self, **_: Any) -> None:
        """On a local runner the users have stopped by now."""
        if self.worker is not None:
            self._end()

    def _end(self) -> None:
        """Drain and report, once: who else stops the test meanwhile finds that it is being done."""
        controller = self.controller
        run = controller.current if controller is not None else None
        if controller is None or run is None or run.stage >= RunStage.DRAINING:
            return
        run.go(RunStage.DRAINING)
        run.stopped_by = run.stopped_by or self._why_it_ends(run)
        if isinstance(self.runner, MasterRunner):
            locust_compat.say_that_it_stops(self.runner)
        self.environment.process_exit_code = EXIT_USAGE
        document = None
        try:
            drain(controller, run, self.environment.stop_timeout)
            document = finish(controller, run)
            self.finished.add(run.paths, document)
            self._tell(run, document)
            self._say(summary(run, document))
        except OSError as fault:
            logger.error(  # noqa: TRY400  (a full disk is no defect)
                "the report is not whole: %s: %s; mcstress report %s makes it, once there is room",
                fault.filename or run.paths.folder,
                fault.strerror,
                run.segment.path,
            )
            controller.dismiss(run)
        except BaseException:
            controller.dismiss(run)  # they would wait for it as long as the master is there
            raise
        finally:
            # Whatever went wrong, the web UI can start the next run, once this one has left. Each
            # happens though a signal may cut the one before it short; the last is the first.
            with ExitStack() as last:
                last.callback(self._go_where_nobody_else_does)
                last.callback(controller.rest)
                last.callback(self.leave)
                if self.exporter is not None:
                    last.callback(self.exporter.ended, document)
                last.callback(run.traces.let_go)

    def _tell(self, run: RunState, document: RunDocument) -> None:
        """Tell whoever CI asked for, and give the verdict as the exit code."""
        try:
            notify(run, document)
        except OSError as fault:
            where = fault.filename or "their file or pipe"
            logger.error("no output for JUnit or GitHub: %s: %s", where, fault.strerror)  # noqa: TRY400  (no defect)
        else:
            self.environment.process_exit_code = EXIT_CODES[document.verdict]

    def _why_it_ends(self, run: RunState) -> str:
        """Nobody who makes load, the run time, or else somebody who wanted it.

        Locust stops a test whose last worker it misses, be it for seconds, as on a starved machine.
        """
        runner = self.runner
        if isinstance(runner, MasterRunner) and not runner.worker_count and run.registry.lost():
            return ENDED_BY_LOSS
        run_time_s = option(self.environment, "run_time")
        lasted_s = CLOCK.now_s() - run.started_s
        if run_time_s and (locust_compat.is_run_time_timer() or lasted_s > run_time_s - 1):
            return "run time reached"
        of = f" after {lasted_s:.0f} of {run_time_s:g} s" if run_time_s else ""
        return f"{'stopped by a signal' if self.quitting else 'stopped by the user'}{of}"

    def _go_where_nobody_else_does(self) -> None:
        """End a headless master whose last worker is gone: Locust stops its test and stays."""
        if self.quit_guard is not None and self._headless and not self.quit_guard.taken:
            gevent.spawn(self.runner.quit)

    def _say(self, text: str) -> None:
        """In the web UI at once; headless at the very end, below Locust's own tables."""
        if self._headless:
            self._last_words = text
        else:
            _print(text)

    def on_quit(self, **_: Any) -> None:
        """The last thing that a headless run prints."""
        if self.exporter is not None:
            self.exporter.close()
        _print(self._last_words)
        self._last_words = ""

    def on_quitting(self, **_: Any) -> None:
        """Locust ends while users may still be at it; stopping them makes the report.

        Fired before the master's own listener of the same, which then finds all done. Locust reads
        the exit code when this returns, and fires it once for every signal: the first who comes
        ends the process, which is what the others wait for.
        """
        if self.quitting:
            Signal().wait()
        self.quitting = True
        if self.controller is not None:
            if self.runner.state in BUSY:
                self.runner.quit()
            self._end()
            # It may be another greenlet that is at it.
            self.controller.wait_until_over()
            if self._starts_by_itself and not self.finished.runs:
                self._note_that_nothing_ran()
        elif self.worker is not None:
            self.worker.drain_on_signal()
        self.leave()

    def _note_that_nothing_ran(self) -> None:
        """Locust would exit with 0, which is a pass."""
        if self.environment.process_exit_code is None:
            logger.error("the process ends before any event: there is no report")
            self.environment.process_exit_code = EXIT_CODES["unknown"]

    @property
    def _headless(self) -> bool:
        return bool(option(self.environment, "headless"))

    @property
    def _starts_by_itself(self) -> bool:
        return self._headless or bool(option(self.environment, "autostart"))

    @property
    def has_a_run(self) -> bool:
        """Whether a run is on, or a worker takes part in one."""
        if self.controller is not None:
            return self.controller.current is not None
        return self.worker is not None and self.worker.takes_part

    @property
    def is_idle(self) -> bool:
        """Whether nothing has begun: services are started, or a headless master awaits workers.

        Locust does not listen to signals then. What state it says it is in tells nothing: a
        message of a worker that it does not know makes it "stopped".
        """
        waits = self._headless or not self.is_set_up
        return self.controller is not None and not self._begun and waits

    @property
    def follows_shape(self) -> bool:
        """Whether Locust waits for a load shape before it listens to SIGTERM: headless only."""
        return self._headless and locust_compat.is_following_shape(self.runner)

    def note_signal(self, number: int) -> None:
        """Before a run that starts by itself, a signal is all that the exit code can tell of."""
        if self.controller is not None and not self._begun and self._starts_by_itself:
            self.environment.process_exit_code = SIGNALLED + number

    def give_up(self) -> str:
        """Spool what waits of traces, whatever comes; what the report can be made from."""
        run = self.controller.current if self.controller is not None else None
        if self.worker is not None:
            self.worker.give_up()
        if run is None:
            kept = self.worker.evidence if self.worker is not None else None
            return f"Quit; what was seen is in {kept}" if kept else "Quit."
        run.segment.flush()
        run.traces.let_go()
        if (report := next(iter(run.paths.reports.values()))).exists():
            return f"Quit before all traces were accounted for. Report: {report}"
        made_from = shlex.quote(str(run.segment.path))
        return f"Quit without a report. To make one: mcstress report {made_from}"

    def abandon(self) -> None:
        """Give up what has not begun, and let the workers go that are there."""
        self.runner.quit()
        self.leave()

    def leave(self) -> None:
        """Stop the embedded stack, where there is one."""
        system, self.system = self.system, None
        if system is not None:
            system.leave()


def _print(text: str) -> None:
    """Write to the terminal; the report has it all where the terminal is gone."""
    with suppress(OSError):
        sys.stderr.write(text)
        sys.stderr.flush()
