"""The typed document: the same bytes as before, one builder, one list of keys, its JSON Schema."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import ClassVar

import msgspec
import pytest
from jsonschema import Draft202012Validator
from left_run import LeftRun
from made_report import K, MadeRun, made_document, run_section, typed

from mcstress.commands.report import counted_again, report_again
from mcstress.errors import UsageError
from mcstress.evidence.document_parts import Completeness, Tracing
from mcstress.evidence.report.plots.load_curve import load_curve
from mcstress.evidence.report.view import view
from mcstress.evidence.run_document import (
    KEYS,
    LONGEST_SECOND_S,
    RunDocument,
    _starved,
    build,
    document_of,
    head_of,
    span_of,
)
from mcstress.evidence.schema import schema
from mcstress.evidence.store.history import read_run
from mcstress.metrics.check import parse_check
from mcstress.metrics.figures import Figures
from mcstress.snapshots import Snapshot
from mcstress.web.content import content
from mcstress.web.table import rows

CHECKOUT = Path(__file__).resolve().parents[2]
SAMPLE = CHECKOUT / "reports" / "reality-tests" / "multi_coord_stress_sample.json"
EVENTS = MadeRun(change=0.5, failing=0.05, users=[3, 60]).events(trios=2, rounds=3)


@pytest.fixture(scope="module")
def figures():
    counted = Figures(K)
    counted.add_all(EVENTS)
    return counted


@pytest.fixture(scope="module")
def document(figures):
    return made_document(figures, EVENTS)


def test_every_key_that_the_figures_give_is_in_the_document_as_it_was(figures, document):
    """A key that metrics/ learnt and the document did not is lost: a field of the struct is due."""
    thresholds = document.thresholds
    span = span_of(document.run, document.completeness, None)
    results = figures.result(document.users, {}, None, thresholds, span)
    for reading in results["readings"].values():
        reading["meaning"] = document.words.fill(reading["meaning"])
    for key, value in results.items():
        assert key in KEYS, key
        assert msgspec.json.encode(getattr(document, key)) == msgspec.json.encode(value), key


def test_the_order_of_the_fields_is_that_of_the_file(document):
    head = head_of(document)
    assert [key for key in KEYS if key in head] == list(head)
    assert "state" not in head
    assert "integrity" not in head


def test_what_is_read_back_is_what_was_written(document):
    head = json.loads(msgspec.json.encode(head_of(document)))
    again = head_of(document_of(Path("x.json"), head))
    assert json.loads(msgspec.json.encode(again)) == head


@pytest.mark.parametrize(("evidence", "kept"), [("all", False), ("full", False), ("none", True)])
def test_the_state_stands_in_it_where_not_every_event_does(figures, evidence, kept):
    made = build(
        run_section(evidence=evidence), {}, figures, Completeness(complete=True),
        thresholds=[], users=[], planned={}, candidates=None, with_state=True,
    )  # fmt: skip
    assert ("state" in head_of(made)) == kept


def test_checks_of_an_incomplete_run_are_unknown_whoever_builds_it(figures):
    made = build(
        run_section(), {}, figures, Completeness(complete=False, faults=["gone"]),
        thresholds=[parse_check("errors.rate <= 1")], users=[], planned={}, candidates=None,
    )  # fmt: skip
    assert (made.verdict, made.checks[0].verdict) == ("unknown", "unknown")


def test_a_run_that_was_cut_off_says_nothing_of_traces_and_gets_no_figures_for_them():
    counted = Completeness(faults=["cut off"], events_made=None, events_merged=3)
    assert msgspec.to_builtins(counted)["tracing"] == {}
    assert counted.counts == {"events_made": None, "events_merged": 3}
    assert Tracing().visible is None


def test_keys_that_this_version_does_not_know_outlive_a_new_count(tmp_path):
    left = LeftRun(tmp_path)
    head = json.loads(left.paths.json.read_bytes())
    del head["integrity"]
    head["run"]["colour"] = "blue"
    head["completeness"]["weather"] = {"rain": 1}
    head["further"] = {"of": "a newer version"}
    left.paths.json.write_text(json.dumps(head))
    assert report_again(left.paths.json)[0] == "pass"
    again = json.loads(left.paths.json.read_bytes())
    assert again["run"]["colour"] == "blue"
    assert again["completeness"]["weather"] == {"rain": 1}
    assert again["further"] == head["further"]
    assert again["metrics"] == head["metrics"]


def pairs_of(section):
    """Every figure of a section, by its name: newer versions have more."""
    return {(name, msgspec.json.encode(value)) for name, value in flat(section)}


def flat(section, path=""):
    for name, value in section.items():
        if isinstance(value, dict):
            yield from flat(value, f"{path}{name}.")
        else:
            yield f"{path}{name}", value


def test_an_older_document_is_read_and_counted_again_to_the_same_figures():
    """The sample in the repository was written before there were digests and questions."""
    run = read_run(SAMPLE)
    again = counted_again(run)
    old = json.loads(SAMPLE.read_bytes())
    assert again.verdict == old["verdict"]
    for key in ("diversity", "determinism", "freshness", "swap", "events"):
        assert pairs_of(again.metrics[key]) >= pairs_of(old["metrics"][key]), key
    assert [check.verdict for check in again.checks] == [
        check["verdict"] for check in old["checks"]
    ]


BAD = {
    "run": {"run": []},
    "a check": {"checks": [{"check": "x"}]},
    "a worker": {"completeness": {"complete": True, "workers": [{"events": 3}]}},
    "a slot": {"timeline": {"slot_s": 1, "slots": [{"time": "noon"}]}},
    "a step": {"latency": {"matrix_search": {"p50_ms": "quick"}}},
    "a band": {"load_curve": [{"users_to": 3}]},
    "a contract": {"scenario": {"variants": [{"contracts": [{"name": 5}]}]}},
    "a hit": {"worst_reissues": [{"baseline": [7]}]},
    "k": {"run": {"k": 10**7}},
    "a verdict": {"verdict": "perhaps"},
}


@pytest.mark.parametrize("bad", BAD)
def test_a_part_of_the_wrong_shape_is_refused_by_its_file(bad):
    with pytest.raises(UsageError, match=r"^some\.json: .*expected"):
        document_of(Path("some.json"), BAD[bad])


class Asked(dict):
    """A section that notes which keys were asked for and are not there."""

    missing: ClassVar[set[str]] = set()

    def get(self, key, default=None):
        if key not in self:
            self.missing.add(key)
        return super().get(key, default)


def noting(value):
    if isinstance(value, dict):
        return Asked({key: noting(item) for key, item in value.items()})
    return [noting(item) for item in value] if isinstance(value, list) else value


def test_no_reader_asks_a_metric_for_a_figure_that_it_does_not_have(document):
    """The sections of ``metrics`` are mappings: a mistyped key there would be an empty cell."""
    seen = msgspec.structs.replace(document, metrics=noting(document.metrics))
    seen.load_curve = noting(document.load_curve)
    Asked.missing = set()
    view(seen)
    load_curve(seen)
    content(Snapshot(1, "finished", seen), [])
    assert not Asked.missing


def test_the_table_asks_for_figures_by_the_names_of_checks(document):
    shown = [row for row in rows(document) if row.name]
    assert shown
    assert all(row.value == document.figure(row.name) for row in shown)


@pytest.fixture(scope="module")
def validator():
    Draft202012Validator.check_schema(schema())
    return Draft202012Validator(schema())


def faults(validator, found):
    return [f"{error.json_path}: {error.message[:200]}" for error in validator.iter_errors(found)]


def test_a_report_is_what_the_schema_says(validator, tmp_path):
    left = LeftRun(tmp_path)
    assert faults(validator, json.loads(left.paths.json.read_bytes())) == []
    assert faults(validator, json.loads(SAMPLE.read_bytes())) == []


def test_what_is_no_report_is_none_by_the_schema_either(validator):
    whole = json.loads(SAMPLE.read_bytes())
    for change in (
        {"verdict": "perhaps"},
        {"completeness": {"complete": "yes"}},
        {"metrics": {"determinism": {"mean_jaccard": "much"}}},
        {"load_curve": [{"users_from": 1}]},
        {"events": [{"seq": 1}]},
    ):
        assert faults(validator, whole | change), change
    del whole["run"]
    assert faults(validator, whole)


def test_every_key_has_its_description():
    """Those of events stand in docs/evidence.md."""
    found = schema()
    undescribed = {
        f"{name}.{key}"
        for name, part in {"document": found, **found["$defs"]}.items()
        if name not in ("Event", "Hit", "Item", "StepRecord", "Figures")
        for key, value in part.get("properties", {}).items()
        if "description" not in value
    }
    assert undescribed == set()
    figure = found["$defs"]["Figures"]["properties"]["determinism"]["properties"]["mean_jaccard"]
    assert figure["description"].startswith("reissues against their baselines")


def unexplained(found, part, path=""):
    """The keys of ``found`` that a part of the schema says nothing of."""
    if isinstance(found, list):
        for one in found:
            yield from unexplained(one, part.get("items", {}), path)
    elif isinstance(found, dict) and "properties" in part:
        for key, value in found.items():
            if key in part["properties"]:
                yield from unexplained(value, part["properties"][key], f"{path}.{key}")
            else:
                yield f"{path}.{key}"


def test_every_key_among_the_figures_is_explained(document):
    explained = schema()["$defs"]["Figures"]
    for made in (head_of(document), json.loads(SAMPLE.read_bytes())):
        assert {*unexplained(made["metrics"], explained)} == set()


def test_a_module_prints_the_schema():
    command = [sys.executable, "-m", "mcstress.evidence.schema"]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert json.loads(told) == schema()
    assert list(json.loads(told)["properties"]) == [*KEYS, "events"]


def test_an_empty_document_has_an_empty_report():
    assert view(RunDocument()).verdict_words == "no check was made"
    assert typed({}) == RunDocument()


@pytest.mark.parametrize(
    ("own_s", "most_s"),
    [([0.25, 4.5], 4.5), ([None, 0.25], 6 * LONGEST_SECOND_S), ([0.0, 0.0], 0.0)],
)
def test_no_wait_holds_more_of_the_generators_own_than_the_worst_process_lost(own_s, most_s):
    """In six seconds of each; a document of before says no more than the number of seconds."""
    workers = [
        {"name": f"w{n}", "seconds_watched": 50, "seconds_saturated": 6}
        | ({} if each is None else {"own_wait_s": each})
        for n, each in enumerate(own_s)
    ]
    arrivals = {"offered": 1, "begun": 1, "missed": 0, "cut": 0, "unknown": 0}
    starved = _starved(msgspec.convert({"workers": workers, "arrivals": arrivals}, Completeness))
    assert starved
    assert starved.most_ms == pytest.approx((most_s + LONGEST_SECOND_S) * 1000)
