"""User classes of a scenario's personas: made where a locustfile has none, and in step with it."""

from __future__ import annotations

import msgspec
import pytest
from locust import User

from mcstress.users.persona import AliceUser, BobUser, CarolUser, CoordinatorUser
from mcstress.users.persona_check import check_personas
from mcstress.users.persona_classes import class_of, in_step, incomplete_trio, missing, put_classes
from mcstress.users.scenarios.load import load_scenario


def played(*personas):
    return msgspec.structs.replace(load_scenario("three_cities"), personas=list(personas))


def made(*personas):
    return [class_of(persona) for persona in personas]


class Dave(CoordinatorUser):
    persona = "zed"


def test_a_locustfile_without_coordinators_gets_one_class_for_each_persona():
    file = {"CoordinatorUser": CoordinatorUser, "x": 1, "User": User}
    put_classes(file, ["alice", "nora2"])
    assert file["AliceUser"].persona == "alice"
    assert issubclass(file["AliceUser"], AliceUser)
    assert (file["Nora2User"].persona, file["Nora2User"].abstract) == ("nora2", False)
    assert file["Nora2User"].tasks == CoordinatorUser.tasks


def test_a_locustfile_with_a_coordinator_says_itself_who_plays():
    file = {"BobUser": BobUser}
    put_classes(file, ["alice", "bob"])
    assert file == {"BobUser": BobUser}


@pytest.mark.parametrize(
    ("classes", "expected"),
    [
        (made("alice", "bob", "carol"), made("ann", "ben")),
        ([*made("alice"), User], [User, *made("ann", "ben")]),
        ([AliceUser, BobUser], [AliceUser, BobUser]),
        ([*made("alice", "bob"), Dave], [Dave]),
        ([User], [User]),
        ([], []),
    ],
)
def test_classes_go_with_the_scenario_where_they_were_made(classes, expected):
    assert in_step(classes, played("ann", "ben")) == expected


def test_two_and_four_personas_have_their_classes():
    for personas in (("ann", "ben"), ("alice", "bob", "carol", "dora")):
        classes = in_step(made("alice", "bob", "carol"), played(*personas))
        check_personas(played(*personas), classes)
        assert [kind.persona for kind in classes] == [*personas]


def test_a_worker_makes_what_its_master_starts():
    here = made("alice", "bob", "carol")
    assert missing(["AnnUser", "BenUser", "AliceUser"], here) == made("ann", "ben")
    assert missing(["AliceUser"], here) == []
    assert missing(["DaveUser"], [AliceUser, Dave]) == [], "its locustfile has its own"


@pytest.mark.parametrize(
    ("users", "classes", "said"),
    [
        (2, made("ann", "ben"), ""),
        (3, made("ann", "ben"), "3 users for groups of 2 (ann, ben): the last group has 1"),
        (1, made("ann", "ben"), "the last group has 1"),
        (3, made("ann"), ""),
        (3, [*made("ann", "ben"), User], ""),
    ],
)
def test_users_that_make_no_whole_groups_are_told_of(users, classes, said):
    told = incomplete_trio(users, classes, played("ann", "ben"))
    assert said in told
    assert bool(told) == bool(said)


def test_the_classes_of_the_default_are_known_by_their_names():
    assert [kind.__name__ for kind in made("alice", "bob", "carol")] == [
        kind.__name__ for kind in (AliceUser, BobUser, CarolUser)
    ]
