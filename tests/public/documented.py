"""The shell lines of the documentation: blocks marked ``sh``, and commands within sentences."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import msgspec

ROOT = Path(__file__).parents[2]
PAGES = [
    *(ROOT / f"{name}.md" for name in ("README", "CONTRIBUTING")),
    *sorted((ROOT / "docs").glob("*.md")),
]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
KNOWN = {"sh", "text", "toml", "yaml", "python", "json"}
WITHIN = re.compile(r"`((?:\.venv/bin/)?(?:locust|mcstress|make|python) [^`]+)`")
ENDS = {";", "&&", "||", "|"}
KEYWORDS = {"for", "do", "done"}


class Command(msgspec.Struct, frozen=True):
    """One command with its arguments, where it stands, and the whole line."""

    page: str
    program: str
    arguments: tuple[str, ...]
    line: str

    def __str__(self) -> str:
        return f"{self.page}: {self.line}"


def blocks(page: Path) -> list[str]:
    """The shell blocks of a page."""
    return [text for language, text in FENCE.findall(page.read_text()) if language == "sh"]


def within(page: Path) -> list[str]:
    """Whole commands in its sentences: none has an ellipsis or a bracket. ``N`` is a number."""
    found = WITHIN.findall(FENCE.sub("", page.read_text()))
    whole = [re.sub(r"\s+", " ", line) for line in found if not re.search(r"[…\[]|\.\.\.", line)]
    return [re.sub(r" N\b", " 1", line) for line in whole]


def lines(block: str) -> Iterator[str]:
    """Its lines; one that goes on after a backslash is one."""
    for line in block.replace("\\\n", " ").splitlines():
        if line.strip():
            yield re.sub(r" +", " ", line.strip())


def commands(page: str, line: str) -> Iterator[Command]:
    """The commands of a line, without redirections, variables set before them, and loops' words."""
    plain = re.sub(r"\$\([^)]*\)|\$\{[^}]*\}|\$\w+|\$\?", "1", line)
    lexer = shlex.shlex(plain, posix=True, punctuation_chars=";&|<>")
    lexer.whitespace_split = True
    lexer.commenters = "#"
    words: list[str] = []
    for word in [*lexer, ";"]:
        if word not in ENDS:
            words.append(word)
            continue
        if words := _bare(words):
            program = words[0].removeprefix(".venv/bin/")
            yield Command(page, program, tuple(words[1:]), line)
        words = []


def _bare(words: list[str]) -> list[str]:
    if words and words[0] == "for":
        return []
    if words and words[0] in KEYWORDS:
        words = words[1:]
    if any(word.startswith(">") for word in words):
        words = words[: next(at for at, word in enumerate(words) if word.startswith(">"))]
    while words and re.match(r"[A-Z_]+=", words[0]):
        words = words[1:]
    return words


def every_command() -> Iterator[Command]:
    """Of all pages, blocks and sentences."""
    for page in PAGES:
        name = page.relative_to(ROOT).as_posix()
        told = [line for block in blocks(page) for line in lines(block)]
        for line in [*told, *within(page)]:
            yield from commands(name, line)
