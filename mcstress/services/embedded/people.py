"""The people in the corpora, made from a seed: the same seed gives the same people anywhere."""

from __future__ import annotations

from itertools import accumulate
from random import Random
from typing import Generic, TypeVar

import msgspec

from mcstress.services.embedded.vocabulary import Cert, City, Region, Role, ShiftWords, Vocabulary

Choice = TypeVar("Choice")

EMPLOYERS = ("Logistics", "Supply", "Staffing", "Works", "Industries", "Services", "Partners")
MOST_YEARS = 25


class Profile(msgspec.Struct, frozen=True):
    """What a search returns about a worker as ``metadata``."""

    name: str
    role: str
    title: str
    city: str
    state: str
    certs: list[str]
    skills: list[str]
    shift: str
    years: int


class WorkerProfile(msgspec.Struct, frozen=True):
    """A worker; ``text`` is the resume that is embedded.

    The name is not in the text: nobody is to be found, or missed, by how they are called.
    """

    id: str
    profile: Profile
    text: str


class Lot(Generic[Choice]):
    """Draws from items in proportion to their shares."""

    def __init__(self, shares: list[tuple[Choice, float]]) -> None:
        self.items = [item for item, _ in shares]
        self.cumulated = list(accumulate(share for _, share in shares))

    def draw(self, random: Random) -> Choice:
        return random.choices(self.items, cum_weights=self.cumulated)[0]


class Recruiter:
    """Makes workers from the vocabulary; all that is random comes from ``random``."""

    def __init__(self, vocabulary: Vocabulary, random: Random) -> None:
        self.vocabulary = vocabulary
        self.random = random
        self.certs = {cert.name: cert for cert in vocabulary.certs}
        self.roles = Lot([(role, role.share) for role in vocabulary.roles])
        self.places = Lot(
            [
                ((region, city), city.share)
                for region in vocabulary.regions
                for city in region.cities
            ]
        )

    def worker(self, worker_id: str) -> WorkerProfile:
        """One more worker, with a resume in which every thing has one of its wordings."""
        random = self.random
        role = self.roles.draw(random)
        region, city = self.places.draw(random)
        certs = [self.certs[name] for name in self._some(role.certs, 1, 2)]
        skills = self._some(role.skills, 3, 4)
        shift = random.choice(self.vocabulary.shifts)
        names = self.vocabulary.names
        profile = Profile(
            name=f"{random.choice(names.given)} {random.choice(names.family)}",
            role=role.name,
            title=random.choice(role.titles),
            city=city.name,
            state=region.state,
            certs=[cert.name for cert in certs],
            skills=[wordings[0] for wordings in skills],
            shift=shift.name,
            years=random.randint(1, MOST_YEARS),
        )
        listed = [random.choice(wordings) for wordings in skills]
        sentences = [
            self._headline(profile, role, region, city),
            f"Certifications: {', '.join(self._spelt(cert) for cert in certs)}.",
            f"Skills: {', '.join(listed)}.",
            self._availability(shift, city),
            self._history(role, city, skills[:2]),
        ]
        return WorkerProfile(worker_id, profile, " ".join(sentences))

    def _some(self, items: list[Choice], least: int, most: int) -> list[Choice]:
        return self.random.sample(items, self.random.randint(least, most))

    def _headline(self, profile: Profile, role: Role, region: Region, city: City) -> str:
        where = self.random.choice(
            (
                f"{city.name}, {region.state}",
                f"{city.name}, {region.state_name}",
                f"{city.name} ({city.county}, {region.state})",
                f"{city.name}, {region.area}",
            )
        )
        other = self.random.choice([title for title in role.titles if title != role.name])
        return (
            f"{profile.title.capitalize()} in {where}. "
            f"{profile.years} years as {role.name} and {other}."
        )

    def _availability(self, shift: ShiftWords, city: City) -> str:
        first, second = self.random.sample(shift.wordings, 2)
        return f"Available for {first} ({second}) in and around {city.name}."

    def _spelt(self, cert: Cert) -> str:
        """The certificate in one or two spellings, as resumes that want to be found have it."""
        return " / ".join(self._some(cert.wordings, 1, 2))

    def _history(self, role: Role, city: City, skills: list[list[str]]) -> str:
        """What was done before: the skills once more, in words of their own."""
        did, also = self.random.sample(role.duties, 2)
        employer = f"{city.name} {self.random.choice(EMPLOYERS)}"
        used = " and ".join(self.random.choice(wordings) for wordings in skills)
        return f"At {employer} {did}; {also}. Day to day: {used}."


def make_workers(vocabulary: Vocabulary, seed: int, prefix: str, count: int) -> list[WorkerProfile]:
    """``count`` workers with ids ``<prefix>-00001`` and on."""
    recruiter = Recruiter(vocabulary, Random(f"{seed}/{prefix}"))
    return [recruiter.worker(worker_id(prefix, number)) for number in range(1, count + 1)]


def worker_id(prefix: str, number: int) -> str:
    """The id of the worker of that number, counted from 1."""
    return f"{prefix}-{number:05d}"
