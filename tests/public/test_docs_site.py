"""The pages of docs/: every link and anchor, as GitHub shows them and as the site that is built."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from urllib.parse import unquote

import pytest
from bs4 import BeautifulSoup

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [*sorted(DOCS.glob("*.md")), *(ROOT / f"{name}.md" for name in ("README", "CONTRIBUTING"))]
LINK = re.compile(r"(?<!\\)\]\(<?([^)>\s]+)>?\)")


def prose(path):
    """The page without its code, in which a bracket is no link."""
    without = re.sub(r"^```.*?^```$", "", path.read_text(), flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"(`+).+?\1(?!`)", "``", without)


def anchors(path):
    """Those of the page's headings, as GitHub makes them."""
    text = re.sub(r"^```.*?^```$", "", path.read_text(), flags=re.MULTILINE | re.DOTALL)
    found: dict[str, int] = {}
    for title in re.findall(r"^#+ +(.+?) *$", text, re.MULTILINE):
        plain = re.sub(r"\[(.+?)\]\(.+?\)", r"\1", title)
        slug = re.sub(r"[^\w\- ]", "", plain.casefold()).replace(" ", "-")
        found[slug] = found.get(slug, -1) + 1
    return {f"{slug}-{n}" if n else slug for slug, most in found.items() for n in range(most + 1)}


def wrong(page):
    """The links of ``page`` that lead nowhere."""
    for link in LINK.findall(prose(page)):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / unquote(name)).resolve() if name else page
        if not target.exists():
            yield f"{link}: there is no such file"
        elif anchor and anchor not in anchors(target):
            yield f"{link}: there is no such heading"
        elif page.parent == DOCS and not target.is_relative_to(DOCS):
            yield f"{link}: leads out of docs/, where the site has nothing"


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_every_link_leads_somewhere(page):
    assert [*wrong(page)] == []


def test_a_wrong_link_would_be_found(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# A `b`: c\n[x](#a-b-c) [y](page.md#nothing) `[z](code.md)` ![p](none.png)\n")
    told = ["page.md#nothing: there is no such heading", "none.png: there is no such file"]
    assert [*wrong(page)] == told


def test_every_page_and_picture_is_used():
    """A page stands in the site's navigation, and a picture in some page."""
    nav = tomllib.loads((ROOT / "zensical.toml").read_text())["project"]["nav"]
    named = [
        page for part in nav for pages in part.values() for each in pages for page in each.values()
    ]
    assert sorted(named) == sorted(path.name for path in DOCS.glob("*.md"))
    linked = {link for page in PAGES for link in LINK.findall(prose(page))}
    pictures = {f"pictures/{path.name}" for path in (DOCS / "pictures").iterdir()}
    assert pictures <= linked


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The built pages by name."""
    folder = tmp_path_factory.mktemp("site")
    shutil.copytree(DOCS, folder / "docs")
    shutil.copy(ROOT / "zensical.toml", folder)
    program = Path(sys.executable).with_name("zensical")
    built = subprocess.run(
        [program, "build", "--strict"], cwd=folder, capture_output=True, text=True, check=False
    )
    assert built.returncode == 0, built.stdout + built.stderr
    assert "warning" not in (built.stdout + built.stderr).casefold()
    pages = (folder / "build" / "site").glob("*.html")
    return {path.stem: BeautifulSoup(path.read_text(), "html.parser") for path in pages}


def test_every_page_is_built(site):
    assert {path.stem for path in DOCS.glob("*.md")} < site.keys()


def test_a_page_fetches_nothing_from_other_hosts(site):
    fetched = [
        tag.get("src") or tag.get("href") or tag.get("srcset")
        for page in site.values()
        for tag in page.find_all(["script", "link", "img", "iframe", "source"])
    ]
    assert len(fetched) > len(site)
    assert [at for at in fetched if at and re.match(r"(https?:)?//", at)] == []


def test_all_markdown_has_become_html(site):
    """Without a blank line before it, GitHub shows a list or table that the site leaves as text."""
    for name, page in site.items():
        article = page.find("article")
        for tag in article.find_all(["pre", "code"]) if article else ():
            tag.decompose()
        text = article.get_text() if article else ""
        assert (
            re.findall(r"^ *[-*] \S.*|\|[ :]*---|\]\(|\*\*|^#+ .*|`", text, re.MULTILINE) == []
        ), name
