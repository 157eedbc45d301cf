"""All that touches Locust's private parts, with the reason. Read in Locust 2.47.0.

A new Locust is looked at in this one place; a test holds that no other file of ours touches them.
"""

from __future__ import annotations

import functools
import time
from argparse import Namespace
from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Any, TypeVar

import gevent
import zmq
from locust import User, argument_parser
from locust import stats as statistics
from locust.argument_parser import LocustArgumentParser
from locust.env import Environment
from locust.event import EventHook
from locust.exception import RPCError, StopUser
from locust.rpc import Message, zmqrpc
from locust.runners import STATE_MISSING, STATE_STOPPING, MasterRunner, Runner, WorkerRunner
from locust.user.task import LOCUST_STATE_RUNNING, LOCUST_STATE_STOPPING, LOCUST_STATE_WAITING

if TYPE_CHECKING:
    from locust.web import WebUI

Function = TypeVar("Function", bound=Callable[..., object])
FlaskView = Callable[[], Any]

UNREADABLE = "mcstress.Unreadable"
"""The type of the message that stands for one that could not be read; its data is the reason."""
LARGEST_MESSAGE_BYTES = 32 << 20
LARGEST_READ_BYTES = 128 << 20
"""Of a message that is larger not even the bytes are taken in: its connection is closed."""
FRAMES = 2
"""Sender and content: what every message of Locust's consists of when it reaches the master."""


def install() -> None:
    """Called once, before any runner is made; twice is once."""
    _build_the_parser_once()
    zmqrpc.Server = GuardedServer  # type: ignore[misc]  # runners.py makes its server by this name


def _build_the_parser_once() -> None:
    """Locust's own options do not change while it runs.

    ``WorkerRunner.handle_message`` asks for them once per option of each spawn message, and each
    time a whole parser is built: 0.1 s of CPU for every second of a ramp, in which no answer is
    read. Nobody changes the dict that it returns.
    """
    if not hasattr(argument_parser.default_args_dict, "cache_clear"):
        argument_parser.default_args_dict = functools.cache(argument_parser.default_args_dict)


def log_requests_at_once(environment: Environment) -> None:
    """Count each request in Locust's two entries, its name's and the total, with one call.

    ``RequestStats.log_request`` makes eleven, and rounds and looks at the clock once for each
    entry. What the entries hold is the same, but that both have the request at the same moment.
    """
    stats = environment.stats

    def log_request(
        method: str, name: str, response_time: float | None, content_length: int
    ) -> None:
        now = time.time()
        second, bucket = int(now), None
        if response_time is not None:
            bucket = statistics.bucket_response_time(response_time)
        entry: Any
        for entry in (stats.total, stats.entries[name, method]):
            before = entry.last_request_timestamp
            if entry.use_response_times_cache and before and second > int(before):
                entry._cache_response_times(second - 1)  # noqa: SLF001  (as in Locust's ``log``)
            entry.last_request_timestamp = now
            entry.num_requests += 1
            entry.num_reqs_per_sec[second] += 1
            entry.total_content_length += content_length
            if response_time is None:
                entry.num_none_requests += 1
                continue
            entry.total_response_time += response_time
            if entry.min_response_time is None or response_time < entry.min_response_time:
                entry.min_response_time = response_time
            if response_time > entry.max_response_time:  # noqa: PLR1730  (``max`` takes three times as long)
                entry.max_response_time = response_time
            entry.response_times[bucket] += 1

    stats.log_request = log_request  # type: ignore[method-assign]  # the runner's listener calls it


def listeners_of(event: EventHook) -> list[Callable[..., object]]:
    """Who listens to an event: the list itself, as it is at any time."""
    listeners: list[Callable[..., object]] = event._handlers  # noqa: SLF001  (an event does not say who listens)
    return listeners


def statistics_listener(environment: Environment) -> Callable[..., object] | None:
    """The runner's own listener, which counts requests; None without a runner."""
    its = f"{Runner.__init__.__qualname__}.<locals>.on_request"
    listeners = listeners_of(environment.events.request)
    return next((one for one in listeners if getattr(one, "__qualname__", "") == its), None)


class GuardedServer(zmqrpc.Server):
    """The master's end of all connections; whatever arrives, receiving goes on.

    An empty frame, or one that is no msgpack, raises in Locust's ``recv_from_client`` what its
    ``client_listener`` does not expect: that loop ends, and with it the run. Here such a message
    is received as one of type ``UNREADABLE``.
    """

    def __init__(self, host: str, port: int) -> None:
        # As in Locust's Server, whose socket is bound before anybody can set an option of it.
        zmqrpc.BaseSocket.__init__(self, zmq.ROUTER, self.ipv4_only(host, port))
        self.socket.setsockopt(zmq.MAXMSGSIZE, LARGEST_READ_BYTES)
        if port == 0:
            self.port = self.socket.bind_to_random_port(f"tcp://{host}")
            return
        try:
            self.socket.bind(f"tcp://{host}:{port}")
        except zmq.ZMQError as fault:
            raise RPCError(f"Socket bind failure: {fault}") from fault
        self.port = port

    def recv_from_client(self) -> tuple[str, Message]:
        """The sender and its message."""
        try:
            frames: list[bytes] = self.socket.recv_multipart()
        except zmq.ZMQError as fault:
            raise RPCError("ZMQ network broken") from fault
        sender = frames[0].decode(errors="backslashreplace")
        return sender, _read(frames, sender)


def _read(frames: list[bytes], sender: str) -> Message:
    if len(frames) != FRAMES:
        return Message(UNREADABLE, "in more or fewer parts than a message has", sender)
    if len(frames[1]) > LARGEST_MESSAGE_BYTES:
        return Message(UNREADABLE, f"larger than {LARGEST_MESSAGE_BYTES >> 20} MiB", sender)
    try:
        message: Message = Message.unserialize(frames[1])
    except Exception:  # noqa: BLE001  (the border to whoever can reach the port; it is counted)
        return Message(UNREADABLE, "that cannot be read", sender)
    return message


def before_spawning(runner: WorkerRunner, look: Callable[[Iterable[str]], None]) -> None:
    """Call ``look`` with the names of all classes before a worker starts users of them (2.47)."""
    start: Callable[..., None] = runner.start_worker

    def start_worker(user_classes_count: dict[str, int], **how: Any) -> None:
        look(user_classes_count)
        start(user_classes_count, **how)

    runner.start_worker = start_worker  # type: ignore[method-assign]  # Locust has no event before it


class AnyTag(frozenset[str]):
    """The tags of a task that has each tag that is asked for.

    Tags choose phases, and phases of a user's own are registered at any time: Locust must not drop
    the one task there is for any of them.
    """

    def __and__(self, asked: AbstractSet[object]) -> frozenset[Any]:
        return frozenset(asked)


def with_any_tag(function: Function) -> Function:
    """Tag a task with every tag there is."""
    function.locust_tag_set = AnyTag()  # type: ignore[attr-defined]  # where Locust keeps them
    return function


def exclude_no_tags(environment: Environment) -> None:
    """``--exclude-tags`` chooses phases; Locust would drop the personas' only task."""
    environment.exclude_tags = []


class Interruptible:
    """A context in which a stop ends its user at once. No generator, which takes twice as long.

    After an exception the user's state stays "waiting": whoever catches it sets the next one.
    """

    __slots__ = ("_user",)

    def __init__(self, user: StoppableUser) -> None:
        self._user = user

    def __enter__(self) -> None:
        self._user.end_if_stopping()
        self._user._state = LOCUST_STATE_WAITING  # noqa: SLF001  (Locust's own, as in StoppableUser)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._user.end_if_stopping()
            self._user._state = LOCUST_STATE_RUNNING  # noqa: SLF001  (as above)


class StoppableUser(User):
    """A user that is stopped between two events, or where it waits, and never within an event."""

    abstract = True

    def stop(self, force: bool = False) -> bool:
        """Stop after the event that is on; at once where the user waits.

        Locust kills whoever waits, who may wake in the same moment: the state says that nothing may
        begin, which would be cut. Where a ramp down and the end of the run meet, Locust asks twice,
        which its own ``stop`` takes for a defect.
        """
        if not force and self._state == LOCUST_STATE_STOPPING:
            return False
        if not force and self._state == LOCUST_STATE_WAITING:
            self._state = LOCUST_STATE_STOPPING
            self.group.killone(self.greenlet)
            return True
        return bool(super().stop(force))

    def end_if_stopping(self) -> None:
        """Where a user may be stopped without a wait: between two events that follow at once."""
        if self._state == LOCUST_STATE_STOPPING:
            raise StopUser

    def interruptible(self) -> Interruptible:
        """While this lasts, a stop ends the user at once, though inside a task."""
        return Interruptible(self)


def others_asked_for(runner: Runner, kind: type[User]) -> int:
    """How many users were asked for that are not of ``kind``; one whose class is gone is of it."""
    known = runner.environment.user_classes_by_name
    return sum(
        count
        for name, count in runner.target_user_classes_count.items()
        if not issubclass(known.get(name, kind), kind)
    )


def most_of(runner: Runner, persona: str) -> int | None:
    """How many users of the persona's classes were asked for.

    None while more or fewer are asked for than before: Locust counts classes when all are there.
    """
    counts = runner.target_user_classes_count
    if sum(counts.values()) != runner.target_user_count:
        return None
    known = runner.environment.user_classes_by_name
    its = {name for name, kind in known.items() if getattr(kind, "persona", None) == persona}
    return sum(count for name, count in counts.items() if name in its)


def is_saturated(runner: Runner) -> bool:
    """Whether Locust has seen this process, or one of its workers, take over 90 % of a core."""
    return runner.cpu_warning_emitted or runner.worker_cpu_warning_emitted


def say_that_it_stops(runner: Runner) -> None:
    """Else Locust gives the users of a worker that leaves now to the others."""
    runner.update_state(STATE_STOPPING)


def is_following_shape(runner: Runner) -> bool:
    """Whether a load shape is on."""
    shape = runner.shape_greenlet
    return shape is not None and not shape.dead


def is_run_time_timer() -> bool:
    """Whether it is Locust's timer of the run time that runs now.

    It counts from before the run, for a master that has waited for its workers or for services.
    """
    work = getattr(gevent.getcurrent(), "_run", None)
    return getattr(work, "__name__", None) in ("stop_and_optionally_quit", "_stop_runners")


def replace_quit(runner: MasterRunner, quit_: Callable[[], None]) -> Callable[[], None]:
    """Put ``quit_`` in place of the runner's, which Locust calls in six places; gives its own."""
    locusts_own: Callable[[], None] = runner.quit
    runner.quit = quit_  # type: ignore[method-assign]  # it has no event that could hold it up
    return locusts_own


def is_in_receive_loop(runner: Runner) -> bool:
    """Whether this greenlet is the one in which messages come in."""
    receiving: Iterable[object] = runner.greenlet
    return gevent.getcurrent() in receiving


def replace_message_handler(
    runner: MasterRunner, handle: Callable[[str, Message], None]
) -> Callable[[str, Message], None]:
    """Put ``handle`` before the master's own, which ``client_listener`` calls; gives that."""
    locusts_own: Callable[[str, Message], None] = runner.handle_message
    runner.handle_message = handle  # type: ignore[method-assign, assignment]  # it has no event before it
    return locusts_own


def client_ids(runner: MasterRunner) -> list[str]:
    """Of all workers that the master knows, those that it misses too."""
    return list(runner.clients)


def is_client(runner: MasterRunner, client_id: str) -> bool:
    """Whether the master knows the worker."""
    return client_id in runner.clients


def is_heard(runner: MasterRunner, client_id: str) -> bool:
    """Whether the master knows the worker and does not miss it."""
    client = runner.clients.get(client_id)
    return client is not None and client.state != STATE_MISSING


def forget_client(runner: MasterRunner, client_id: str) -> None:
    """As if it had never connected: of the last worker's quit Locust would end the test."""
    runner.clients.pop(client_id, None)


def has_an_index(runner: MasterRunner, client_id: str) -> bool:
    """Whether the client ever was a worker of this master."""
    return client_id in runner.worker_indexes


def is_registered(runner: Runner, kind: str) -> bool:
    """Whether somebody listens to messages of the kind."""
    return kind in runner.custom_messages


def last_heartbeat(runner: WorkerRunner) -> float | None:
    """When the master was heard last, on its own clock: only a change says something."""
    return runner.last_heartbeat_timestamp


def has_ended(runner: WorkerRunner) -> bool:
    """Whether the worker was told to quit: its receive loop has ended."""
    return not runner.greenlet


def worker_state(runner: WorkerRunner) -> str:
    """What the worker tells its master that it does."""
    return str(runner.worker_state)


def socket_of(runner: WorkerRunner) -> Any:
    """The socket to the master; Locust takes another where it connects again."""
    return runner.client.socket


def look_at_options(parser: LocustArgumentParser, look: Callable[[Namespace], None]) -> None:
    """Call ``look`` with each command line that is read: no event of Locust's comes after it."""
    locusts_own: Any = parser.parse_args

    def parse_args(*args: Any, **kwargs: Any) -> Namespace:
        options: Namespace = locusts_own(*args, **kwargs)
        look(options)
        return options

    parser.parse_args = parse_args


def replace_view(web_ui: WebUI, endpoint: str, wrap: Callable[[FlaskView], FlaskView]) -> None:
    """Put another view before one of Locust's, behind the same login."""
    assert web_ui.app is not None
    views: dict[str, Any] = web_ui.app.view_functions
    guarded: Any = web_ui.auth_required_if_enabled
    views[endpoint] = guarded(wrap(views[endpoint]))


def after_template_update(web_ui: WebUI, change: Callable[[dict[str, Any]], None]) -> None:
    """Call ``change`` with what the page is made of, each time after Locust has filled it in."""
    locusts_own: Callable[[], None] = web_ui.update_template_args

    def update() -> None:
        locusts_own()
        change(web_ui.template_args)

    web_ui.update_template_args = update  # type: ignore[method-assign]  # there is no hook for it


def raise_in_main(exception: BaseException) -> None:
    """Raise in the main greenlet, where Locust waits for the end (gevent's hub does it)."""
    hub: Any = gevent.get_hub()
    hub.handle_system_error(type(exception), exception)
