"""Load in stages: three users, nine, and three again, each for ``STAGE_S`` seconds.

locust -f examples/load_shape.py --headless --think-time 0.1
"""

import os

from locust import LoadTestShape

from mcstress import AliceUser, BobUser, CarolUser, install

__all__ = ["AliceUser", "BobUser", "CarolUser", "Stages"]

STAGE_S = float(os.environ.get("STAGE_S", "20"))


class Stages(LoadTestShape):
    """The load curve of the report has a band for each number of users, where it lasts 10 s."""

    users = (3, 9, 3)
    spawn_rate = 3

    def tick(self) -> tuple[int, float] | None:
        """The users of the stage that is on; None ends the run."""
        stage = int(self.get_run_time() // STAGE_S)
        return (self.users[stage], self.spawn_rate) if stage < len(self.users) else None


install()
