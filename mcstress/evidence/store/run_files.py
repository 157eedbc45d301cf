"""Which files beside an events file are of the same run: the main one's, and those of workers."""

from __future__ import annotations

from glob import escape
from pathlib import Path

import msgspec

from mcstress.errors import UsageError
from mcstress.evidence.run_document import Json
from mcstress.evidence.store.lines import first_line, first_record
from mcstress.evidence.store.paths import STEM

ENDING = ".events.jsonl"


class FilesOfRun(msgspec.Struct, frozen=True):
    """The ``paths`` of a run's events files, and which others beside them were ``left_out``."""

    paths: list[Path]
    left_out: list[str]


def files_of_run(path: Path) -> FilesOfRun:
    """All events files of the run that ``path`` belongs to, the main one first where it is there.

    They lie in one folder, share the main one's name or have the run's uid in their own, as those
    of workers on other machines, and name the same run's uid. One whose first line is damaged is
    among them: who reads it says so. Of a file that came in part, and was brought, the longer one.
    """
    first = first_record(path)
    uid = _uid(first)
    stem = path.name.removesuffix(ENDING)
    main = path
    if first["record"] == "segment":
        main = _main_of(path, uid)
        stem = main.name.removesuffix(ENDING)
    apart = path.parent.glob(f"{STEM}_{uid}.*{ENDING}") if uid.isalnum() else ()
    found, left_out = [], []
    for one in (main, *sorted(path.parent.glob(f"{escape(stem)}.*{ENDING}"))):
        reason = None if one == path else _left_out(one, uid)
        if reason is None:
            found.append(one)
        elif reason:
            left_out.append(f"{one.name} was left out: {reason}")
    for one in sorted({*apart} - {*found}):
        if _left_out(one, uid) is None:
            _add_longer(found, one)
    return FilesOfRun(found, left_out)


def _main_of(path: Path, uid: str) -> Path:
    """The main file of a worker's: by its name, or, where that has the run's uid, by the uid."""
    main = path.with_name(path.name.removesuffix(ENDING).split(".")[0] + ENDING)
    if main.is_file():
        return main
    others = (one for one in sorted(path.parent.glob(f"{STEM}_*{ENDING}")) if _is_main(one, uid))
    return next(others, main)


def _is_main(path: Path, uid: str) -> bool:
    try:
        first = first_record(path)
    except UsageError:
        return False
    return first["record"] == "run" and _uid(first) == uid


def _add_longer(found: list[Path], brought: Path) -> None:
    """Add a file that was brought from its worker's machine, in the place of what came before."""
    writer = _writer(brought)
    for at, one in enumerate(found):
        if _writer(one) == writer:
            found[at] = max(one, brought, key=lambda path: path.stat().st_size)
            return
    found.append(brought)


def _writer(path: Path) -> tuple[object, object]:
    """Who wrote the file: a worker and its boot; else nobody but itself."""
    try:
        first = first_record(path)
    except UsageError:
        first = {}
    return (first["worker"], first.get("boot")) if "worker" in first else (path, None)


def _left_out(path: Path, uid: str) -> str | None:
    """Why the file at ``path`` is not read; None where it is; empty where it holds no event."""
    try:
        begin = first_line(path) if path.is_file() else None
    except UsageError as fault:
        return str(fault)
    if begin is None:
        return ""
    try:
        found = _uid(first_record(path))
    except UsageError:
        return "" if begin.torn else None  # cut off before that line was whole, or damaged in it
    return None if found == uid else f"it is of another run, {found}"


def _uid(first: Json) -> str:
    run = first.get("run")
    return str((run if isinstance(run, dict) else first).get("run_uid"))
