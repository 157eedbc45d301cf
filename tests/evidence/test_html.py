import csv
import os
import re
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from browser import PLOTS_DRAWN, visit
from made_report import K, MadeRun, head_of, run_section, typed

from mcstress.evidence.report.html import PLOTS, html
from mcstress.evidence.run_document import RunDocument
from mcstress.metrics.figures import Figures

GOLDEN = Path(__file__).with_name("golden_report.html")
GENERATED = datetime(2026, 9, 21, 12, 2, tzinfo=UTC)
READY = "() => window.Bokeh && Bokeh.documents.length && Bokeh.documents.every(one => one.is_idle)"
SCRIPTS = re.compile(r"(<script\b[^>]*>).*?(</script>)", re.DOTALL)
BOKEH_IDS = re.compile(r'(?:id|data-root-id)="[^"]+"|p\d{4,}')
BY_SCHEDULE = ("arrivals", "clock")
PLOT_COUNT = sum(len(plots) for section, plots in PLOTS.items() if section not in BY_SCHEDULE)


def skeleton(page):
    """The page without what Bokeh names anew in each process."""
    return BOKEH_IDS.sub("", SCRIPTS.sub(r"\1\2", page)) + "\n"


@pytest.fixture(scope="module")
def golden_page(golden_head):
    return html(golden_head, GENERATED)


def test_it_is_the_golden_report(golden_page):
    """Where the change is meant: WRITE_GOLDEN=1 pytest …, and look at the difference."""
    text = skeleton(golden_page)
    if os.environ.get("WRITE_GOLDEN"):
        GOLDEN.write_text(text)
    assert text == GOLDEN.read_text()


def test_the_verdict_comes_before_everything_else(golden_page):
    assert golden_page.index('<div class="verdict bad">') < golden_page.index("<section")
    assert "<title>Multi-Coordinator Stress Test — Run 007: fail</title>" in golden_page


def test_a_run_that_measured_nothing_has_a_page_without_plots():
    page = html(typed({"run": {"run_id": "001"}}))
    assert "<figure" not in page
    assert len(page) < 40_000


def test_worst_reissues_stand_side_by_side_with_a_link_to_their_trace():
    head = head_of(MadeRun(change=1.0).events(trios=1, rounds=1))
    worst = head["worst_reissues"][0]
    page = html(typed(head))
    gone, new = (
        f"{hit['id']} · {hit['corpus']}" for hit in (worst["baseline"][-1], worst["reissue"][-1])
    )
    assert f'<code class="gone">{gone}</code></td><td><code class="new">{new}</code>' in page
    assert f'href="https://langfuse.example/project/p1/traces/{worst["trace_id"]}"' in page


def test_a_link_that_is_no_url_is_none(golden_head):
    run = run_section(trace_url="javascript:alert(1)")
    page = html(RunDocument(run=run, worst_reissues=golden_head.worst_reissues))
    assert 'href="javascript' not in page


def written(tmp_path, head):
    path = tmp_path / "report.html"
    path.write_text(html(typed(head)))
    return path.as_uri()


@pytest.mark.browser
def test_every_plot_is_drawn_for_a_hundred_events(tmp_path):
    events = MadeRun(failing=0.05).events(trios=1, rounds=3)[:130]
    url = written(tmp_path, head_of(events))
    series = "csvOf(Bokeh.documents.flatMap((one) => one.roots()))"
    seen = visit(url, f"() => [({PLOTS_DRAWN})(), {series}]", ready=READY)
    drawn, text = seen.answer
    assert drawn == [True] * PLOT_COUNT
    table = [*csv.DictReader(text.splitlines())]
    failed = sum(int(row["count"]) for row in table if row["reason"])
    searches = [step for event in events for step in event.steps if step.name == "matrix.search"]
    assert failed == sum(step.error is not None for step in searches) > 0
    begins = {event.time.timestamp() // 1 for event in events}
    told = {datetime.fromisoformat(row["time"]).timestamp() for row in table if row["lane"]}
    assert told == begins
    assert seen.errors == []
    assert seen.requests == [url]


def million():
    """The head of a run of more than a million events: few ones, merged with themselves."""
    events = MadeRun(change=0.3, failing=0.02, users=[1, 3, 60, 700]).events(trios=8, rounds=12)
    figures = Figures(K)
    for event in events:
        figures.add(event)
    while (results := figures.result())["metrics"]["events"]["total"] < 1_000_000:
        figures.merge(Figures.from_state(figures.state()))
    return head_of(events) | results


HIDDEN = """() => [...document.querySelectorAll(".wide")]
    .map((table) => [table.innerText.slice(0, 60), table.scrollWidth - table.clientWidth])
    .filter(([, hidden]) => hidden > 0)"""
"""Tables that must be scrolled sideways: how they begin, and how many pixels are not seen."""


@pytest.mark.browser
@pytest.mark.parametrize("width", [1200, 1081, 960])
def test_no_reading_is_hidden_behind_the_figures_of_a_million_events(tmp_path, width):
    visited = visit(written(tmp_path, million()), HIDDEN, ready=READY, width=width)
    assert visited.answer == []


@pytest.mark.browser
@pytest.mark.parametrize("width", [900, 420])
def test_the_page_is_not_wider_than_the_window(tmp_path, width):
    """Wide tables and commands scroll by themselves."""
    wider = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert visit(written(tmp_path, million()), wider, ready=READY, width=width).answer == 0


@pytest.mark.browser
def test_every_plot_is_drawn_for_a_million_events_narrow_and_dark(tmp_path):
    url = written(tmp_path, million())
    assert (tmp_path / "report.html").stat().st_size < 3_000_000
    seen = visit(url, PLOTS_DRAWN, ready=READY, dark=True, width=420)
    assert seen.answer == [True] * PLOT_COUNT
    assert seen.errors == []
    assert seen.requests == [url]


HOSTILE = (
    "</script><script>window.hacked=1</script><img src=x onerror='window.hacked=1'>"
    "\"'`--><!-- $$\\frac{1}{2}$$ \\(x\\) {{7*7}} @x"
)


@pytest.mark.browser
def test_whatever_a_service_says_stays_text(tmp_path):
    events = MadeRun(change=1.0, failing=0.1).events(trios=1, rounds=2)
    for event in events:
        event.role = event.role and event.role + HOSTILE
        event.contract += HOSTILE
        event.coordinator = event.query = event.trace_id = HOSTILE
        for step in event.steps:
            step.error = step.error and HOSTILE
            step.name += HOSTILE
        event.top_k = event.top_k and [
            msgspec.structs.replace(hit, id=hit.id + HOSTILE) for hit in event.top_k
        ]
    changed = {"run_uid": HOSTILE, "settings": {HOSTILE: HOSTILE}, "user_errors": [HOSTILE]}
    head = head_of(events, run=msgspec.to_builtins(run_section(**changed)))
    script = "() => [window.hacked ?? null, document.body.innerText]"
    seen = visit(written(tmp_path, head), script, ready=READY, hover="figure")
    hacked, text = seen.answer
    assert hacked is None
    assert seen.errors == []
    assert len(seen.requests) == 1
    assert text.count("<script>window.hacked=1</script><img src=x") > 20
