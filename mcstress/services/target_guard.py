"""A target class of a user's own, held to what its methods must give.

Before the first user, what the class itself shows is refused (``refuse_misfits``). In a run, a
method that raises, or gives what is no step, makes a failed step that names the class, the method,
what it gave and what was expected; no coordinator breaks down by it.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Iterable, Iterator
from functools import wraps
from math import isfinite
from time import perf_counter
from typing import Any, get_origin, get_type_hints

import msgspec

from mcstress.errors import ServiceRefusalError, UsageError
from mcstress.services.failure_reason import ERROR_TEXT_CHARACTERS, clip, type_fault
from mcstress.services.steady_clock import CLOCK
from mcstress.services.step import Step
from mcstress.services.target import (
    ADD,
    CLASS_FAULT,
    DELETE,
    FORGET,
    INBOX,
    RECORD,
    SEARCH,
    UPDATE,
    Found,
    Sizes,
    Target,
)
from mcstress.services.trace_context import new_span_id

ARGUMENTS = {
    "capabilities": (), "notes": (), "connect": (), "close": (), "sizes": (), "probe": (),
    "search": ("search", "trace"), "recall": ("search", "trace"),
    "record": ("recording", "trace"), "forget": ("recording", "trace"),
    "add": ("item", "trace"), "update": ("item", "trace"), "delete": ("item", "trace"),
    "inbox": ("message", "trace"), "add_all": ("items", "trace"),
    "record_all": ("recordings", "trace"),
}  # fmt: skip
"""What each method is called with, by place."""
ONE_STEP = {
    "search": SEARCH, "recall": SEARCH, "record": RECORD, "forget": FORGET, "delete": DELETE,
    "inbox": INBOX, "sizes": "sizes",
}  # fmt: skip
"""The methods that give one Step, and what it is called; of ``sizes`` any name will do."""
STEPS = {"add": ADD, "update": UPDATE, "add_all": ADD, "record_all": RECORD}
"""The methods that give steps one after another, and what one that failed is called."""
ANSWERS: dict[str, type] = {"search": Found, "recall": Found, "sizes": Sizes}

EXPECTED_STEP = "expected a Step, as self.timed(...) makes one"
EXPECTED_STEPS = "expected steps one after another: yield self.timed(...)"
EXPECTED_TARGET = "expected a target for one coordinator: self, or another of the class"
EXPECTED_SIZES = "expected whole numbers by corpus"
EXPECTED_CLOSED = "expected it to close what connect opened"
EXPECTED_FAILURE = "expected a failed Step, as self.timed(...) makes of what is raised in it"
logger = logging.getLogger(__name__)

Method = Callable[..., Any]


def refuse_misfits(place: str, kind: type) -> None:
    """UsageError for what ``kind``, which is called ``place``, shows without being called."""
    for method, arguments in ARGUMENTS.items():
        raw = inspect.getattr_static(kind, method, None)
        if hasattr(kind, method) and not callable(getattr(kind, method)):
            found = a_kind(getattr(kind, method))
            raise UsageError(
                f"{place}: {method}: found {found}, expected a method; without one the target "
                "cannot do it"
            )
        if inspect.isfunction(raw):  # what is bound otherwise says what it lacks when it is called
            _refuse_uncallable(f"{place}: {method}", raw, method, arguments)
            _refuse_other_kind(f"{place}: {method}", raw, method)
    for name in ("takes_host", "can_exclude"):
        if type(value := getattr(kind, name, False)) is not bool:
            found = clip(repr(value))
            raise UsageError(f"{place}: {name}: found {found}, expected True or False")
    if not isinstance(title := getattr(kind, "title", ""), str):
        raise UsageError(f"{place}: title: found {clip(repr(title))}, expected text")
    if type(batch := getattr(kind, "batch", 1)) is not int or batch < 1:
        raise UsageError(f"{place}: batch: found {clip(repr(batch))}, expected a whole number >= 1")


def _refuse_uncallable(place: str, raw: Method, method: str, arguments: tuple[str, ...]) -> None:
    """UsageError for a method that cannot be called as the test calls it."""
    expected = ", ".join(("self", *arguments))
    if inspect.iscoroutinefunction(raw) or inspect.isasyncgenfunction(raw):
        raise UsageError(f"{place}: found async def, expected def {method}({expected})")
    try:
        inspect.signature(raw).bind(*("self", *arguments))
    except TypeError:
        signature = clip(str(inspect.signature(raw)))
        raise UsageError(f"{place}: found {signature}, expected ({expected})") from None


def _refuse_other_kind(place: str, raw: Method, method: str) -> None:
    """UsageError where a generator stands for one value, or one Step is promised for several."""
    if method not in STEPS and inspect.isgeneratorfunction(raw):
        raise UsageError(f"{place}: found a generator, expected return in place of yield")
    try:
        promised = get_type_hints(raw).get("return")
    except Exception:  # noqa: BLE001  (the border: annotations of a user's own may name anything)
        return
    if method in STEPS and (get_origin(promised) or promised) is Step:
        raise UsageError(f"{place}: found -> Step, {EXPECTED_STEPS}")


def guard(kind: type) -> None:
    """Have the methods of ``kind`` give failed steps for what is none; harmless when repeated."""
    faults = _Faults(kind)
    for method in (*ONE_STEP, *_GUARDS):
        raw = inspect.getattr_static(kind, method, None)
        if raw is None or raw is inspect.getattr_static(Target, method):
            continue
        if not hasattr(raw, "mcstress_guarded"):
            guarded = _GUARDS.get(method, _one_step)(raw, method, faults)
            guarded.mcstress_guarded = faults  # type: ignore[attr-defined]  # functions take any
            setattr(kind, method, guarded)


def say_unclosed(kind: type) -> None:
    """Say how many times ``close`` of ``kind`` failed, where that was more than the one told of.

    The count begins anew: a process may have several runs.
    """
    raw = inspect.getattr_static(kind, "close", None)
    if (faults := getattr(raw, "mcstress_guarded", None)) is not None:
        if faults.unclosed > 1:
            told = faults.text("close", f"failed {faults.unclosed:,} times", EXPECTED_CLOSED)
            logger.warning("%s", told)
        faults.unclosed = 0


class _Faults:
    """What a class gave that it must not, as failed steps; ``unclosed``: how often close failed."""

    def __init__(self, kind: type) -> None:
        self.unclosed = 0
        self._class = kind.__name__
        self._title = getattr(kind, "title", "") or kind.__name__

    def text(self, method: str, what: str, expected: str) -> str:
        """The fault as a step's error."""
        return f"{CLASS_FAULT}{self._class}.{method} {what}, {expected}"

    def refusal(self, method: str, what: str, expected: str) -> ServiceRefusalError:
        """The fault as an exception, where there is no step."""
        told = self.text(method, what, expected).removeprefix(CLASS_FAULT)
        return ServiceRefusalError(f"--target: {told}")

    def step(self, method: str, begin_s: float, what: str, expected: str) -> Step[Any]:
        """A failed step that began at ``begin_s``, by ``perf_counter``."""
        return Step(
            name=(ONE_STEP | STEPS)[method],
            start_s=CLOCK.anchor_s + begin_s,
            latency_ms=(perf_counter() - begin_s) * 1000,
            span_id=new_span_id(),
            url=self._title,
            request=b"",
            error=self.text(method, what, expected),
        )


def _one_step(raw: Any, method: str, faults: _Faults) -> Method:
    call, due = _bound(raw), ANSWERS.get(method)

    @wraps(call)
    def guarded(self: Any, *given: Any, **named: Any) -> Step[Any]:
        begin_s = perf_counter()
        step: Any
        try:
            step = call(self, *given, **named)
        except Exception as fault:  # noqa: BLE001  (the border: what a class of a user's own does is data here, and counted)
            return faults.step(method, begin_s, raised(fault), EXPECTED_FAILURE)
        if other := _other_than_step(step):
            return faults.step(method, begin_s, f"gave {other}", EXPECTED_STEP)
        given_step: Step[Any] = step
        if given_step.error is None and (wrong := _answer_fault(method, given_step, due)):
            given_step.error, given_step.answer = faults.text(method, *wrong), None
        return given_step

    return guarded


def _steps(raw: Any, method: str, faults: _Faults) -> Method:
    call = _bound(raw)

    @wraps(call)
    def guarded(self: Any, *given: Any, **named: Any) -> Iterator[Step[Any]]:
        begin_s, number = perf_counter(), 0
        try:
            steps = call(self, *given, **named)
            if not isinstance(steps, Iterable) or isinstance(steps, str | bytes | dict):
                yield faults.step(method, begin_s, f"gave {a_kind(steps)}", EXPECTED_STEPS)
                return
            for step in steps:
                if other := _other_than_step(step):
                    yield faults.step(method, begin_s, f"yielded {other}", EXPECTED_STEP)
                    return
                yield step
                begin_s, number = perf_counter(), number + 1
        except Exception as fault:  # noqa: BLE001  (the border: what a class of a user's own does is data here, and counted)
            yield faults.step(method, begin_s, raised(fault), EXPECTED_FAILURE)
            return
        if not number:
            yield faults.step(method, begin_s, "gave no step", EXPECTED_STEPS)

    return guarded


def _connect(raw: Any, method: str, faults: _Faults) -> Method:
    call = _bound(raw)

    @wraps(call)
    def guarded(self: Any) -> Any:
        try:
            made = call(self)
        except Exception as fault:
            # The border: what it raises is the reason why a coordinator has no connection.
            raise faults.refusal(method, raised(fault), EXPECTED_TARGET) from fault
        if not callable(getattr(made, "search", None)):
            raise faults.refusal(method, f"gave {a_kind(made)}", EXPECTED_TARGET)
        return made

    return guarded


def _close(raw: Any, method: str, faults: _Faults) -> Method:
    call = _bound(raw)

    @wraps(call)
    def guarded(self: Any) -> None:
        try:
            call(self)
        except Exception as fault:  # noqa: BLE001  (the border: a class of a user's own; all is measured)
            faults.unclosed += 1
            if faults.unclosed == 1:  # one line, however many coordinators there are
                told = faults.text(method, raised(fault), EXPECTED_CLOSED)
                logger.warning("%s; more of the kind are only counted", told)

    return guarded


_GUARDS: dict[str, Callable[[Any, str, _Faults], Method]] = {
    **dict.fromkeys(STEPS, _steps), "connect": _connect, "close": _close,
}  # fmt: skip


def _bound(raw: Any) -> Method:
    """What is called with the target first, as a function; whatever stands in the class."""
    if inspect.isfunction(raw):
        return raw

    def call(self: Any, *given: Any, **named: Any) -> Any:
        bound = raw.__get__(self, type(self)) if hasattr(raw, "__get__") else raw
        return bound(*given, **named)

    return call


def _other_than_step(value: Any) -> str | None:
    """What a value is that is no Step, or one whose times cannot be added up; None for a Step."""
    if not isinstance(value, Step):
        return a_kind(value)
    for name, time in (("latency_ms", value.latency_ms), ("start_s", value.start_s)):
        if not (isinstance(time, int | float) and isfinite(time) and time >= 0):
            return f"a Step whose {name} is {clip(repr(time))}"
    return None


def _answer_fault(method: str, step: Step[Any], due: type | None) -> tuple[str, str] | None:
    """What is wrong with a step that did not fail, and what was expected; None: nothing."""
    if method != "sizes" and step.name != ONE_STEP[method]:
        return f'gave a step called "{clip(str(step.name))}"', f'expected "{ONE_STEP[method]}"'
    if due is None:
        return None
    if not isinstance(step.answer, due):
        expected = f"expected {due.__name__}"
        return f"gave a Step whose answer is {a_kind(step.answer)}", expected
    if due is Sizes:
        try:
            msgspec.convert(msgspec.to_builtins(step.answer), Sizes)
        except msgspec.ValidationError as error:
            return f"gave Sizes with {type_fault(error, 'answer')}", EXPECTED_SIZES
        except TypeError as error:
            return f"gave Sizes with {clip(str(error))}", EXPECTED_SIZES
    return None


def raised(fault: Exception) -> str:
    """What a method raised, with the place where it did."""
    innermost, trace = None, fault.__traceback__
    while trace is not None:
        innermost, trace = trace, trace.tb_next
    text = clip(str(fault), ERROR_TEXT_CHARACTERS)
    where = ""
    if innermost is not None:
        file = innermost.tb_frame.f_code.co_filename.replace("\\", "/").rpartition("/")[2]
        where = f" ({file}, line {innermost.tb_lineno})"
    return f"raised {type(fault).__name__}: {text}{where}"


def a_kind(value: Any) -> str:
    """What a value is, in a word or two; a coroutine is closed, so that nothing waits for it."""
    if value is None:
        return "None"
    if inspect.iscoroutine(value):
        value.close()
    name = type(value).__name__
    return f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}"
