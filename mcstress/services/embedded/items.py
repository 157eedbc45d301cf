"""Items on their way from a request to an index, and from the disk back to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from mcstress.services.embedded.bodies import BAD_REQUEST, ItemBody
from mcstress.services.embedded.corpus import IndexedItem
from mcstress.services.embedded.http import RefusalError
from mcstress.services.embedded.store import StoredItem

if TYPE_CHECKING:
    from collections.abc import Sequence

Matrix = NDArray[np.float32]

DEEPEST_METADATA = 32
LARGEST_METADATA_BYTES = 16 * 1024
"""A search's answer may hold that of a thousand items."""

metadata_decoder = msgspec.json.Decoder(dict[str, Any])


def checked_items(given: Sequence[ItemBody], dimension: int) -> tuple[list[IndexedItem], Matrix]:
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
    items = [item_of(item.id, metadata_of(number, item)) for number, item in enumerate(given)]
    return items, unit_rows(vectors)


def metadata_of(number: int, item: ItemBody) -> dict[str, Any]:
    """The metadata of the item of that ``number``, where it is small, flat and a JSON object."""
    where, size = f"items[{number}].metadata", len(bytes(item.metadata))
    if size > LARGEST_METADATA_BYTES:
        raise RefusalError(
            BAD_REQUEST, f"{where}: found {size} bytes, expected at most {LARGEST_METADATA_BYTES}"
        )
    try:
        metadata = metadata_decoder.decode(item.metadata)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RefusalError(BAD_REQUEST, f"{where}: {error}") from None
    except RecursionError:
        metadata = None
    if metadata is None or nested_deeper(metadata, DEEPEST_METADATA):
        raise RefusalError(BAD_REQUEST, f"{where}: nested deeper than {DEEPEST_METADATA} levels")
    return metadata


def nested_deeper(value: object, levels: int) -> bool:
    """Whether more than ``levels`` objects or lists of ``value`` stand in one another."""
    if not isinstance(value, dict | list):
        return False
    inner = value.values() if isinstance(value, dict) else value
    return levels == 0 or any(nested_deeper(one, levels - 1) for one in inner)


def unit_rows(vectors: NDArray[np.float64]) -> Matrix:
    """``vectors`` scaled to length 1; RefusalError 400 where one has no direction."""
    with np.errstate(over="ignore"):  # what has no finite length is refused
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    without = np.flatnonzero((lengths == 0) | ~np.isfinite(lengths))
    if without.size:
        raise RefusalError(
            BAD_REQUEST, f"items[{without[0]}].vector: its norm is not a positive number"
        )
    units: Matrix = (vectors / lengths).astype(np.float32)
    return units


def item_of(item_id: str, metadata: dict[str, Any]) -> IndexedItem:
    """The item, with its role where its metadata names one."""
    role = metadata.get("role")
    return IndexedItem(
        item_id,
        msgspec.Raw(msgspec.json.encode(metadata)),
        role if isinstance(role, str) else None,
    )


def stored_items(items: list[IndexedItem], vectors: Matrix) -> list[StoredItem]:
    """Items as they go to the disk."""
    return [
        StoredItem(item.id, vector.tobytes(), bytes(item.metadata))
        for item, vector in zip(items, vectors, strict=True)
    ]


def restored_item(stored: StoredItem) -> tuple[IndexedItem, Matrix]:
    """An item as it comes back from the disk, and its vector as a matrix of one row."""
    item = item_of(stored.id, metadata_decoder.decode(stored.metadata))
    return item, np.frombuffer(stored.vector, np.float32)[np.newaxis]
