"""The system's Chromium, driven by Playwright in a process of its own.

Locust has patched this process for gevent before any test, and Playwright's loop does not live
with that; so ``visit`` starts this file as a program, gives it a task as JSON, reads what it saw.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import msgspec

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--host-resolver-rules=MAP *.example 127.0.0.1",  # names of tests; nobody else has them
]
MISSING = "no chromium on PATH; Debian and Ubuntu have it: apt-get install chromium"
PLOTS_DRAWN = """
() => {
  const canvases = node => [...node.querySelectorAll('*')].flatMap(inner =>
    (inner.tagName === 'CANVAS' ? [inner] : []).concat(
      inner.shadowRoot ? canvases(inner.shadowRoot) : []));
  const painted = canvas => canvas.width > 0 && canvas.height > 0 && canvas.getContext('2d')
    .getImageData(0, 0, canvas.width, canvas.height).data.some(value => value > 0);
  const shown = [...document.querySelectorAll('figure')].filter(one => !one.closest('[hidden]'));
  return shown.map(one => canvases(one).some(painted));
}
"""
"""JavaScript that says of each ``<figure>`` in sight whether anything is painted in it."""
LIVE_PLOTS = 7
"""Those of the live page without that of failures, which is hidden where there are none."""
LIVE_PLOTS_DRAWN = f"""
() => {{
  const drawn = ({PLOTS_DRAWN})();
  return drawn.length >= {LIVE_PLOTS} && drawn.every(Boolean);
}}
"""
"""JavaScript that says whether the live page shows all its plots."""


class Visit(msgspec.Struct):
    """What happened on a page: console errors, uncaught exceptions, URLs asked for, the answer."""

    errors: list[str]
    requests: list[str]
    answer: object = None


def visit(url, script="() => null", *, ready="() => true", hover=None, dark=False, width=1200,
          headers=None, screenshot=None) -> Visit:  # fmt: skip
    """Open ``url``, wait until ``ready`` holds, run ``script``; both are JavaScript functions.

    ``hover`` is a selector over whose middle the mouse passes first. Without Chromium the test is
    skipped, in CI it fails.
    """
    import pytest

    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(MISSING)
    task = {
        "chromium": chromium, "url": url, "script": script, "ready": ready, "hover": hover,
        "dark": dark, "width": width, "headers": headers or {}, "screenshot": screenshot,
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, __file__],
        input=json.dumps(task),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return msgspec.json.decode(done.stdout, type=Visit)


def main() -> None:
    """Do the task on stdin; the Visit goes to stdout."""
    from playwright.sync_api import sync_playwright

    task = json.load(sys.stdin)
    seen = Visit(errors=[], requests=[])
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=task["chromium"], args=FLAGS)
        page = browser.new_page(
            viewport={"width": task["width"], "height": 900},
            color_scheme="dark" if task["dark"] else "light",
            extra_http_headers=task["headers"],
        )
        page.on("console", lambda said: said.type == "error" and seen.errors.append(said.text))
        page.on("pageerror", lambda error: seen.errors.append(str(error)))
        page.on("request", lambda request: seen.requests.append(request.url))
        page.goto(task["url"])
        page.wait_for_function(task["ready"])
        for place in page.query_selector_all(task["hover"]) if task["hover"] else []:
            place.scroll_into_view_if_needed()
            place.hover()
        seen.answer = page.evaluate(task["script"])
        if task["screenshot"]:
            page.screenshot(path=task["screenshot"], full_page=True)
        browser.close()
    sys.stdout.buffer.write(msgspec.json.encode(seen))


if __name__ == "__main__":
    main()
