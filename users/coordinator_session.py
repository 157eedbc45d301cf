"""How a Locust user becomes a coordinator: a seat, and connections of its own."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import gevent
from locust import User
from locust.env import Environment
from locust.event import EventHook

from mcstress.errors import UsageError
from mcstress.locust_compat import listeners_of, statistics_listener
from mcstress.metrics.event import OWN_FAULT, Event
from mcstress.services.http.bearer_token import (
    GATEWAY_TOKEN,
    LLM_TOKEN,
    origin_of,
    token_of,
    withheld,
)
from mcstress.services.step import Step
from mcstress.services.target import CLASS_FAULT
from mcstress.users.coordinator import Coordinator, Fire, WorkerContext
from mcstress.users.run import Run, Seat

if TYPE_CHECKING:
    from mcstress.users.persona import CoordinatorUser


ContextProvider = Callable[[], WorkerContext]
"""Gives the surroundings of the run that is on; blocks until one is."""

GATE_POLL_S = 0.01
MOST_REASONS = 1000
"""Locust's table keeps each different reason; a service that words every failure differently must
not fill the memory."""
OTHER_REASONS = "other reasons, each rare"

_gates: WeakKeyDictionary[Environment, ContextProvider] = WeakKeyDictionary()
_reasons: WeakKeyDictionary[Environment, set[str]] = WeakKeyDictionary()
"""What Locust was told of the failed steps of all users of this run."""
_said: WeakKeyDictionary[Environment, set[str]] = WeakKeyDictionary()
"""What was logged in this run of a target class that gives what no target gives."""

logger = logging.getLogger(__name__)


def provide_context(environment: Environment, gate: ContextProvider) -> None:
    """Let the users of ``environment`` in by ``gate``."""
    _gates[environment] = gate


def coordination_hook(environment: Environment) -> EventHook:
    """Our own event beside Locust's, fired with each Event and its steps."""
    return hook_of(environment.events)


def hook_of(events: Any) -> EventHook:
    """The same, of an environment's events or of ``locust.events``; made where it is not there."""
    if not has_listeners(events):
        events.coordination = EventHook()
    hook: EventHook = events.coordination
    return hook


def has_listeners(events: Any) -> bool:
    """Whether our listeners were registered: they declare our event."""
    return hasattr(events, "coordination")


def firing(hook: EventHook) -> Fire:
    """``hook.fire`` of our event, at a quarter of its cost: that makes a dictionary each time."""
    listeners = listeners_of(hook)

    def fire(*, event: Event, steps: list[Step[Any]]) -> None:
        for listener in listeners.copy():
            try:
                listener(event=event, steps=steps)
            except Exception as fault:  # noqa: BLE001  (what becomes of it, Locust's own hook says)
                _raise_in_hook(fault)

    return fire


def _raise_in_hook(fault: Exception) -> None:
    """Let what a listener raised be logged, or raised, as by any event of Locust's."""

    def listener() -> None:
        raise fault

    hook = EventHook()
    hook.add_listener(listener)
    hook.fire()


def forget_reasons(environment: Environment) -> None:
    """A run begins: what was told and said of the one before says nothing of it."""
    for known in (_reasons, _said):
        known.pop(environment, None)


def say_once(environment: Environment, what: str, text: str) -> None:
    """Log ``text`` as an error, once a run in each process for each ``what``."""
    said = _said.setdefault(environment, set())
    if what not in said:
        said.add(what)
        logger.error("%s", text)


class StepError(Exception):
    """A step that failed, as Locust's statistics show it."""


def enter(user: CoordinatorUser) -> Coordinator:
    """Lease a seat (which waits until the run has begun) and connect nothing yet."""
    leased: list[tuple[WorkerContext, Seat]] = []
    try:
        with user.interruptible():
            context = _gate_of(user.environment)()
            leased.append((context, context.lease(user.persona)))
        return _seated(user, *leased[0])
    except BaseException:  # stopped in the moment of the lease, too
        for context, seat in leased:
            context.give_back(seat)
        raise


def _seated(user: CoordinatorUser, context: WorkerContext, seat: Seat) -> Coordinator:
    return Coordinator(
        seat,
        context,
        context.target.connect(),
        context.llm.connect(),
        fire=firing(coordination_hook(user.environment)),
        report=Reporter(user.environment, user),
        interruptible=user.interruptible,
    )


def _gate_of(environment: Environment) -> ContextProvider:
    """The gate; in a worker that joins a test, users may be there before it is."""
    while (gate := _gates.get(environment)) is None:
        gevent.sleep(GATE_POLL_S)
    return gate


def withheld_of(run: Run) -> list[str]:
    """What tokens the master sends and this process does not, since its environment says so.

    Raises UsageError where this process's own environment holds a token or a host that is none.
    """
    token = run.llm_setup.token
    if token != LLM_TOKEN and not token_of(token):
        raise UsageError(f"llm.token: found no environment variable {token}, expected it to be set")
    hosts, urls = run.target_setup.token_hosts, (run.target_setup.url, run.llm_setup.url)
    return [
        said
        for token, url in zip((GATEWAY_TOKEN, run.llm_setup.token), urls, strict=True)
        if url and (said := withheld(token, url, hosts)) and origin_of(url) in hosts.of(token)
    ]


class Reporter:
    """Tells Locust's own statistics of each step of a user, under the step's name."""

    __slots__ = ("_listeners", "_reasons", "_request", "_statistics", "_stats", "_user")

    def __init__(self, environment: Environment, user: User) -> None:
        self._request: Any = environment.events.request
        self._listeners = listeners_of(environment.events.request)
        self._statistics = statistics_listener(environment)
        self._stats: Any = environment.stats  # whose types say int where it takes a float
        self._reasons = _reasons.setdefault(environment, set())
        self._user = user

    def __call__(self, step: Step[Any]) -> None:
        """Fire Locust's request event; a step that never went out is no request to anybody."""
        error = step.error
        if error is not None and error.startswith(OWN_FAULT):
            return
        fault = StepError(self._shown(error)) if error else None
        method, length, listeners = "POST", len(step.response), self._listeners
        if len(listeners) == 1 and listeners[0] is self._statistics:
            # Nobody else wants to know more: what that listener does, at a third of the cost.
            self._stats.log_request(method, step.name, step.latency_ms, length)
            if fault is not None:
                self._stats.log_error(method, step.name, fault)
            return
        self._request.fire(
            request_type=method,
            name=step.name,
            response_time=step.latency_ms,
            response_length=length,
            response=step,
            context=self._user.context(),
            exception=fault,
            start_time=step.start_s,
            url=step.url,
        )

    def _shown(self, reason: str) -> str:
        """The reason, or that there are too many to show each."""
        reasons = self._reasons
        if reason not in reasons:
            if len(reasons) >= MOST_REASONS:
                return OTHER_REASONS
            reasons.add(reason)
            if reason.startswith(CLASS_FAULT):
                # What was raised may be worded differently each time: each type of it is said once.
                told = reason.removeprefix(CLASS_FAULT)
                say_once(self._user.environment, told.partition(":")[0], f"--target: {told}")
        return reason
