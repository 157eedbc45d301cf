"""Playbook memory: which answers were given to which queries, in namespaces of their own."""

from __future__ import annotations

from hashlib import blake2b

import msgspec
import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float32]
Matrix = NDArray[np.float32]

FIRST_CAPACITY = 8


class Recording(msgspec.Struct, frozen=True):
    """``answer_id`` of ``answer_corpus`` was the answer to ``query_text``; ``score`` 0 to 1."""

    query_text: str
    answer_id: str
    answer_corpus: str
    score: float
    role: str | None = None

    @property
    def triple(self) -> tuple[str, str, str]:
        """What is remembered once: recorded again, the last score counts."""
        return (self.query_text, self.answer_corpus, self.answer_id)


class Recollection(msgspec.Struct, frozen=True):
    """A remembered recording, and how far its query is from the one that is asked."""

    distance: float
    recording: Recording


class PlaybookIndex:
    """One namespace. Its queries are few and searched exactly."""

    def __init__(self, dimension: int) -> None:
        self._recordings: list[Recording] = []
        self._rows: dict[tuple[str, str, str], int] = {}
        self._vectors: Matrix = np.empty((FIRST_CAPACITY, dimension), np.float32)

    def record(self, recording: Recording, vector: Vector) -> None:
        """Remember ``recording``; ``vector`` is that of its query."""
        row = self._rows.setdefault(recording.triple, len(self._recordings))
        if row < len(self._recordings):
            self._recordings[row] = recording
            return
        if row == len(self._vectors):
            self._vectors = np.concatenate([self._vectors, np.empty_like(self._vectors)])
        self._vectors[row] = vector
        self._recordings.append(recording)

    def recall(self, vector: Vector, count: int) -> list[Recollection]:
        """``count`` recordings of the nearest queries, nearest first, equals as first recorded."""
        distances = 1.0 - self._vectors[: len(self._recordings)] @ vector
        nearest = np.argsort(distances, kind="stable")[:count].tolist()
        return [Recollection(float(distances[row]), self._recordings[row]) for row in nearest]


def playbook_id(namespace: str, recording: Recording) -> str:
    """The id of a recording in a namespace: the same triple has the same id."""
    key = msgspec.json.encode((namespace, *recording.triple))
    return f"pb-{blake2b(key, digest_size=8).hexdigest()}"
