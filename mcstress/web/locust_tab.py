"""The tab "Coordination" in Locust's UI, which shows one table, and the way to our page."""

from __future__ import annotations

from typing import Any

from flask import Response, json, request
from locust.runners import STATE_RUNNING
from locust.web import WebUI

from mcstress.snapshots import Snapshots
from mcstress.web.table import rows

KEY = "coordination"
COLUMNS = {
    "part": "Part",
    "figure": "Figure",
    "value": "Value",
    "interval": "95 % interval",
    "samples": "Samples",
    "reading": "Reading",
}
BAR = """\
<style>#mcstress-bar{display:flex;flex-wrap:wrap;gap:4px 20px;padding:6px 16px;background:#3b7dd8;\
color:#fff;font:14px system-ui,sans-serif}#mcstress-bar a{color:#fff}\
#mcstress-bar.bad{background:#a8241d}#mcstress-bar output{overflow-wrap:anywhere}</style>\
<div id="mcstress-bar"><a href="coordination/">Coordination charts</a><output></output></div>\
<script src="coordination/start.js"></script>"""
"""Above all else and in the page's flow: it covers nothing. A start says there what it does."""


def add_tab(web_ui: WebUI, snapshots: Snapshots) -> None:
    """Its rows travel with Locust's own figures, which its UI asks for while a test is on."""
    shown, app = web_ui.template_args, web_ui.app
    assert app is not None
    structure = [{"key": key, "title": title} for key, title in COLUMNS.items()]
    files = [
        {"href": "./coordination/", "title": "Coordination: live charts and reports"},
        {"href": "./coordination/figures.csv", "title": "Download coordination CSV"},
    ]
    parts: dict[str, list[Any]] = {
        "extended_tabs": [{"title": "Coordination", "key": KEY}],
        "extended_tables": [{"key": KEY, "structure": structure}],
        "extended_csv_files": files,
    }
    for name, ours in parts.items():
        shown[name] = [*shown.get(name, []), *ours]

    @app.after_request
    def add_rows(response: Response) -> Response:
        # Without a login there is a redirect here, and nothing of ours in it.
        if request.endpoint == "locust.request_stats" and response.is_json:
            _add_rows(response, snapshots)
        return response


def _add_rows(response: Response, snapshots: Snapshots) -> None:
    """Locust keeps the response for 2 s and sends it again: our part is put anew each time."""
    report = response.get_json()
    snapshot = snapshots.newest()
    others = [part for part in report.get("extended_stats", []) if part["key"] != KEY]
    ours = {"key": KEY, "data": [row.shown() for row in rows(snapshot.document)]}
    report["extended_stats"] = [*others, ours]
    if snapshot.stage == "ending":
        # Locust's UI stops asking once it hears of the end: the final figures are still to come.
        report["state"] = STATE_RUNNING
    response.set_data(json.dumps(report))


def add_link(web_ui: WebUI) -> None:
    """A link to our page on every page of Locust's UI: no tab shows before the first start."""
    assert web_ui.app is not None

    @web_ui.app.after_request
    def add(response: Response) -> Response:
        if request.endpoint == "locust.index" and response.mimetype == "text/html":
            page = response.get_data(as_text=True)
            response.set_data(page.replace("<body>", f"<body>{BAR}", 1))
        return response
