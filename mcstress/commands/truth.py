"""``mcstress truth``: what the embedded stack should find, by exact search, as a file of truth."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from mcstress.commands.corpus import refuse_missing
from mcstress.services.corpus_file import read_corpora
from mcstress.services.embedded.system import build_matrix, matrix_of
from mcstress.services.embedded.vocabulary import load_vocabulary
from mcstress.users.scenarios.load import load_scenario


def exact_lines(
    scenario_name: str, seed: int, top_k: int, files: Sequence[Path] = ()
) -> Iterator[str]:
    """A JSON line for each demand: its query, and the ids of the ``top_k`` nearest.

    The corpora are those of the stack of ``seed``, or of ``files``. Raises UsageError where the
    scenario is none, or searches what the stack does not have.
    """
    scenario = load_scenario(scenario_name)
    own = read_corpora(files)
    matrix = matrix_of(own) if own else build_matrix(load_vocabulary(), seed)
    refuse_missing(scenario, matrix.corpora)
    corpora = [matrix.corpora[name] for name in scenario.corpora]
    k = top_k or scenario.top_k
    for variant in scenario.variants:
        for contract in variant.contracts:
            for demand in contract.demands:
                vector = matrix.embedding.encode(demand.query)
                found = sorted(
                    hit for corpus in corpora for hit in corpus.search(vector, k, exact=True)
                )
                ids = [f"{hit.corpus}:{hit.id}" for hit in found[:k]]
                yield msgspec.json.encode({"query": demand.query, "ids": ids}).decode()
