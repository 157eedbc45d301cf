"""Whether there is time for what the clock has coordinators do: said before the first user starts.

One search and one chat are timed; what a seat's appointments ask for then takes so long, of the
time that the clock gives it.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing, nullcontext
from math import floor, log10

import msgspec

from mcstress.clock_settings import TIME_SCALE, ClockSettings
from mcstress.errors import UsageError
from mcstress.metrics.number_format import milliseconds, percent
from mcstress.probe_search import first_search, untraced
from mcstress.services.llm.clients import make_language_model
from mcstress.services.preflight import ModelFacts
from mcstress.settings import Settings
from mcstress.users.appointments import Timetable, appointments, events_of
from mcstress.users.run import SECONDS_AN_HOUR
from mcstress.users.scenarios.model import Scenario

AIM, MUCH, MOST = 0.5, 0.7, 1.0
"""The share of a scale that is proposed, that which is warned of, and that which is refused."""
MS = 1000
SEARCHES = {"baseline": 2, "fresh_resume": 3, "inbox": 2}
"""Calls of an event to the system under test, about as long as a search each; 1 of other phases."""
CHATS = {"inbox": 2.0}


class BusyShare(msgspec.Struct, frozen=True):
    """What each persona's calls take of ``hours``, in s of real time.

    ``search_ms`` and ``chat_ms`` are None where that was not timed.
    """

    hours: float = 0.0
    search_ms: float | None = None
    chat_ms: float | None = None
    takes_s: Mapping[str, float] = {}

    def shares(self, time_scale: float) -> dict[str, float]:
        """By persona: the share of its time that it is busy; empty where nothing was timed."""
        lasts_s = self.hours * SECONDS_AN_HOUR / time_scale
        return {persona: takes_s / lasts_s for persona, takes_s in self.takes_s.items()}

    def scale_for(self, share: float) -> float:
        """The highest scale, in two digits, at which nobody is busier."""
        longest_s = max(self.takes_s.values(), default=0.0)
        if not longest_s:
            return TIME_SCALE
        scale = share * self.hours * SECONDS_AN_HOUR / longest_s
        step = 10.0 ** (floor(log10(scale)) - 1)
        return floor(scale / step) * step

    @property
    def default_scale(self) -> float:
        """Where none was asked for: as fast as the services let it be, and no faster than ours."""
        return min(self.scale_for(AIM), TIME_SCALE)


def busy_share(
    settings: Settings, clock: ClockSettings, url: str, llm_url: str, model: ModelFacts | None
) -> BusyShare:
    """Time one search and one chat, and work the first trio's time out.

    Raises UsageError where there is more to do than there is time for. A stack with faults is not
    asked: they count from the first search on.
    """
    if settings.stack_faults:
        return BusyShare(clock.hours)
    search = first_search(settings, url).step
    search_ms = None if search.error else search.latency_ms
    chat_ms = _chat_ms(settings, llm_url, model) if "inbox" in settings.phases else None
    found = BusyShare(
        clock.hours, search_ms, chat_ms, _takes_s(settings, clock, search_ms or 0.0, chat_ms or 0.0)
    )
    shares = found.shares(clock.pace(found.default_scale).time_scale)
    if max(shares.values(), default=0.0) > MOST and not clock.overload:
        raise UsageError(
            f"{_told(found, clock)}; expected no more than there is time for, or --overload"
        )
    return found


def said_of_busy(found: BusyShare, clock: ClockSettings) -> list[str]:
    """A line where there is much to do for the time that there is."""
    shares = found.shares(clock.pace(found.default_scale).time_scale)
    return [_told(found, clock)] if max(shares.values(), default=0.0) > MUCH else []


def _told(found: BusyShare, clock: ClockSettings) -> str:
    time_scale = clock.pace(found.default_scale).time_scale
    shares = found.shares(time_scale)
    persona = max(shares, key=shares.__getitem__)
    timed = {"a search took": found.search_ms, "an LLM call": found.chat_ms}
    calls = " and ".join(
        f"{name} {milliseconds(took_ms)} ms" for name, took_ms in timed.items() if took_ms
    )
    return (
        f"--time-scale {time_scale:g}: found {percent(shares[persona])} of the time of {persona} "
        f"taken ({calls}): its appointments will be late; --time-scale {found.scale_for(AIM):g} "
        f"takes {percent(AIM)}"
    )


def _chat_ms(settings: Settings, url: str, model: ModelFacts | None) -> float | None:
    """What the scenario's first message takes the LLM to read; None where it could not."""
    messages = settings.scenario.variants[0].inbox
    if not messages or model is None:
        return None
    setup = settings.llm_setup(url, model)
    with closing(make_language_model(model.api, setup, nullcontext())) as llm:
        step = llm.parse(messages[0].body, untraced())
    return None if step.error else step.latency_ms


def _takes_s(
    settings: Settings, clock: ClockSettings, search_ms: float, chat_ms: float
) -> dict[str, float]:
    """Of the first trio: what all calls of a seat's appointments take, by persona."""
    scenario = settings.scenario
    table = Timetable(scenario, settings.phases, settings.seed, clock.hours, bool(settings.mail))
    takes: dict[str, float] = {}
    for persona in scenario.personas:
        total_ms = 0.0
        for one in appointments(table, persona, 1):
            events = (
                1 if one.item else events_of(scenario, scenario.variants[0], persona, one.phase)
            )
            chats = _chats(scenario, one.phase)
            total_ms += events * (SEARCHES.get(one.phase, 1) * search_ms + chats * chat_ms)
        takes[persona] = total_ms / MS
    return takes


def _chats(scenario: Scenario, phase: str) -> float:
    """LLM calls an event; a paraphrase is made for one of a query's two arms."""
    if phase == "handover_paraphrase" and scenario.paraphrases_by == "llm":
        return 0.5
    return CHATS.get(phase, 0.0)
