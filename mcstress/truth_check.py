"""Which ids of a truth (``--truth``) no corpus has, where that can be known before the run.

A gateway cannot be asked for its ids; the embedded stack's are known from how they are made. What
no list of a run ever had is counted at its end, whatever the system is (``relevance.never_found``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from mcstress.errors import UsageError
from mcstress.services.preflight import listed
from mcstress.settings import Settings

NAMED = 3


def said_of_truth(settings: Settings) -> list[str]:
    """What a user must know of the truth before the load, a line each.

    Raises UsageError where none of its ids is in the embedded stack.
    """
    truth = settings.truth
    where = f"--truth {truth.path}"
    said = [f"{where}: {truth.not_asked:,} of its queries are not asked"] * bool(truth.not_asked)
    if not truth.questions or settings.keeps_what_is_written:
        return said
    ids = {id_ for question in truth.questions.values() for id_ in question.grades}
    unknown = ids - set(_embedded_ids(settings.scenario.corpora))
    named = listed(sorted(unknown)[:NAMED])
    if unknown == ids:
        raise UsageError(
            f"{where}: found {len(ids):,} ids that no corpus of the embedded stack has ({named}), "
            "expected ids as w-00001, or workers:w-00001"
        )
    if unknown:
        said.append(
            f"{where}: {len(unknown):,} of its {len(ids):,} ids are in no corpus ({named}): where "
            "they are relevant, they count as missed, and recall cannot reach 1"
        )
    return said


def _embedded_ids(corpora: Iterable[str]) -> Iterator[str]:
    """The ids that a search of ``corpora`` can find, alone and with their corpus."""
    # Its index loads slowly, and a run without a truth does without.
    from mcstress.services.embedded.people import worker_id  # noqa: PLC0415
    from mcstress.services.embedded.system import CORPORA  # noqa: PLC0415

    for corpus, prefix, count in CORPORA:
        if corpus in corpora:
            for number in range(1, count + 1):
                yield worker_id(prefix, number)
                yield f"{corpus}:{worker_id(prefix, number)}"
