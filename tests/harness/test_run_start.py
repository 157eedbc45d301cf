"""What is looked at before a run begins, and what its user is told then."""

from __future__ import annotations

import msgspec
import pytest

from mcstress.errors import UsageError
from mcstress.master.run_start import check_claim, said_before, writes
from mcstress.services.http.bearer_token import GATEWAY_TOKEN
from mcstress.services.target import Capabilities

ELSEWHERE = "http://203.0.113.7:9"


def with_settings(run, **changed):
    run.settings = msgspec.structs.replace(run.settings, **changed)
    return run


@pytest.mark.parametrize("place", ["no folder", "a folder"])
def test_a_place_for_junit_that_takes_no_file_is_refused(made_run, tmp_path, place):
    junit = tmp_path if place == "a folder" else tmp_path / "none" / "x.xml"
    settings = msgspec.structs.replace(
        made_run.settings, junit=str(junit), report_dir=tmp_path / "reports"
    )
    with pytest.raises(UsageError, match="--junit"):
        check_claim(settings)


def test_what_is_looked_at_leaves_nothing(made_run, tmp_path):
    folder = tmp_path / "reports"
    settings = msgspec.structs.replace(
        made_run.settings, junit=str(tmp_path / "x.xml"), report_dir=folder
    )
    check_claim(settings)
    assert [*folder.iterdir()] == []
    assert not (tmp_path / "x.xml").exists()


def test_of_the_built_in_server_nothing_is_said(made_run):
    assert said_before(made_run, made_run.system, 1, None) == made_run.said == []


def test_who_brings_a_system_is_told_what_stays_in_it_and_who_rates(made_run, monkeypatch):
    monkeypatch.setenv(GATEWAY_TOKEN, "secret")
    run = with_settings(made_run, gateway_url=ELSEWHERE)
    told = said_before(run, run.system, 1, None)
    assert told[0].startswith("This run writes to ")
    assert told[1] == "no --llm-host is given: built-in rules parse and rate, no LLM"
    assert GATEWAY_TOKEN in told[-1]
    assert "secret" not in str(told)


def test_only_what_the_target_can_take_is_written(made_run):
    run, target = made_run.run, made_run.system.target
    personas = ",".join(run.scenario.personas)
    all_of_it = writes(run, target)
    assert f"playbook namespaces {run.playbook_prefix}{{{personas}}}[_N]" in all_of_it
    assert f"{run.fresh_prefix}* in {run.scenario.fresh_corpus}" in all_of_it
    assert "observer inbox records; nothing of it is deleted afterwards" in all_of_it
    nothing = msgspec.structs.replace(
        target, capabilities=Capabilities(record=False, add=False, inbox=False)
    )
    assert "writes to http" in all_of_it
    assert ": nothing; nothing of it is deleted afterwards" in writes(run, nothing)


def test_mail_that_could_not_be_read_is_told_with_the_reason(make_run, tmp_path):
    mail = tmp_path / "mail"
    mail.mkdir()
    (mail / "1.eml").write_text("From: a@b.c\nSubject: one\n\nTwo cooks.\n")
    (mail / "2.eml").write_text("From: a@b.c\nSubject: two\n\n\n")
    run = make_run("--inbox", str(mail))
    assert (run.run.mail.messages, run.settings.mail.left_out) == (1, 1)
    (told,) = said_before(run, run.system, 1, None)
    assert told.startswith(f"--inbox {mail}: 1 messages left out, 1 can be read: ")
