"""Each fault in each phase: one step fails, with its reason; everything else goes on."""

from __future__ import annotations

import json
import re
import signal
import threading
import time

import psutil
import pytest
from chaos.fault_proxy import FAULTS, PATIENT_S, TIME_OUT, TIMEOUT_S, WAITED_S, FaultProxy
from endtoend.accounts import check_nothing_is_double, go_on, steps_of
from endtoend.deployments import local
from standin.process import Standin

RUN = ("-u", 3, "-r", 3, "--rounds", 1, "--max-answer", "5MB")
GROWN_BYTES = 120_000_000
"""Of a run with answers of 100 MB and of no end; its report is written in the same memory."""


def run_through(tmp_path, choose, timeout_s):
    """A whole round of one trio through the proxy: the document, what was spoilt, its memory."""
    with (
        Standin() as service,
        FaultProxy(service.url, choose) as proxy,
        local(
            tmp_path / "reports", *RUN, "--timeout", timeout_s,
            "--host", proxy.url, "--llm-host", proxy.url,
        ) as deployment,
    ):  # fmt: skip
        memory = watched_memory(deployment.master.process)
        code = deployment.master.wait(240)
        assert code in (0, 3, 4), deployment.output
        assert "Traceback" not in deployment.output, deployment.output
        path = deployment.report_dir / "multi_coord_stress_001.json"
        return json.loads(path.read_text()), proxy.spoilt, memory


def watched_memory(process) -> list[int]:
    """Its resident bytes, now and then until it ends: a list that grows."""
    sizes: list[int] = []

    def watch() -> None:
        watched = psutil.Process(process.pid)
        try:
            while size := watched.memory_info().rss:  # 0 of one that has ended
                sizes.append(size)
                time.sleep(0.1)
        except psutil.Error:
            return

    threading.Thread(target=watch, daemon=True).start()
    return sizes


def check(document, spoilt, memory) -> set[str]:
    """One step of each phase that was hit has failed, with its reason; the phases."""
    by_trace = {}
    for event in document["events"]:
        by_trace.setdefault(event["trace_id"], []).append(event)
    phases, other = set(), []
    for trace, (path, name) in spoilt.items():
        events, reason = by_trace[trace], FAULTS[name].reason
        errors = [step["error"] for one in events for step in one["steps"] if step.get("error")]
        if len(errors) != bool(reason) or not all(re.search(reason, one) for one in errors):
            other.append((name, events[0]["phase"], path, errors))
        phases.add(events[0]["phase"])
    assert not other
    failing = [one for one in spoilt.values() if FAULTS[one[1]].reason]
    assert document["metrics"]["errors"]["failed"] <= len(failing)
    assert document["completeness"]["complete"], document["completeness"]["faults"]
    check_nothing_is_double(document)
    succeeded = sum(not step.get("error") for e in document["events"] for step in e["steps"])
    assert succeeded == steps_of(document) - len(failing) > 60, "the others go on"
    assert max(memory) - min(memory) < GROWN_BYTES
    return phases


SOME = ("half-open", "cut in the body", "100 MB", "two lengths", "deep", "endless chunks", "UTF-16",
        "a byte now and then", "bandwidth", "blackhole")  # fmt: skip


def test_a_fault_of_its_own_in_every_phase(tmp_path):
    found = run_through(tmp_path, lambda number: SOME[number % len(SOME)], WAITED_S)
    assert len(check(*found)) >= 9


@pytest.mark.chaos
@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_in_every_phase(tmp_path, name):
    timeout_s = WAITED_S if TIME_OUT in FAULTS[name].reason else PATIENT_S
    phases = check(*run_through(tmp_path, lambda _: name, timeout_s))
    assert len(phases) >= 9, phases


OUTAGES = ("reset", "closed", "blackhole", "500", "redirect", "HTML", "cut in the head")
OUTAGE_S = 2.5


@pytest.mark.chaos
def test_availability_names_every_outage_and_no_other(tmp_path):
    arguments = ("-u", 6, "-r", 6, "--think-time", "0.05", "--timeout", TIMEOUT_S)
    with (
        Standin() as service,
        FaultProxy(service.url, lambda _: None) as proxy,
        local(
            tmp_path / "reports", *arguments, "--host", proxy.url, "--llm-host", service.url
        ) as deployment,
    ):
        outages = []
        go_on(service)
        for name in OUTAGES:
            time.sleep(1.5)  # what is tried: calls that go well in between part two silences
            proxy.outage, begin = name, time.time()
            time.sleep(OUTAGE_S)  # what is measured
            proxy.outage = None
            outages.append((begin, time.time()))
            go_on(service)
        deployment.master.send(signal.SIGTERM)
        deployment.master.wait(60)
        document = deployment.master.document()
    silences = [
        (one["begin"], one["seconds"]) for one in document["metrics"]["availability"]["silences"]
    ]
    assert len(silences) == len(outages), silences
    for (begin, end), (silent_from, seconds) in zip(outages, silences, strict=True):
        # A call that goes well when the outage ends has begun in it, by its time-out.
        assert begin - 0.3 <= silent_from <= begin + 0.8
        assert end - begin - 0.8 <= seconds <= end - begin + TIMEOUT_S + 1
    assert document["verdict"] == "fail"
