"""Whether runs can be compared: what would make a difference mean nothing, or something else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from mcstress.errors import UsageError
from mcstress.evidence.document_parts import RunSection, Service
from mcstress.evidence.report import formatting
from mcstress.evidence.run_document import RunDocument
from mcstress.evidence.store.history import RunFile
from mcstress.evidence.store.integrity import NO_DIGEST
from mcstress.metrics.metric import UNSENT_STEPS


def _asked(document: RunDocument) -> Any:
    """All that decides what is asked; other parts of a scenario may be what is compared."""
    return document.scenario.get("variants")


def _scenario_rest(document: RunDocument) -> Any:
    scenario = document.scenario
    return {key: value for key, value in scenario.items() if key not in _ASKED_KEYS}


def _rests_differ(documents: Sequence[RunDocument]) -> bool:
    """Whether settings differ; those that an older version did not write are not known."""
    rests = [_scenario_rest(document) for document in documents]
    unknown = {key for key in _NEWER_KEYS if any(key not in rest for rest in rests)}
    told = [{key: rest[key] for key in rest if key not in unknown} for rest in rests]
    return any(rest != told[0] for rest in told)


LONGEST = 100
"""Characters of a value in a message."""

_ASKED_KEYS = ("name", "title", "variants", "thresholds", "top_k", "words")
_NEWER_KEYS = (
    "prompts", "parse", "templates", "corpus_files", "start", "zone", "timeline", "arrivals",
    "shifts",
)  # fmt: skip

_MUST_BE_ALIKE: dict[str, Callable[[RunDocument], Any]] = {
    "scenario": lambda document: document.scenario.get("name"),
    "the scenario's queries": _asked,
    "K": lambda document: document.run.k,
}
_SHOULD_BE_ALIKE: dict[str, Callable[[RunSection], Any]] = {
    "corpora": lambda run: run.corpora,
    "services": lambda run: ", ".join(map(_service, run.services)) or "none",
    "seed": lambda run: run.seed,
    "most users at once": lambda run: run.peak_users,
    "rounds": lambda run: run.rounds,
    "phases": lambda run: sorted(run.phases),
    "workers": lambda run: run.workers,
    "clock": lambda run: (
        f"{run.clock.hours:g} hours at {run.clock.time_scale:g}" if run.clock else "none"
    ),
    "arrivals": lambda run: run.settings.get("arrivals") or "none",
    "mix of arrivals": lambda run: run.settings.get("mix") or "none",
    "think time": lambda run: run.settings.get("think_time_s"),
    "LLM calls in parallel": lambda run: run.settings.get("llm_parallel"),
}


def refuse_unlike(runs: Sequence[RunFile]) -> None:
    """Raise UsageError where the runs asked other questions or for lists of other lengths."""
    first = runs[0]
    for what, part in _MUST_BE_ALIKE.items():
        for run in runs[1:]:
            if part(run.document) != part(first.document):
                raise UsageError(
                    f"{run.path}: {what} {_shown(part(run.document))}; {first.path} has "
                    f"{_shown(part(first.document))}: such runs cannot be compared"
                )


def warnings(a: Sequence[RunFile], b: Sequence[RunFile]) -> list[str]:
    """What a reader must know before believing a difference."""
    runs = [*a, *b]
    lacking = (warning for run in runs for warning in _lacking(run))
    return [*repeated(runs), *_unlike(a, b), *lacking]


def same_seed(runs: Sequence[RunFile]) -> bool:
    """Whether the runs drew the same: only then are their queries pairs."""
    return len({run.document.run.seed for run in runs}) == 1


def unsent_steps(run: RunFile) -> int:
    """How many steps the load generator could not send; its other ones may have been late."""
    return run.document.faults.get(UNSENT_STEPS, 0)


def is_incomplete(run: RunFile) -> bool:
    """Whether something of the run is missing, or it was cut off."""
    return not run.document.completeness.complete


def repeated(runs: Sequence[RunFile]) -> list[str]:
    """Files that were given more than once."""
    times = Counter(run.path.resolve() for run in runs)
    return [
        f"{path} stands here {number} times: a run is no witness of itself"
        for path, number in times.items()
        if number > 1
    ]


def _unlike(a: Sequence[RunFile], b: Sequence[RunFile]) -> list[str]:
    found = []
    for what, part in _SHOULD_BE_ALIKE.items():
        sides = [[part(run.document.run) for run in side] for side in (a, b)]
        if any(value != sides[0][0] for side in sides for value in side):
            told = [" or ".join(dict.fromkeys(map(_shown, side))) for side in sides]
            found.append(f"not the same {what}: A has {told[0]}, B has {told[1]}")
    runs = [*a, *b]
    if _rests_differ([run.document for run in runs]):
        found.append("not the same settings of the scenario")
    return found


def _service(service: Service) -> str:
    where = "built-in test server" if service.embedded else service.url
    return " ".join(part for part in (service.name, where, service.note) if part)


def _lacking(run: RunFile) -> list[str]:
    found = []
    if is_incomplete(run):
        faults = run.document.completeness.faults
        reason = next(iter(faults), "it does not say that it is complete")
        found.append(f"{run.path} is incomplete: {reason}")
    found += [f"{run.path} is not as it was written: {fault}" for fault in run.faults()[:1]]
    if not run.has_digests and run.path.suffix == ".json":
        found.append(f"{run.path}: {NO_DIGEST}")
    found += [f"{run.path}: {notice}" for notice in run.document.completeness.notices]
    if unsent := unsent_steps(run):
        found.append(
            f"{run.path}: the load generator could not send {formatting.plural(unsent, 'step')}: "
            "its speed is not the services' own"
        )
    if not run.document.run.keeps_all:
        kept = run.document.run.evidence
        pairs = "no questions are paired" if kept == "none" else "questions are paired by those"
        found.append(f"{run.path} kept {kept} of its events: {pairs}; its figures are of all")
    return found


def _shown(value: Any) -> str:
    """A value, short enough for a line."""
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
