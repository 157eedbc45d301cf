"""A run in the web UI as its user sees it: form, tab, charts, stop, report, and once more."""

import pytest
from browser import LIVE_PLOTS_DRAWN
from endtoend.locust_run import until
from web_run import WebRun

pytestmark = pytest.mark.browser

ROWS = """() => Object.fromEntries([...document.querySelectorAll('tbody tr')].map(
  row => [...row.cells].map(cell => cell.innerText)).map(cells => [cells[1], cells[2]]))"""
ALERT = "[role=alert] >> text="


@pytest.fixture
def web(services, tmp_path):
    with WebRun(tmp_path, *services) as run:
        yield run


def begin(page, **boxes):
    """Fill in the form and send it."""
    for name, value in boxes.items():
        page.fill(f"input[name={name}]", value)
    page.click("button:has-text('Start')")


def stop(page):
    """Stop in Locust's UI; it offers a new run once the report is there."""
    page.click("button:has-text('Stop')")
    page.wait_for_selector("button:has-text('New')")


def opened(page, address):
    page.goto(address)
    page.until(LIVE_PLOTS_DRAWN)


def test_from_the_form_to_the_second_report(web, page):
    page.goto(web.coordination)
    page.wait_for_selector("text=No run yet")

    page.goto(web.url)
    page.wait_for_selector("text=Coordination charts")
    assert page.input_value("input[name=userCount]") == "3"
    page.click("text=Custom parameters")
    assert "rounds per coordinator; 0: until stopped" in page.text("form")
    begin(page, check="determinism.mean_jacard >= 1", thinkTime="0.02")
    page.wait_for_selector(f"{ALERT}did you mean determinism.mean_jaccard")
    assert "success" not in page.text("form")
    assert "Refused: " in page.text("#mcstress-bar")
    begin(page, check="errors.rate <= 0.5; determinism.pairs >= 1")

    page.click("role=tab[name=Coordination]")
    page.wait_for_selector("text=rank-biased overlap")
    assert page.text("#mcstress-bar") == "Coordination charts"
    page.wait_for_selector("text=determinism.pairs >= 1")

    opened(page, web.coordination)
    first = page.text("#state")
    assert "Run 001, running for " in first
    page.until("(before) => document.querySelector('#state').innerText !== before", first)
    assert page.errors() == []
    assert all(address.startswith(web.url) for address in page.requests())

    page.goto(f"{web.url}?tab=coordination")
    stop(page)
    made = web.document()["completeness"]["events_made"]
    page.until(f"() => ({ROWS})()['events in the figures'] === '{made:,}'")

    opened(page, web.coordination)
    page.wait_for_selector("text=/2 checks, \\d certain/")
    assert f"{made:,}" in page.text("#sections")
    page.goto(f"{web.coordination}{page.get_attribute('#reports a', 'href')}")
    assert "Run 001: pass" in page.title()

    page.goto(web.url)
    page.click("button:has-text('New')")
    begin(page)
    until(lambda: web.figures()["stage"] == "running")
    opened(page, web.coordination)
    page.wait_for_selector("text=Run 002, running for")
    page.goto(web.url)
    stop(page)
    runs = [web.document(number)["run"] for number in ("001", "002")]
    assert runs[0]["run_uid"] != runs[1]["run_uid"]
    assert runs[0]["ended"] < runs[1]["started"]
    assert [report["id"] for report in web.figures()["reports"]] == ["002", "001"]
    assert page.errors() == []
