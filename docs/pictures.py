"""Makes the pictures of the documentation and the sample report, from real runs.

``python docs/pictures.py`` makes all of them; ``python docs/pictures.py noise=1 sample`` some. A
fault's picture is what its run's report shows: the verdict, the checks that failed, and the section
that says why. ``FAULTS`` says which section, and what its run is started with. ``tutorial`` makes
those of docs/tutorial.md: a report's head and load curve, and the live page while a run goes on.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from io import BytesIO
from itertools import chain
from pathlib import Path

import msgspec
from PIL import Image
from playwright.sync_api import Page, sync_playwright

CHECKOUT = Path(__file__).parents[1]
PICTURES = CHECKOUT / "docs" / "pictures"
SAMPLE = CHECKOUT / "reports" / "reality-tests"
ROUND = ("-u", "24", "-r", "24", "--rounds", "1")
"""One round in all eight wordings."""
RAMP = ("-u", "24", "-r", "0.75", "-t", "40s", "--stop-timeout", "5", "--think-time", "0.1-0.5")
"""The load of ``make run`` and ``mcstress run``."""
WIDTH = 960
INKS = (
    *("#1d2127", "#5b636e", "#808893"),  # text, notes, grey of plots
    *("#1a7f4e", "#9a6400", "#c0322b", "#2b62c0"),  # good, fair, bad, links
    *("#3b7dd8", "#dd8438", "#2f9e77"),  # series of plots
)
SHADES = (1.0, 0.66, 0.33, 0.1)
"""How much of an ink is in a pixel at a letter's edge; with white, 44 colours make the pictures."""
LINES = ("#8a63c9", "#3aa6b9", "#c9629b")
"""Further series of plots. In lighter shades they would be taken for those of a heat map."""


class Shown(msgspec.Struct, frozen=True):
    """What of a report is shown and what of that is left out, as CSS selectors.

    ``options`` are what the run is started with.
    """

    parts: tuple[str, ...]
    without: tuple[str, ...] = ()
    options: tuple[str, ...] = ROUND


FAULTS = {
    "noise=1": Shown(("#relevance",)),
    "recall=0.1": Shown(("#relevance",), options=(*ROUND, "--truth", "truth.jsonl")),
    "nondeterminism=0.1": Shown(("#determinism",), without=("#determinism figure",)),
    "cycle=1": Shown(("#diversity",), without=("#diversity figure:first-of-type",)),
    "forget=0.5": Shown(("#learning",), without=("#learning tbody tr:nth-child(n+6)",)),
    "lose_fresh=1": Shown(("#freshness",)),
    "replica_lag_s=3": Shown(
        ("#freshness",), options=(*ROUND, "--check", "freshness.time_to_top_k_s.p95 <= 1")
    ),
    "ignore_exclude=1": Shown(("#swap_and_inbox",)),
    "null_results=1": Shown(("#diversity",), without=("#diversity figure",)),
    "same_ids=1": Shown(("#errors",)),
    "unparseable=0.5": Shown(("#swap_and_inbox",)),
    "echo_paraphrase=1": Shown(
        ("#learning", "#swap_and_inbox"),
        without=("#learning figure", "#swap_and_inbox .wide:first-of-type"),
        options=(*ROUND, "--scenario", "by_llm.toml"),
    ),
    "outage=10+5": Shown(
        ("#availability", "#over_time", "#latency"),
        without=("#latency > :not(h2, figure)", "#latency figure:first-of-type"),
        options=("-u", "24", "-r", "24", "--rounds", "0", "-t", "20s"),
    ),
    "slow_ms=200": Shown(
        ("#latency",),
        without=(
            "#latency .wide:not(:first-of-type)",
            "#latency figure:nth-of-type(n+2)",
            "#latency > .worst",
            "#latency h3",
        ),
        options=(*ROUND, "--check", "latency.matrix_search.p95_ms < 150"),
    ),
}

FRAME = """
({parts, without}) => {
  const shown = ['.verdict', '#checks', ...parts].map(one => document.querySelector(one));
  for (const child of [...document.querySelector('main').children])
    if (!shown.includes(child)) child.remove();
  for (const one of document.querySelectorAll(without.join(',') || 'none')) one.remove();
  for (const one of document.querySelectorAll('.worst .card:nth-child(n+2)')) one.remove();
  const worst = document.querySelector('#checks .bad') ? '.bad' : '.fair';
  for (const row of document.querySelectorAll('#checks tbody tr'))
    if (!row.querySelector(worst)) row.remove();
}
"""
"""JavaScript that leaves the verdict, the checks that failed (else the unknown), and the parts."""

LIVE = r"""
() => {
  const drawn = window.Bokeh?.documents ?? [];
  const ran = document.querySelector('#state')?.innerText ?? '';
  return drawn.length > 0 && drawn.every(one => one.is_idle) && /running for 3\d/.test(ran);
}
"""
"""JavaScript that says whether the live page has its charts, and all users are there."""

WITHOUT = "parts => document.querySelectorAll(parts).forEach(one => one.remove())"
"""JavaScript that leaves out what selectors name."""

HEAD = "() => document.querySelectorAll('section:not(#checks)').forEach(one => one.remove())"
"""JavaScript that leaves a report's first page."""

STYLE = """
main { padding: 12px 20px } section { margin-top: 12px; padding-top: 12px }
.contents, .screen, button.csv { display: none }
"""


def main(names: list[str]) -> None:
    """Make the pictures of ``names``, or all."""
    PICTURES.mkdir(exist_ok=True)
    with browser() as page:
        for fault in FAULTS:
            if not names or fault in names:
                picture_of_fault(page, fault)
        if not names or "sample" in names:
            sample()
        if not names or "tutorial" in names:
            tutorial(page)


@contextmanager
def browser() -> Iterator[Page]:
    """A page of the system's Chromium."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        raise SystemExit("no chromium on PATH; Debian and Ubuntu have it: apt-get install chromium")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu"]
        )
        yield started.new_page(viewport={"width": WIDTH, "height": 900})
        started.close()


def picture_of_fault(page: Page, fault: str) -> None:
    """Run with the fault; the picture is named after it."""
    shown = FAULTS[fault]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        options = [written(folder, one) for one in shown.options]
        report = locust(*options, "--stack-fault", fault, report_dir=folder / "reports")
        open_report(page, report)
        page.evaluate(FRAME, {"parts": [*shown.parts], "without": [*shown.without]})
        save(page, PICTURES / f"{fault.partition('=')[0]}.png")


def written(folder: Path, option: str) -> str:
    """The option; where it names a file of ours, that file is made in ``folder``."""
    path = folder / option
    if option == "truth.jsonl":
        path.write_bytes(mcstress("truth"))
    elif option == "by_llm.toml":
        source = CHECKOUT / "users" / "scenarios" / "data" / "three_cities.toml"
        by_llm = 'paraphrases_by = "llm"'
        path.write_text(source.read_text().replace('paraphrases_by = "scenario"', by_llm))
    else:
        return option
    return str(path)


def sample() -> None:
    """The report that the README links."""
    for old in SAMPLE.glob("multi_coord_stress_sample.*"):
        old.unlink()
    locust(*ROUND, "--run-id", "sample", report_dir=SAMPLE)


def tutorial(page: Page) -> None:
    """A run's head, also for the README, its load curve, and the live page of another one."""
    with tempfile.TemporaryDirectory() as name:
        report = locust(*RAMP, report_dir=Path(name) / "reports")
        open_report(page, report)
        page.evaluate(HEAD)
        save(page, CHECKOUT / "docs" / "report.png")
        page.evaluate(WITHOUT, "main > dl")
        save(page, PICTURES / "tutorial-head.png")
        open_report(page, report)
        page.evaluate(WITHOUT, "main > :not(#load_curve), #load_curve .wide ~ .wide")
        save(page, PICTURES / "tutorial-load.png")
        live(page, Path(name) / "live")


def live(page: Page, folder: Path) -> None:
    """The page of live charts, once all users are there."""
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = str(free.getsockname()[1])
    command = [sys.executable, "-m", "locust", "--web-host", "127.0.0.1", "--web-port", port]
    command += ["--autostart", "--autoquit", "1", "--report-dir", str(folder), *RAMP]
    with subprocess.Popen(command, cwd=CHECKOUT, stderr=subprocess.DEVNULL) as running:
        address = f"http://127.0.0.1:{port}/coordination/"
        while not answers(int(port)):
            if running.poll() is not None:
                raise SystemExit("the web UI did not start")
            time.sleep(0.1)
        page.goto(address)
        page.wait_for_function(LIVE, timeout=60_000)
        page.add_style_tag(content=STYLE)
        page.evaluate(WITHOUT, "#sections, #reports, #facts, #glossary, .chart:nth-of-type(n + 4)")
        save(page, PICTURES / "tutorial-live.png")
        running.terminate()


def answers(port: int) -> bool:
    """Whether somebody listens there."""
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def locust(*options: str, report_dir: Path) -> Path:
    """One run to its end; its page. How it ends is its verdict's."""
    where = report_dir.relative_to(CHECKOUT) if report_dir.is_relative_to(CHECKOUT) else report_dir
    command = [sys.executable, "-m", "locust", "--headless", "--only-summary", *options]
    command += ["--report-dir", str(where)]
    done = subprocess.run(command, cwd=CHECKOUT, check=False, capture_output=True, text=True)
    name = "sample" if report_dir == SAMPLE else "*"
    pages = [*report_dir.glob(f"multi_coord_stress_{name}.html")]
    if not pages:
        raise SystemExit(f"{' '.join(options)}: no report\n{done.stderr}")
    return pages[0]


def mcstress(*options: str) -> bytes:
    """What the command prints."""
    command = [str(Path(sys.executable).with_name("mcstress")), *options]
    return subprocess.run(command, cwd=CHECKOUT, check=True, capture_output=True).stdout


def open_report(page: Page, report: Path) -> None:
    """The page with all its plots drawn."""
    page.goto(report.resolve().as_uri())
    page.wait_for_function("() => Bokeh.documents.every(one => one.is_idle)")
    page.add_style_tag(content=STYLE)


def save(page: Page, path: Path) -> None:
    """What the page's main part shows, in the colours of reports."""
    taken = page.locator("main").screenshot(animations="disabled")
    image = Image.open(BytesIO(taken)).convert("RGB")
    image.quantize(palette=palette(), dither=Image.Dither.NONE).save(path, optimize=True)
    print(f"{path.relative_to(CHECKOUT)}: {path.stat().st_size / 1000:.0f} KB")


def palette() -> Image.Image:
    """White, and each ink in its shades."""
    inks = [[int(ink[at : at + 2], 16) for at in (1, 3, 5)] for ink in INKS]
    colours = [[255 - round((255 - part) * of) for part in ink] for ink in inks for of in SHADES]
    colours += [[*bytes.fromhex(line[1:])] for line in LINES]
    made = Image.new("P", (1, 1))
    made.putpalette([255, 255, 255, *chain.from_iterable(colours)])
    return made


if __name__ == "__main__":
    main(sys.argv[1:])
