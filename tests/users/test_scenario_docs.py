"""docs/scenario.md explains every key that a scenario's file may have, and no others."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import msgspec
import pytest

from mcstress.metrics.wording import Words
from mcstress.services.llm.prompts import FieldKind
from mcstress.users.scenarios import clock_model
from mcstress.users.scenarios import model as scenario
from mcstress.users.scenarios import schema as scenario_keys
from mcstress.users.scenarios.expand import words_of
from mcstress.users.scenarios.validate_messages import OF_EVERY_DEMAND

DOCS = (Path(__file__).parents[2] / "docs" / "scenario.md").read_text()

SECTIONS = {
    scenario_keys.ScenarioFile: "## The file",
    scenario.PlaybookUse: "### `[playbook]`",
    scenario.Names: "### `[names]`",
    Words: "### `[words]`",
    scenario.Prompts: "### `[prompts]`",
    scenario.Templates: "### `[templates]`",
    scenario_keys.FileContract: "### `[[contracts]]`",
    scenario.Swap: "### `[[swaps]]`",
    scenario.Merge: "### `[[swaps]]`",
    scenario.Handover: "### `[[swaps]]`",
    scenario.SplitShare: "### `[[swaps]]`",
    scenario.RelevanceRule: "### `[[relevance]]`",
    clock_model.TimelineEntry: "### `[[timeline]]`",
    clock_model.ArrivalSource: "### `[[arrivals]]`",
    clock_model.Burst: "### `[[arrivals]]`",
    clock_model.Shift: "### `[[shifts]]`",
    scenario.Threshold: "### `[[thresholds]]`",
    scenario_keys.FileVariant: "### `[[variants]]`",
    scenario_keys.FileSite: "### `[[variants.contracts]]`",
    scenario_keys.FileDemand: "### `[[variants.contracts]]`",
    scenario.Resume: "### `[[variants.resumes]]`",
    scenario.InboxMessage: "### `[[variants.inbox]]`",
}


def section(heading: str) -> str:
    start = DOCS.index(heading)
    following = re.search(r"^##+ ", DOCS[start + len(heading) :], re.MULTILINE)
    return DOCS[start : start + len(heading) + following.start()] if following else DOCS[start:]


def first_cells(text: str) -> set[str]:
    """The keys that a section's tables list in their first column."""
    cells = re.findall(r"^\| (`.+?) \|", text, re.MULTILINE)
    return {key for cell in cells for key in re.findall(r"`(\w+)`", cell)}


@pytest.mark.parametrize("struct", SECTIONS, ids=lambda struct: struct.__name__)
def test_every_key_is_explained(struct):
    words = set(re.findall(r"`(\w+)`", section(SECTIONS[struct])))
    assert {field.encode_name for field in msgspec.structs.fields(struct)} <= words


def test_no_key_is_explained_that_is_not_there():
    structs = list(SECTIONS)
    known = {field.encode_name for struct in structs for field in msgspec.structs.fields(struct)}
    assert all(first_cells(section(heading)) <= known for heading in SECTIONS.values())


def test_every_placeholder_is_explained():
    demand = scenario_keys.FileDemand(role="r")
    words = words_of(demand, "here", {})
    assert all(f"`{{{word}}}`" in DOCS for word in words)
    # A field of one's own takes no other's name.
    assert words.keys() == OF_EVERY_DEMAND


def test_every_kind_of_field_is_explained():
    assert all(f'`"{kind}"`' in section("### `[parse]`") for kind in get_args(FieldKind))


def test_priorities_are_explained():
    assert all(f'`"{priority}"`' in DOCS for priority in scenario.PRIORITIES)
