"""Before a run: the namespaces of a memory that is asked by itself are filled with other pairs."""

from __future__ import annotations

import logging
from contextlib import closing
from time import monotonic

from mcstress.errors import ServiceRefusalError
from mcstress.metrics.check import Check, parse_check
from mcstress.services.target_class import OPTION, make_target
from mcstress.settings import Settings
from mcstress.system_under_test import SystemUnderTest
from mcstress.users.memory import fill, remembering

TELL_EVERY_S = 5.0
NO_LEAKS = "memory.leaks == 0"
NOTHING_BACK = {
    "update": "changes.stale == 0",
    "delete": "changes.returned == 0",
    "forget": "changes.remembered == 0",
}
"""The checks of what a target can change, by capability."""

logger = logging.getLogger(__name__)


def fill_memory(settings: Settings, system: SystemUnderTest, users: int) -> int:
    """Fill what ``users`` will ask; how many trios there is filler for.

    Raises ServiceRefusalError where the target does not take it.
    """
    can, size = system.target.capabilities, settings.memory_size
    if not (can.record and can.recall and size):
        return 0
    prefix = system.playbook_prefix
    namespaces = remembering(settings.scenario, users, prefix)
    total, done, told_s = len(namespaces) * size, 0, monotonic()
    logger.info("filling %d namespaces with %d pairs each (--memory-size)", len(namespaces), size)
    with closing(make_target(settings.target, settings.target_setup(system.gateway_url))) as target:
        for batch in fill(target, settings.scenario, settings.seed, namespaces, size):
            if batch.error is not None:
                raise ServiceRefusalError(
                    f"{OPTION} {settings.target}: its memory could not be filled, {batch.error}; "
                    f"{done:,} of {total:,} pairs are in; --memory-size 0 fills none"
                )
            done += batch.count
            if monotonic() - told_s > TELL_EVERY_S:
                told_s = monotonic()
                logger.info("filled with %s of %s pairs", f"{done:,}", f"{total:,}")
    return -(-users // len(settings.scenario.personas))


def checks_of(settings: Settings, system: SystemUnderTest) -> list[Check]:
    """The checks; where none were asked for, also those of what only some targets can.

    No memory that is asked by itself may leak, and nothing come back that was changed.
    """
    can = system.target.capabilities
    by_default = {check.text for check in settings.checks} <= {
        " ".join(one.check.split()) for one in settings.scenario.thresholds
    }
    if not by_default:
        return settings.checks
    texts = [NO_LEAKS] if can.record and can.recall else []
    texts += [text for name, text in NOTHING_BACK.items() if getattr(can, name)]
    return settings.checks + [one for one in map(parse_check, texts) if one not in settings.checks]
