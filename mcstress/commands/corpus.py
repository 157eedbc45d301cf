"""``mcstress corpus``: the corpora that a scenario searches, as files for other systems."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from mcstress.errors import UsageError
from mcstress.services.corpus_file import ENDING, CorpusItem, read_corpora, write_corpus
from mcstress.services.embedded.people import WorkerProfile, make_workers
from mcstress.services.embedded.system import CORPORA, build_matrix
from mcstress.services.embedded.vocabulary import load_vocabulary
from mcstress.users.scenarios.load import corpus_paths, load_scenario
from mcstress.users.scenarios.model import Scenario


def write_corpora(scenario_name: str, seed: int, out: Path, *, vectors: bool) -> Iterator[str]:
    """Write ``out/NAME.jsonl`` for each corpus of the scenario; a line about each.

    Raises UsageError where the scenario is none, searches what is not made from a seed, or the
    folder cannot be written.
    """
    corpora = corpora_of(scenario_name, load_scenario(scenario_name), seed)
    if vectors:
        corpora = {name: embedded(items, seed) for name, items in corpora.items()}
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"--out {out}: {error.strerror}, expected a folder") from None
    for name, items in corpora.items():
        path = out / f"{name}{ENDING}"
        yield f"{path}: {write_corpus(path, items):,} items"


def corpora_of(
    scenario_name: str, scenario: Scenario, seed: int
) -> dict[str, Iterable[CorpusItem]]:
    """The corpora that the scenario searches: those beside its file, or else the seed's."""
    own = read_corpora(corpus_paths(scenario_name, scenario))
    if own:
        refuse_missing(scenario, own)
        return {name: own[name] for name in scenario.corpora}
    return seeded_corpora(scenario, seed)


def seeded_corpora(scenario: Scenario, seed: int) -> dict[str, Iterable[CorpusItem]]:
    """The scenario's corpora as the embedded stack makes them; UsageError where it has them not."""
    refuse_missing(scenario, [name for name, _prefix, _count in CORPORA])
    vocabulary = load_vocabulary()
    return {
        name: map(item_of, make_workers(vocabulary, seed, prefix, count))
        for name, prefix, count in CORPORA
        if name in scenario.corpora
    }


def embedded(items: Iterable[CorpusItem], seed: int) -> Iterator[CorpusItem]:
    """The items with their vectors, by the embedding that the seed's corpora teach."""
    encode = build_matrix(load_vocabulary(), seed).embedding.encode
    for item in items:
        yield msgspec.structs.replace(item, vector=encode(item.text).tolist())


def item_of(worker: WorkerProfile) -> CorpusItem:
    """A worker as a line of a file."""
    return CorpusItem(worker.id, worker.text, msgspec.to_builtins(worker.profile))


def refuse_missing(scenario: Scenario, there: Iterable[str]) -> None:
    """UsageError where the scenario searches a corpus that is not ``there``."""
    there = list(there)
    if missing := [name for name in scenario.corpora if name not in there]:
        raise UsageError(
            f"scenario {scenario.name}: found the corpora {', '.join(missing)}, expected those of "
            f"the embedded stack: {', '.join(there)}"
        )
