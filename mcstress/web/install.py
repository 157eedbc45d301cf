"""Locust's own web UI with ours in it: the start form, the tab, the page of live charts."""

from __future__ import annotations

import logging

from locust.web import WebUI

from mcstress.host_names import OwnNames
from mcstress.lifecycle import Lifecycle
from mcstress.metrics.intervals import import_scipy
from mcstress.settings import Settings
from mcstress.snapshots import Snapshots
from mcstress.web.access import Access
from mcstress.web.locust_tab import add_link, add_tab
from mcstress.web.page import Page
from mcstress.web.start_form import StartForm

logger = logging.getLogger(__name__)


def open_web(lifecycle: Lifecycle, web_ui: WebUI, settings: Settings) -> None:
    """Called before the web server starts. What loads slowly is loaded now, not during a run."""
    import_scipy()
    assert web_ui.app is not None
    Access(OwnNames(settings.web_allowed_hosts, web_ui.host)).guard(web_ui.app)
    snapshots = Snapshots(lifecycle)
    page = Page(web_ui, snapshots, lifecycle.finished)
    StartForm(web_ui, lifecycle).guard()
    add_tab(web_ui, snapshots)
    add_link(web_ui)
    logger.info("Coordination charts and reports at %s/ of the web interface", page.path)
