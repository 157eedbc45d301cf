"""The tables of a target's file, as they are written; docs/targets.md explains every key."""

from __future__ import annotations

import re
import stat
import tomllib
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta

from mcstress.errors import UsageError
from mcstress.services.failure_reason import ERROR_TEXT_CHARACTERS, clip
from mcstress.services.regular_file import why_no_file
from mcstress.services.toml.numbers import Number, with_numbers

AnyTable = TypeVar("AnyTable", bound=msgspec.Struct)
DistanceMetric = Literal["cosine", "l2", "ip", "none"]
Seconds = Annotated[float, Meta(gt=0, le=86_400)]
NotEmptyText = Annotated[str, Meta(min_length=1)]
METHODS = ("get", "post", "put", "patch", "delete")
LARGEST_FILE_BYTES = 1_000_000
"""A file goes to every worker, and is read in each; the largest that ships has 3 kB."""
LONGEST_TITLE = 100


class ServiceTable(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """``[service.NAME]``. ``token`` and ``password`` are names of environment variables."""

    url: NotEmptyText
    token: NotEmptyText | None = None
    token_file: NotEmptyText | None = None
    header: NotEmptyText = "Authorization"
    scheme: str = "Bearer "
    user: str | None = None
    password: NotEmptyText | None = None
    headers: dict[str, str] = {}
    timeout: Seconds | None = None
    ca: NotEmptyText | None = None


class RequestTable(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A request: one of the methods with its path, and what goes along."""

    service: str | None = None
    get: str | None = None
    post: str | None = None
    put: str | None = None
    patch: str | None = None
    delete: str | None = None
    query: dict[str, Any] = {}
    body: Any = None
    lines: list[Any] | None = None
    form: dict[str, Any] | None = None
    ok: list[Annotated[int, Meta(ge=100, le=599)]] = []

    def method(self) -> tuple[str, str] | None:
        """The method and its path; None where there are none or several."""
        given = [(name, path) for name in METHODS if (path := getattr(self, name)) is not None]
        return given[0] if len(given) == 1 else None


class HitsTable(RequestTable):
    """A request whose answer is a list of hits, as columns (``ids``) or rows (``rows``)."""

    ids: str | None = None
    distances: str | None = None
    scores: str | None = None
    corpora: str | None = None
    rows: str | None = None
    id: str | None = None
    distance: str | None = None
    score: str | None = None
    corpus: str | None = None
    metadata: str | None = None
    metric: DistanceMetric | dict[str, DistanceMetric] | None = None
    counts: str | None = None
    boosted: str | None = None
    injected: str | None = None


class SearchTable(HitsTable):
    """``[search]``; ``memory`` takes its place where the coordinator's memory is on."""

    memory: HitsTable | None = None


class RecallTable(HitsTable):
    """``[recall]``: the memory by itself."""

    collection: str | None = None
    answer_id: str | None = None
    answer_corpus: str | None = None
    where_role: str | None = None


class EmbedTable(RequestTable):
    """``[embed]``: a text's vector, from a service or by the built-in embedding."""

    vector: str | None = None
    cache: bool = False
    builtin: bool = False


class NamedTable(RequestTable):
    """``[resolve]`` and ``[create]``: the answer may have the corpus's own id."""

    id: str | None = None


class SizeTable(RequestTable):
    """``[size]``: of one corpus, or of all of them in rows."""

    size: str | None = None
    rows: str | None = None
    name: str | None = None
    roles: str | None = None


class PollTable(RequestTable):
    """``[ready]`` and ``….done``: asked again until the pointer leads to the value."""

    pointer: str
    value: Any
    every: Seconds = 0.5
    within: Seconds = 60.0


class WriteTable(RequestTable):
    """``[add]`` and ``[record]``. ``task`` points to what ``done`` asks for as ``{task}``.

    ``batch``: how many things one request may have before a run.
    """

    item: Any = None
    batch: Annotated[int, Meta(ge=1)] = 1
    task: str | None = None
    done: PollTable | None = None


class RecordTable(WriteTable):
    """``[record]``; ``collection`` is what ``{corpus}`` and ``{corpus_id}`` stand for in it.

    ``forget`` takes a recording back. ``became`` points to what became of one: a word of ``merged``
    or ``dropped``, or any other.
    """

    collection: str | None = None
    forget: RequestTable | None = None
    became: str | None = None
    merged: list[str] = []
    dropped: list[str] = []


class LlmTable(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """``[llm]``."""

    url: NotEmptyText
    model: NotEmptyText
    api: Literal["ollama", "openai"] | None = None
    token: NotEmptyText | None = None
    max_tokens: Annotated[int, Meta(ge=0)] = 0
    timeout: Seconds | None = None


class Tables(msgspec.Struct, kw_only=True):
    """A whole file. ``service`` has the services by name, the first is the default."""

    service: dict[str, ServiceTable]
    search: SearchTable
    title: str = ""
    embed: EmbedTable | None = None
    resolve: NamedTable | None = None
    size: SizeTable | None = None
    exact: HitsTable | None = None
    add: WriteTable | None = None
    update: WriteTable | None = None
    create: NamedTable | None = None
    delete: RequestTable | None = None
    record: RecordTable | None = None
    recall: RecallTable | None = None
    inbox: RequestTable | None = None
    ready: PollTable | None = None
    llm: LlmTable | None = None


OPERATIONS: dict[str, type[msgspec.Struct]] = {
    "embed": EmbedTable,
    "resolve": NamedTable,
    "size": SizeTable,
    "search": SearchTable,
    "exact": HitsTable,
    "add": WriteTable,
    "update": WriteTable,
    "create": NamedTable,
    "delete": RequestTable,
    "record": RecordTable,
    "recall": RecallTable,
    "inbox": RequestTable,
    "ready": PollTable,
    "llm": LlmTable,
}
"""The tables of a file beside the services'."""


class FileError(UsageError):
    """A target's file is wrong; the message has the file, the key, what was found and expected."""


def read_file(path: str) -> str:
    """The text of a target's file; FileError where it cannot be read."""
    try:
        text = small_file(Path(path)).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FileError(f"{path}: is not UTF-8: byte {error.start}") from None
    except (OSError, ValueError) as error:
        raise FileError(
            f"--target {clip(path, ERROR_TEXT_CHARACTERS)}: cannot be read: {why_not(error)}"
        ) from None
    return text.replace("\r\n", "\n").replace("\r", "\n")


def small_file(path: Path) -> bytes:
    """What is in a file. OSError or ValueError where there is none, or not one to be read whole."""
    about = path.stat()
    if stat.S_ISDIR(about.st_mode):
        raise ValueError("found a folder, expected a file")
    if fault := why_no_file(about.st_mode):
        raise ValueError(fault)
    if about.st_size > LARGEST_FILE_BYTES:
        raise ValueError(f"found {about.st_size:,} bytes, expected at most {LARGEST_FILE_BYTES:,}")
    return path.read_bytes()


def why_not(error: OSError | ValueError) -> str:
    """Why ``small_file`` failed, without the path: the message has it."""
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def parse_file(path: str, text: str, numbers: Iterable[Number] = ()) -> Tables:
    """The tables in a file's ``text``, with ``numbers``; FileError for the first that is wrong."""
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise FileError(f"{path}: is not valid TOML: {error}") from None
    raw = with_numbers(path, raw, numbers)
    known = ("title", "service", *OPERATIONS)
    if unknown := [key for key in raw if key not in known]:
        raise FileError(f"{path}: {_unknown(unknown[0], known)}")
    services = raw.get("service")
    if not isinstance(services, dict) or not services:
        raise FileError(f"{path}: found no [service.NAME], expected one or more")
    if "search" not in raw:
        raise FileError(f"{path}: found no [search], expected one: every target searches")
    title = raw.get("title", "")
    if not (isinstance(title, str) and title.isprintable() and len(title) <= LONGEST_TITLE):
        raise FileError(
            f"{path}: title: found {clip(repr(title))}, expected text on one line of at most "
            f"{LONGEST_TITLE} characters"
        )
    tables: dict[str, Any] = {
        name: _table(path, name, raw[name], kind)
        for name, kind in OPERATIONS.items()
        if name in raw
    }
    of_services = {
        name: _table(path, f"service.{name}", one, ServiceTable) for name, one in services.items()
    }
    return Tables(title=title, service=of_services, **tables)


def _table(path: str, place: str, value: Any, kind: type[AnyTable]) -> AnyTable:
    """One table; FileError says what in it is wrong."""
    if not isinstance(value, dict):
        raise FileError(f"{path}: {place}: found {clip(repr(value))}, expected a table")
    _refuse_unknown(path, place, value, kind)
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        words, _, at = str(error).replace("`", "").partition(" - at $")
        where = f"{path}: {place}{at}"
        if words.startswith("Object missing required field "):
            raise FileError(f"{where}: found no {words.split()[-1]}, expected one") from None
        if words.startswith("Invalid enum value"):
            expected = f"one of {', '.join(_choices(kind, at))}"
            found = words.removeprefix("Invalid enum value ")
        else:
            due, _, got = words.partition(", got ")
            expected = _in_words(due.removeprefix("Expected "))
            # What a service's table has may be a secret, and msgspec does not say which header.
            hides = got and (place.startswith("service.") or "[...]" in at)
            found = _in_words(got) if hides else repr(_at(value, at))
        raise FileError(f"{where}: found {clip(found)}, expected {expected}") from None


def _refuse_unknown(path: str, place: str, value: Any, kind: type[msgspec.Struct]) -> None:
    """FileError for a key that the table, or one in it, does not have."""
    names = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    hints = get_type_hints(kind)
    for key, inner in value.items():
        if key not in names:
            raise FileError(f"{path}: {place}: {_unknown(key, names)}")
        tables = [
            one
            for one in getattr(hints[key], "__args__", ())
            if isinstance(one, type) and issubclass(one, msgspec.Struct)
        ]
        if tables and isinstance(inner, dict):
            _refuse_unknown(path, f"{place}.{key}", inner, tables[0])


def _unknown(key: str, known: Any) -> str:
    close = get_close_matches(key, list(known), n=1)
    hint = f'; did you mean "{close[0]}"?' if close else ""
    return f'found the key "{clip(key)}", expected one of {", ".join(known)}{hint}'


_PLACE = re.compile(r"\.([^.\[]+)|\[(\d+)\]")
_TYPES = {
    "str": "text", "int": "a whole number", "float": "a number", "bool": "true or false",
    "object": "a table", "array": "a list",
}  # fmt: skip
_TYPE = re.compile(rf"\b({'|'.join(_TYPES)})\b")


def _in_words(types: str) -> str:
    """Msgspec's words for what is due, in those of TOML."""
    told = _TYPE.sub(lambda found: _TYPES[found[0]], types.removesuffix(" | null"))
    return clip(told.replace(" | ", " or "), ERROR_TEXT_CHARACTERS)


def _at(value: Any, at: str) -> Any:
    """What stands at msgspec's place ``.a[0].b`` of ``value``; ``[...]`` is any key's."""
    for key, number in _PLACE.findall(at):
        value = value[key] if key else value[int(number)]
    return value


def _choices(kind: Any, at: str) -> list[str]:
    """The words that may stand at the place ``at`` of a table."""
    for key, _ in _PLACE.findall(at):
        tables = [
            one
            for one in (kind, *_inner(kind))
            if isinstance(one, type) and issubclass(one, msgspec.Struct)
        ]
        if key and tables:
            kind = get_type_hints(tables[0])[key]
    literals = [one for one in (kind, *_inner(kind)) if get_origin(one) is Literal]
    return [*dict.fromkeys(str(word) for one in literals for word in get_args(one))]


def _inner(kind: Any) -> Iterator[Any]:
    for one in get_args(kind):
        yield one
        yield from _inner(one)
