"""What all pages share: how Jinja is set, and Bokeh's JavaScript.

That stands within each page, or in one file beside all pages of a folder.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import bokeh
from bokeh.resources import Resources
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from mcstress.evidence.report.writers import Assets
from mcstress.evidence.store.atomic import write_text

SHARED_NAME = f"bokeh-{bokeh.__version__}.min.js"


def page_environment(*folders: Path) -> Environment:
    """Jinja over templates in ``folders``: it escapes every text, and refuses what is not there."""
    return Environment(
        loader=FileSystemLoader(folders),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@cache
def _inline() -> Markup:
    return Markup(Resources(mode="inline", components=["bokeh"]).render_js())  # noqa: S704  (Bokeh's own)


def library_tag(assets: Assets) -> Markup:
    """What loads the library in a page."""
    if assets == "inline":
        return _inline()
    return Markup('<script src="{}"></script>').format(SHARED_NAME)


def write_shared(folder: Path) -> Path:
    """Put the shared file into ``folder``, where it is not there yet; raises OSError."""
    path = folder / SHARED_NAME
    if not path.is_file():
        write_text(path, "\n".join(Resources(mode="inline", components=["bokeh"]).js_raw))
    return path
