import pytest
from made_events import made_event

from mcstress.errors import UsageError
from mcstress.evidence.store.policy import parse_policy


@pytest.mark.parametrize(
    ("text", "keeps", "bodies"),
    [("all", True, False), ("full", True, True), ("none", False, False), (" All ", True, False)],
)
def test_whole_policies(text, keeps, bodies):
    policy = parse_policy(text)
    assert policy.keeps(made_event()) is keeps
    assert policy.keeps_all is keeps
    assert policy.keeps_bodies is bodies


def test_a_sample_keeps_its_share_and_the_same_events_each_time():
    events = [made_event(seq, worker=f"w-{seq % 3}") for seq in range(20_000)]
    kept = [parse_policy("sample=0.1").keeps(event) for event in events]
    # Three standard deviations of Binomial(20000, 0.1) are 127.
    assert abs(sum(kept) - 2000) < 127
    assert kept == [parse_policy("sample=0.1").keeps(event) for event in events]
    assert all(parse_policy("sample=1").keeps(event) for event in events)


def test_a_larger_sample_holds_the_smaller_one():
    events = [made_event(seq) for seq in range(2000)]
    small, large = parse_policy("sample=0.1"), parse_policy("sample=0.3")
    assert all(large.keeps(event) for event in events if small.keeps(event))


@pytest.mark.parametrize(
    "text", ["", "some", "sample", "sample=", "sample=0", "sample=1.5", "sample=-1", "sample=nan"]
)
def test_anything_else_is_refused_with_what_was_expected(text):
    with pytest.raises(UsageError, match=r"--evidence .*expected all, full, none, or sample=X"):
        parse_policy(text)
