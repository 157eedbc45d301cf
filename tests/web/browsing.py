"""A page of the system's Chromium that a test drives step by step.

Playwright's loop does not live with gevent's patches, which Locust has put into this process: so
it runs in a process of its own (this file as a program), which takes a method and its arguments as
a line of JSON, and answers with a line.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Self

sys.path.insert(0, str(Path(__file__).parents[1]))  # as a program it stands alone

from browser import FLAGS, MISSING

TIMEOUT_MS = 30_000


class RefusedError(AssertionError):
    """What Playwright said could not be done."""


class Browsing:
    """Chromium with one page. Without Chromium the test is skipped; in CI it fails."""

    def __enter__(self) -> Self:
        import pytest

        chromium = shutil.which("chromium") or shutil.which("chromium-browser")
        if chromium is None:
            (pytest.fail if os.environ.get("CI") else pytest.skip)(MISSING)
        self._process = subprocess.Popen(
            [sys.executable, __file__, chromium],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._process.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()

    def __getattr__(self, method: str) -> Any:
        """A method of Playwright's page, or of ``Steps``."""
        return lambda *arguments, **named: self._do(method, arguments, named)

    def _do(self, *task: Any) -> Any:
        self._process.stdin.write(json.dumps(task) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, f"the browser's process ended with {self._process.wait()}"
        answer = json.loads(line)
        if "refused" in answer:
            raise RefusedError(answer["refused"])
        return answer["answer"]


class Steps:
    """What a test asks for that is no method of Playwright's page."""

    def __init__(self, browser: Any) -> None:
        self._browser = browser
        self.page: Any = None

    def fresh(self, *, dark: bool = False, width: int = 1200, height: int = 900) -> None:
        """A new page that remembers nothing of the last."""
        if self.page is not None:
            self.page.context.close()
        context = self._browser.new_context(
            color_scheme="dark" if dark else "light", viewport={"width": width, "height": height}
        )
        self.page = context.new_page()
        self.page.set_default_timeout(TIMEOUT_MS)
        self._errors: list[str] = []
        self._requests: list[str] = []
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self._errors.append(str(error)))
        self.page.on("request", lambda request: self._requests.append(request.url))

    def _hear(self, said: Any) -> None:
        if said.type == "error":
            self._errors.append(said.text)

    def errors(self) -> list[str]:
        """Errors in the console and uncaught exceptions, since ``fresh``."""
        return self._errors

    def requests(self) -> list[str]:
        """Every URL asked for since ``fresh``."""
        return self._requests

    def log_out(self) -> None:
        """Forget all cookies."""
        self.page.context.clear_cookies()

    def text(self, selector: str) -> str:
        """What stands in the first element found, as one sees it."""
        return self.page.locator(selector).first.inner_text()

    def until(self, script: str, argument: Any = None) -> None:
        """Wait until a JavaScript function says true."""
        self.page.wait_for_function(script, arg=argument)


def main() -> None:
    """Serve until standard input ends."""
    from playwright.sync_api import Error, sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=sys.argv[1], args=FLAGS)
        steps = Steps(browser)
        for line in sys.stdin:
            method, arguments, named = json.loads(line)
            try:
                place = steps if hasattr(steps, method) else steps.page
                answer = getattr(place, method)(*arguments, **named)
                plain = answer if isinstance(answer, (str, int, float, bool, list, dict)) else None
                said = {"answer": plain}
            except Error as error:
                said = {"refused": f"{method}: {error.message}"}
            sys.stdout.write(json.dumps(said) + "\n")
            sys.stdout.flush()
        browser.close()


if __name__ == "__main__":
    main()
