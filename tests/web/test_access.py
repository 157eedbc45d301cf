"""No route is public where Locust asks for a login; all work under a base path, with workers."""

import json
from pathlib import Path

import pytest
from browser import LIVE_PLOTS_DRAWN
from web_run import FORM, WebRun, two_workers

OPEN = ("/login", "/enter", "/rules", "/static/<path:filename>", "/assets/<path:path>")
"""Locust's own login and its images, and what the test's locustfile has added."""


@pytest.fixture(scope="module")
def locked(services, tmp_path_factory):
    locustfile = Path(__file__).with_name("with_login.py")
    folder = tmp_path_factory.mktemp("locked")
    with WebRun(folder, *services, "-f", locustfile, "--web-login") as run:
        yield run


def test_without_a_login_nothing_is_told_and_nothing_done(locked):
    rules = locked.client.get("rules").json()
    ours = {rule for rule in rules if rule.startswith("/coordination")}
    assert len(ours) >= 6
    for rule, methods in rules.items():
        if rule in OPEN:
            continue
        path = rule.replace("<name>", "001.html").lstrip("/")
        method = "POST" if "POST" in methods else "GET"
        answer = locked.client.request(method, path, data=FORM | {"host": "http://127.0.0.1:9"})
        assert answer.status_code == 302, rule
        assert answer.headers["Location"].startswith("/login"), rule
    locked.client.get("enter")
    assert locked.figures()["stage"] == "ready"
    told = locked.run_to_the_end()
    assert locked.client.get(f"coordination/{told['reports'][0]['files'][0]['href']}").is_success
    locked.client.cookies.clear()
    assert locked.client.get("coordination/reports/001.html").status_code == 302


@pytest.mark.browser
def test_a_login_that_ended_is_told_on_the_page(locked, page):
    page.goto(f"{locked.url}enter")
    page.goto(locked.coordination)
    page.until("() => document.querySelector('#state strong').textContent")
    page.log_out()
    page.wait_for_selector("text=asks for a login")


@pytest.mark.browser
def test_two_workers_under_a_base_path(services, tmp_path, page):
    arguments = (*services, *two_workers())
    with WebRun(tmp_path, *arguments, base_path="/load/test") as run:
        page.goto(f"{run.url}")
        page.click("a:has-text('Coordination charts')")
        page.wait_for_selector("text=No run yet")
        told = run.run_to_the_end(user_count=6)
        document = run.document()
        assert [worker["lost"] for worker in document["completeness"]["workers"]] == [False] * 2
        made = document["completeness"]["events_made"]
        assert made == 6 * 73 / 3
        assert f"{made}" in json.dumps(told["sections"][-1])
        page.until(LIVE_PLOTS_DRAWN)
        page.wait_for_selector("text=worker-1")
        page.click("nav >> text=Locust")
        page.wait_for_selector("button:has-text('New')")
        assert page.errors() == []
        assert all(address.startswith(run.url) for address in page.requests())
