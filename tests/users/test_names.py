"""Hardly any two new resumes bear one name, in however long a run."""

from __future__ import annotations

from collections import Counter
from hashlib import blake2b

from mcstress.users.scenarios.load import load_scenario
from mcstress.users.scenarios.model import Names


def test_a_number_is_read_as_digits():
    names = Names(first=["Ada", "Bo"], last=["Xu", "Yi", "Zak"])
    assert names.by(0) == "Ada Ada Ada Xu"
    assert names.by(0b101 + 8 * 2) == "Bo Ada Bo Zak"
    assert len({names.by(number) for number in range(24)}) == 24


def test_of_a_hundred_thousand_people_fewer_than_one_in_a_hundred_shares_a_name():
    names = load_scenario("three_cities").names
    drawn = (
        int.from_bytes(blake2b(b"%d" % number, digest_size=8).digest()) for number in range(100_000)
    )
    bearers = Counter(map(names.by, drawn))
    assert sum(number for number in bearers.values() if number > 1) < 1000
