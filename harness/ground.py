"""The ground a run stands on: the services under test, reached and looked at before it starts."""

from __future__ import annotations

import logging

import msgspec

from harness.settings import Settings
from services.embedded.process import EmbeddedStack
from services.proxies import unused_proxy
from services.reach import LanguageModel, check_gateway, check_llm, look_at_corpora

logger = logging.getLogger(__name__)


class Ground(msgspec.Struct):
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


def prepare(settings: Settings) -> Ground:
    """Start the embedded stack where it is wanted, and check every service.

    Raises ServiceRefusalError for the first that is missing or wrong; nothing is left running then.
    """
    if unused := unused_proxy([settings.gateway_url, settings.llm_url]):
        logger.warning(unused)
    stack = None
    if not settings.gateway_url or not settings.llm_url:
        logger.info("starting the embedded stack")
        stack = EmbeddedStack.start(seed=settings.seed)
    try:
        return _look(settings, stack)
    except BaseException:
        if stack is not None:
            stack.stop()
        raise


def _look(settings: Settings, stack: EmbeddedStack | None) -> Ground:
    gateway_url = settings.gateway_url or (stack.url if stack else "")
    llm_url = settings.llm_url or (stack.llm_url if stack else "")
    return Ground(
        settings=settings,
        gateway_url=gateway_url,
        llm_url=llm_url,
        corpus_sizes=check_gateway(gateway_url, settings.scenario.corpora),
        model=check_llm(llm_url, settings.llm_model),
        candidates=look_at_corpora(gateway_url).candidates(settings.scenario.corpora),
        stack=stack,
    )
