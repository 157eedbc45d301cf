"""Questions of events that bear none: made from the order in which a coordinator made them."""

from __future__ import annotations

from collections import defaultdict

from made_run import MadeRun

from mcstress.metrics.event import worded
from mcstress.metrics.question import Questions


def test_an_older_event_gets_a_question_that_tells_apart_what_its_key_did():
    """The same events with and without keys: one made question for each key, and no more."""
    events = MadeRun(3, faults=0.2).rounds(6, 3)
    keys = [event.question for event in events]
    made = Questions()
    of_key = defaultdict(set)
    for event, key in zip(events, keys, strict=True):
        event.question = None
        if event.phase != "handover_paraphrase":  # made runs word each as another query
            of_key[key].add(made(event))
    assert all(len(its) == 1 for its in of_key.values())
    assert len({one for its in of_key.values() for one in its}) == len(of_key)


def test_an_events_own_question_is_taken():
    (event, *_) = MadeRun(1).rounds(1, 1)
    event.question = "own/1"
    assert Questions()(event) == "own/1"


def test_an_llms_words_are_hashed_and_a_wording_has_its_number():
    assert worded("handover_paraphrase/1/a/2", 1) == "handover_paraphrase/1/a/2/1"
    first, other = worded("h", "we need a welder"), worded("h", "a welder, please")
    assert first != other
    assert first == worded("h", "we need a welder")
    assert len(first) == len("h/") + 12
    assert worded("h", "\ud800").startswith("h/")
