"""Locust's start form with our options: checked before the swarm, refused with a message.

What a request sets holds for the run that it starts, and for no other.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec
from flask import Response, jsonify, make_response, request
from gevent.lock import BoundedSemaphore
from locust.argument_parser import ui_extra_args_dict
from locust.runners import MasterRunner
from locust.web import WebUI
from werkzeug.datastructures import MultiDict

from mcstress.errors import UsageError
from mcstress.lifecycle import Lifecycle
from mcstress.locust_compat import after_template_update, replace_view
from mcstress.master.drain import wait_until
from mcstress.process.file_limit import number_of
from mcstress.services.failure_reason import clip
from mcstress.settings import Settings, options_that_differ, read_settings
from mcstress.users.persona_check import host_of

SWARM = "locust.swarm"
UPDATE_USER = "locust.update_user"
LOCUSTS_FIELDS = (
    "user_count",
    "spawn_rate",
    "host",
    "run_time",
    "profile",
    "user_classes",
    "shape_class",
)
"""What Locust's form sends beside the options that it shows under "Custom parameters"."""
CLASS_FIELDS = ("user_class_name", "host", "weight", "fixed_count", "tasks")
"""What its class picker sends of a user class; Locust would set any attribute by name."""
UNDER_WAY = "another start or change is being done; wait for it"
ENDING_DEADLINE_S = 60.0
"""How long a start waits for the report of the run before."""


class StartForm:
    """Stands before Locust's own ``/swarm``, which checks neither choices nor types."""

    def __init__(self, web_ui: WebUI, lifecycle: Lifecycle) -> None:
        self._web_ui = web_ui
        self._lifecycle = lifecycle
        self._one_at_a_time = BoundedSemaphore()
        environment = lifecycle.environment
        self._given = dict(vars(environment.parsed_options))
        self._given_host, self._given_profile = environment.host, environment.profile
        pickable: Mapping[str, Any] = environment.available_user_classes or {}
        classes: set[type[Any]] = {*environment.user_classes, *pickable.values()}
        self._given_hosts = {each: each.host for each in classes}

    def guard(self) -> None:
        """Check what is sent, and fill in what is shown."""
        replace_view(self._web_ui, SWARM, self._checked)
        replace_view(self._web_ui, UPDATE_USER, self._checked_class)
        after_template_update(self._web_ui, self._fill_in)

    @property
    def _in_force(self) -> dict[str, Any]:
        """The options of the run that is on, or else those that Locust was started with."""
        if self._lifecycle.stage in ("running", "ending"):
            return vars(self._lifecycle.environment.parsed_options)
        return self._given

    def _fill_in(self, shown: dict[str, Any]) -> None:
        """Show the options in force, a group of users, and no warning of an empty host.

        Of a run that is on, Locust shows options of the command line all the same.
        """
        options, environment = self._in_force, self._lifecycle.environment
        for name, field in shown["extra_options"].items():
            field["default_value"] = in_a_box(options[name])
        shown |= {name: options[name] for name in ("spawn_rate", "run_time")}
        shown["num_users"] = options["num_users"] or self._a_group
        if options is self._given:
            shown["host"] = self._host(self._given_host, environment.user_classes) or ""
        shown["missing_host_warning"] = False

    @property
    def _a_group(self) -> int:
        """One user of each persona that is played."""
        kinds = self._lifecycle.environment.user_classes
        return sum(hasattr(kind, "persona") for kind in kinds) or 1

    def _checked(self, start: Callable[[], Response]) -> Callable[[], Response]:
        def swarm() -> Response:
            if not self._one_at_a_time.acquire(blocking=False):
                return self._refusal(UNDER_WAY)
            try:
                return self._started(start)
            finally:
                self._one_at_a_time.release()

        return swarm

    def _started(self, start: Callable[[], Response]) -> Response:
        if fault := self._fault(request.form):
            return self._refusal(fault)
        if self._lifecycle.stage != "running":
            self._forget()
        response = start()
        if self._lifecycle.stage != "running" and not response.get_json()["success"]:
            self._lifecycle.leave()
        return response

    def _refusal(self, reason: str) -> Response:
        host = self._lifecycle.environment.host
        return jsonify({"success": False, "message": reason, "host": host})

    def _fault(self, form: MultiDict[str, str]) -> str:
        """Why the form is refused, in one line; empty where it is not. Readies the ground."""
        lifecycle = self._lifecycle
        try:
            refuse_unshown(form, self._given)
            self._wait_for_the_end()
            host = lifecycle.environment.host
            if lifecycle.stage != "running":
                host = self._given_host
            # Locust takes these two out of a host.
            asked = form.get("host", host or "").replace("<", "").replace(">", "")
            host = self._host(asked, self._classes(form))
            settings = read_settings(self._options(form), host, lifecycle.token_hosts)
            lifecycle.check_users(form.get("user_count"), settings.gateway_url)
            if lifecycle.stage == "running":
                self._refuse_other_classes(self._classes(form))
                self._refuse_changes(settings)
            else:
                self._refuse_without_workers()
                lifecycle.prepare(settings, number_of(form.get("user_count")))
        except UsageError as fault:
            return in_one_line(str(fault))
        return ""

    def _host(self, asked: str | None, classes: Iterable[type[Any]]) -> str | None:
        """The host that the run will have, which asks the classes again where none is named."""
        return host_of(asked, classes, self._given_hosts)

    def _classes(self, form: MultiDict[str, str]) -> list[type[Any]]:
        """The user classes of the form's run, as Locust will choose them."""
        environment = self._lifecycle.environment
        if not self._web_ui.userclass_picker_is_active:
            return list(environment.user_classes)
        pickable: Mapping[str, Any] = environment.available_user_classes or {}
        names = form.getlist("user_classes")
        if not names and self._lifecycle.stage == "running":
            return list(environment.user_classes)
        return [kind for name, kind in pickable.items() if not names or name in names]

    def _options(self, form: Mapping[str, str]) -> Namespace:
        """The options in force with the form's in their place, as Locust will read them."""
        known = self._in_force
        told = {name: value for name, value in form.items() if name in known}
        flags = {n: value == "true" for n, value in told.items() if isinstance(known[n], bool)}
        return Namespace(**known | told | flags)

    def _forget(self) -> None:
        """Take back what the form of an earlier run said; Locust would keep it for the next."""
        environment = self._lifecycle.environment
        vars(environment.parsed_options).update(self._given)
        environment.host, environment.profile = self._given_host, self._given_profile
        for user_class, host in self._given_hosts.items():
            user_class.host = host  # Locust puts the form's there when a run starts

    def _checked_class(self, update: Callable[[], Any]) -> Callable[[], Any]:
        def update_user() -> Any:
            try:
                told = msgspec.json.decode(request.data, type=dict[str, Any])
            except msgspec.DecodeError as fault:
                return make_response(f"{fault}; expected a JSON object", 400)
            if not self._web_ui.userclass_picker_is_active:
                return make_response(
                    "user classes are the locustfile's without --class-picker", 403
                )
            if unknown := sorted(told.keys() - set(CLASS_FIELDS)):
                return make_response(f"no field of the form: {', '.join(map(clip, unknown))}", 403)
            return update()

        return update_user

    def _wait_for_the_end(self) -> None:
        if not wait_until(lambda: self._lifecycle.stage != "ending", ENDING_DEADLINE_S):
            raise UsageError("the previous run is still writing its report; try again in a moment")

    def _refuse_without_workers(self) -> None:
        """Locust would only log it."""
        runner = self._lifecycle.runner
        if isinstance(runner, MasterRunner) and not runner.worker_count:
            pause_s = self._lifecycle.environment.stop_timeout
            raise UsageError(
                "no worker is ready; start one, or wait: those of the last run come back "
                f"{pause_s:g} s after it"
            )

    def _refuse_other_classes(self, classes: list[type[Any]]) -> None:
        """Locust would have the run that is on go on with users that it knows nothing of."""
        if {*classes} != {*self._lifecycle.environment.user_classes}:
            raise UsageError("user classes cannot be changed during a run. Stop it first.")

    def _refuse_changes(self, settings: Settings) -> None:
        """While a run is on, users, ramp, run time and offered rate can change, nothing else."""
        controller = self._lifecycle.controller
        run = controller.current if controller else None
        if run is None:
            return
        asked, was = settings.arrivals, run.settings.arrivals
        if asked is not None and was is not None and not was.find_capacity:
            unchanged = msgspec.structs.replace(asked, rate=was.rate)
            settings = msgspec.structs.replace(settings, arrivals=unchanged)
        if settings == run.settings:
            if asked is not None and run.offering is not None:
                run.offering.change_to(asked.rate)
            return
        changed = ", ".join(options_that_differ(settings, run.settings))
        raise UsageError(f"{changed} cannot be changed during a run. Stop it first.")


def refuse_unshown(form: Mapping[str, str], options: Mapping[str, Any]) -> None:
    """Raise UsageError where ``form`` has options that no form shows: Locust would take them."""
    shown = {*LOCUSTS_FIELDS, *ui_extra_args_dict()}
    if unshown := sorted(name for name in form if name in options and name not in shown):
        flags = ", ".join(f"--{name.replace('_', '-')}" for name in unshown)
        raise UsageError(f"{flags}: not in the form; expected on the command line of locust only")
    for name, value in form.items():
        if "\0" in value:
            raise UsageError(f"{clip(name)}: found a NUL byte in {clip(value)!r}; expected text")


def in_a_box(value: Any) -> Any:
    """An option's value as the form shows it, and as it can be read back."""
    return "; ".join(map(str, value)) if isinstance(value, list) else value


def in_one_line(text: str) -> str:
    """A message without its carets: a form shows neither lines nor columns."""
    lines = (line.strip() for line in text.splitlines())
    return " · ".join(line for line in lines if line.strip("^"))
