"""Which phases --tags and --exclude-tags leave."""

import pytest

from mcstress.errors import UsageError
from mcstress.metrics.phase import PHASES
from mcstress.phase_selection import choose_phases


def test_without_tags_all_ten_run_in_their_order():
    assert choose_phases([], []) == list(PHASES)


@pytest.mark.parametrize(
    ("tags", "phases"),
    [
        (["inbox"], ["inbox"]),
        (["phase-1c"], ["inbox"]),
        (["handover"], ["baseline", "handover", "handover_paraphrase"]),
        (["phase-4b"], ["baseline", "handover_paraphrase"]),
        (["reissue", "fresh"], ["baseline", "fresh_resume", "reissue"]),
        (["stress"], list(PHASES)),
    ],
)
def test_tags_choose_phases_with_those_they_depend_on(tags, phases):
    assert choose_phases(tags, []) == phases


def test_what_is_excluded_takes_along_what_depends_on_it():
    left = choose_phases([], ["baseline"])
    assert left == ["fresh_resume", "inbox", "surge", "swap", "merge", "split"]
    assert "inbox" not in choose_phases([], ["phase-1c"])


def test_an_unknown_tag_is_refused_with_a_suggestion():
    with pytest.raises(UsageError, match=r"--tags: found 'inbx'.*did you mean 'inbox'\?"):
        choose_phases(["inbx"], [])


def test_nothing_left_is_refused():
    with pytest.raises(UsageError, match="no phase left"):
        choose_phases(["inbox"], ["inbox"])
