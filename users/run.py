"""What all coordinators of one run share, on whatever worker they live."""

from __future__ import annotations

from hashlib import blake2b

import msgspec

from mcstress.services.http.bearer_token import TokenHosts
from mcstress.services.http.transport import LARGEST_ANSWER_BYTES
from mcstress.users.scenarios.model import Scenario


class Run(msgspec.Struct, frozen=True):
    """Made once, by the master or the local runner, and sent to every worker.

    ``phases`` are the chosen ones in their order; ``rounds`` 0 means until stopped. ``top_k`` is
    the scenario's unless an option says otherwise.
    """

    uid: str
    label: str
    gateway_url: str
    llm_url: str
    llm_model: str
    scenario: Scenario
    phases: list[str]
    rounds: int
    seed: int
    top_k: int
    playbook_prefix: str
    fresh_prefix: str
    timeout_s: float
    wait_deadline_s: float
    think_from_s: float
    think_to_s: float
    trace_sample: float = 1.0
    token_hosts: TokenHosts = TokenHosts()
    max_answer_bytes: int = LARGEST_ANSWER_BYTES

    def draw(self, *what: object) -> int:
        """A number in [0, 2**64) that depends on the seed and ``what`` alone.

        All that is random in a run comes from here, never from a generator that users share.
        """
        key = "/".join(map(str, (self.seed, *what)))
        return int.from_bytes(blake2b(key.encode(), digest_size=8).digest(), "big")
