"""What the settings of a run are called, and what each decides."""

from __future__ import annotations

from typing import Any

from mcstress.evidence.document_parts import RunSection
from mcstress.evidence.report import formatting

MEANINGS = {
    "scenario": "--scenario: what is asked",
    "record_rank": "the place in a baseline's list of the hit that a coordinator records "
    "(the scenario's record_rank): not 1, so that the memory has something to do",
    "variants": "wordings that the scenario has",
    "think_time_s": "--think-time: seconds between a coordinator's events, from and to",
    "arrivals": "--arrival-rate and --arrivals: when events were to begin; a rate that was changed "
    "later is not here",
    "mix": "--mix: what arrivals were, by weight, in place of the phases",
    "max_wait_s": "--max-wait: seconds after which an arrival or an appointment was missed",
    "reference_s": "--reference: seconds in which one user of each persona ran alone first",
    "timeout_s": "--timeout: seconds to wait for one response",
    "llm_timeout_s": "--llm-timeout: seconds to wait for one answer of the LLM",
    "max_answer_bytes": "--max-answer: a longer answer is a failed step",
    "wait_deadline_s": "--wait-deadline: seconds to wait for another coordinator",
    "llm_parallel": "--llm-parallel: requests to the LLM at a time, of each process",
    "playbook_prefix": "--playbook-prefix: how the namespaces of memories begin",
    "trace_sample": "--trace-sample: the share of events that is traced",
    "mask": "--mask: what of bodies is left out of traces",
    "stack_faults": "--stack-fault: what the built-in server was told to do wrong",
    "truth": "--truth: the file of hits that are known to be right",
    "rest": "--rest: the run whose lists are compared as those at rest",
    "inbox": "--inbox: where mail from outside was read",
    "memory_size": "--memory-size: other answers that a memory asked by itself is filled with "
    "first; for targets that have no search",
    "set": "--set: numbers of the target's file that were given others",
}
"""By the name that the JSON has; a run of another version may have more."""


def setting_rows(run: RunSection) -> list[tuple[str, str, str]]:
    """Name, value and meaning of each."""
    return [(name, _value(value), MEANINGS.get(name, "")) for name, value in run.settings.items()]


def _value(value: Any) -> str:
    if value in ("", {}, [], None):
        return formatting.NONE
    if isinstance(value, list):
        return " to ".join(map(str, value)) if value[0] != value[-1] else str(value[0])
    if isinstance(value, dict):
        return ", ".join(f"{key}={number}" for key, number in value.items())
    return str(value)
