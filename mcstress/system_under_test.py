"""The services under test, reached and looked at before a run starts."""

from __future__ import annotations

import logging
from typing import Any
from uuid import uuid4

import msgspec

from mcstress.clock_feasibility import BusyShare, busy_share, said_of_busy
from mcstress.errors import ServiceRefusalError, UsageError
from mcstress.probe_search import said_of_first_search
from mcstress.services.embedded.process import EmbeddedStack
from mcstress.services.failure_reason import clip
from mcstress.services.http.proxies import unused_proxy
from mcstress.services.llm.clients import API_NAMES, NO_MODEL
from mcstress.services.preflight import (
    ModelFacts,
    check_gateway,
    check_llm,
    listed,
    look_at_corpora,
)
from mcstress.services.step import Step
from mcstress.services.target import Capabilities, Sizes, Target
from mcstress.services.target_class import OPTION, asked, capabilities_of, make_target
from mcstress.services.target_guard import a_kind
from mcstress.settings import Settings
from mcstress.users.scenarios.load import corpus_paths

DEFAULT_PREFIX = "playbook_"
BUILT_IN_MODEL = "qwen2.5"
"""The embedded LLM is no language model; it answers to the default's name."""

logger = logging.getLogger(__name__)


class TargetFacts(msgspec.Struct, frozen=True):
    """What the target said of itself: what it can do, and its corpora.

    ``candidates`` is the number of items of each role, where the target knows it.
    ``notes``: how its figures are to be read.
    """

    corpus_sizes: dict[str, int] = {}
    candidates: dict[str, int] | None = None
    capabilities: Capabilities = Capabilities()
    title: str = "gateway"
    notes: tuple[str, ...] = ()


class SystemUnderTest(msgspec.Struct):
    """Where the services are, and what they said of themselves.

    ``stack`` is the embedded stack where one of them is embedded; it serves one run and ends with
    it. ``model`` None: a target was named, and no LLM. ``said``: what a first search shows that a
    user must know before the load. ``uid`` is the run's. ``memory_trios``: those whose memories
    were filled for it. ``busy``: whether a clock leaves time for all that is to be done.
    """

    settings: Settings
    gateway_url: str
    llm_url: str
    target: TargetFacts
    model: ModelFacts | None
    stack: EmbeddedStack | None = None
    said: list[str] = []
    busy: BusyShare = BusyShare()
    uid: str = msgspec.field(default_factory=lambda: uuid4().hex)
    memory_trios: int = 0

    @property
    def own_prefix(self) -> str:
        """What keeps apart what two runs write into a system that outlives them; else nothing."""
        return f"{self.uid[:8]}_" if self.settings.keeps_what_is_written else ""

    @property
    def playbook_prefix(self) -> str:
        """How the names of the run's namespaces begin."""
        return self.settings.playbook_prefix or DEFAULT_PREFIX + self.own_prefix

    def skipped_phases(self) -> dict[str, str]:
        """The phases that are left out, each with the reason."""
        return skipped_phases(self.settings, self.target.capabilities)

    def leave(self) -> None:
        """Stop what was started."""
        if self.stack is not None:
            self.stack.stop()


def started_system(settings: Settings) -> SystemUnderTest:
    """Check every service that was given, then start the embedded stack for those that were not.

    Raises ServiceRefusalError for the first that is missing or wrong; nothing is left running then.
    """
    if unused := unused_proxy([settings.gateway_url, settings.llm.url]):
        logger.warning(unused)
    for warning in settings.target_name.warnings():
        logger.warning(warning)
    url, llm_url = settings.gateway_url, settings.llm.url
    target = look_at_target(settings, url) if settings.keeps_what_is_written else None
    model = look_at_llm(settings, llm_url) if llm_url else None
    wants_rules = model is None and not settings.llm.absent
    stack = start_stack(settings) if target is None or wants_rules else None
    try:
        if stack is not None:
            url = url or ("" if settings.target else stack.url)
            llm_url = llm_url or (stack.llm_url if wants_rules else "")
        target = target or look_at_target(settings, url)
        if wants_rules:
            model = look_at_llm(settings, llm_url)
        said, busy = said_of_first_search(settings, url), BusyShare()
        if settings.clock is not None:
            busy = busy_share(settings, settings.clock, url, llm_url, model)
            said = [*said, *said_of_busy(busy, settings.clock)]
    except BaseException:
        if stack is not None:
            stack.stop()
        raise
    if settings.llm.url and model is not None:
        logger.info("API of the LLM: %s", API_NAMES[model.api])
    return SystemUnderTest(settings, url, llm_url, target, model, stack, said, busy)


def start_stack(settings: Settings) -> EmbeddedStack:
    """The embedded stack with the run's seed, and the faults that were asked for."""
    logger.info("starting the embedded stack")
    corpora = corpus_paths(settings.scenario_source, settings.scenario)
    faults = settings.stack_faults.text
    return EmbeddedStack.start(seed=settings.seed, faults=faults, corpora=corpora)


def look_at_target(settings: Settings, url: str) -> TargetFacts:
    """Whether the target is there and has the scenario's corpora. Raises UsageError."""
    corpora, hosts = settings.scenario.corpora, settings.token_hosts
    if not settings.target:
        sizes = check_gateway(url, corpora, hosts=hosts)
        return TargetFacts(sizes, look_at_corpora(url, hosts=hosts).candidates(corpora))
    target = make_target(settings.target, settings.target_setup(url))
    try:
        return _facts(settings, target)
    finally:
        target.close()


def _facts(settings: Settings, target: Target) -> TargetFacts:
    """What a class of a user's own says; UsageError where it is not there, or lacks a corpus."""
    place = f"{OPTION} {settings.target}"
    can = capabilities_of(place, target)
    _refuse_failed(place, asked(f"{place}: probe", target.probe, Step))
    skipped = skipped_phases(settings, can)
    if all(phase in skipped for phase in settings.phases):
        reasons = ", ".join(sorted({skipped[phase] for phase in settings.phases}))
        raise UsageError(f"{place}: found no phase left to run, for {reasons}")
    title = title_of(settings)
    is_ours = isinstance(target, Target)
    notes = _notes(place, target) if is_ours else ()
    if not can.sizes:
        return TargetFacts(capabilities=can, title=title, notes=notes)
    step = asked(f"{place}: sizes", target.sizes, Step)
    _refuse_failed(place, step)
    sizes = asked(f"{place}: sizes", lambda: step.answer, Sizes)
    if missing := [name for name in settings.scenario.corpora if name not in sizes.corpora]:
        raise ServiceRefusalError(
            f"{place}: no corpus {listed(missing)}; there is {listed(sizes.corpora)}"
        )
    return TargetFacts(sizes.corpora, sizes.roles, can, title, notes)


def _notes(place: str, target: Target) -> tuple[str, ...]:
    notes = asked(f"{place}: notes", target.notes, list)
    if others := [a_kind(note) for note in notes if not isinstance(note, str)]:
        raise ServiceRefusalError(f"{place}: notes: found {others[0]} in the list, expected text")
    return tuple(notes)


def skipped_phases(settings: Settings, can: Capabilities) -> dict[str, str]:
    """The phases that are left out, each with the reason: what the target cannot, and the LLM."""
    skipped = can.skipped_phases()
    if settings.llm.absent:
        asking = ["inbox"]
        if settings.scenario.paraphrases_by == "llm":
            asking.append("handover_paraphrase")
        skipped = dict.fromkeys(asking, NO_MODEL) | skipped
    return skipped


def title_of(settings: Settings) -> str:
    """What reports call the target."""
    kind = settings.target_name.kind()
    return kind.title or kind.__name__


def _refuse_failed(place: str, step: Step[Any]) -> None:
    if step.error is not None:
        named = "" if step.error.startswith(f"{step.name} ") else f"{step.name}: "
        raise ServiceRefusalError(f"{place}: {named}{step.error}")


def look_at_llm(settings: Settings, url: str) -> ModelFacts:
    """Whether the LLM has the model. Raises ServiceRefusalError."""
    try:
        # The embedded stack speaks Ollama's API, whatever is asked of another.
        llm = settings.llm
        api = llm.api if llm.url else "ollama"
        return check_llm(
            url, llm.model, llm.place, hosts=settings.token_hosts, api=api, token=llm.token
        )
    except ServiceRefusalError:
        if settings.llm.url:
            raise
        raise ServiceRefusalError(
            f"--llm-model: found {clip(settings.llm.model)}, and no --llm-host; expected the host "
            f"that has it, or {BUILT_IN_MODEL}, the name that the built-in rules answer to"
        ) from None
