"""A locustfile whose users wrote a login, as Locust's documentation shows it."""

from flask import redirect
from flask_login import UserMixin, login_user
from locust import events

from locustfile import AliceUser, BobUser, CarolUser

__all__ = ["AliceUser", "BobUser", "CarolUser"]


class Tester(UserMixin):
    """Whoever asks at /enter."""

    id = "tester"


@events.init.add_listener
def add_login(environment, **_):
    app = environment.web_ui.app
    app.secret_key = "of a test"
    environment.web_ui.login_manager.user_loader(lambda _: Tester())

    @app.route("/enter")
    def enter():
        login_user(Tester())
        return redirect("/")

    @app.route("/rules")
    def rules():
        return {rule.rule: sorted(rule.methods) for rule in app.url_map.iter_rules()}
