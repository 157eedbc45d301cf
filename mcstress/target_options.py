"""What the options and a target's file say of the system under test and of the language model."""

from __future__ import annotations

from argparse import Namespace
from typing import Any

import msgspec

from mcstress.errors import UsageError
from mcstress.option_defaults import EMBEDDED, USUAL_LLM_TIMEOUT_S, USUAL_MODEL
from mcstress.option_values import at_least, base_url, seconds, text_of
from mcstress.services.failure_reason import clip
from mcstress.services.http.bearer_token import LLM_TOKEN
from mcstress.services.llm.clients import CLIENTS, Api
from mcstress.services.target_class import OPTION, TargetName, read_target
from mcstress.services.toml.numbers import Number
from mcstress.services.toml.secrets import Allowed, refuse_variable, value_of
from mcstress.services.toml.target_file import LlmTable

HOST, MODEL, TIMEOUT = "--llm-host", "--llm-model", "--llm-timeout"


class LlmChoice(msgspec.Struct, frozen=True):
    """The language model that was asked for.

    ``url`` empty: the built-in rules, or none at all where it is ``absent``: a target was named,
    and no model. ``token`` is the variable that holds its token, ``place`` where it was named.
    """

    url: str = ""
    api: Api | None = None
    model: str = ""
    max_tokens: int = 0
    timeout_s: float = USUAL_LLM_TIMEOUT_S
    token: str = LLM_TOKEN
    place: str = HOST
    absent: bool = False


def read_named_target(name: str, host: str | None, numbers: tuple[Number, ...] = ()) -> TargetName:
    """A target that is there, and that takes a host where one is given; ``numbers``: ``--set``."""
    target = read_target(name, numbers)
    kind = target.kind()
    if name and host and not kind.takes_host:
        what = 'file has no url = "{host}"' if target.file else "class takes none"
        raise UsageError(
            f"{OPTION} {name}: found --host {clip(host)} beside it, and the {what}; "
            "expected one of the two"
        )
    return target


def read_llm(options: Namespace, target: TargetName, tokens: tuple[Allowed, ...]) -> LlmChoice:
    """What the options say, or else the target's file; an option that is given comes first.

    Raises UsageError for the first thing that is wrong.
    """
    given = options.llm_host or ""
    choice = LlmChoice(
        url=base_url(HOST, "" if given == EMBEDDED else given),
        api=_api("--llm-api", options.llm_api),
        model=text_of(MODEL, options.llm_model),
        max_tokens=at_least(0, "--llm-max-tokens", options.llm_max_tokens),
        timeout_s=seconds(TIMEOUT, options.llm_timeout),
    )
    if given or not target.name:
        return choice
    table = target.llm()
    if table is None:
        return msgspec.structs.replace(choice, absent=True)
    return _of_file(choice, f"{target.file}: llm", table, tokens)


def _of_file(
    choice: LlmChoice, place: str, table: LlmTable, tokens: tuple[Allowed, ...]
) -> LlmChoice:
    """``[llm]``, but for what an option says otherwise than it does when it is not given."""
    url = base_url(f"{place}.url", table.url)
    if table.token is not None:
        refuse_variable(f"{place}.token", table.token, url, tokens)
        value_of(f"{place}.token", table.token)
    return LlmChoice(
        url=url,
        api=choice.api or table.api,
        model=table.model if choice.model == USUAL_MODEL else choice.model,
        max_tokens=choice.max_tokens or table.max_tokens,
        timeout_s=choice.timeout_s
        if choice.timeout_s != USUAL_LLM_TIMEOUT_S or table.timeout is None
        else table.timeout,
        token=table.token or LLM_TOKEN,
        place=f"{place}.url",
    )


def _api(option: str, value: Any) -> Api | None:
    if not value:
        return None
    for api in CLIENTS:
        if value == api:
            return api
    raise UsageError(f"{option}: found {value!r}, expected {' or '.join(CLIENTS)}")
