"""What must hold of the services before the first user starts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

import msgspec

from mcstress.errors import ServiceRefusalError, TransportError
from mcstress.services.error_words import error_member
from mcstress.services.failure_reason import (
    DECODE_ERRORS,
    SUCCESS,
    clip,
    content_type,
    said_fault,
    text_fault,
)
from mcstress.services.gateway.client import CORPORA
from mcstress.services.gateway.schema import CorporaAnswer, corpora_decoder
from mcstress.services.http.base_url import parse_base_url
from mcstress.services.http.bearer_token import (
    GATEWAY_TOKEN,
    LLM_TOKEN,
    TokenHosts,
    authorization,
    withheld,
)
from mcstress.services.http.transport import Reply, Transport
from mcstress.services.llm.schema import Model, tags_decoder, whole_name
from mcstress.services.reading import read

Answer = TypeVar("Answer")

TAGS = "/api/tags"
NOWHERE = TokenHosts()
CONNECT_TIMEOUT_S = 5.0
TIMEOUT_S = 10.0
SHOWN_CHARACTERS = 60
UNAUTHORIZED = 401


class LanguageModel(msgspec.Struct, frozen=True):
    """The model that will answer. ``rule_based``: the stand-in, which is no language model."""

    name: str
    rule_based: bool


def check_gateway(
    url: str,
    corpora_needed: Iterable[str],
    place: str = "--host",
    *,
    hosts: TokenHosts = NOWHERE,
) -> dict[str, int]:
    """The sizes of all corpora at ``url``; ServiceRefusalError where a needed one is missing.

    ``place`` is where the URL was given, and begins every message, which is one line. ``hosts`` are
    the services that tokens may go to.
    """
    where = f"{place} {parse_base_url(url, place)}"
    sizes = look_at_corpora(url, place, hosts=hosts).sizes()
    if missing := [name for name in corpora_needed if name not in sizes]:
        raise ServiceRefusalError(f"{where}: no corpus {listed(missing)}; there is {listed(sizes)}")
    return sizes


def look_at_corpora(
    url: str, place: str = "--host", *, hosts: TokenHosts = NOWHERE
) -> CorporaAnswer:
    """What the gateway at ``url`` says of its corpora; ServiceRefusalError where it does not."""
    where = f"{place} {parse_base_url(url, place)}"
    return fetch(url, where, CORPORA.path, GATEWAY_TOKEN, corpora_decoder, hosts=hosts)


def check_llm(
    url: str, model: str, place: str = "--llm-host", *, hosts: TokenHosts = NOWHERE
) -> LanguageModel:
    """The model that Ollama at ``url`` takes ``model`` for (see ``find_model``)."""
    where = f"{place} {parse_base_url(url, place)}"
    tags = fetch(url, where, TAGS, LLM_TOKEN, tags_decoder, hosts=hosts)
    found = find_model(model, tags.models)
    if found is None:
        raise ServiceRefusalError(
            f"{where}: no model {clip(model)}; there is {listed(one.name for one in tags.models)}; "
            f"get it with: ollama pull {clip(model)}"
        )
    return LanguageModel(found.name, rule_based=found.family == "rules")


def find_model(name: str, models: Sequence[Model]) -> Model | None:
    """The model that Ollama takes ``name`` for; the one that is spelt so comes first."""
    wanted = whole_name(name)
    alike = [model for model in models if whole_name(model.name) == wanted]
    return min(alike, key=lambda model: model.name != name, default=None)


def fetch(
    url: str,
    where: str,
    path: str,
    token: str,
    decoder: msgspec.json.Decoder[Answer],
    *,
    hosts: TokenHosts,
) -> Answer:
    """What ``url`` answers to a GET of ``path``; ServiceRefusalError says why it is not that."""
    reply = get(url, path, token, where, hosts)
    if reply.status == UNAUTHORIZED:
        reason = withheld(token, url, hosts) or f"is {token} set, and right?"
        raise ServiceRefusalError(f"{where}: HTTP 401 to {path}; {reason}")
    if reply.status not in SUCCESS:
        raise ServiceRefusalError(
            f"{where}: HTTP {reply.status} to {path} ({opening(reply)}); expected 200"
        )
    if words := error_member(reply.body):
        raise ServiceRefusalError(f"{where}: {path} answers {said_fault(reply, words)}")
    try:
        return read(decoder, reply.body)
    except DECODE_ERRORS as error:
        raise ServiceRefusalError(
            f"{where}: {path} answers {opening(reply)}; {text_fault(error, 'answer')}"
        ) from None


def get(url: str, path: str, token: str, where: str, hosts: TokenHosts) -> Reply:
    """The reply, by the same transport that the run uses; ServiceRefusalError where none came."""
    transport = Transport(
        url,
        connect_timeout_s=CONNECT_TIMEOUT_S,
        timeout_s=TIMEOUT_S,
        headers=authorization(token, url, hosts),
    )
    try:
        return transport.get(path)
    except TransportError as error:
        raise ServiceRefusalError(f"{where}: no answer, {error}") from None
    finally:
        transport.close()


def opening(reply: Reply) -> str:
    """The content type and how the body begins."""
    words = clip(reply.body[: 4 * SHOWN_CHARACTERS].decode("utf-8", "replace"), SHOWN_CHARACTERS)
    return f"{content_type(reply)} {words!r}"


def listed(names: Iterable[str]) -> str:
    """``names`` in order, with commas."""
    return ", ".join(sorted(clip(name) for name in names)) or "none"
