"""The parts of a run's document that are not counted from events: what ran, and what is missing.

Each key says beside itself what it holds; the JSON Schema has it from there.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import quote

import msgspec
from msgspec import UNSET, UnsetType

from mcstress.evidence.store.lines_digest import Stated
from mcstress.evidence.store.policy import keeps_all
from mcstress.metrics.appointments import AppointmentTotals
from mcstress.metrics.arrivals import ArrivalTotals
from mcstress.metrics.availability import Pause
from mcstress.metrics.metric import PlannedRound
from mcstress.metrics.registry import REGISTRY
from mcstress.metrics.results import says


class Service(msgspec.Struct, kw_only=True):
    """A service under test."""

    name: Annotated[str, says("what it is: gateway, LLM")]
    url: Annotated[str, says("where it is; empty where it is embedded")] = ""
    embedded: Annotated[bool, says("the built-in test server, started with the run")] = False
    note: Annotated[str, says("what a reader must know of it, in a few words")] = ""


class CoordinatorNote(msgspec.Struct, kw_only=True):
    """A coordinator, and where it recorded."""

    name: Annotated[str, says("persona and trio: alice, alice-2")]
    namespace: Annotated[str, says("the namespace that it recorded into")]


class CapabilityNote(msgspec.Struct, kw_only=True):
    """Whether the target can do something, and what follows where it cannot."""

    name: Annotated[str, says("what it can do: search, record, recall, …")]
    there: Annotated[bool, says("whether it can")]
    effect: Annotated[str, says("what follows where it cannot")] = ""


class ClockNote(msgspec.Struct, kw_only=True):
    """The scenario's clock of a run, in which its timeline says when events begin."""

    hours: Annotated[float, says("how many hours of the scenario it takes")]
    time_scale: Annotated[float, says("how many times as fast as real time")]
    start: Annotated[str, says("the scenario's day of hour 0")]
    zone: Annotated[str, says("the time zone whose midnight is hour 0")]
    hour_0: Annotated[datetime | None, says("when hour 0 was, UTC; null: it never began")] = None
    busy: Annotated[
        dict[str, float], says("share of its time that each persona has something to do")
    ] = {}

    def hour_of(self, unix_s: float) -> float | None:
        """The hour of the scenario at a Unix time; None where the clock never began."""
        if self.hour_0 is None:
            return None
        return (unix_s - self.hour_0.timestamp()) * self.time_scale / 3600


class RunSection(msgspec.Struct, kw_only=True):
    """One run. Times are UTC; texts that are unknown are empty, lists too."""

    run_uid: Annotated[str, says("the run's own id, as its traces' session has it")] = ""
    run_id: Annotated[str, says("the number NNN of its files, or --run-id")] = ""
    started: Annotated[datetime | None, says("when the first user could start")] = None
    ended: Annotated[datetime | None, says("when the last event was in; null: it has not")] = None
    mode: Annotated[str, says("local, or distributed over workers")] = ""
    workers: Annotated[int, says("processes that took part")] = 0
    stopped_by: Annotated[str, says("why the run ended, in words; empty: it has not")] = ""
    k: Annotated[int, says("length of the lists that were asked for")] = 0
    seed: Annotated[int, says("what all random choices were drawn from")] = 0
    rounds: Annotated[int, says("rounds of each coordinator; 0: until stopped")] = 0
    clock: Annotated[ClockNote | UnsetType, says("the scenario's clock, where one was on")] = UNSET
    phases: Annotated[list[str], says("the phases that were chosen")] = []
    left_out: Annotated[
        dict[str, str], says("phases that the target cannot take part in, and why")
    ] = {}
    capabilities: Annotated[list[CapabilityNote], says("what a user's own target can do")] = []
    coordinators: Annotated[list[CoordinatorNote], says("the first of them")] = []
    seats: Annotated[dict[str, int], says("how many of each persona there were")] = {}
    peak_users: Annotated[int, says("the most coordinators at once")] = 0
    generator_saturated: Annotated[
        bool,
        says(
            "a process that made the load took over 90 % of its core, so that latencies may hold "
            "waits of its own"
        ),
    ] = False
    corpora: Annotated[dict[str, int], says("size of each corpus at the start")] = {}
    services: Annotated[list[Service], says("what was tested")] = []
    settings: Annotated[dict[str, Any], says("the options in force; never a secret")] = {}
    versions: Annotated[dict[str, str], says("of Python, Locust and the rest")] = {}
    evidence: Annotated[str, says("which events were kept: all, full, sample=X, none")] = "all"
    evidence_path: Annotated[str, says("the document's own path when it was written")] = ""
    trace_url: Annotated[str, says("the Langfuse project: https://…/project/x")] = ""
    user_errors: Annotated[
        list[str],
        says("exceptions that broke off the simulated users: defects, ours or the locustfile's"),
    ] = []

    @property
    def keeps_all(self) -> bool:
        """Whether every event was kept, so that all figures can be counted again from them."""
        return keeps_all(self.evidence)

    @property
    def session_link(self) -> str:
        """Where Langfuse shows all traces of the run; empty where that is not known."""
        return self._link("sessions", self.run_uid)

    def trace_link(self, trace_id: str | None) -> str:
        """Where Langfuse shows a trace; empty where that is not known."""
        return self._link("traces", trace_id)

    def _link(self, kind: str, name: str | None) -> str:
        if not name or not self.trace_url.startswith(("https://", "http://")):
            return ""
        return f"{self.trace_url}/{kind}/{quote(name, safe='')}"


class AskedDemand(msgspec.Struct):
    """A demand of a contract."""

    role: str = ""


class AskedContract(msgspec.Struct):
    """A contract of a scenario, as far as reports read it."""

    name: str
    persona: str = ""
    demands: list[AskedDemand] = []


class AskedVariant(msgspec.Struct):
    """One wording of a scenario, as far as reports read it."""

    contracts: list[AskedContract] = []
    resumes: list[Any] = []
    inbox: list[Any] = []

    def demands_of(self, contract: str) -> int:
        """How many demands the contract has."""
        return sum(len(one.demands) for one in self.contracts if one.name == contract)


class AskedHandover(msgspec.Struct):
    """A contract that is taken over."""

    contract: str = ""
    from_persona: str = ""
    to_persona: str = ""


class AskedScenario(msgspec.Struct):
    """What reports read of a scenario; the document has all of it."""

    name: str = ""
    title: str = ""
    variants: list[AskedVariant] = []
    handovers: list[AskedHandover] = []
    swaps: list[Any] = []
    paraphrases_by: str = "scenario"

    @property
    def contracts(self) -> list[AskedContract]:
        """Those of the first wording: all wordings have the same."""
        return self.variants[0].contracts if self.variants else []

    def questions(self) -> dict[str, int]:
        """How many different questions the scenario has, by the path of what they are asked for.

        Those of which an LLM makes the words are not there: they have no end.
        """
        demands = sum(len(one.demands) for wording in self.variants for one in wording.contracts)
        handed_over = sum(
            wording.demands_of(handover.contract)
            for wording in self.variants
            for handover in self.handovers
        )
        asked = {
            "baseline": demands,
            "reissue": demands,
            "fresh_resume": sum(len(wording.resumes) for wording in self.variants),
            "inbox": sum(len(wording.inbox) for wording in self.variants),
            "swap": len(self.swaps) * len(self.variants),
            "handover": handed_over,
            "handover_paraphrase": handed_over * (self.paraphrases_by == "scenario"),
        }
        roles = [[demand.role for demand in contract.demands] for contract in self.contracts]
        each_once = PlannedRound(asked, len(self.variants), roles)
        planned = (metric.planned(each_once) for metric in REGISTRY.values())
        return {path: number for one in planned for path, number in one.items() if number}

    @classmethod
    def of(cls, scenario: Mapping[str, Any]) -> AskedScenario:
        """Raises msgspec.ValidationError where it is no scenario."""
        return msgspec.convert(scenario, cls)


class TraceCount(msgspec.Struct, omit_defaults=True):
    """What became of trace observations, or of scores: what is not stated is not known."""

    made: Annotated[int | None, says("how many there were")] = None
    sampled_out: Annotated[int | None, says("left out on purpose (--trace-sample)")] = None
    delivered: Annotated[int | None, says("the server said that it has them")] = None
    spooled: Annotated[int | None, says("in a file that mcstress replay sends")] = None
    dropped: Annotated[
        dict[str, int] | int | None, says("lost, by reason; one number in older documents")
    ] = None


class ProcessTraces(TraceCount, omit_defaults=True):
    """The observations of one process, and its scores beside them."""

    scores: Annotated[TraceCount | None, says("what became of scores on traces")] = None
    spools: Annotated[list[str] | None, says("files that hold what was not delivered")] = None
    fault: Annotated[str | UnsetType, says("why the process traced nothing")] = UNSET


class SinkTotal(TraceCount, kw_only=True, omit_defaults=True):
    """What became of the observations of all processes on their way to one sink."""

    scores: Annotated[TraceCount | None, says("what became of scores on traces")] = None
    spools: Annotated[list[str] | None, says("files with what was not delivered")] = None
    spools_elsewhere: Annotated[list[str] | None, says("such files of other machines")] = None
    faults: Annotated[list[str] | None, says("workers that traced nothing, and why")] = None
    master: Annotated[ProcessTraces | None, says("the master's own: scores only")] = None
    read_back: Annotated[
        int | UnsetType | None, says("delivered observations that the server showed; null: unknown")
    ] = UNSET
    read_back_within_s: Annotated[
        float | UnsetType, says("how long the server was given to show them")
    ] = UNSET

    @property
    def waiting(self) -> list[str]:
        """All files that mcstress replay would send."""
        return [*(self.spools or ()), *(self.spools_elsewhere or ())]

    @property
    def visible(self) -> int | None:
        """``read_back``, or None where it is not stated."""
        return None if self.read_back is UNSET else self.read_back

    @property
    def visible_within_s(self) -> float | None:
        """``read_back_within_s``, or None where it is not stated."""
        return None if self.read_back_within_s is UNSET else self.read_back_within_s


class SinkTracing(SinkTotal, kw_only=True, omit_defaults=True):
    """One sink that was on, and what became of what was made for it."""

    sink: Annotated[str, says("which it is: langfuse, otlp")]
    title: Annotated[str, says("its name for people")] = ""
    where: Annotated[str, says("its server's address; empty where that is not known")] = ""


class Tracing(SinkTotal, kw_only=True, omit_defaults=True):
    """Tracing over all processes; it changes no verdict. Counts beside ``sinks`` are Langfuse's."""

    on: Annotated[bool | None, says("whether the run was traced in Langfuse")] = None
    mask: Annotated[str | None, says("what was masked in traces: off, on, strict")] = None
    sinks: Annotated[
        list[SinkTracing] | None,
        says("every sink that was on, Langfuse too; older documents: none"),
    ] = None

    @property
    def traced(self) -> bool:
        """Whether anything was sent anywhere, as far as it is stated."""
        return bool(self.on or self.sinks)

    @property
    def by_sink(self) -> list[SinkTracing]:
        """Each sink once; where none is stated, what the document says of Langfuse, untitled."""
        counts = {name: getattr(self, name) for name in SinkTotal.__struct_fields__}
        return self.sinks or [SinkTracing(sink="langfuse", **counts)]


def lost_by_reason(count: TraceCount) -> dict[str, int]:
    """What was dropped; empty where nothing was."""
    dropped = count.dropped or {}
    return dropped if isinstance(dropped, dict) else {"any reason": dropped}


class WorkerPart(msgspec.Struct, kw_only=True):
    """What one worker handed over."""

    name: Annotated[str, says("the worker's name, as its events have it")]
    boot: Annotated[str, says("of this start of its process")] = ""
    events: Annotated[int | None, says("that it said it made")] = None
    lost: Annotated[bool, says("it never handed over all that it had")] = False
    reports: Annotated[int, says("of its figures, that arrived")] = 0
    reports_missing: Annotated[int, says("that it sent and that never arrived")] = 0
    reports_repeated: Annotated[int, says("that arrived twice, and count once")] = 0
    clock_offset_s: Annotated[
        float | None, says("the master's clock less its own; null: it is the master's, or unknown")
    ] = None
    clock_error_s: Annotated[
        float | None, says("the most that its times are wrong by; null as for clock_offset_s")
    ] = None
    seconds_watched: Annotated[int, says("seconds in which it looked whether it kept up")] = 0
    seconds_saturated: Annotated[int, says("of them, with its timer late or its core taken")] = 0
    own_wait_s: Annotated[
        float | None, says("how long it can have kept events waiting in those; null: not stated")
    ] = None
    pauses: Annotated[list[Pause], says("when it stood still; the 100 longest")] = []
    tracing: Annotated[ProcessTraces | None, says("its trace observations, to Langfuse")] = None
    sinks: Annotated[dict[str, ProcessTraces], says("its trace observations, by sink")] = {}

    @property
    def by_sink(self) -> dict[str, ProcessTraces]:
        """``sinks``, or what an older document says of Langfuse."""
        return self.sinks or ({"langfuse": self.tracing} if self.tracing else {})


class MailCount(msgspec.Struct, kw_only=True):
    """Mail from outside: what was read, and what became of it."""

    source: Annotated[str, says("where it was read, as the option names it")] = ""
    messages: Annotated[int, says("messages that could be read")] = 0
    left_out: Annotated[int, says("messages that could not be read, or were too many")] = 0
    attachments: Annotated[int, says("attachments, which are left out")] = 0
    taken: Annotated[int, says("messages that coordinators took, each as often as it was")] = 0
    lost: Annotated[int, says("leased to lost workers, and not known to be taken")] = 0
    repeated: Annotated[bool, says("whether they begin again when used up")] = False
    faults: Annotated[list[str], says("what was left out and why; the first of it")] = []


class Completeness(msgspec.Struct, kw_only=True):
    """Whether all that was made is in the figures. What is not stated is left out."""

    complete: Annotated[bool, says("nothing is missing; else no check can pass")] = False
    faults: Annotated[list[str], says("what is missing, in sentences")] = []
    notices: Annotated[list[str], says("what a reader must know, and nothing is missing for")] = []
    events_made: Annotated[int | UnsetType | None, says("by all workers; null: unknown")] = UNSET
    events_merged: Annotated[int | UnsetType | None, says("in the figures")] = UNSET
    events_kept: Annotated[int | UnsetType | None, says("as evidence")] = UNSET
    workers: Annotated[list[WorkerPart], says("each worker's part")] = []
    arrivals: Annotated[
        ArrivalTotals | UnsetType, says("what became of a schedule's arrivals; none without one")
    ] = UNSET
    appointments: Annotated[
        AppointmentTotals | UnsetType, says("what became of a clock's appointments; none without")
    ] = UNSET
    user_errors: Annotated[
        int | UnsetType | None, says("how many: see run.user_errors; null: unknown")
    ] = UNSET
    tracing: Annotated[Tracing, says("what became of the traces")] = msgspec.field(
        default_factory=Tracing
    )
    mail: Annotated[MailCount | UnsetType, says("mail from outside, where there was any")] = UNSET

    @property
    def seconds_watched(self) -> int:
        """Seconds in which processes looked whether they kept up, all together."""
        return sum(worker.seconds_watched for worker in self.workers)

    @property
    def seconds_saturated(self) -> int:
        """Of them, those in which they did not."""
        return sum(worker.seconds_saturated for worker in self.workers)

    @property
    def saturated_share(self) -> float:
        """The same as a share; 0 where nothing was watched."""
        return self.seconds_saturated / (self.seconds_watched or 1)

    @property
    def has_schedule(self) -> bool:
        """Whether a schedule or the clock said when events begin."""
        return bool(self.arrivals or self.appointments)

    @property
    def counts(self) -> dict[str, int | None]:
        """Events made, merged and kept, by key, as far as they are stated."""
        found = {
            "events_made": self.events_made,
            "events_merged": self.events_merged,
            "events_kept": self.events_kept,
        }
        return {key: count for key, count in found.items() if count is not UNSET}


class Integrity(msgspec.Struct, frozen=True):
    """What a document says of itself, so that a reader can tell whether it is still the same."""

    head: Annotated[str, says("the digest of all keys but events")]
    workers: Annotated[dict[str, Stated], says("number and digest of each worker's events")]
