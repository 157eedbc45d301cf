"""What the corpora of a seed took seconds to build, kept for the next start of the stack.

A file for each seed and version of this code, in ``$XDG_CACHE_HOME/mcstress``, or else in
``~/.cache/mcstress``. A file that is damaged or cannot be read or written costs the building again,
and nothing else: it may be removed at any time.
"""

from __future__ import annotations

import os
import platform
import tempfile
from collections.abc import Iterable
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np
from xxhash import xxh3_128_digest

from mcstress.services.embedded.embedding import DIMENSION, Embedding

if TYPE_CHECKING:
    from mcstress.services.embedded.embedding import Matrix, Vector

KEPT_FILES = 4
"""The newest; each has 12 MB."""
DIGEST_BYTES = 16


class Built(msgspec.Struct, frozen=True):
    """An embedding's terms, ``weights`` and ``table``, as float32; the graph of each corpus."""

    terms: list[str]
    weights: bytes
    table: bytes
    graphs: list[bytes]

    def embedding(self) -> Embedding:
        """The embedding."""
        table: Matrix = np.frombuffer(self.table, np.float32).reshape(-1, DIMENSION)
        weights: Vector = np.frombuffer(self.weights, np.float32)
        return Embedding({term: row for row, term in enumerate(self.terms)}, weights, table)


def load_built(seed: int) -> Built | None:
    """What was kept for ``seed``; None where there is nothing, or nothing that can be used."""
    try:
        kept = kept_at(seed).read_bytes()
        digest, content = kept[:DIGEST_BYTES], kept[DIGEST_BYTES:]
        if xxh3_128_digest(content) != digest:
            return None
        return msgspec.msgpack.decode(content, type=Built)
    except (OSError, RuntimeError, msgspec.DecodeError):
        return None


def keep(seed: int, built: Built) -> None:
    """Keep ``built`` for ``seed``, as far as the disk allows."""
    content = msgspec.msgpack.encode(built)
    try:
        path = kept_at(seed)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
            new = Path(file.name)
            try:
                file.write(xxh3_128_digest(content) + content)
                file.flush()
                new.replace(path)
            except OSError:
                new.unlink(missing_ok=True)
                raise
        forget(path.parent.glob("embedded-*"))
    except (OSError, RuntimeError):
        return


def forget(files: Iterable[Path]) -> None:
    """Remove all but the newest of ``files``; other processes may do the same."""
    by_age = sorted(((file.stat().st_mtime_ns, file) for file in files), reverse=True)
    for _, file in by_age[KEPT_FILES:]:
        file.unlink(missing_ok=True)


def kept_at(seed: int) -> Path:
    """Where the file of ``seed`` is, or would be. RuntimeError where there is no home."""
    return cache_folder() / f"embedded-{made_by()}-{seed}"


def cache_folder() -> Path:
    """Where is kept what can be made again. RuntimeError where there is no home."""
    root = os.environ.get("XDG_CACHE_HOME")
    folder = Path(root) if root and Path(root).is_absolute() else Path.home() / ".cache"
    return folder / "mcstress"


def made_by() -> str:
    """A digest of all that decides what is built: this code and its words, numpy, the machine."""
    found = sha256()
    for file in sorted(Path(__file__).parent.iterdir()):
        if file.suffix in (".py", ".toml", ".txt"):
            found.update(file.read_bytes())
    of_machine = (version("numpy"), version("usearch"), platform.node(), platform.machine())
    found.update(repr(of_machine).encode())
    return found.hexdigest()[:16]
