"""A scenario's personas against the user classes that Locust has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from mcstress.errors import UsageError
from mcstress.users.persona import CoordinatorUser
from mcstress.users.persona_classes import is_made
from mcstress.users.scenarios.model import Scenario


def check_personas(scenario: Scenario, classes: Iterable[type[Any]]) -> None:
    """Refuse a persona that no class anywhere plays, and a class without a part in the scenario.

    That some personas' classes were left out when Locust was started is their user's own choice.
    """
    kinds = [*classes]
    # Of those that were made for a scenario, another scenario's do not count.
    own = [kind for kind in _all_kinds(CoordinatorUser) if not is_made(kind)]
    played = {kind.persona for kind in own if not kind.abstract}
    played |= {kind.persona for kind in kinds if is_made(kind)}
    for persona in scenario.personas:
        if persona not in played:
            raise UsageError(
                f'scenario {scenario.name}, personas: found "{persona}", which no user class plays'
                f"; expected {', '.join(sorted(played))}, or add a CoordinatorUser subclass with "
                f'persona = "{persona}" to the locustfile'
            )

    for kind in kinds:
        part: str | None = getattr(kind, "persona", None)
        if part is not None and part not in scenario.personas:
            raise UsageError(
                f'scenario {scenario.name}, personas: found no "{part}", which {kind.__name__} '
                f"plays; expected one of {', '.join(scenario.personas)}; or give Locust's command "
                "line the names of the classes that the scenario has"
            )


def host_of(
    asked: str | None,
    classes: Iterable[type[Any]],
    given: Mapping[type[Any], str | None] | None = None,
) -> str | None:
    """The host of a run: ``asked`` of Locust, or else the ``host`` of the coordinators' classes.

    ``given`` are the hosts that classes had before Locust put another there. Raises UsageError
    where they do not all name the same: they are one test of one system.
    """
    if asked:
        return asked
    given = given or {}
    hosts: dict[str, str | None] = {
        kind.__name__: given.get(kind, kind.host)
        for kind in classes
        if issubclass(kind, CoordinatorUser)
    }
    if len(set(hosts.values())) > 1:
        found = ", ".join(f"{name} {host or 'none'}" for name, host in hosts.items())
        raise UsageError(
            f"host: found {found}; expected one host for all coordinators' classes, or --host"
        )
    return next(iter(hosts.values()), None)


def _all_kinds(kind: type[CoordinatorUser]) -> Iterable[type[CoordinatorUser]]:
    for heir in kind.__subclasses__():
        yield heir
        yield from _all_kinds(heir)
