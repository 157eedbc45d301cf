"""``--max-answer`` holds on the workers, for every service."""

from __future__ import annotations

from endtoend.locust_run import forked, run_locust


def test_what_is_larger_than_max_answer_is_a_failed_step_on_a_worker_too(tmp_path):
    _, document, output = run_locust(
        *("--headless", "-u", 3, "-r", 3, "--rounds", 1, *forked(1)),
        *("--max-answer", "1kB", "--tags", "baseline"),
        report_dir=tmp_path / "reports",
    )
    assert document, output
    assert document["run"]["settings"]["max_answer_bytes"] == 1_000
    errors = document["metrics"]["errors"]
    reasons = {(row["step"], row["reason"]) for row in errors["by_reason"]}
    assert reasons == {("matrix.search", "answer over 1 kB")}
    assert errors["failed"] == errors["steps"] > 0
    assert document["completeness"]["complete"], document["completeness"]
