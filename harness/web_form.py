"""Locust's start form with our options: checked before the swarm, refused with a message."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Mapping
from typing import Any

from flask import Response, jsonify, request
from gevent.lock import BoundedSemaphore
from locust.runners import MasterRunner
from locust.web import WebUI

from harness.drain import wait_until
from harness.lifecycle import Lifecycle
from harness.settings import Settings, read_settings
from services.errors import MisuseError

SWARM = "locust.swarm"
A_TRIO = 3
ENDING_DEADLINE_S = 60.0
"""How long a start waits for the report of the run before."""


class StartForm:
    """Stands before Locust's own ``/swarm``, which checks neither choices nor types."""

    def __init__(self, web_ui: WebUI, lifecycle: Lifecycle) -> None:
        self._web_ui = web_ui
        self._lifecycle = lifecycle
        self._one_at_a_time = BoundedSemaphore()

    def guard(self) -> None:
        """Check what is sent, and fill in what is shown."""
        assert self._web_ui.app is not None
        views: dict[str, Any] = self._web_ui.app.view_functions
        views[SWARM] = self._web_ui.auth_required_if_enabled(self._checked(views[SWARM]))
        self._fill_in()

    def _fill_in(self) -> None:
        """Show the options in force, a trio of users, and no warning of an empty host.

        Locust shows what the command line says, also when a run was started with something else.
        """
        locusts_own: Callable[[], None] = self._web_ui.update_template_args

        def update() -> None:
            locusts_own()
            shown = self._web_ui.template_args
            options = vars(self._lifecycle.environment.parsed_options)
            for name, field in shown["extra_options"].items():
                field["default_value"] = in_a_box(options[name])
            shown["num_users"] = shown["num_users"] or A_TRIO
            shown["missing_host_warning"] = False

        self._web_ui.update_template_args = update  # type: ignore[method-assign]  # no hook for it

    def _checked(self, start: Callable[[], Response]) -> Callable[[], Response]:
        def swarm() -> Response:
            with self._one_at_a_time:
                if fault := self._fault(request.form):
                    host = self._lifecycle.environment.host
                    return jsonify({"success": False, "message": fault, "host": host})
                response = start()
                if self._lifecycle.stage != "running" and not response.get_json()["success"]:
                    self._lifecycle.leave()
                return response

        return swarm

    def _fault(self, form: Mapping[str, str]) -> str:
        """Why the form is refused, in one line; empty where it is not. Readies the ground."""
        lifecycle = self._lifecycle
        try:
            host = form.get("host", lifecycle.environment.host)
            settings = read_settings(self._options(form), host)
            lifecycle.check_users(form.get("user_count"))
            self._wait_for_the_end()
            if lifecycle.stage == "running":
                self._refuse_changes(settings)
            else:
                self._refuse_without_workers()
                lifecycle.prepare(settings)
        except MisuseError as fault:
            return in_one_line(str(fault))
        return ""

    def _options(self, form: Mapping[str, str]) -> Namespace:
        """The options in force with the form's in their place, as Locust will read them."""
        known = vars(self._lifecycle.environment.parsed_options)
        told = {name: value for name, value in form.items() if name in known}
        flags = {n: value == "true" for n, value in told.items() if isinstance(known[n], bool)}
        return Namespace(**known | told | flags)

    def _wait_for_the_end(self) -> None:
        if not wait_until(lambda: self._lifecycle.stage != "ending", ENDING_DEADLINE_S):
            raise MisuseError("the run before is still writing its report; try again in a moment")

    def _refuse_without_workers(self) -> None:
        """Locust would only log it."""
        runner = self._lifecycle.runner
        if isinstance(runner, MasterRunner) and not runner.worker_count:
            pause_s = self._lifecycle.environment.stop_timeout
            raise MisuseError(
                "no worker is ready; start one, or wait: those of the last run come back "
                f"{pause_s:g} s after it"
            )

    def _refuse_changes(self, settings: Settings) -> None:
        """While a run is on, users, ramp and run time can change, and nothing else."""
        conductor = self._lifecycle.conductor
        run = conductor.current if conductor else None
        if run is None or settings == run.settings:
            return
        changed = [
            name.replace("_", " ")
            for name in Settings.__struct_fields__
            if getattr(settings, name) != getattr(run.settings, name)
        ]
        raise MisuseError(
            f"run {run.run.label} is on: its {', '.join(changed)} cannot change; stop it first"
        )


def in_a_box(value: Any) -> Any:
    """An option's value as the form shows it, and as it can be read back."""
    return "; ".join(map(str, value)) if isinstance(value, list) else value


def in_one_line(text: str) -> str:
    """A message without its carets: a form shows neither lines nor columns."""
    lines = (line.strip() for line in text.splitlines())
    return " · ".join(line for line in lines if line.strip("^"))
