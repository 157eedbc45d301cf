"""Which class is the target: the gateway's, ``--target module:Class``, or that of a TOML file."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar, cast

import msgspec

from mcstress.errors import ServiceRefusalError, UsageError
from mcstress.services.failure_reason import ERROR_TEXT_CHARACTERS, clip
from mcstress.services.gateway.target import GatewayTarget
from mcstress.services.target import Capabilities, Target, TargetSetup
from mcstress.services.target_guard import ONE_STEP, STEPS, a_kind, guard, refuse_misfits
from mcstress.services.toml.numbers import OPTION as NUMBERS
from mcstress.services.toml.numbers import Number
from mcstress.services.toml.plan import plan_of
from mcstress.services.toml.target import toml_target
from mcstress.services.toml.target_file import LlmTable, read_file

Made = TypeVar("Made")

OPTION = "--target"
ENDING = ".toml"
EXPECTED = "expected a name that ships, FILE.toml, module:Class or FILE.py:Class"
SHIPPED = Path(__file__).parents[1] / "targets"
METHODS = ("capabilities", "connect", "close", "search", "probe", "timed")
"""What every target has; ``mcstress.Target`` has defaults for all of them but ``search``."""


@cache
def target_class(name: str) -> type[Target]:
    """The class that ``name`` says, empty for the gateway's; imported once a process.

    Raises UsageError where it is not there, or lacks a method.
    """
    if not name:
        return GatewayTarget
    place, _, attribute = name.rpartition(":")
    if not place or not attribute.isidentifier():
        raise UsageError(f"{OPTION}: found {clip(name)!r}, {EXPECTED}")
    module = _module(place)
    found = getattr(module, attribute, None)
    if found is None:
        there = [one for one, kind in vars(module).items() if _is_target(kind)]
        raise UsageError(
            f"{OPTION} {name}: found no {attribute} in {place}, expected one of its targets: "
            f"{', '.join(there) or 'it has none'}"
        )
    if not isinstance(found, type):
        raise UsageError(f"{OPTION} {name}: found {type(found).__name__}, expected a class")
    if lacking := [method for method in METHODS if not callable(getattr(found, method, None))]:
        raise UsageError(
            f"{OPTION} {name}: found no method {', '.join(lacking)}, expected those of "
            "mcstress.Target; subclass it"
        )
    if getattr(found, "search", None) is Target.search:
        raise UsageError(f"{OPTION} {name}: found no method search, which every target must define")
    refuse_misfits(f"{OPTION} {name}", found)
    guard(found)
    return cast("type[Target]", found)


@cache
def shipped_names() -> frozenset[str]:
    """The names of the targets that ship."""
    return frozenset(path.stem for path in SHIPPED.glob(f"*{ENDING}"))


class TargetName(msgspec.Struct, frozen=True):
    """``--target``, read: ``file`` and ``text`` are a TOML file's, empty for a class.

    ``numbers`` are those of ``--set``.
    """

    name: str = ""
    file: str = ""
    text: str = ""
    numbers: tuple[Number, ...] = ()

    def kind(self) -> type[Target]:
        """The class; UsageError where it is not there, or wrong."""
        return self._of_file(toml_target) if self.file else target_class(self.name)

    def llm(self) -> LlmTable | None:
        """``[llm]`` of the file; None where there is none."""
        return self._of_file(plan_of).tables.llm if self.file else None

    def warnings(self) -> list[str]:
        """What in the file looks like a secret, a line each; the value itself is not shown."""
        if not self.file:
            return []
        return [
            f"{self.file}: {key}: found what looks like a secret, expected the name of an "
            "environment variable (token, password) or a file (token_file): files are passed on"
            for key in self._of_file(plan_of).suspicious
        ]

    def _of_file(self, make: Callable[[str, str, tuple[Number, ...]], Made]) -> Made:
        return make(self.file, self.text, self.numbers)


def read_target(name: str, numbers: tuple[Number, ...] = ()) -> TargetName:
    """``name`` as ``--target`` has it; a file is read. UsageError where it cannot be."""
    stem = name.removesuffix(ENDING)
    if name != stem and stem in shipped_names() and not Path(name).exists():
        raise UsageError(f"{OPTION}: found no file {name}, expected one, or {stem}, which ships")
    if name != stem:
        return TargetName(name, name, read_file(name), numbers)
    if name in shipped_names():
        shipped = SHIPPED / f"{name}{ENDING}"
        return TargetName(name, str(shipped), read_file(str(shipped)), numbers)
    if numbers:
        what = f"{OPTION} {clip(name)}" if name else f"no {OPTION}"
        raise UsageError(
            f"{NUMBERS} {numbers[0].text}: found {what}, expected a target of a TOML file, which "
            "has such a number"
        )
    return TargetName(name)


def import_early(name: str) -> None:
    """Import a class of a user's own where that may take as long as an SDK takes.

    A worker that imports amid a run is silent meanwhile, and its master takes it for lost. What is
    wrong is told when the target is made.
    """
    if ":" in name:
        with suppress(UsageError):
            target_class(name)


def make_target(name: str, setup: TargetSetup) -> Target:
    """The target of this process; ServiceRefusalError where the class cannot be made."""
    if setup.file:
        return toml_target(setup.file, setup.text, setup.numbers)(setup)
    kind = target_class(name)
    if not name:
        return kind(setup)
    try:
        made: object = kind(setup)
    except (Exception, SystemExit) as fault:
        # The border: a class of a user's own may raise anything, and is refused for it.
        raise ServiceRefusalError(f"{OPTION} {name}: could not be made, {_told(fault)}") from fault
    if not isinstance(made, kind):
        raise ServiceRefusalError(
            f"{OPTION} {name}: {kind.__name__}(setup) gave {a_kind(made)}, expected an object of "
            "the class"
        )
    return made


def asked(place: str, call: Callable[[], Any], kind: type[Made]) -> Made:
    """What a target says before a run; ServiceRefusalError where that is of another ``kind``.

    So it is where the call raises: a class of a user's own may raise anything.
    """
    try:
        answer = call()
    except UsageError:
        raise
    except Exception as fault:
        # The border: what it raises is the reason why it is refused.
        raise ServiceRefusalError(f"{place}: {_told(fault)}") from fault
    if not isinstance(answer, kind):
        raise ServiceRefusalError(
            f"{place}: found {type(answer).__name__}, expected {kind.__name__}"
        )
    return answer


def capabilities_of(place: str, target: Target) -> Capabilities:
    """What a target can do; ServiceRefusalError where it does not say, or nobody can connect."""
    can = asked(f"{place}: capabilities", target.capabilities, Capabilities)
    for name, value in msgspec.structs.asdict(can).items():
        told = f"{place}: capabilities: found {name}={clip(repr(value))}"
        if type(value) is not bool:
            raise ServiceRefusalError(f"{told}, expected True or False")
        if value and name in (ONE_STEP | STEPS) and not _has(target, name):
            raise ServiceRefusalError(f"{told} and no method {name}, expected both or neither")
    connected = asked(f"{place}: connect", target.connect, type(target))
    if connected is not target:
        connected.close()
    return can


def _has(target: object, method: str) -> bool:
    """Whether its class has the method, and not from ``Target`` alone, where it only raises."""
    own = getattr(type(target), method, None)
    return callable(own) and own is not getattr(Target, method)


def _module(place: str) -> ModuleType:
    try:
        return _of_file(Path(place)) if place.endswith(".py") else import_module(place)
    except ModuleNotFoundError as fault:
        if place.endswith(".py") or not f"{place}.".startswith(f"{fault.name}."):
            needed = f"it needs {fault.name}, which is not installed"
            raise UsageError(f"{OPTION}: {clip(place)} cannot be imported: {needed}") from fault
        raise _unimportable(place, fault) from fault
    except (Exception, SystemExit) as fault:
        # The border: importing a user's own module runs it.
        raise _unimportable(place, fault) from fault


def _unimportable(place: str, fault: BaseException) -> UsageError:
    return UsageError(f"{OPTION}: {clip(place)} cannot be imported, {_told(fault)}; {EXPECTED}")


def _of_file(path: Path) -> ModuleType:
    """The module in a file, under a name that none of its neighbours has."""
    name = f"mcstress_target_{path.stem}"
    spec = spec_from_file_location(name, path.resolve())
    if spec is None or spec.loader is None or not path.is_file():
        raise FileNotFoundError(f"no file {path.resolve()}")
    module = sys.modules[name] = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _is_target(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Target) and kind is not Target


def _told(fault: BaseException) -> str:
    return f"{type(fault).__name__}: {clip(str(fault), ERROR_TEXT_CHARACTERS)}"
