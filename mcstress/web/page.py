"""The routes of the page of live charts; none is public where Locust asks for a login."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import bokeh
import msgspec
from bokeh.resources import Resources
from flask import Blueprint, Response, make_response, send_file
from locust.web import WebUI

from mcstress.evidence.report import html
from mcstress.evidence.report.page_assets import SHARED_NAME, page_environment
from mcstress.evidence.report.writers import forms
from mcstress.master.report_place import FinishedRuns
from mcstress.snapshots import Snapshots
from mcstress.web.charts import empty_charts
from mcstress.web.content import content
from mcstress.web.table import as_csv, rows

TEMPLATES = Path(__file__).with_name("templates")
STYLES = Path(html.__file__).with_name("templates")
"""Where the report's style sheet is: the page looks like it."""

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; connect-src 'self'; "
    "style-src 'unsafe-inline'; img-src 'self' data: blob:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}
A_DAY = "private, max-age=86400"
SCRIPT = "text/javascript; charset=utf-8"


class Page:
    """Everything under ``/coordination/``. The page itself is made once, before any run."""

    def __init__(self, web_ui: WebUI, snapshots: Snapshots, finished: FinishedRuns) -> None:
        self._web_ui = web_ui
        self._snapshots = snapshots
        self._finished = finished
        self._html = _render()
        self._library = Resources(mode="inline", components=["bokeh"]).js_raw
        self._content = (0, b"")
        base = vars(web_ui.environment.parsed_options)["web_base_path"] or ""
        self.path = f"{base.rstrip('/')}/coordination"
        self._register_routes()

    def _register_routes(self) -> None:
        routes = Blueprint("coordination", __name__, url_prefix=self.path)

        def add(rule: str, view: Callable[..., Response]) -> None:
            guarded = self._web_ui.auth_required_if_enabled(view)
            routes.add_url_rule(rule, view.__name__, guarded)

        add("/", self.page)
        add("/bokeh.js", self.library)
        add("/page.js", self.script)
        add("/start.js", self.start)
        add("/figures", self.figures)
        add("/figures.csv", self.table)
        add("/reports/<name>", self.report)
        assert self._web_ui.app is not None
        self._web_ui.app.register_blueprint(routes)

    def page(self) -> Response:
        """The page, without figures."""
        return _answer(self._html, "text/html; charset=utf-8")

    def library(self) -> Response:
        """Bokeh's JavaScript, out of its package; its version is in the page's link to it."""
        response = _answer("\n".join(self._library), SCRIPT)
        response.headers["Cache-Control"] = A_DAY
        return response

    def script(self) -> Response:
        """What asks for the figures and shows them."""
        scripts = STYLES / "charts.js", TEMPLATES / "page.js"
        return _answer("".join(path.read_text() for path in scripts), SCRIPT)

    def start(self) -> Response:
        """What says in Locust's page that a start is being done."""
        return _answer((TEMPLATES / "start.js").read_text(), SCRIPT)

    def figures(self) -> Response:
        """The figures as JSON; NaN is null."""
        snapshot = self._snapshots.newest()
        if self._content[0] != snapshot.number:
            made = msgspec.json.encode(content(snapshot, self._finished.runs))
            self._content = (snapshot.number, made)
        return _answer(self._content[1], "application/json")

    def table(self) -> Response:
        """The table of the tab as a CSV file, with all digits."""
        document = self._snapshots.newest().document
        response = _answer(as_csv(rows(document)), "text/csv; charset=utf-8")
        name = document.run.run_id if document else "none"
        response.headers["Content-Disposition"] = f"attachment; filename=coordination_{name}.csv"
        return response

    def report(self, name: str) -> Response:
        """A report of a run that this process has finished: ``001.html``."""
        if name == SHARED_NAME:  # what pages of --report-assets shared ask for beside them
            return self.library()
        label, _, ending = name.partition(".")
        for run in self._finished.runs:
            if run.paths.run_id == label and (form := forms().get(ending)):
                path = run.paths.report(ending)
                if path.exists():
                    return send_file(path.resolve(), form.mimetype, max_age=0)
        return make_response("no such report of a run of this process", 404)


def _answer(body: Any, mimetype: str) -> Response:
    response = make_response(body)
    response.headers.update({"Content-Type": mimetype, **HEADERS})
    return response


def _render() -> str:
    environment = page_environment(TEMPLATES, STYLES)
    # Bokeh's JSON defines a model where it first stands, and later only refers to it.
    environment.policies["json.dumps_kwargs"] = {"sort_keys": False}
    charts = empty_charts()
    return environment.get_template("page.html.jinja").render(
        charts=charts,
        items={chart.name: chart.item for chart in charts},
        bokeh_version=bokeh.__version__,
    )
