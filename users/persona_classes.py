"""User classes for a scenario's personas, where a locustfile has none of its own.

Locust reads a locustfile's classes before it reads its options: ``install()`` makes them in time.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from types import new_class
from typing import Any

from mcstress.users.persona import AliceUser, BobUser, CarolUser, CoordinatorUser
from mcstress.users.scenarios.model import Scenario

ENDING = "User"
_KNOWN = {kind.persona: kind for kind in (AliceUser, BobUser, CarolUser)}


@cache
def class_of(persona: str) -> type[CoordinatorUser]:
    """The class that is made for ``persona``: ``AliceUser``, ``NoraUser``."""
    base = _KNOWN.get(persona, CoordinatorUser)
    own = {"persona": persona, "abstract": False, "is_made": True, "__doc__": base.__doc__}
    kind: type[CoordinatorUser] = new_class(
        f"{persona.capitalize()}{ENDING}",
        (base,),
        exec_body=lambda body: body.update(own, __module__=__name__),
    )
    return kind


def is_made(kind: type[Any]) -> bool:
    """Whether a class is of those that are made here."""
    return "is_made" in vars(kind)


def put_classes(namespace: dict[str, Any], personas: Iterable[str]) -> None:
    """Put a class for each persona into a locustfile that has no coordinator's class yet."""
    if not any(_plays(value) for value in namespace.values()):
        kinds = [class_of(persona) for persona in personas]
        namespace |= {kind.__name__: kind for kind in kinds}


def in_step(classes: Iterable[type[Any]], scenario: Scenario) -> list[type[Any]]:
    """``classes`` with those that were made being the scenario's.

    None is made beside classes of a locustfile's own: it decides who plays.
    """
    own = [kind for kind in classes if not is_made(kind)]
    if own == [*classes] or any(map(_plays, own)):
        return own
    return own + [class_of(persona) for persona in scenario.personas]


def missing(names: Iterable[str], classes: Iterable[type[Any]]) -> list[type[Any]]:
    """Classes that a worker is told to start users of and lacks: its master's scenario has them.

    None where the worker's locustfile has classes of its own, as its master's has.
    """
    kinds = list(classes)
    if not any(map(is_made, kinds)):
        return []
    there = {kind.__name__ for kind in kinds}
    lacking = [name for name in names if name not in there and name.endswith(ENDING)]
    return [class_of(name.removesuffix(ENDING).lower()) for name in lacking]


def incomplete_trio(users: int, classes: Iterable[type[Any]], scenario: Scenario) -> str:
    """What to say of so many users where they make no whole groups; empty where they do.

    Nothing is said where Locust does not deal them out evenly: classes may have weights of their
    own.
    """
    kinds = list(classes)
    if not all(map(_plays, kinds)):
        return ""
    uneven = len({kind.weight for kind in kinds}) != 1 or any(kind.fixed_count for kind in kinds)
    if (
        uneven
        or len(kinds) != len([*classes])
        or {k.persona for k in kinds} != {*scenario.personas}
    ):
        return ""
    left, size = users % len(kinds), len(kinds)
    if not left:
        return ""
    fill = scenario.words.fill
    names = ", ".join(scenario.personas)
    return fill(
        f"found {users} users for {{groups}} of {size} ({names}): the last {{group}} has {left}, "
        f"and what its {{coordinators}} do together is not tested in it; expected a multiple of "
        f"{size}"
    )


def _plays(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, CoordinatorUser) and not kind.abstract
