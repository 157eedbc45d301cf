"""Which room may import which: data flows one way, and Locust and gevent stay where they belong."""

from __future__ import annotations

import ast
import re
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
PACKAGE = CHECKOUT / "mcstress"
PURE = "mcstress.metrics"

MAY_IMPORT = {
    "metrics": (),
    "services": ("mcstress.metrics.event", "mcstress.errors"),
    "users": (
        "mcstress.metrics.event",
        "mcstress.metrics.phase",
        "mcstress.metrics.wording",
        "mcstress.services",
        "mcstress.errors",
        "mcstress.exit_codes",
        "mcstress.load.pacer",
        "mcstress.locust_compat",
    ),
    "evidence": (PURE, "mcstress.errors"),
    "tracing": (
        "mcstress.metrics.event",
        "mcstress.metrics.phase",
        "mcstress.services",
        "mcstress.errors",
    ),
}
"""What a room may import of others of ours. The rooms of processes (master, worker, …) are free."""

WITH_GEVENT = {
    "mcstress.services.concurrent_calls",
    "mcstress.services.http.connection",
    "mcstress.services.http.dns",
    "mcstress.services.http.stream",
    "mcstress.services.http.tcp_info",
    "mcstress.tracing.delivery",
    "mcstress.tracing.retrying_lane",
    "mcstress.tracing.queue",
    "mcstress.tracing.score_queue",
    "mcstress.tracing.tracer",
}
"""In the rooms above but users, the transport and the delivery alone wait for anything."""


def modules():
    """Every module of ours by its import name; links to other rooms are theirs."""
    for path in sorted(CHECKOUT.glob("*/**/*.py")):
        parts = path.relative_to(CHECKOUT).with_suffix("").parts
        if parts[0] in ("users", "metrics"):
            parts = ("mcstress", *parts)
        elif parts[0] != "mcstress" or (parts[1] in ("users", "metrics")):
            continue
        yield ".".join(parts).removesuffix(".__init__"), path


def imported(path):
    """The names of all modules that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: an import that is relative"
            yield node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def is_within(name, package):
    return name == package or name.startswith(f"{package}.")


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_a_room_imports_only_what_comes_before_it(room):
    own, seen = f"mcstress.{room}", 0
    for module, path in modules():
        if not is_within(module, own):
            continue
        seen += 1
        for name in imported(path):
            if is_within(name, "mcstress"):
                allowed = (own, *MAY_IMPORT[room])
                assert any(is_within(name, one) for one in allowed), f"{module} imports {name}"
    assert seen > 5


def loaded(path):
    """The modules that a file imports when it runs, each name of a package's too."""
    tree = ast.parse(path.read_text())
    for_types = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in for_types:
            continue
        if isinstance(node, ast.ImportFrom):
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def room_of(module):
    """A folder of the package, or a file beside them; the seam of pacers is a room of its own."""
    return module if module == "mcstress.load.pacer" else ".".join(module.split(".")[:2])


def test_rooms_depend_one_way():
    known = {module: path for module, path in modules() if module != "mcstress"}
    needs = {room_of(module): set() for module in known}
    for module, path in known.items():
        needs[room_of(module)] |= {room_of(name) for name in loaded(path) if name in known}
    for room, others in needs.items():
        others.discard(room)
    order = [*TopologicalSorter(needs).static_order()]
    assert order.index("mcstress.metrics") < order.index("mcstress.users")
    assert order.index("mcstress.master") < order.index("mcstress.lifecycle")


def test_only_what_waits_knows_gevent_or_locust():
    for module, path in modules():
        if not any(is_within(module, f"mcstress.{room}") for room in MAY_IMPORT if room != "users"):
            continue
        waits = {name.split(".")[0] for name in imported(path)} & {"gevent", "locust"}
        assert not waits or module in WITH_GEVENT, f"{module} imports {waits}"


WIRES = (
    "mcstress.services.gateway.schema",
    "mcstress.services.gateway.client",
    "mcstress.services.toml.operation",
    "mcstress.services.llm.ollama_schema",
    "mcstress.services.llm.openai",
    "mcstress.services.lenient_decoding",
)
"""Request structs, and what makes answers of raw bodies."""

SHOWS_BODIES = {
    "mcstress.users.coordinator_session": "Locust's statistics have the length of an answer",
    "mcstress.tracing.traced_step": "a trace shows both bodies",
    "mcstress.tracing.observation_of_step": "likewise; what they cost is asked of services/",
    "mcstress.tracing.entries": "their length is what a queue may hold",
    "mcstress.tracing.queue": "likewise",
    "mcstress.tracing.spool.step": "a trace that waits for its server keeps them",
    "mcstress.worker.recorder": "--evidence full keeps them",
}
"""Who may hold a step's bodies, as they are; nobody of them takes one apart."""


def outside_of_services():
    return [one for one in modules() if not is_within(one[0], "mcstress.services")]


def test_nobody_outside_services_sees_a_request_struct():
    for module, path in outside_of_services():
        names = [*imported(path), *imported_members(path)]
        seen = [name for name in names if any(is_within(name, one) for one in WIRES)]
        assert not seen, f"{module}: {seen}"


def imported_members(path):
    """``package.name`` for each name that is imported from a package."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_nobody_outside_services_sees_a_raw_body():
    seen = set()
    for module, path in outside_of_services():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and node.attr == "response":
                seen.add(module)
    assert seen <= set(SHOWS_BODIES), seen - set(SHOWS_BODIES)


def test_users_know_the_target_and_the_language_model_by_their_protocols_alone():
    """Which class of them a run has is the business of the worker that makes it."""
    allowed = (
        "mcstress.services.target",
        "mcstress.services.llm.language_model",
        "mcstress.services.llm.clients",
        "mcstress.services.llm.prompts",
        "mcstress.services.step",
        "mcstress.services.steady_clock",
        "mcstress.services.trace_context",
        "mcstress.services.http.bearer_token",
        "mcstress.services.regular_file",
    )
    for module, path in outside_of_services():
        if not is_within(module, "mcstress.users"):
            continue
        for name in imported(path):
            if is_within(name, "mcstress.services"):
                assert name in allowed, f"{module} imports {name}"


LOCUSTS_PRIVATE = re.compile(
    r"\b(?:environment\.exclude_tags|locust_tag_set|killone|user_classes_by_name|target_user_classes_count"
    r"|(?:worker_)?cpu_warning_emitted|update_state|shape_greenlet|handle_message|worker_indexes"
    r"|custom_messages|last_heartbeat_timestamp|view_functions|update_template_args"
    r"|handle_system_error|zmqrpc|default_args_dict|LOCUST_STATE_\w+)\b"
    r"|runner\.(?:greenlet|clients?|server|worker_state)\b|(?:user|self)\._state\b"
    r"|\.parse_args = |\.quit = "
)
"""Names that no page of Locust's documentation has, and places where ours stands in for its own."""


def test_one_file_alone_touches_locusts_private_parts():
    touches = {
        module: found
        for module, path in modules()
        if module.split(".")[1:2] not in (["services"], ["tracing"], ["evidence"], ["metrics"])
        if (found := LOCUSTS_PRIVATE.findall(_code(path)))
    }
    assert set(touches) == {"mcstress.locust_compat"}, touches
    names = "|".join(touches["mcstress.locust_compat"])
    for name in (
        "exclude_tags",
        "killone",
        "_state",
        "view_functions",
        "runner.clients",
        ".quit = ",
    ):
        assert name in names, f"{name}: found by the pattern, or it cannot fail"


def _code(path):
    """A file without its docstrings and comments, which may name what they explain."""
    return ast.unparse(_Bare().visit(ast.parse(path.read_text())))


class _Bare(ast.NodeTransformer):
    def visit_Expr(self, node):
        is_text = isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        return ast.Pass() if is_text else node


def test_the_version_in_which_locust_was_read_is_the_one_that_is_pinned():
    import locust

    text = (PACKAGE / "locust_compat.py").read_text()
    assert f"Read in Locust {locust.__version__}" in text
