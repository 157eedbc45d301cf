"""A scenario from its TOML file: found, read, checked, spelt out."""

from __future__ import annotations

import tomllib
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from mcstress.errors import UsageError
from mcstress.services.regular_file import read_text
from mcstress.users.scenarios.expand import spelt_out
from mcstress.users.scenarios.explain import explain
from mcstress.users.scenarios.model import Scenario
from mcstress.users.scenarios.scenario_error import FaultError, entry, suggestion
from mcstress.users.scenarios.schema import ScenarioFile
from mcstress.users.scenarios.validate_clock import clock_faults
from mcstress.users.scenarios.validate_messages import reading_faults
from mcstress.users.scenarios.validate_names import name_faults
from mcstress.users.scenarios.validate_relevance import relevance_faults
from mcstress.users.scenarios.validate_variants import repeated_faults, variant_faults

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER = Path(__file__).parent / "data"


def load_scenario(name_or_file: str, folder: Path = FOLDER) -> Scenario:
    """The scenario called ``name_or_file`` in ``folder``, or in the file of that path.

    UsageError where there is none or where it is wrong: the file, the key, what was found there
    and what was expected. Entries without a name are counted from 1.
    """
    path = _path(name_or_file, folder)
    try:
        scenario = _scenario(path.stem, _text(path))
    except FaultError as fault:
        raise UsageError(f"{path}: {fault}") from None
    if not scenario.inbox.source:
        return scenario
    source = str(path.parent / scenario.inbox.source)
    inbox = msgspec.structs.replace(scenario.inbox, source=source)
    return msgspec.structs.replace(scenario, inbox=inbox)


@lru_cache(maxsize=8)
def _scenario(name: str, text: str) -> Scenario:
    """The scenario in a file's text, read once: a process asks for its own several times."""
    return scenario_of(name, _parsed(text))


def corpus_paths(name_or_file: str, scenario: Scenario, folder: Path = FOLDER) -> list[Path]:
    """The scenario's own corpora, which lie beside its file; UsageError where one is not there."""
    if not scenario.corpus_files:
        return []
    file = _path(name_or_file, folder)
    paths = [file.parent / name for name in scenario.corpus_files]
    for index, path in enumerate(paths):
        if not path.is_file():
            place = f"{file}: {entry('corpus_files', index)}"
            raise UsageError(f'{place}: found "{path}", which is not a file; expected NAME.jsonl')
    return paths


def scenario_of(name: str, raw: dict[str, Any]) -> Scenario:
    """The scenario in a file's data; FaultError where it is wrong."""
    try:
        file = msgspec.convert(raw, ScenarioFile)
    except msgspec.ValidationError as error:
        raise FaultError(explain(error, raw, ScenarioFile)) from None
    _refuse(name_faults(file))
    _refuse(variant_faults(file))
    _refuse(reading_faults(file))
    _refuse(clock_faults(file))
    scenario = spelt_out(name, file)
    _refuse(repeated_faults(scenario))
    _refuse(relevance_faults(scenario))
    return scenario


def _path(name_or_file: str, folder: Path) -> Path:
    """A file of that path, or else the one in ``folder`` of that name."""
    given, named = Path(name_or_file), folder / f"{name_or_file}.toml"
    with suppress(OSError):  # a text that is too long for any file's name
        for path in (given, named):
            if path.is_file():
                return path
    known = sorted(path.stem for path in folder.glob("*.toml"))
    raise UsageError(
        f'--scenario: found "{name_or_file}", which is not a file; expected a TOML file or '
        f"the name of a scenario in {folder}: {', '.join(known) or 'there is none'}"
        f"{suggestion(given.stem, known)}"
    )


def _text(path: Path) -> str:
    try:
        return read_text(path)
    except OSError as error:
        raise FaultError(f"cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise FaultError(f"is not UTF-8: byte {error.start}") from None


def _parsed(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise FaultError(f"is not valid TOML: {error}") from None


def _refuse(faults: Iterator[str]) -> None:
    """FaultError with the first of ``faults``; the others often follow from it."""
    fault = next(faults, None)
    if fault:
        raise FaultError(fault)
