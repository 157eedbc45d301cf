"""Which room may import which: data flows one way, and Locust and gevent stay where they belong."""

from __future__ import annotations

import ast
import re
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
        "mcstress.services",
        "mcstress.errors",
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
    "mcstress.services.http.connection",
    "mcstress.services.http.dns",
    "mcstress.services.http.stream",
    "mcstress.services.http.tcp_info",
    "mcstress.tracing.delivery",
    "mcstress.tracing.lane",
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


def test_only_what_waits_knows_gevent_or_locust():
    for module, path in modules():
        if not any(is_within(module, f"mcstress.{room}") for room in MAY_IMPORT if room != "users"):
            continue
        waits = {name.split(".")[0] for name in imported(path)} & {"gevent", "locust"}
        assert not waits or module in WITH_GEVENT, f"{module} imports {waits}"


def test_outside_of_services_and_users_nobody_sees_a_body_of_the_wire():
    wire = ("mcstress.services.gateway.schema", "mcstress.services.llm.schema")
    for module, path in modules():
        if is_within(module, "mcstress.services") or is_within(module, "mcstress.users"):
            continue
        for name in imported(path):
            known = module in KNOWS_THE_WIRE
            assert known or not any(is_within(name, one) for one in wire), f"{module}: {name}"


KNOWS_THE_WIRE = {"mcstress.commands.probe", "mcstress.worker.worker_run"}
"""The probe sends one search. Both are to ask the target's protocol, once there is one."""


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
