"""The matrix: one search over many corpora, with a memory of what was chosen before."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

import msgspec

from mcstress.services.embedded.bodies import SearchAnswer, SearchBody
from mcstress.services.embedded.corpus import CorpusHit, CorpusIndex
from mcstress.services.embedded.http import RefusalError
from mcstress.services.embedded.playbook import PlaybookIndex, Recording
from mcstress.services.embedded.playbook_ranking import Recalled, RecallRules, Who, apply_memory

if TYPE_CHECKING:
    from mcstress.services.embedded import corpus
    from mcstress.services.embedded.corpus import IndexedItem
    from mcstress.services.embedded.embedding import Embedding, Vector

BAD_GATEWAY = 502
NO_METADATA = msgspec.Raw(b"{}")


class MatrixEngine:
    """Corpora by name, playbooks by namespace, and the embedding that all of them share.

    It is called from one thread only, which is what makes adding while others search safe.
    """

    def __init__(self, embedding: Embedding, corpora: list[CorpusIndex]) -> None:
        self.embedding = embedding
        self.corpora = {corpus.name: corpus for corpus in corpora}
        self._playbooks: dict[str, PlaybookIndex] = {}

    def record(self, namespace: str, recording: Recording) -> None:
        """Remember ``recording`` in ``namespace``, which begins with its first recording."""
        playbook = self._playbooks.get(namespace)
        if playbook is None:
            playbook = self._playbooks[namespace] = PlaybookIndex(self.embedding.dimension)
        playbook.record(recording, self.embedding.encode(recording.query_text))

    def search(self, body: SearchBody) -> SearchAnswer:
        """The nearest of all corpora asked; RefusalError 502 where one of them does not exist."""
        corpora = [self._corpus(name) for name in dict.fromkeys(body.corpora)]
        vector = self.embedding.encode(body.query_text)
        count = body.per_corpus_k or body.k
        hits = {corpus.name: self.nearest(corpus, vector, count, body) for corpus in corpora}
        found = {(hit.corpus, hit.id): hit for hit in chain.from_iterable(hits.values())}
        recalled = self._recall(found, vector, body)
        results = sorted(recalled.hits.values())[: body.k]
        listed = {(hit.corpus, hit.id) for hit in results}
        return SearchAnswer(
            results=results,
            per_corpus_counts={name: len(of_corpus) for name, of_corpus in hits.items()},
            playbook_boosted=len(recalled.boosted & listed),
            playbook_injected=len(recalled.injected & listed),
        )

    def add(self, name: str, items: list[IndexedItem], vectors: corpus.Matrix) -> None:
        """Take ``items``, each with its row of ``vectors``, into the corpus ``name``."""
        self.corpora[name].add(items, vectors)

    def nearest(
        self, corpus: CorpusIndex, vector: Vector, count: int, body: SearchBody
    ) -> list[CorpusHit]:
        """The ``count`` nearest of one corpus, without those that ``body`` excludes."""
        return corpus.search(vector, count, body.exclude_ids)

    def _recall(self, found: dict[Who, CorpusHit], vector: Vector, body: SearchBody) -> Recalled:
        playbook = self._playbooks.get(body.playbook_corpus or "") if body.use_playbook else None
        if playbook is None:
            return Recalled(found, set(), set())
        excluded = set(body.exclude_ids)
        recollections = [
            recollection
            for recollection in playbook.recall(vector, body.playbook_top_k)
            if recollection.recording.answer_id not in excluded
        ]
        rules = RecallRules(
            body.playbook_max_distance, body.playbook_max_inject_distance, body.query_role
        )
        return apply_memory(found, recollections, rules, self._metadata_of)

    def _metadata_of(self, recording: Recording) -> msgspec.Raw:
        corpus = self.corpora.get(recording.answer_corpus)
        item = corpus.item(recording.answer_id) if corpus else None
        return item.metadata if item else NO_METADATA

    def _corpus(self, name: str) -> CorpusIndex:
        corpus = self.corpora.get(name)
        if corpus is None:
            raise RefusalError(BAD_GATEWAY, f'corpus "{name}" does not exist')
        return corpus
