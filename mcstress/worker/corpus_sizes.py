"""How many items the corpora have, looked at now and then while a run goes on."""

from __future__ import annotations

from collections.abc import Mapping

import gevent

from mcstress.services.target import Target


class CorpusSizes:
    """Of one process, as last seen; a pair of searches whose corpora changed between is known."""

    def __init__(self, target: Target, sizes: Mapping[str, int]) -> None:
        self._target = target
        self._sizes = dict(sizes)
        self._sizes_of: dict[tuple[str, ...], dict[str, int]] = {}

    def of(self, corpora: list[str]) -> dict[str, int]:
        """Those of ``corpora``; a corpus never seen is left out."""
        key = tuple(corpora)
        found = self._sizes_of.get(key)
        if found is None:
            found = {name: self._sizes[name] for name in corpora if name in self._sizes}
            self._sizes_of[key] = found
        return found

    def look(self) -> None:
        """Ask the target once."""
        answer = self._target.sizes().answer
        if answer is not None and answer.corpora != self._sizes:
            self._sizes, self._sizes_of = answer.corpora, {}

    def look_every(self, seconds: float) -> None:
        """Look for ever, where the target knows its sizes."""
        while self._target.capabilities().sizes:
            gevent.sleep(seconds)
            self.look()
