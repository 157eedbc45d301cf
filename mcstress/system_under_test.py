"""The ground a run stands on: the services under test, reached and looked at before it starts."""

from __future__ import annotations

import logging

import msgspec

from mcstress.errors import ServiceRefusalError
from mcstress.services.embedded.process import EmbeddedStack
from mcstress.services.failure_reason import clip
from mcstress.services.http.proxies import unused_proxy
from mcstress.services.preflight import LanguageModel, check_gateway, check_llm, look_at_corpora
from mcstress.settings import Settings

BUILT_IN_MODEL = "qwen2.5"
"""The embedded LLM is no language model; it answers to the default's name."""

logger = logging.getLogger(__name__)


class SystemUnderTest(msgspec.Struct):
    """Where the services are, and what they said of themselves.

    ``stack`` is the embedded stack where one of them is embedded; it serves one run and ends with
    it. ``candidates`` is the number of workers of each role, where the stack knows it.
    """

    settings: Settings
    gateway_url: str
    llm_url: str
    corpus_sizes: dict[str, int]
    model: LanguageModel
    candidates: dict[str, int] | None = None
    stack: EmbeddedStack | None = None

    def leave(self) -> None:
        """Stop what was started."""
        if self.stack is not None:
            self.stack.stop()


class GatewayFacts(msgspec.Struct, frozen=True):
    """What a gateway said of its corpora; ``candidates``: see ``SystemUnderTest``."""

    corpus_sizes: dict[str, int]
    candidates: dict[str, int] | None


def prepare(settings: Settings) -> SystemUnderTest:
    """Check every service that was given, then start the embedded stack for those that were not.

    Raises ServiceRefusalError for the first that is missing or wrong; nothing is left running then.
    """
    if unused := unused_proxy([settings.gateway_url, settings.llm_url]):
        logger.warning(unused)
    url, llm_url = settings.gateway_url, settings.llm_url
    gateway = look_at_gateway(settings, url) if url else None
    model = look_at_llm(settings, llm_url) if llm_url else None
    stack = start_stack(settings) if gateway is None or model is None else None
    try:
        if stack is not None:
            url, llm_url = url or stack.url, llm_url or stack.llm_url
        gateway = gateway or look_at_gateway(settings, url)
        model = model or look_at_llm(settings, llm_url)
    except BaseException:
        if stack is not None:
            stack.stop()
        raise
    return SystemUnderTest(
        settings=settings,
        gateway_url=url,
        llm_url=llm_url,
        corpus_sizes=gateway.corpus_sizes,
        model=model,
        candidates=gateway.candidates,
        stack=stack,
    )


def start_stack(settings: Settings) -> EmbeddedStack:
    """The embedded stack with the run's seed, and the faults that were asked for."""
    logger.info("starting the embedded stack")
    return EmbeddedStack.start(seed=settings.seed, faults=settings.stack_faults.text)


def look_at_gateway(settings: Settings, url: str) -> GatewayFacts:
    """Whether the gateway has the scenario's corpora. Raises ServiceRefusalError."""
    corpora = settings.scenario.corpora
    hosts = settings.token_hosts
    sizes = check_gateway(url, corpora, hosts=hosts)
    return GatewayFacts(sizes, look_at_corpora(url, hosts=hosts).candidates(corpora))


def look_at_llm(settings: Settings, url: str) -> LanguageModel:
    """Whether the LLM has the model. Raises ServiceRefusalError."""
    try:
        return check_llm(url, settings.llm_model, hosts=settings.token_hosts)
    except ServiceRefusalError:
        if settings.llm_url:
            raise
        raise ServiceRefusalError(
            f"--llm-model: found {clip(settings.llm_model)}, and no --llm-host; expected the host "
            f"that has it, or {BUILT_IN_MODEL}, the name that the built-in rules answer to"
        ) from None
