"""``--clock`` and what belongs to it: the scenario's own timeline says when events begin."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from mcstress.arrival_settings import run_time_of
from mcstress.errors import UsageError
from mcstress.metrics.number_format import shown_hour
from mcstress.metrics.phase import PHASES
from mcstress.option_defaults import DEFAULT_SCENARIO
from mcstress.option_values import real, seconds
from mcstress.users.appointments import HANDOVERS, events_of
from mcstress.users.mail import MailSource, read_mail
from mcstress.users.mail_dates import within_the_clock
from mcstress.users.run import SECONDS_AN_HOUR, ClockPace
from mcstress.users.scenarios.clock_model import TimelineEntry
from mcstress.users.scenarios.load import load_scenario
from mcstress.users.scenarios.model import Scenario
from mcstress.users.scenarios.scenario_error import entry, unknown

TIME_SCALE = 3600.0
"""An hour in a second, where no LLM of the user's own is slower."""
MOST_HOURS = 100_000.0
MOST_SCALE = 1_000_000.0
MINUTES = 60
DAY_H = 24
MOST_APPOINTMENTS = 200_000
"""Of one entry, for each coordinator or trio: 40 MB in a process."""


class ClockSettings(msgspec.Struct, frozen=True):
    """The clock that was asked for.

    ``time_scale`` 0: none was given, and it is found from what calls take. ``overload``: a
    coordinator may have more to do than there is time for.
    """

    hours: float
    time_scale: float
    max_wait_s: float
    overload: bool

    def pace(self, time_scale: float = 0.0) -> ClockPace:
        """With the scale that was given, or else this one."""
        return ClockPace(self.hours, self.time_scale or time_scale or TIME_SCALE)


def clock_of(options: Namespace) -> ClockSettings | None:
    """What the options ask for; None: no clock. Raises UsageError."""
    text = str(options.clock or "").strip()
    scale = str(options.time_scale or "").strip()
    overload = options.overload in (True, "true", "on", "1")
    if not text:
        if scale not in ("", "0"):
            raise _alone("--time-scale", scale)
        if overload:
            raise _alone("--overload", "it")
        return None
    hours = real("--clock", text)
    if not 0 < hours <= MOST_HOURS:
        raise UsageError(f"--clock: found {text}, expected hours above 0, up to {MOST_HOURS:,.0f}")
    time_scale = real("--time-scale", scale) if scale else 0.0
    if scale and not 0 < time_scale <= MOST_SCALE:
        raise UsageError(
            f"--time-scale: found {scale}, expected how many times as fast as real time, above 0 "
            f"and up to {MOST_SCALE:,.0f}"
        )
    _refuse_other_modes(options)
    return ClockSettings(hours, time_scale, seconds("--max-wait", options.max_wait), overload)


def _alone(option: str, found: str) -> UsageError:
    return UsageError(f"{option}: found {found} and no --clock, expected both")


def _refuse_other_modes(options: Namespace) -> None:
    reasons = {
        "--arrival-rate": ("", "a run has one schedule"),
        "--find-capacity": ("False", "a search tries rates"),
        "--rounds": ("0", "a round is from one baseline of the timeline to the next"),
        "--think-time": ("0", "the timeline says when events begin"),
        "--reference": ("0", "all begin at hour 0"),
    }
    for option, (nothing, why) in reasons.items():
        found = str(getattr(options, option[2:].replace("-", "_"), "") or "").strip()
        if found not in (nothing, "", "0", "0.0"):
            raise UsageError(
                f"{option}: found {'it' if found == 'True' else found} with --clock, expected one "
                f"of the two: {why}"
            )
    if str(options.arrivals) != "poisson":
        raise UsageError(
            f"--arrivals: found {options.arrivals} with --clock, expected it with --arrival-rate"
        )


def with_timeline(scenario: Scenario) -> Scenario:
    """The scenario with the default's timeline and arrivals, where it has neither of its own."""
    if scenario.timeline or scenario.arrivals:
        return scenario
    default = load_scenario(DEFAULT_SCENARIO)
    known = set(scenario.personas)
    timeline = [item for item in default.timeline if known.issuperset(item.personas)]
    return msgspec.structs.replace(scenario, timeline=timeline, arrivals=default.arrivals)


def check_timeline(clock: ClockSettings, scenario: Scenario, phases: list[str]) -> None:
    """Refuse hours outside the clock, phases that are none, and those without their baseline."""
    for fault in _faults(clock, scenario, phases):
        raise UsageError(f"scenario {scenario.name}: {fault}")


def _faults(clock: ClockSettings, scenario: Scenario, phases: list[str]) -> Iterator[str]:
    for index, item in enumerate(scenario.timeline):
        place = entry("timeline", index)
        yield from unknown(f"{place}.phase", item.phase, PHASES, "phases")
        yield from _outside(clock, f"{place}.hour", item.hour)
        if item.until is not None:
            yield from _outside(clock, f"{place}.until", item.until)
        if item.phase in phases:
            yield from _without_baseline(scenario, place, item)
    for index, source in enumerate(scenario.arrivals):
        for number, burst in enumerate(source.bursts):
            place = f"{entry('arrivals', index)}.{entry('bursts', number)}.hour"
            yield from _outside(clock, place, burst.hour)
    yield from _too_many(clock, scenario)


def _too_many(clock: ClockSettings, scenario: Scenario) -> Iterator[str]:
    """A process holds all that is to come of its coordinators."""
    numbers = {
        entry("timeline", index): (min(item.until or clock.hours, clock.hours) - item.hour)
        / (item.every or clock.hours)
        for index, item in enumerate(scenario.timeline)
    }
    numbers |= {
        entry("arrivals", index): source.per_day * clock.hours / DAY_H
        + sum(burst.messages for burst in source.bursts)
        for index, source in enumerate(scenario.arrivals)
    }
    place, number = max(numbers.items(), key=lambda one: one[1], default=("", 0))
    if number > MOST_APPOINTMENTS:
        yield (
            f"{place}: found {number:,.0f} appointments within --clock {clock.hours:g}, expected "
            f"at most {MOST_APPOINTMENTS:,}"
        )


def _outside(clock: ClockSettings, place: str, hour: float) -> Iterator[str]:
    if hour >= clock.hours:
        yield f"{place}: found {hour:g}, expected an hour of --clock {clock.hours:g}, below that"


def _without_baseline(scenario: Scenario, place: str, item: TimelineEntry) -> Iterator[str]:
    """Whoever asks for what a baseline found has one before, or takes over from one who has."""
    if "baseline" not in PHASES[item.phase].needs:
        return
    for persona in item.personas or scenario.personas:
        if not events_of(scenario, scenario.variants[0], persona, item.phase):
            continue
        holders = [persona]
        if item.phase in HANDOVERS:
            holders = [one.from_persona for one in scenario.handovers if one.to_persona == persona]
        for holder in holders:
            if not any(_is_before(one, item, holder) for one in scenario.timeline):
                yield (
                    f"{place}: found {item.phase} of {persona} at hour {item.hour:g}, expected a "
                    f"baseline of {holder} (its spread included) at or before that hour"
                )


def _is_before(one: TimelineEntry, item: TimelineEntry, persona: str) -> bool:
    """Whether it is a baseline of the persona whose spread is over when ``item`` begins."""
    its = one.phase == "baseline" and (not one.personas or persona in one.personas)
    return its and one.hour + one.spread / MINUTES <= item.hour


def mail_of(
    options: Namespace, scenario: Scenario, clock: ClockSettings | None
) -> MailSource | None:
    """Mail from outside, from the option or else the scenario; None where neither names any.

    By the clock each message comes at its date: what is of another time is left out.
    """
    path = options.inbox or scenario.inbox.source
    if not path and options.inbox_repeat:
        raise UsageError(
            "--inbox-repeat: found it and no mail, expected --inbox or the scenario's inbox.source"
        )
    if not path:
        return None
    place = "--inbox" if options.inbox else f"scenario {scenario.name}, inbox.source"
    source = read_mail(Path(path), scenario.inbox.priority, place)
    if clock is None:
        return source
    if options.inbox_repeat:
        raise UsageError(
            "--inbox-repeat: found it with --clock, expected one of the two: each message comes at "
            "its date"
        )
    return within_the_clock(source, scenario, clock.hours)


def said_of_run_time(
    clock: ClockSettings | None, pace: ClockPace | None, run_time: Any
) -> list[str]:
    """What is to be said where ``-t`` ends the run before its clock does."""
    limit_s = run_time_of(run_time)
    if clock is None or pace is None or not limit_s or limit_s >= pace.lasts_s:
        return []
    reached = shown_hour(limit_s * pace.time_scale / SECONDS_AN_HOUR)
    said = (
        f"-t {limit_s:g}s ends the clock at {reached}: --clock {clock.hours:g} takes "
        f"{pace.lasts_s:g} s at --time-scale {pace.time_scale:g}; the rest is cut"
    )
    return [said]
