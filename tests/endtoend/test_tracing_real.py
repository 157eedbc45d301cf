"""A whole run into a real Langfuse, where MCSTRESS_TEST_LANGFUSE names its env file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from endtoend.langfuse_process import check_accounts
from endtoend.locust_run import run_locust
from standin.process import Standin

from mcstress.tracing.langfuse.readback import read_back
from mcstress.tracing.langfuse.settings import load_settings
from mcstress.tracing.notices import ThrottledWarnings

NAMED = os.environ.get("MCSTRESS_TEST_LANGFUSE")
pytestmark = pytest.mark.skipif(not NAMED, reason="MCSTRESS_TEST_LANGFUSE names no env file")
STEPS = 109
INGESTED_WITHIN_S = 90.0


@pytest.mark.parametrize("processes", [(), ("--processes", 2)])
def test_a_round_arrives_whole(tmp_path, processes):
    settings, _ = load_settings(Path(NAMED), {})
    assert settings
    with Standin() as standin:
        code, document, output = run_locust(
            *("--headless", "-u", 3, "-r", 3, "--only-summary", "--rounds", 1, *processes),
            *("--host", standin.url, "--llm-host", standin.url),
            *("--langfuse-env", Path(NAMED).absolute()),
            report_dir=tmp_path / "reports",
        )
    assert code == 0, output
    tracing = check_accounts(document)
    assert (tracing["made"], tracing["delivered"]) == (STEPS, STEPS), output
    uid, project = document["run"]["run_uid"], document["run"]["trace_url"]
    assert project.startswith(f"{settings.url}/project/")
    report = (tmp_path / "reports" / "multi_coord_stress_001.md").read_text()
    assert f"{project}/sessions/{uid}" in report
    found = read_back(settings, uid, STEPS, INGESTED_WITHIN_S, ThrottledWarnings(settings.redact))
    assert found == STEPS
    assert settings.secret_key not in output + report
