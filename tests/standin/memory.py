"""The stand-in's playbook memory: whose distances are known (modes.py)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

import msgspec

SAME_WORDS, PARAPHRASED, UNRELATED = 0.0, 0.2, 1.0


class Recall(msgspec.Struct, frozen=True):
    """A remembered answer and how far the query that it answered lies from the one asked."""

    answer_id: str
    corpus: str
    distance: float
    score: float

    @property
    def factor(self) -> float:
        """What a distance is multiplied by."""
        return 1 - 0.5 * self.score


class Memory:
    """All namespaces. ``paraphrases`` maps a paraphrase to the query that it paraphrases."""

    def __init__(self, paraphrases: Mapping[str, str]) -> None:
        self._paraphrases = paraphrases
        self._namespaces: dict[str, dict[tuple[str, str, str], tuple[float, str | None]]] = (
            defaultdict(dict)
        )

    def record(
        self, namespace: str, query: str, answer: tuple[str, str], score: float, role: str | None
    ) -> str:
        """Remember; the same again keeps the last score. The playbook id."""
        remembered = self._namespaces[namespace]
        remembered[(query, *answer)] = (score, role)
        return f"{namespace}-{list(remembered).index((query, *answer)) + 1}"

    def near(
        self, namespace: str, query: str, role: str | None, top_k: int, same_words: bool
    ) -> list[Recall]:
        """The ``top_k`` nearest in ``namespace`` whose role is not another one."""
        found = [
            Recall(answer_id, corpus, self._distance(query, remembered, same_words), score)
            for (remembered, answer_id, corpus), (score, its_role) in self._namespaces.get(
                namespace, {}
            ).items()
            if role is None or its_role is None or role == its_role
        ]
        return sorted(found, key=lambda recall: recall.distance)[:top_k]

    def _distance(self, query: str, remembered: str, same_words: bool) -> float:
        if query == remembered:
            return SAME_WORDS
        if not same_words and self._paraphrases.get(query) == remembered:
            return PARAPHRASED
        return UNRELATED
