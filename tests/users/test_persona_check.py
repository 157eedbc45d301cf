"""Whoever plays has a part, and every part somebody who could play it."""

from __future__ import annotations

import re

import msgspec
import pytest
from locust import User

from mcstress.errors import UsageError
from mcstress.users.persona import AliceUser, BobUser, CarolUser
from mcstress.users.persona_check import check_personas
from mcstress.users.scenarios.load import load_scenario

TRIO = [AliceUser, BobUser, CarolUser]


@pytest.fixture
def played():
    """A scenario with personas that a test names."""
    scenario = load_scenario("three_cities")
    return lambda *personas: msgspec.structs.replace(scenario, personas=list(personas))


@pytest.mark.parametrize("classes", [TRIO, TRIO[:2], [], [*TRIO, User]])
def test_the_personas_of_the_scenario_or_some_of_them(played, classes):
    check_personas(played("alice", "bob", "carol"), classes)


def test_a_persona_that_nobody_plays(played):
    with pytest.raises(UsageError, match='personas: found "dave", which no user class plays'):
        check_personas(played("alice", "bob", "carol", "dave"), TRIO)


def test_a_class_without_a_part(played):
    found = re.escape('personas: found no "carol", which CarolUser plays; expected one of alice')
    with pytest.raises(UsageError, match=found):
        check_personas(played("alice", "bob"), TRIO)
    check_personas(played("alice", "bob"), TRIO[:2])
