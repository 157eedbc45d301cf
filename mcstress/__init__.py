"""The public door: what a locustfile imports. Each name is explained in docs/extending.md.

Names are imported when they are asked for: importing a module of this package, as the embedded
stack's process does, must neither load Locust nor let it patch the standard library.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mcstress.metrics.event import Event
    from mcstress.metrics.metric import Metric
    from mcstress.metrics.registry import metric
    from mcstress.plugin import install
    from mcstress.services.llm.language_model import LanguageModel
    from mcstress.services.step import Step
    from mcstress.services.target import Target
    from mcstress.users.coordinator import Coordinator
    from mcstress.users.coordinator_session import coordination_hook
    from mcstress.users.event_scope import EventScope
    from mcstress.users.persona import AliceUser, BobUser, CarolUser, CoordinatorUser
    from mcstress.users.phases import phase

__all__ = [
    "AliceUser",
    "BobUser",
    "CarolUser",
    "Coordinator",
    "CoordinatorUser",
    "Event",
    "EventScope",
    "LanguageModel",
    "Metric",
    "Step",
    "Target",
    "coordination_hook",
    "install",
    "metric",
    "phase",
]

_MODULES = {
    "AliceUser": "users.persona",
    "BobUser": "users.persona",
    "CarolUser": "users.persona",
    "Coordinator": "users.coordinator",
    "CoordinatorUser": "users.persona",
    "Event": "metrics.event",
    "EventScope": "users.event_scope",
    "LanguageModel": "services.llm.language_model",
    "Metric": "metrics.metric",
    "Step": "services.step",
    "Target": "services.target",
    "coordination_hook": "users.coordinator_session",
    "install": "plugin",
    "metric": "metrics.registry",
    "phase": "users.phases",
}


def __getattr__(name: str) -> Any:
    module = _MODULES.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{module}"), name)


def __dir__() -> list[str]:
    return [*__all__]
