"""What stands in for the real servers in ``make test`` is what they still say.

``RECORD=1 make test-targets`` writes it anew.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from real.systems import SYSTEMS, booted
from tcp.raw_server import RawServer

sys.path.append(str(Path(__file__).parents[1] / "services"))
from conversation import Player, Recorder, converse

pytestmark = pytest.mark.targets


@pytest.mark.parametrize("name", ["chroma", "lynsedb"])
def test_the_recording_is_what_the_real_server_says(name, needs, tmp_path):
    needs(name)
    with booted(SYSTEMS[name], tmp_path / "data") as system:
        recorder = Recorder(system.url)
        with RawServer(recorder) as server:
            real = converse(name, server.url)
    if os.environ.get("RECORD"):
        recorder.write(name)
    with RawServer(Player(name)) as server:
        again = converse(name, server.url)
    assert [step[:2] for step in again] == [step[:2] for step in real]
