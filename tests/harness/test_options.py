"""Options: documented, all of them, and checked before the first user."""

from __future__ import annotations

import os
import re
from argparse import Namespace
from pathlib import Path

import msgspec
import pytest
from locust.argument_parser import LocustArgumentParser

from mcstress.commands.check import parse
from mcstress.errors import UsageError
from mcstress.evidence.store.document import has_bodies
from mcstress.master.run_start import check_claim
from mcstress.options import add_options
from mcstress.services.http.bearer_token import authorization
from mcstress.services.preflight import ModelFacts
from mcstress.services.target import Capabilities
from mcstress.settings import options_that_differ, read_settings
from mcstress.system_under_test import skipped_phases

DOCS = Path(__file__).resolve().parents[2] / "docs" / "options.md"
OFF = ("0", "", "False", "None")


def parser() -> LocustArgumentParser:
    parser = LocustArgumentParser(add_help=False)
    add_options(parser)
    return parser


def documented() -> dict[str, tuple[str, bool]]:
    """Option → (its row, whether it is hidden)."""
    own = DOCS.read_text().split("## Locust's own")[0]
    rows = re.findall(r"^\| `(--[a-z-]+)[^|]*?\|.*$", own, re.MULTILINE)
    lines = {name: next(row for row in own.splitlines() if f"`{name}" in row[:25]) for name in rows}
    return {name: (row, "(hidden)" in row) for name, row in lines.items()}


def test_every_option_is_documented_and_every_documented_option_is_there():
    actions = {action.option_strings[0]: action for action in parser()._actions}
    assert actions.keys() == documented().keys()


def test_docs_say_the_default_and_whether_the_web_form_has_it():
    shown = parser().args_included_in_web_ui
    for action in parser()._actions:
        row, hidden = documented()[action.option_strings[0]]
        assert hidden == (action.dest not in shown), row
        if str(action.default) not in OFF:
            assert f"`{action.default}`" in row.split("|")[2], row
        if action.metavar:
            assert f"{action.option_strings[0]} {action.metavar}`" in row, row


def options(**changed) -> Namespace:
    chosen = parser().parse_args([])
    return Namespace(**{**vars(chosen), **changed})


def test_a_variable_of_opentelemetry_turns_nothing_on(monkeypatch):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("OTEL_METRICS_EXPORTER", "otlp")
    settings = read_settings(options(), None)
    assert (settings.otlp_metrics, settings.otlp_traces) == ("", "")


@pytest.mark.parametrize("option", ["otlp_metrics", "otlp_traces"])
def test_with_locusts_own_otel_ours_is_refused(option):
    both = options(**{option: "http://127.0.0.1:9"}, otel=True)
    with pytest.raises(
        UsageError, match=f"--{option.replace('_', '-')}: found Locust's own --otel"
    ):
        read_settings(both, None)


@pytest.mark.parametrize(
    ("changed", "differ"),
    [
        ({}, []),
        ({"seed": 7}, ["--seed"]),
        ({"think_time": "1-2"}, ["--think-time"]),
        ({"llm_model": "other", "llm_max_tokens": 9}, ["--llm-model", "--llm-max-tokens"]),
        ({"timeout": 9.0, "top_k": 3}, ["--top-k", "--timeout"]),
    ],
)
def test_options_that_differ_are_named_as_they_are_given_each_once(changed, differ):
    one, other = read_settings(options(), None), read_settings(options(**changed), None)
    assert sorted(options_that_differ(one, other)) == sorted(differ)


@pytest.mark.parametrize(
    ("was", "changed", "differ"),
    [
        ({}, {"arrivals": "constant"}, ["--arrivals"]),
        ({}, {"max_wait": 5.0, "arrival_rate": "9"}, ["--arrival-rate", "--max-wait"]),
        ({}, {"find_capacity": True}, ["--find-capacity"]),
        ({}, {"arrival_rate": ""}, ["--arrival-rate"]),
        ({}, {"arrival_rate": "", "clock": "48"}, ["--arrival-rate", "--clock"]),
        ({"arrival_rate": "", "clock": "48"}, {"time_scale": "60"}, ["--time-scale"]),
        ({}, {"check": ["errors.rate < 0.5"]}, ["--check"]),
    ],
)
def test_what_differs_of_a_schedule_is_named_by_its_own_option(was, changed, differ):
    """And never --check for the check that comes with a schedule."""
    was = {"arrival_rate": "5"} | was
    one, other = (read_settings(options(**it), None) for it in (was, was | changed))
    assert sorted(options_that_differ(one, other)) == sorted(differ)


def test_the_defaults_are_right():
    settings = read_settings(options(), None)
    assert settings.gateway_url == ""
    assert len(settings.checks) == len(settings.scenario.thresholds)
    assert settings.checks[0].needs == 12
    assert len(settings.phases) == 10
    assert (settings.top_k, settings.rounds, settings.seed) == (8, 0, 42)
    assert settings.max_answer_bytes == 8_000_000


LLM_FILE = """
[service.db]
url = "http://127.0.0.1:9"
[search]
post = "/q/{corpus}/{text}"
rows = ""
id = "/id"
[llm]
url = "http://127.0.0.1:8/v1"
model = "small"
api = "openai"
token = "TARGET_LLM"
max_tokens = 300
timeout = 60
"""


@pytest.fixture
def target_file(tmp_path, monkeypatch):
    monkeypatch.setenv("TARGET_LLM", "sesame")
    path = tmp_path / "my.toml"
    path.write_text(LLM_FILE)
    return path


def test_the_language_model_is_that_of_the_targets_file(target_file):
    llm = read_settings(options(target=str(target_file)), None).llm
    assert (llm.url, llm.model, llm.api) == ("http://127.0.0.1:8/v1", "small", "openai")
    assert (llm.token, llm.max_tokens, llm.timeout_s) == ("TARGET_LLM", 300, 60)
    given = {"llm_model": "large", "llm_timeout": "5", "llm_max_tokens": 7, "llm_api": "ollama"}
    llm = read_settings(options(target=str(target_file), **given), None).llm
    assert (llm.model, llm.timeout_s, llm.max_tokens, llm.api) == ("large", 5, 7, "ollama")
    llm = read_settings(options(target=str(target_file), llm_host="http://127.0.0.1:7"), None).llm
    assert (llm.url, llm.model, llm.token) == ("http://127.0.0.1:7", "qwen2.5", "LLM_TOKEN")


def test_the_token_of_the_files_language_model_goes_to_it_alone(target_file):
    settings = read_settings(options(target=str(target_file)), None)
    setup = settings.llm_setup(settings.llm.url, ModelFacts("small", rule_based=False))
    sent = authorization(setup.token, setup.url, setup.token_hosts)
    assert sent == {"Authorization": "Bearer sesame"}
    assert authorization(setup.token, "http://127.0.0.1:7", setup.token_hosts) == {}


def test_with_a_target_nothing_is_embedded_unless_it_is_named(target_file):
    target_file.write_text(LLM_FILE.partition("[llm]")[0])
    without = read_settings(options(target=str(target_file)), None)
    assert without.llm.absent
    assert not read_settings(options(target=str(target_file), llm_host="embedded"), None).llm.absent
    assert not read_settings(options(), None).llm.absent
    skipped = skipped_phases(without, Capabilities())
    assert skipped == {"inbox": "there is no language model"}
    by_llm = msgspec.structs.replace(without.scenario, paraphrases_by="llm")
    skipped = skipped_phases(msgspec.structs.replace(without, scenario=by_llm), Capabilities())
    assert set(skipped) == {"inbox", "handover_paraphrase"}


def test_a_variable_that_the_files_language_model_may_not_have_is_refused(target_file):
    target_file.write_text(LLM_FILE.replace("TARGET_LLM", "OTHER"))
    with pytest.raises(UsageError, match=r"my.toml: llm.token: found OTHER, expected a variable"):
        read_settings(options(target=str(target_file)), None)
    target_file.write_text(LLM_FILE.replace("http://127.0.0.1:8/v1", "ollama"))
    with pytest.raises(UsageError, match=r"my.toml: llm.url: found 'ollama'"):
        read_settings(options(target=str(target_file)), None)


def test_the_llm_may_take_longer_than_a_search():
    """A judgement takes a minute where a model is large; a search that does is broken."""
    settings = read_settings(options(timeout=2), None)
    assert settings.target_setup("http://127.0.0.1:1").timeout_s == 2
    assert (
        settings.llm_setup("http://127.0.0.1:2", ModelFacts("qwen2.5", rule_based=False)).timeout_s
        == 120
    )
    settings = read_settings(options(llm_timeout="300"), None)
    assert settings.target_setup("http://127.0.0.1:1").timeout_s == 30
    assert (
        settings.llm_setup("http://127.0.0.1:2", ModelFacts("qwen2.5", rule_based=False)).timeout_s
        == 300
    )


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"rounds": "-1"}, "--rounds: found -1, expected 0 or more"),
        ({"rounds": "many"}, "--rounds: found 'many', expected a whole number"),
        ({"seed": "x"}, "--seed: found 'x', expected a whole number"),
        ({"top_k": 1}, "--top-k: found 1, expected at least the scenario's record_rank, 2"),
        ({"top_k": -3}, "--top-k: found -3, expected 1 to 1000"),
        ({"think_time": "5-1"}, "--think-time: found '5-1', expected seconds as 2 or as 1-5"),
        ({"think_time": "soon"}, "--think-time: found 'soon'"),
        ({"think_time": "nan"}, "--think-time: found 'nan'"),
        ({"timeout": "0"}, "--timeout: found '0', expected seconds above 0"),
        ({"llm_timeout": "-1"}, "--llm-timeout: found '-1', expected seconds above 0"),
        ({"max_answer": "8XB"}, "--max-answer: found '8XB', expected a size such as 500kB, 8MB"),
        ({"max_answer": "-1"}, "--max-answer: found '-1', expected a size such as"),
        ({"max_answer": 0}, "--max-answer: found 0, expected 1 kB to 1 GB"),
        ({"max_answer": "2 GB"}, "--max-answer: found '2 GB', expected 1 kB to 1 GB"),
        ({"wait_deadline": "inf"}, "--wait-deadline: found 'inf', expected a number"),
        ({"llm_parallel": 0}, "--llm-parallel: found 0, expected 1 or more"),
        ({"trace_sample": 1.5}, "--trace-sample: found 1.5, expected 0 to 1"),
        ({"mask": "yes"}, "--mask: found 'yes', expected off, on, strict"),
        ({"mask": ""}, "--mask: found '', expected off, on, strict"),
        ({"llm_model": " "}, "--llm-model: found nothing, expected a name"),
        ({"llm_host": "ollama"}, "--llm-host: found 'ollama'"),
        ({"llm_api": "OpenAI"}, "--llm-api: found 'OpenAI', expected ollama or openai"),
        ({"llm_max_tokens": -1}, "--llm-max-tokens: found -1, expected 0 or more"),
        ({"target": "nobody"}, "--target: found 'nobody', expected a name that ships, FILE.toml, "),
        ({"evidence": "some"}, "--evidence 'some'"),
        ({"scenario": "four_cities"}, "four_cities"),
        ({"tags": ["inbx"]}, "--tags: found 'inbx'"),
        ({"check": ["determinism.mean_jacard > 1"]}, "did you mean determinism.mean_jaccard"),
        ({"check": ["errors.rate"]}, "--check: the check ends too early"),
        ({"check": ["errors.rate <= 0,01"]}, "expected a point in a number, as in 0.95"),
    ],
)
def test_what_is_wrong_is_refused_with_its_place_what_was_found_and_what_was_expected(
    changed, message
):
    with pytest.raises(UsageError) as refusal:
        read_settings(options(**changed), None)
    assert message in str(refusal.value)


@pytest.mark.parametrize(
    ("said", "kept"),
    [("Full", "full"), (" full ", "full"), ("ALL", "all"), ("None", "none"),
     (" Sample=.50", "sample=0.5")],
)  # fmt: skip
def test_what_is_kept_of_the_events_has_one_spelling(said, kept):
    settings = read_settings(options(evidence=said), None)
    assert settings.evidence == kept
    assert has_bodies({"run": {"evidence": settings.evidence}}) == (kept == "full")


@pytest.mark.parametrize(
    ("faults", "host", "llm_host", "message"),
    [
        (["nois=1"], None, "", "found 'nois', expected NAME=VALUE with a name of noise, recall, "),
        (["noise=2"], None, "", "noise: found '2', expected a share from 0 to 1"),
        (["noise=1"], "http://gw", "", "found noise=1 and --host http://gw, expected no --host; "),
        (
            ["noise=1,unparseable=1"],
            None,
            "http://llm",
            "found unparseable and --llm-host http://llm, expected no --llm-host; ",
        ),
    ],
)
def test_a_fault_that_the_embedded_stack_does_not_have_is_refused(faults, host, llm_host, message):
    with pytest.raises(UsageError) as refusal:
        read_settings(options(stack_fault=faults, llm_host=llm_host), host)
    assert str(refusal.value).startswith(f"--stack-fault: {message}")


def test_faults_of_the_embedded_stack_are_settings():
    settings = read_settings(options(stack_fault=["noise=1", "slow_ms=20"]), None)
    assert settings.stack_faults.text == "noise=1,slow_ms=20"
    assert not read_settings(options(), "http://gateway").stack_faults
    assert read_settings(options(stack_fault=["noise=1"], llm_host="http://llm"), None).stack_faults


OWN_TARGET = f"{Path(__file__).resolve().parents[2]}/examples/own_target.py:VectorStore"


def test_a_host_beside_a_target_that_takes_none_is_refused():
    assert read_settings(options(target=OWN_TARGET), None).target == OWN_TARGET
    with pytest.raises(UsageError) as refused:
        read_settings(options(target=OWN_TARGET), "http://127.0.0.1:9")
    assert str(refused.value) == (
        f"--target {OWN_TARGET}: found --host http://127.0.0.1:9 beside it, and the class takes "
        "none; expected one of the two"
    )


def test_a_host_that_is_no_url_is_refused():
    with pytest.raises(UsageError, match="--host: found 'gateway'"):
        read_settings(options(), "gateway")


@pytest.mark.parametrize("run_id", ["../x", "a b", "x" * 200])
def test_a_run_id_becomes_part_of_file_names(run_id, tmp_path):
    with pytest.raises(UsageError, match="--run-id"):
        check_claim(read_settings(options(run_id=run_id, report_dir=tmp_path), None))


def test_a_report_folder_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "file").touch()
    settings = read_settings(options(report_dir=tmp_path / "file" / "reports"), None)
    with pytest.raises(UsageError, match=r"--report-dir .*cannot write there"):
        check_claim(settings)


@pytest.mark.parametrize("apart", ["\n\n", "; ", ","])
def test_the_web_form_sends_several_checks_in_one_box(apart):
    check = f"errors.rate <= 0.5{apart}determinism.pairs >= 1"
    settings = read_settings(options(check=check), None)
    assert [check.metric for check in settings.checks] == ["errors.rate", "determinism.pairs"]


def test_a_check_of_the_users_own_needs_as_many_samples_as_the_scenarios():
    settings = read_settings(options(check=["determinism.mean_jaccard > 0.5"]), None)
    assert settings.checks[0].needs == 12


@pytest.mark.parametrize("timeout", ["soon", "nan"])
def test_a_number_that_is_none_is_refused(timeout):
    with pytest.raises(UsageError, match=f"--timeout: found '{timeout}', expected a number"):
        read_settings(options(timeout=timeout), None)


@pytest.mark.parametrize("option", ["--report-dir", "--junit", "--langfuse-env", "--llm-model"])
def test_a_text_that_is_not_utf_8_is_refused_before_the_run(option):
    options = parse([option, os.fsdecode(b"b\xff\xfed")])
    with pytest.raises(UsageError, match=rf"{option}: found b'b\\xff\\xfed', expected UTF-8"):
        read_settings(options, None)


def test_a_collector_is_named_by_the_option_or_by_variables(monkeypatch):
    assert read(otlp_traces="").otlp_traces == ""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    assert read(otlp_traces="").otlp_traces == "", "variables never say whether"
    assert read(otlp_traces="env").otlp_traces == "http://127.0.0.1:1/v1/traces"
    assert read(otlp_traces="http://127.0.0.1:2").otlp_traces == "http://127.0.0.1:2/v1/traces"
    assert parser().parse_args(["--otlp-traces"]).otlp_traces == "env"


def test_a_collector_and_locusts_own_traces_are_refused_together():
    assert read(otlp_traces="", otel=True).otlp_traces == ""
    with pytest.raises(UsageError, match=r"^--otlp-traces: found Locust's own --otel with it, "):
        read(otlp_traces="http://127.0.0.1:2", otel=True)
    with pytest.raises(UsageError, match=r"^--otlp-metrics: found Locust's own --otel with it, "):
        read(otlp_metrics="http://127.0.0.1:2", otel=True)


def test_metrics_go_nowhere_because_a_variable_is_there(monkeypatch):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    assert read().otlp_metrics == ""
    assert read(otlp_metrics="env").otlp_metrics == "http://127.0.0.1:1/v1/metrics"
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "http://127.0.0.1:3/m")
    assert read(otlp_metrics="env").otlp_metrics == "http://127.0.0.1:3/m"
    with pytest.raises(UsageError, match=r"^--otlp-metrics: found 'c'"):
        read(otlp_metrics="c")


def test_a_collectors_headers_are_checked_before_the_run(monkeypatch):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "s3cr3t")
    with pytest.raises(UsageError, match="OTEL_EXPORTER_OTLP_HEADERS: entry 1") as refused:
        read(otlp_traces="http://127.0.0.1:2")
    assert "s3cr3t" not in str(refused.value)


def read(**changed):
    """The settings that options with these changes give."""
    return read_settings(options(**changed), None)
