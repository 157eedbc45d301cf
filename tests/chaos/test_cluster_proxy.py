"""Real masters and workers whose messages are lost, doubled, late or spoilt on their way."""

from __future__ import annotations

import json
import signal
from collections import Counter

import gevent
import pytest
from chaos.message_proxy import MessageProxy
from chaos.process_signals import TRIALS, Counted, session_of
from endtoend.accounts import steps_kept, steps_of
from endtoend.deployments import HEADLESS, Deployment
from endtoend.locust_run import until

pytestmark = pytest.mark.chaos

RUN = ("-u", 6, "-r", 6, "--think-time", "0.05", "--stop-timeout", 5)
ENDS_S, STOPS_S = 150, 40


@pytest.mark.parametrize("chance", range(max(1, TRIALS // 5)), indirect=True)
def test_totals_are_right_or_unknown_whatever_becomes_of_messages(tmp_path, chance):
    with Counted() as service, Deployment(tmp_path / "reports") as deployment:
        deployment.start_master(*HEADLESS, *RUN, *service.services, workers=2)
        with MessageProxy(deployment.port, chance) as proxy:
            workers = [deployment.run("--worker", "--master-port", proxy.port) for _ in range(2)]
            deployment.workers += workers
            until(lambda: service.calls > 60 and steps_kept(deployment) > 0, what="load")
            proxy.share = chance.choice([0.01, 0.05, 0.3])
            gevent.sleep(chance.uniform(2, 5))
            if chance.random() < 1 / 2:
                proxy.share = 0.0
            deployment.master.send(signal.SIGTERM)
            code = deployment.master.wait(ENDS_S)
            path = deployment.report_dir / "multi_coord_stress_001.json"
            found = json.loads(path.read_text())
            check_is_right_or_unknown(found, service)
            assert code == {"pass": 0, "fail": 3, "unknown": 4}[found["verdict"]]
            until(service.is_still, STOPS_S, what="an end of the load")
            for worker in workers:
                worker.send(signal.SIGTERM)
                worker.wait(ENDS_S)
                assert not session_of(worker.process.pid)


def check_is_right_or_unknown(document, service) -> None:
    """All that was made is in it, or it says that it is not; nothing counts twice."""
    events = document["events"]
    assert max(Counter((event["worker"], event["seq"]) for event in events).values()) == 1
    assert steps_of(document) <= service.calls
    if document["completeness"]["complete"]:
        assert steps_of(document) == service.calls
        assert document["metrics"]["events"]["total"] == len(events)
    else:
        assert document["verdict"] == "unknown"
        assert document["completeness"]["faults"]
