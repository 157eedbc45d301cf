"""Phases of a user's own: what their names and needs may be."""

import pytest

from mcstress.metrics.phase import PHASES, Phase, add_phase


def test_a_phase_of_ones_own_is_the_last_of_the_round(monkeypatch):
    monkeypatch.setattr("mcstress.metrics.phase.PHASES", phases := dict(PHASES))
    add_phase(Phase("site_visit", "7", "site visit", "visit", needs=("baseline",)))
    assert [*phases][-1] == "site_visit"
    assert phases["site_visit"].tags == ("stress", "phase-7", "visit")
    assert phases["site_visit"].title == "multi_coord_stress phase 7 site visit"


@pytest.mark.parametrize(
    ("name", "needs", "said"),
    [
        ("Site Visit", (), "phase 'Site Visit': expected small letters, digits and _"),
        ("7th", (), "phase '7th': expected small letters"),
        ("", (), "phase '': expected small letters"),
        ("surge", (), "phase 'surge': there is one of this name already"),
        ("visit", ("baseline", "lunch"), "phase 'visit' needs lunch; known are baseline, "),
    ],
)
def test_a_phase_that_cannot_be_added_is_refused_with_its_name(name, needs, said):
    before = dict(PHASES)
    with pytest.raises(ValueError, match="phase") as refused:
        add_phase(Phase(name, "7", "words", "tag", needs=needs))
    assert str(refused.value).startswith(said)
    assert before == PHASES
