"""Items on their way from a request to an index, and from the disk back to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from services.embedded.bodies import BAD_REQUEST, ItemBody
from services.embedded.corpus import Item
from services.embedded.refusal import RefusalError
from services.embedded.store import StoredItem

if TYPE_CHECKING:
    from collections.abc import Sequence

Matrix = NDArray[np.float32]


def checked_items(given: Sequence[ItemBody], dimension: int) -> tuple[list[Item], Matrix]:
    """Items and their vectors, scaled to length 1; RefusalError 400 says which one is wrong."""
    seen: set[str] = set()
    for number, item in enumerate(given):
        if item.id in seen:
            raise RefusalError(BAD_REQUEST, f'items[{number}].id: found "{item.id}" twice')
        if len(item.vector) != dimension:
            raise RefusalError(
                BAD_REQUEST,
                f"items[{number}].vector: found {len(item.vector)} numbers, expected {dimension}",
            )
        seen.add(item.id)
    vectors = np.array([item.vector for item in given], np.float64).reshape(-1, dimension)
    return [item_of(item.id, item.metadata) for item in given], unit_rows(vectors)


def unit_rows(vectors: NDArray[np.float64]) -> Matrix:
    """``vectors`` scaled to length 1; RefusalError 400 where one has no direction."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    without = np.flatnonzero((lengths == 0) | ~np.isfinite(lengths))
    if without.size:
        raise RefusalError(
            BAD_REQUEST, f"items[{without[0]}].vector: its length is no positive number"
        )
    units: Matrix = (vectors / lengths).astype(np.float32)
    return units


def item_of(item_id: str, metadata: dict[str, Any]) -> Item:
    """The item, with its role where its metadata names one."""
    role = metadata.get("role")
    return Item(
        item_id,
        msgspec.Raw(msgspec.json.encode(metadata)),
        role if isinstance(role, str) else None,
    )


def stored_items(items: list[Item], vectors: Matrix) -> list[StoredItem]:
    """Items as they go to the disk."""
    return [
        StoredItem(item.id, vector.tobytes(), bytes(item.metadata))
        for item, vector in zip(items, vectors, strict=True)
    ]


def restored_item(stored: StoredItem) -> tuple[Item, Matrix]:
    """An item as it comes back from the disk, and its vector as a matrix of one row."""
    item = item_of(stored.id, msgspec.json.decode(stored.metadata, type=dict[str, Any]))
    return item, np.frombuffer(stored.vector, np.float32)[np.newaxis]
