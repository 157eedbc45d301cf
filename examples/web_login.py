"""A login for the web UI, as Locust's documentation has it; all our pages are behind it, too.

``LOGIN_PASSWORD=... locust -f examples/web_login.py --web-login``

It is the password of every name; without the variable nobody gets in.
"""

import hmac
import os

from flask import redirect, request, session
from flask_login import UserMixin, login_user
from locust import events
from locust.env import Environment
from werkzeug.wrappers import Response

from mcstress import AliceUser, BobUser, CarolUser, install

__all__ = ["AliceUser", "BobUser", "CarolUser"]


class Tester(UserMixin):  # type: ignore[misc]  # flask_login has no types
    """Who is logged in."""

    id = "tester"


def add_login(environment: Environment, **_: object) -> None:
    """Tell Locust's web UI who may come in. A worker and a headless run have none."""
    web_ui = environment.web_ui
    if web_ui is None or not web_ui.web_login:
        return
    web_ui.app.secret_key = os.urandom(32)
    web_ui.login_manager.user_loader(lambda _: Tester())
    web_ui.auth_args = {"username_password_callback": "login_submit"}
    root = web_ui.app.config.get("APPLICATION_ROOT", "/")

    @web_ui.app.route("/login_submit", methods=["POST"])
    def login_submit() -> Response:
        expected, given = os.environ.get("LOGIN_PASSWORD", ""), request.form.get("password", "")
        if expected and hmac.compare_digest(given.encode(), expected.encode()):
            login_user(Tester())
            return redirect(root)
        session["auth_error"] = "The password is wrong"
        return redirect("/login")


install()
events.init.add_listener(add_login)
