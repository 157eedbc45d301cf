"""What a form may say: the options that it shows, for one run, and no token's destination."""

import pytest
from neighbours import Proxy
from tcp.raw_server import RawServer, answer, script
from web_run import WebRun, two_workers

HIDDEN = (
    "report_dir", "junit", "run_id", "langfuse_env", "otlp_traces", "evidence", "playbook_prefix",
    "timeout", "wait_deadline", "llm_parallel", "json_progress", "trace_sample", "web_allowed_host",
    "headless", "html_file", "json_file", "csv_prefix", "tags", "exclude_tags", "num_users",
    "stop_timeout", "locustfile", "web_login", "logfile", "loglevel", "config",
    "exit_code_on_error", "target", "llm_api", "llm_max_tokens", "llm_timeout",
)  # fmt: skip


@pytest.fixture(scope="module")
def web(services, tmp_path_factory):
    tokens = {"GATEWAY_TOKEN": "sesame-1234", "LLM_TOKEN": "open-5678"}
    with WebRun(tmp_path_factory.mktemp("web"), *services, **tokens) as run:
        yield run


@pytest.mark.parametrize("name", HIDDEN)
def test_a_hidden_option_is_refused_by_its_name(web, tmp_path, name):
    victim = tmp_path / "victim"
    answered = web.start(**{name: victim})
    assert not answered["success"]
    assert answered["message"].startswith(f"--{name.replace('_', '-')}: not in the form")
    assert not victim.exists()
    assert web.figures()["stage"] == "ready"


def test_all_that_is_hidden_is_named(web):
    said = web.start(report_dir="\0", junit="x")["message"]
    assert said.startswith("--junit, --report-dir: not in the form; expected on the command line")


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"scenario": "\0"}, "scenario: found a NUL byte"),
        ({"host": "http://\0"}, "host: found a NUL byte"),
        ({"scenario": "x" * 5000}, "which is not a file"),
        ({"scenario": "/dev/zero"}, "which is not a file"),
        ({"user_count": "9" * 5000}, "Invalid user_count value"),
        ({"user_count": "9" * 50}, "open files"),
        ({"user_count": "-3"}, "invalid user_count"),
    ],
)
def test_odd_text_gets_a_message(web, form, said):
    assert said in web.start(**form)["message"]


def test_a_class_of_users_is_no_concern_of_the_web(web):
    told = {"user_class_name": "AliceUser", "host": "http://127.0.0.1:9", "on_stop": 1}
    assert web.client.post("user", json=told).status_code == 403
    assert web.client.post("user", content=b"[").status_code == 400


def test_a_host_of_the_form_gets_no_token_before_the_run(web):
    with RawServer(script([answer({"error": "who?"}, "401 x")])) as thief:
        for option, token in (("host", "GATEWAY_TOKEN"), ("llm_host", "LLM_TOKEN")):
            said = web.start(**{option: thief.url})["message"]
            assert f"{token} was not sent to {thief.url}" in said
            assert f"start with {token}_HOST={thief.url}" in said
        # The corpora, then the models by Ollama's API and by OpenAI's.
        assert len(thief.requests) == 3
        assert not [each for each in thief.requests if "authorization" in each.headers]


def test_what_one_start_said_does_not_hold_for_the_next(web):
    before = web.client.get("").text
    web.run_to_the_end(seed=7, top_k=9, check="errors.rate <= 1", host="", run_time="90s")
    assert web.document("001")["run"]["seed"] == 7
    assert web.client.get("").text.count('"default_value": 7') == 0
    assert '"run_time": null' in before
    assert '"run_time": null' in web.client.get("").text
    figures = web.run_to_the_end()
    document = web.document(figures["reports"][0]["id"])
    assert (document["run"]["seed"], document["run"]["k"]) == (42, 8)
    assert len(document["checks"]) == 15
    gateway = document["run"]["services"][0]
    assert not gateway["embedded"]
    assert gateway["note"] == ""


def test_tokens_go_to_their_own_services_on_master_and_workers(services, tmp_path):
    upstream = services[1]
    with Proxy(upstream, keeps_host=False) as gateway, Proxy(upstream, keeps_host=False) as llm:
        to_gateway, to_llm = gateway.url("127.0.0.1").rstrip("/"), llm.url("127.0.0.1").rstrip("/")
        arguments = (*services, *two_workers())
        tokens = {
            "GATEWAY_TOKEN": "sesame-1234",
            "LLM_TOKEN": "open-5678",
            "LLM_TOKEN_HOST": to_llm,
        }
        with WebRun(tmp_path, *arguments, **tokens) as run:
            run.run_to_the_end(host=to_gateway, llm_host=to_llm)
            document, output = run.document(), run.output
            markdown = (run.report_dir / "multi_coord_stress_001.md").read_text()
    assert gateway.authorizations.keys() == {""}
    assert gateway.authorizations[""] > 50
    assert llm.authorizations.keys() == {"Bearer open-5678"}
    assert llm.authorizations["Bearer open-5678"] > 10
    assert f"GATEWAY_TOKEN was not sent to {to_gateway}: it belongs to {upstream}" in output
    assert document["run"]["services"][0]["note"] == "GATEWAY_TOKEN not sent"
    assert "GATEWAY_TOKEN not sent" in markdown
