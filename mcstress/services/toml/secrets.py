"""Secrets of a target's file: variables that it may name, and what looks like a secret in it.

A variable begins with ``TARGET_``, or ``--target-token NAME@HOST`` allows it for that host. It goes
to the service that names it alone, and never after a redirect: none is followed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any

import msgspec

from mcstress.errors import UsageError
from mcstress.services.failure_reason import clip
from mcstress.services.http.base_url import sendable
from mcstress.services.http.bearer_token import GATEWAY_TOKEN, LLM_TOKEN, origin_of

OPTION = "--target-token"
PREFIX = "TARGET_"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_OWN = (GATEWAY_TOKEN, LLM_TOKEN)
_KNOWN_SECRETS = re.compile(r"(?:sk|pk|rk|ghp|gho|xox[abp]|hf|glpat|npm)[-_]\w{8,}|eyJ\w{8,}\.")
_LONG = re.compile(r"[A-Za-z0-9+/_=.-]{24,}")
_NAMES_OF_SECRETS = re.compile(r"(?i)authorization|secret|passw|api[-_]?key|token|credential")


class Allowed(msgspec.Struct, frozen=True):
    """A variable, and the origin (``scheme://host:port``) of the service that it may go to."""

    variable: str
    origin: str


def parse_allowed(texts: Iterable[str] | None) -> tuple[Allowed, ...]:
    """What ``--target-token`` says, each ``NAME@HOST``; UsageError for what is none.

    HOST is a base URL; without a scheme it is https.
    """
    return tuple(_allowed(text) for text in texts or ())


def _allowed(text: str) -> Allowed:
    variable, at, host = text.partition("@")
    if not at or not _NAME.fullmatch(variable) or not host:
        raise UsageError(f"{OPTION}: found {clip(text)!r}, expected NAME@HOST: a variable's name")
    if variable in _OWN:
        raise UsageError(f"{OPTION}: found {variable}, which serves its own service alone")
    return Allowed(variable, origin_of(host if "://" in host else f"https://{host}", OPTION))


def refuse_variable(place: str, variable: str, url: str, allowed: Iterable[Allowed]) -> None:
    """UsageError where the file's ``place`` may not name ``variable`` for the service at ``url``.

    What is no name may be a secret itself, and is not shown.
    """
    if not _NAME.fullmatch(variable):
        raise UsageError(
            f"{place}: found a value that is no variable's name (not shown: it may be a secret), "
            f"expected the name of an environment variable, {PREFIX}…"
        )
    origin = origin_of(url)
    if variable in _OWN or not (
        variable.startswith(PREFIX) or Allowed(variable, origin) in allowed
    ):
        hint = "" if variable in _OWN else f", or {OPTION} {variable}@{origin}"
        raise UsageError(
            f"{place}: found {variable}, expected a variable that begins with {PREFIX}{hint}"
        )


def value_of(place: str, variable: str) -> str:
    """What the environment has for ``variable``; UsageError where that is nothing."""
    value = os.environ.get(variable, "").strip()
    if not value:
        raise UsageError(
            f"{place}: found no environment variable {variable}, expected it to be set"
        )
    return sent(place, variable, value)


def sent(place: str, source: str, value: str) -> str:
    """``value`` from ``source``, which a header can carry; UsageError where it cannot."""
    if not sendable(value):
        raise UsageError(
            f"{place}: {source} holds characters that no header can carry; "
            "expected ASCII without spaces"
        )
    return value


def suspicious(value: Any, place: str = "") -> Iterator[str]:
    """The keys of a file whose values look like secrets."""
    if isinstance(value, dict):
        for key, one in value.items():
            inner = f"{place}.{key}" if place else str(key)
            yield from suspicious(one, inner)
    elif isinstance(value, list):
        for one in value:
            yield from suspicious(one, place)
    elif isinstance(value, str) and looks_secret(place, value):
        yield place


def looks_secret(place: str, value: str) -> bool:
    """Whether ``value``, at ``place``, looks like a secret: known shapes, or what keys call one."""
    if "://" in value or "{" in value or _is_name(place, value):
        return False
    if _KNOWN_SECRETS.search(value):
        return True
    key = place.rpartition(".")[2]
    if ".headers." in place and _NAMES_OF_SECRETS.search(key):
        return True
    return any(_is_random(word[0]) for word in _LONG.finditer(value))


def _is_name(place: str, value: str) -> bool:
    """Whether a name is due there, and the value is one: of a variable, a header or a file."""
    key = place.rpartition(".")[2]
    if key in ("token", "password"):
        return value.isupper() and _NAME.fullmatch(value) is not None
    return key in ("header", "token_file", "ca", "title")


def _is_random(word: str) -> bool:
    """Whether ``word`` mixes digits and letters as no name or path does."""
    digits = sum(character.isdigit() for character in word)
    turns = sum(a.isdigit() != b.isdigit() for a, b in pairwise(word))
    return digits >= 4 and turns >= 6 and "/" not in word  # noqa: PLR2004  (of 24 and more)
