"""Evidence on other machines comes through the master, and none of it stays there."""

from __future__ import annotations

import signal
import subprocess
from collections import Counter

import pytest
from endtoend.accounts import check_nothing_is_double, go_on
from endtoend.deployments import HEADLESS, Deployment
from endtoend.locust_run import until
from standin.modes import STEPS
from standin.process import Standin

SETTINGS = ("--stop-timeout", 5, "--think-time", "0.01")
CAN_UNSHARE = not subprocess.run(
    ["unshare", "-rm", "true"], capture_output=True, check=False
).returncode


@pytest.mark.skipif(not CAN_UNSHARE, reason="no mount namespace of our own may be made here")
def test_evidence_of_other_machines_is_fetched_whole_and_leaves_nothing_behind(tmp_path):
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    with Standin() as standin, Deployment(tmp_path / "here" / "reports") as deployment:
        services = ("--host", standin.url, "--llm-host", standin.url)
        deployment.start_master(*HEADLESS, "-u", 9, "-r", 9, *SETTINGS, *services, workers=3)
        leaving, staying = (deployment.start_remote_worker(temporary) for _ in range(2))
        deployment.start_worker()
        go_on(standin, 3000)
        leaving.send(signal.SIGTERM)
        assert leaving.wait(30) == 0, leaving.output
        assert len(list(temporary.iterdir())) == 1, "only the one that stays still writes"
        go_on(standin, 100)
        deployment.master.send(signal.SIGTERM)
        deployment.master.wait(60)
        document = deployment.master.document()
        staying.wait(30)
        made = standin.calls()
    assert document["completeness"]["complete"], document["completeness"]
    (notice,) = document["completeness"]["notices"]
    assert notice.endswith("found field made_by"), "else, all was said by workers"
    kept = Counter(step["name"] for event in document["events"] for step in event["steps"])
    looks = kept.pop("freshness.search", 0) + kept.pop("freshness.poll", 0)
    kept["matrix.search"] += looks  # which they are to the service
    assert kept == {name: number for name, number in made.items() if name in STEPS}
    assert len({event["worker"] for event in document["events"]}) == 3
    check_nothing_is_double(document)
    until(lambda: not list(temporary.iterdir()))
    left = {path.suffix for path in deployment.report_dir.iterdir()}
    assert left == {".json", ".md", ".html"}
