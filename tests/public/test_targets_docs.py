"""docs/targets.md is what the code says: keys, placeholders, and the file of its guide."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from mcstress.services.target_class import SHIPPED
from mcstress.services.toml import target_file
from mcstress.services.toml.template import PLACEHOLDERS

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "targets.md").read_text()
TABLES = {
    "the file": target_file.Tables,
    "`[service.NAME]`": target_file.ServiceTable,
    "each request": target_file.RequestTable,
    "`[search]`, `[exact]`, `[recall]`": target_file.HitsTable,
    "`[search]`": target_file.SearchTable,
    "`[recall]`": target_file.RecallTable,
    "`[record]`": target_file.RecordTable,
    "`[add]`, `[update]`, `[record]`": target_file.WriteTable,
    "`[ready]`, `[….done]`": target_file.PollTable,
    "`[embed]`": target_file.EmbedTable,
    "`[resolve]`, `[create]`": target_file.NamedTable,
    "`[size]`": target_file.SizeTable,
    "`[llm]`": target_file.LlmTable,
}


def section(title):
    return re.split(r"^## ", TEXT.split(f"\n## {title}\n")[1], flags=re.MULTILINE)[0]


def cells(title):
    lines = [line for line in section(title).splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


def own_keys(kind):
    """The keys that a table has and its bases have not."""
    bases = [base for base in kind.__mro__[1:] if issubclass(base, msgspec.Struct)]
    inherited = {name for base in bases for name in base.__struct_fields__}
    return {*kind.__struct_fields__} - inherited


def test_every_key_is_in_the_table_and_no_other():
    told: dict[str, set[str]] = {}
    for table, keys, _ in cells("Every key"):
        told.setdefault(table, set()).update(re.findall(r"`(\w+)`", keys))
    assert told == {label: own_keys(kind) for label, kind in TABLES.items()}


def test_every_placeholder_is_in_the_table_and_no_other():
    told = {name for row in cells("Placeholders") for name in re.findall(r"`\{(\w+)\}`", row[0])}
    assert told == set(PLACEHOLDERS)


def test_every_shipped_target_is_in_the_table():
    told = {name for row in cells("What ships") for name in re.findall(r"`(\w+)`", row[0])}
    assert told == {path.stem for path in SHIPPED.glob("*.toml")}


def test_the_guides_file_is_the_examples():
    parts = re.findall(r"```toml\n(.*?)```", section("A file in fifteen minutes"), flags=re.DOTALL)
    assert "\n".join(parts) == (ROOT / "examples" / "small_service.toml").read_text()


@pytest.mark.parametrize("name", ["small_service.py", "small_service.toml"])
def test_the_guide_is_of_a_short_service_and_a_short_file(name):
    lines = (ROOT / "examples" / name).read_text().splitlines()
    assert len([line for line in lines if line.strip()]) <= 40
