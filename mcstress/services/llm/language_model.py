"""The language model that parses, judges and paraphrases, whatever API it is spoken to by."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager
from copy import copy
from typing import Annotated, Any, Protocol, Self, TypeVar

import msgspec
from msgspec import Meta

from mcstress.services.error_words import without_lone_surrogates
from mcstress.services.failure_reason import DECODE_ERRORS
from mcstress.services.gateway.schema import encode
from mcstress.services.http.bearer_token import LLM_TOKEN, TokenHosts, authorization
from mcstress.services.http.transport import LARGEST_ANSWER_BYTES, Transport
from mcstress.services.lenient_decoding import read_content
from mcstress.services.llm.content import Said, content_fault, declined, json_in
from mcstress.services.llm.paraphrase_check import paraphrase_fault
from mcstress.services.llm.prompts import FieldKind, ParsedDemand, Prompts, demand_type
from mcstress.services.step import Step
from mcstress.services.trace_context import TraceContext

Answer = TypeVar("Answer", bound=msgspec.Struct)
FindFault = Callable[[Answer], str | None]

PARSE, JUDGE, PARAPHRASE = "llm.parse_demand", "llm.judge_top1", "llm.paraphrase"
"""The names of the steps."""


class JudgedHit(msgspec.Struct):
    """A hit as a judge sees it; ``metadata`` is any JSON value, or the bytes of one."""

    id: str
    metadata: Any = msgspec.field(default_factory=dict)


class Judgement(msgspec.Struct):
    """How well a hit serves a message: 1 not at all, 5 fully."""

    rating: Annotated[int, Meta(ge=1, le=5)]
    reason: str


class Paraphrase(msgspec.Struct):
    """The same query in other words."""

    paraphrase: str


class LanguageModel(Protocol):
    """What coordinators ask of an LLM. Content that is not what was asked for is ``unparseable``.

    That is neither an answer nor an error. One object is made in every process; each coordinator
    calls what ``connect`` gives it.
    """

    def connect(self) -> Self:
        """What one coordinator calls, from a greenlet of its own."""

    def close(self) -> None:
        """End what ``connect`` opened."""

    def parse(self, message: str, trace: TraceContext) -> Step[ParsedDemand]:
        """Step ``llm.parse_demand``: what the message asks for."""

    def judge(self, message: str, hit: JudgedHit, trace: TraceContext) -> Step[Judgement]:
        """Step ``llm.judge_top1``: how well the top ``hit`` serves the message."""

    def paraphrase(self, query: str, trace: TraceContext) -> Step[Paraphrase]:
        """Step ``llm.paraphrase``: ``query`` in other words."""


class ModelSetup(msgspec.Struct, frozen=True):
    """What a language model's client is made from, the same in every process of a run.

    ``max_tokens`` 0: the server's own limit. Times are in seconds. ``prompts`` and ``parse``, the
    fields that it is to read in a message, are the scenario's. ``rules``: built-in rules answer in
    place of a model, and may decline to judge. ``token`` is the variable that holds its token.
    """

    url: str
    model: str
    seed: int = 0
    max_tokens: int = 0
    timeout_s: float = 30.0
    max_answer_bytes: int = LARGEST_ANSWER_BYTES
    token_hosts: TokenHosts = TokenHosts()
    prompts: Prompts = Prompts()
    parse: dict[str, FieldKind] = {}
    rules: bool = False
    token: str = LLM_TOKEN

    def transport(self) -> Transport:
        """A connection, with the token where it belongs there."""
        return Transport(
            self.url,
            connect_timeout_s=self.timeout_s,
            timeout_s=self.timeout_s,
            headers=authorization(self.token, self.url, self.token_hosts),
            size_limit_bytes=self.max_answer_bytes,
        )


class Turn(msgspec.Struct, frozen=True):
    """One turn: the step's ``name``, what the model is told, and the struct of its answer."""

    name: str
    system: str
    user: str
    answer: type[msgspec.Struct]


class ChatModel:
    """A language model behind a chat API: structured answers at temperature 0.

    ``slots`` caps the calls in flight of this process; the wait for one is the step's ``queue_ms``.
    Subclasses say how a question goes over their wire.
    """

    def __init__(self, setup: ModelSetup, slots: AbstractContextManager[Any]) -> None:
        self.setup = setup
        self._slots = slots
        self._transport = setup.transport()
        self._demand = demand_type(setup.parse)
        self._demands = msgspec.json.Decoder(self._demand)

    def connect(self) -> Self:
        """One with a connection of its own."""
        own = copy(self)
        own._transport = self.setup.transport()  # noqa: SLF001  (of this class)
        return own

    def close(self) -> None:
        """Close the connection."""
        self._transport.close()

    def parse(self, message: str, trace: TraceContext) -> Step[ParsedDemand]:
        """Step ``llm.parse_demand``: what the message asks for."""
        question = Turn(PARSE, self.setup.prompts.parse or "", message, self._demand)
        return self._ask(question, trace, self._demands)

    def judge(self, message: str, hit: JudgedHit, trace: TraceContext) -> Step[Judgement]:
        """Step ``llm.judge_top1``: how well the top ``hit`` serves the message."""
        asked = {"body": message, "hit": hit}
        # Metadata is passed on unread, and may hold bytes that are no UTF-8, or half a surrogate.
        text = without_lone_surrogates(encode(asked)).decode("utf-8", "replace")
        question = Turn(JUDGE, self.setup.prompts.judge or "", text, Judgement)
        return self._ask(question, trace, _judgement)

    def paraphrase(self, query: str, trace: TraceContext) -> Step[Paraphrase]:
        """Step ``llm.paraphrase``: ``query`` in other words."""
        question = Turn(PARAPHRASE, self.setup.prompts.paraphrase or "", query, Paraphrase)

        def fault(answer: Paraphrase) -> str | None:
            return paraphrase_fault(query, answer.paraphrase)

        return self._ask(question, trace, _paraphrase, fault)

    @abstractmethod
    def _chat(self, question: Turn, trace: TraceContext) -> Step[Said]:
        """The step of a call, and what the model said."""

    def _ask(
        self,
        question: Turn,
        trace: TraceContext,
        decoder: msgspec.json.Decoder[Answer],
        fault: FindFault[Answer] | None = None,
    ) -> Step[Answer]:
        asked = time.perf_counter()
        with self._slots:
            queue_ms = (time.perf_counter() - asked) * 1000
            chat = self._chat(question, trace)
        step = with_content(chat, decoder, fault)
        if self.setup.rules and step.unparseable is not None and chat.answer is not None:
            step.unparseable = declined(chat.answer) or step.unparseable
        step.queue_ms = queue_ms
        return step


def with_content(
    chat: Step[Said],
    decoder: msgspec.json.Decoder[Answer],
    fault: FindFault[Answer] | None = None,
) -> Step[Answer]:
    """``chat`` with what the model wrote for its answer, or why that is unparseable.

    ``fault`` says what is wrong with it beyond its types.
    """
    step: Step[Answer] = msgspec.structs.replace(chat, answer=None)  # type: ignore[arg-type]  # of another answer from here on
    said = chat.answer
    if said is None:
        return step
    try:
        answer = read_content(decoder, json_in(said.content))
    except DECODE_ERRORS as error:
        step.unparseable = content_fault(error, said)
        return step
    step.unparseable = fault(answer) if fault is not None else None
    if step.unparseable is None:
        step.answer = answer
    return step


def schema_of(answer: type[msgspec.Struct]) -> dict[str, Any]:
    """The JSON schema of a flat struct, without ``$ref``, which Ollama does not follow."""
    _, components = msgspec.json.schema_components([answer])
    schema: dict[str, Any] = components[answer.__name__]
    return schema


_judgement = msgspec.json.Decoder(Judgement)
_paraphrase = msgspec.json.Decoder(Paraphrase)
