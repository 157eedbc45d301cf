"""Shipped targets against what the real servers said: recorded by ``make test-targets``."""

import pytest
from conversation import Player, converse
from tcp.raw_server import RawServer

from mcstress.services.target import Sizes


@pytest.mark.parametrize("name", ["chroma", "lynsedb"])
def test_a_shipped_file_asks_what_the_server_takes_and_reads_what_it_says(name):
    player = Player(name)
    with RawServer(player) as server:
        added, more, sizes, found, without, *recorded, recalled, gone = converse(name, server.url)
    assert (player.unknown, player.lines) == ([], [])
    assert [(step[0], step[1]) for step in (added, more)] == [("index.add", None)] * 2
    assert sizes[2] == Sizes({"workers": 3})
    hits, metadata = found[2].hits, found[2].metadata
    assert (found[1], hits[0].id, hits[0].corpus, len(hits)) == (None, "w-2", "workers", 2)
    assert hits[0].distance < 0.5 <= hits[1].distance
    assert metadata[0] == {"role": "welder", "certs": ["MIG"]}
    assert [hit.id for hit in without[2].hits][:1] == [hits[1].id]
    assert len(without[2].hits) == 2
    assert [step[1] for step in recorded] == [None] * 3
    assert [(hit.id, hit.corpus) for hit in recalled[2].hits] == [("w-2", "workers")]
    assert recalled[2].hits[0].distance == pytest.approx(0, abs=1e-5)
    assert gone[2] is None
    assert gone[1]
