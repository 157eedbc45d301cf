"""How many samples a run of fixed rounds should have: of the trios that there were, no more."""

from __future__ import annotations

import pytest

from mcstress.master.expected_samples import plan, planned_round
from mcstress.metrics.metric import PlannedRound
from mcstress.metrics.registry import REGISTRY

TRIO = {"alice": 1, "bob": 1, "carol": 1}


@pytest.fixture
def run(make_run):
    return make_run("--rounds", "3").run


def contracts(run):
    return run.scenario.variants[0].contracts


def test_without_rounds_nothing_is_planned(make_run):
    assert plan(make_run("--rounds", "0", "--run-time", "10s").run, TRIO) == {}


def test_a_round_asks_each_demand_of_each_seat(run):
    planned = planned_round(run, {"alice": 2, "bob": 1, "carol": 1})
    by_persona = dict.fromkeys(TRIO, 0)
    for contract in contracts(run):
        by_persona[contract.persona] += len(contract.demands)
    assert planned.asked["baseline"] == 2 * by_persona["alice"] + sum(
        by_persona[persona] for persona in ("bob", "carol")
    )
    assert planned.asked["reissue"] == planned.asked["baseline"]
    assert planned.trios == 1, "the second alice has no partners"
    assert planned.asked.keys() <= {*run.phases, "handover_paraphrase"}


def test_a_persona_that_nobody_was_takes_over_nothing(run):
    (to,) = {handover.to_persona for handover in run.scenario.handovers[:1]}
    with_all, without = (planned_round(run, seats) for seats in (TRIO, TRIO | {to: 0}))
    assert without.trios == 0
    lost = sum(
        len(run.scenario.variants[0].contract(handover.contract).demands)
        for handover in run.scenario.handovers
        if handover.to_persona == to
    )
    assert with_all.asked["handover"] - without.asked["handover"] == lost > 0


def test_rounds_multiply_what_each_metric_plans_of_one(run):
    one = planned_round(run, TRIO)
    assert isinstance(one, PlannedRound)
    each = {path: n for metric in REGISTRY.values() for path, n in metric.planned(one).items()}
    assert any(each.values())
    assert plan(run, TRIO) == {path: 3 * number for path, number in each.items()}


def test_a_phase_that_was_not_chosen_is_not_planned(make_run):
    run = make_run("--rounds", "1", "--tags", "baseline", "reissue").run
    assert planned_round(run, TRIO).asked.keys() == {"baseline", "reissue"}


def test_mail_that_is_read_once_is_no_more_than_there_is(make_run, tmp_path):
    mail = tmp_path / "mail"
    mail.mkdir()
    for number in range(2):
        (mail / f"{number}.eml").write_text(f"From: a@b.c\nSubject: {number}\n\nTwo cooks.\n")
    asked = ("--rounds", "5", "--inbox", str(mail))
    assert plan(make_run(*asked).run, TRIO)["inbox"] == 2
