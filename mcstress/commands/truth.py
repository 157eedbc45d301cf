"""``mcstress truth``: what the embedded stack should find, by exact search, as a file of truth."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from mcstress.errors import UsageError
from mcstress.services.embedded.system import build_matrix
from mcstress.services.embedded.vocabulary import load_vocabulary
from mcstress.users.scenarios.load import load_scenario


def exact_lines(scenario_name: str, seed: int, top_k: int) -> Iterator[str]:
    """A JSON line for each demand: its query, and the ids of the ``top_k`` nearest.

    Raises UsageError where the scenario is none, or searches what the stack does not have.
    """
    scenario = load_scenario(scenario_name)
    matrix = build_matrix(load_vocabulary(), seed)
    if missing := [name for name in scenario.corpora if name not in matrix.corpora]:
        raise UsageError(
            f"scenario {scenario.name}: found the corpora {', '.join(missing)}, expected those of "
            f"the embedded stack: {', '.join(matrix.corpora)}"
        )
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
