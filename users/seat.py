"""A seat: the place in a trio that a living coordinator holds."""

from __future__ import annotations

import msgspec


class Seat(msgspec.Struct, frozen=True):
    """(persona, trio), leased. ``generation`` counts the leases of a seat in a run, from 1.

    ``first_round`` continues after the last round that any holder of the seat began, so that
    (trio, round, cell) names one list in a run.
    """

    persona: str
    trio: int
    generation: int = 1
    first_round: int = 1

    @property
    def name(self) -> str:
        """``alice``, ``alice-2``: what events call the coordinator."""
        return self.persona if self.trio == 1 else f"{self.persona}-{self.trio}"

    def namespace(self, prefix: str) -> str:
        """The seat's playbook corpus; a later generation never inherits a stranger's memory."""
        name = prefix + self.name.replace("-", "_")
        return name if self.generation == 1 else f"{name}_g{self.generation}"
