"""Vectors of texts: as an embedder answers them, or by the built-in embedding.

A vector is not taken apart: the bytes of the embedder's answer go into the store's request as they
came. 1,536 numbers take about 100 µs to encode.
"""

from __future__ import annotations

from functools import lru_cache

import msgspec

from mcstress.services.embedded.build_times import load_built
from mcstress.services.embedded.embedding import Embedding
from mcstress.services.embedded.system import build_matrix
from mcstress.services.embedded.vocabulary import load_vocabulary
from mcstress.services.toml.operation import document
from mcstress.services.toml.pointer import Pointer, PointerError, kind_of

MOST_KEPT = 10_000
"""Texts whose vectors a process keeps; each of 1,536 numbers has about 30 kB."""
_raw = msgspec.json.Decoder(msgspec.Raw)


class KeptVectors:
    """Vectors by text, for all coordinators of a process; those that came first."""

    def __init__(self) -> None:
        self._kept: dict[str, msgspec.Raw] = {}

    def get(self, text: str) -> msgspec.Raw | None:
        """The vector, as JSON."""
        return self._kept.get(text)

    def keep(self, text: str, vector: msgspec.Raw) -> None:
        """Keep it, as far as there is room."""
        if len(self._kept) < MOST_KEPT:
            self._kept[text] = vector


@lru_cache(maxsize=1)
def builtin_embedding(seed: int) -> Embedding:
    """The built-in embedding, as the embedded stack of ``seed`` has it."""
    built = load_built(seed)
    if built is not None:
        return built.embedding()
    return build_matrix(load_vocabulary(), seed).embedding


def builtin_vector(seed: int, text: str) -> msgspec.Raw:
    """The vector of ``text`` by the built-in embedding."""
    numbers = builtin_embedding(seed).encode(text).tolist()
    return msgspec.Raw(msgspec.json.encode(numbers))


def read_vector(pointer: Pointer, body: bytes) -> msgspec.Raw:
    """The vector in an embedder's answer, as JSON.

    Raises PointerError, or one of ``DECODE_ERRORS``.
    """
    value = pointer.find(document(body))
    if type(value) is not list or not value or not isinstance(value[0], int | float):
        raise PointerError(
            f"{pointer.text or chr(34) * 2}: {kind_of(value)} where numbers were due"
        )
    return msgspec.Raw(msgspec.json.encode(value))


def dimension_of(vector: msgspec.Raw) -> int:
    """How many numbers a vector has."""
    return bytes(vector).count(b",") + 1
