"""Corpora: the same from the same seed anywhere, and people as resumes show them."""

import subprocess
import sys
from collections import Counter
from hashlib import sha256

import msgspec
import pytest

from mcstress.services.embedded.people import make_workers

DIGEST = """
import msgspec
from hashlib import sha256
from mcstress.services.embedded.vocabulary import load_vocabulary
from mcstress.services.embedded.people import make_workers
workers = make_workers(load_vocabulary(), 7, "w", 200)
print(sha256(msgspec.json.encode(workers)).hexdigest())
"""


@pytest.fixture(scope="module")
def workers(vocabulary):
    return make_workers(vocabulary, 7, "w", 2_000)


def test_the_same_seed_gives_the_same_people_in_another_process(vocabulary):
    here = sha256(msgspec.json.encode(make_workers(vocabulary, 7, "w", 200))).hexdigest()
    for hash_seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", DIGEST],
            env={"PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.strip() == here


def test_another_seed_or_corpus_gives_other_people(vocabulary, workers):
    others = make_workers(vocabulary, 8, "w", 200) + make_workers(vocabulary, 7, "e", 200)
    assert not {worker.text for worker in others} & {worker.text for worker in workers[:200]}


def test_a_corpus_begins_with_the_same_people_however_long_it_is(vocabulary, workers):
    assert make_workers(vocabulary, 7, "w", 50) == workers[:50]


def test_ids_are_unique_and_have_the_prefix(workers):
    ids = [worker.id for worker in workers]
    assert len(set(ids)) == len(ids)
    assert ids[0] == "w-00001"
    assert all(worker_id.startswith("w-") for worker_id in ids)


def test_all_roles_and_cities_occur_in_proportion_to_their_shares(vocabulary, workers):
    roles = Counter(worker.profile.role for worker in workers)
    total = sum(role.share for role in vocabulary.roles)
    for role in vocabulary.roles:
        due = len(workers) * role.share / total
        assert abs(roles[role.name] - due) < 5 * due**0.5
    cities = {worker.profile.city for worker in workers}
    assert cities == {city.name for region in vocabulary.regions for city in region.cities}


def test_a_resume_says_what_the_profile_says_but_not_the_name(vocabulary, workers):
    wordings = {cert.name: cert.wordings for cert in vocabulary.certs}
    for worker in workers[:300]:
        profile, text = worker.profile, worker.text
        assert profile.city in text
        assert profile.title in text.lower() or profile.title.capitalize() in text
        assert f"{profile.years} years" in text
        assert all(any(said in text for said in wordings[cert]) for cert in profile.certs)
        assert profile.name not in text


def test_the_vocabulary_has_room_for_eight_variants_with_cities_of_their_own(vocabulary):
    cities = [city.name for region in vocabulary.regions for city in region.cities]
    assert len(set(cities)) == len(cities)
    assert all(len(region.cities) >= 8 for region in vocabulary.regions)


def test_roles_use_certificates_that_exist_and_titles_of_their_own(vocabulary):
    certs = {cert.name for cert in vocabulary.certs}
    titles = [title for role in vocabulary.roles for title in role.titles]
    assert len(set(titles)) == len(titles)
    for role in vocabulary.roles:
        assert role.titles[0] == role.name
        assert set(role.certs) <= certs
        assert len(role.skills) >= 4
        assert len(role.duties) >= 2
