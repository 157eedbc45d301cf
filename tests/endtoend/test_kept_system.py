"""A system that keeps what earlier runs wrote to it gives later ones the same figures."""

from __future__ import annotations

import pytest
from endtoend.locust_run import run_locust

from mcstress.services.embedded.process import EmbeddedStack


@pytest.fixture(scope="module")
def stack():
    started = EmbeddedStack.start(seed=42)
    yield started
    started.stop()


def test_new_resumes_are_found_in_every_run(stack, tmp_path):
    """Namesakes of an earlier run, word for word the same, would come before them or after."""
    for number in range(4):
        code, document, output = run_locust(
            *("--headless", "-u", 3, "-r", 3, "--rounds", 1, "--tags", "fresh_resume"),
            *("--host", stack.url, "--llm-host", stack.llm_url),
            report_dir=tmp_path / str(number),
        )
        assert code == 0, output
        found = document["metrics"]["freshness"]
        assert (found["resumes"], found["top1"], found["top_k"]) == (3, 3, 3)
