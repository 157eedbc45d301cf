"""Whether master and worker run the same: both say so first, and refuse one another by name."""

from __future__ import annotations

import socket
import typing
from functools import cache
from hashlib import sha256
from importlib.metadata import version
from typing import Any

import msgspec

from mcstress.cluster import messages

PRODUCT = "multi-coordinator-stress"


@cache
def own_version() -> str:
    """The version of this program."""
    return version(PRODUCT)


@cache
def own_protocol() -> str:
    """The revision of the messages, and a digest of all their fields with those of what they hold.

    Two checkouts may have one version and yet not understand one another.
    """
    kinds = [kind for kind in vars(messages).values() if _is_struct(kind)]
    fields = "\n".join(sorted(_fields({*kinds})))
    return f"{messages.REVISION}-{sha256(fields.encode()).hexdigest()[:6]}"


def mismatch(its_version: str, its_protocol: str, own_role: str) -> str | None:
    """Why the other end cannot take part, to follow its name; None where it can.

    ``own_role`` is what this end calls itself: "this master".
    """
    if (its_version, its_protocol) == (own_version(), own_protocol()):
        return None
    its = f"{its_version} protocol {its_protocol}" if its_protocol else "a version that is too old"
    return f"runs {its}, {own_role} {own_version()} protocol {own_protocol()}"


def greeting() -> messages.Greeting:
    """What a worker says when it has connected."""
    return messages.Greeting(own_version(), own_protocol())


def hello(boot: str, sent_s: float = 0.0) -> messages.Hello:
    """What a worker says when its test has begun; ``sent_s`` is its clock's time."""
    return messages.Hello(boot, own_version(), own_protocol(), socket.gethostname(), sent_s)


def _fields(kinds: set[type[msgspec.Struct]]) -> list[str]:
    """A line for each field of the structs and of those that their fields are made of."""
    seen: set[type[msgspec.Struct]] = set()
    lines = []
    while kinds:
        kind = kinds.pop()
        seen.add(kind)
        # Without what msgspec checks in a field: another msgspec may word that otherwise.
        for name, type_ in typing.get_type_hints(kind).items():
            lines.append(f"{kind.__name__}.{name}: {type_}")
            kinds |= _structs_in(type_) - seen
    return lines


def _structs_in(type_: Any) -> set[type[msgspec.Struct]]:
    if _is_struct(type_):
        return {type_}
    return {found for part in typing.get_args(type_) for found in _structs_in(part)}


def _is_struct(found: Any) -> bool:
    return isinstance(found, type) and issubclass(found, msgspec.Struct)
