"""What must hold of the services before the first user starts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

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
from mcstress.services.lenient_decoding import read
from mcstress.services.llm import ollama_schema, openai
from mcstress.services.llm.clients import API_NAMES, Api

Answer = TypeVar("Answer")

NOWHERE = TokenHosts()
CONNECT_TIMEOUT_S = 5.0
TIMEOUT_S = 10.0
SHOWN_CHARACTERS = 60
UNAUTHORIZED = 401


class ModelFacts(msgspec.Struct, frozen=True):
    """The model that will answer, and by which API. ``rule_based``: the stand-in, no model."""

    name: str
    rule_based: bool
    api: Api = "ollama"


class Models(msgspec.Struct, frozen=True):
    """The models that a server has, each with the family that it says of itself."""

    api: Api
    families: dict[str, Any]

    def find(self, name: str) -> str | None:
        """The model that the server takes ``name`` for; the one that is spelt so comes first."""
        wanted = ollama_schema.whole_name(name)
        alike = [model for model in self.families if ollama_schema.whole_name(model) == wanted]
        return min(alike, key=lambda model: model != name, default=None)


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
    url: str,
    model: str,
    place: str = "--llm-host",
    *,
    hosts: TokenHosts = NOWHERE,
    api: Api | None = None,
    token: str = LLM_TOKEN,
) -> ModelFacts:
    """The model that the server at ``url`` takes ``model`` for, in any case, with its tag or not.

    ``api`` None: Ollama's, or OpenAI's where the server does not know Ollama's list of models.
    ``token`` is the variable that holds its token.
    """
    where = f"{place} {parse_base_url(url, place)}"
    models = list_models(url, where, hosts, token, api)
    found = models.find(model)
    if found is None:
        hint = f". Install it with: ollama pull {clip(model)}" if models.api == "ollama" else ""
        raise ServiceRefusalError(
            f'{where}: model "{clip(model)}" is not installed '
            f"(installed: {listed(models.families)}){hint}"
        )
    return ModelFacts(found, rule_based=models.families[found] == "rules", api=models.api)


def list_models(url: str, where: str, hosts: TokenHosts, token: str, api: Api | None) -> Models:
    """The server's models, by the one API or by the one of both that it speaks."""
    if api == "ollama":
        return _ollamas(url, where, hosts, token)
    if api == "openai":
        return _openais(url, where, hosts, token)
    try:
        models = _ollamas(url, where, hosts, token)
    except ServiceRefusalError as first:
        if isinstance(first.__cause__, TransportError):
            raise
        try:
            return _openais(url, where, hosts, token)
        except ServiceRefusalError as second:
            raise ServiceRefusalError(
                f"{first}; and by {API_NAMES['openai']}: {str(second).removeprefix(where + ': ')}"
            ) from second
    return models if models.api == "ollama" else _openais(url, where, hosts, token)


def _ollamas(url: str, where: str, hosts: TokenHosts, token: str) -> Models:
    tags = fetch(url, where, ollama_schema.TAGS, token, ollama_schema.tags_decoder, hosts=hosts)
    # llama.cpp's server knows Ollama's paths, and answers as OpenAI does.
    api: Api = "ollama" if tags.data is None else "openai"
    return Models(api, {model.name: model.family for model in tags.models})


def _openais(url: str, where: str, hosts: TokenHosts, token: str) -> Models:
    path = openai.path_at(url, openai.MODELS)
    said = fetch(url, where, path, token, openai.models_decoder, hosts=hosts)
    return Models("openai", {model.id: None for model in said.data})


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
        raise ServiceRefusalError(f"{where}: no answer, {error}") from error
    finally:
        transport.close()


def opening(reply: Reply) -> str:
    """The content type and how the body begins."""
    words = clip(reply.body[: 4 * SHOWN_CHARACTERS].decode("utf-8", "replace"), SHOWN_CHARACTERS)
    return f"{content_type(reply)} {words!r}"


def listed(names: Iterable[str]) -> str:
    """``names`` in order, with commas."""
    return ", ".join(sorted(clip(name) for name in names)) or "none"
