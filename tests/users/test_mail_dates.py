"""Mail from outside by the clock: at the hour of its date, dealt over all seats, each once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from mcstress.commands.check import parse
from mcstress.errors import UsageError
from mcstress.master.mail_blocks import MailByClock
from mcstress.metrics.phase import PHASES
from mcstress.settings import read_settings
from mcstress.users.appointments import FIRST_MAIL, HOUR_MS, Timetable
from mcstress.users.mail import Mail, MailSource
from mcstress.users.mail_dates import at_ms_of, within_the_clock
from mcstress.users.scenarios.clock_model import Shift
from mcstress.users.scenarios.load import load_scenario

MIDNIGHT = datetime(2026, 3, 2, 6, tzinfo=UTC)
"""Of Chicago, where hour 0 of the scenario is."""
SCENARIO = load_scenario("three_cities")
PLACES = [(persona, trio) for trio in (1, 2) for persona in ("alice", "bob", "carol")]


def mail(hour, priority="medium"):
    sent_s = None if hour is None else (MIDNIGHT + timedelta(hours=hour)).timestamp()
    place = f"{hour}.eml"
    return Mail("email", "c@x.example", "cook", "need a cook", priority, sent_s, place=place)


def source(*hours):
    return MailSource("mail/", [mail(hour) for hour in hours], left_out=1, faults=["a.eml: odd"])


def test_what_is_dated_outside_of_the_clock_is_left_out_and_named():
    found = within_the_clock(source(-0.1, 0, 9.2, 47.99, 48, None), SCENARIO, 48.0)
    assert [at_ms_of(SCENARIO, one) / HOUR_MS for one in found.messages] == [0, 9.2, 47.99]
    assert found.left_out == 4
    assert found.faults == [
        "a.eml: odd",
        "-0.1.eml: is of 2026-03-02 05:54 UTC, outside of the clock",
        "48.eml: is of 2026-03-04 06:00 UTC, outside of the clock",
        "None.eml: has no date, by which the clock places it",
    ]
    assert "cook" not in str(found.faults), "what real people write is in no log and no report"


@pytest.mark.parametrize(
    ("hours", "said"),
    [
        ((60, 70), "found messages from 2026-03-04 18:00 to 2026-03-05 04:00 UTC, expected"),
        ((None,), "found messages without a date, expected a message between 2026-03-02 06:00 and"),
    ],
)
def test_none_within_the_clock_is_refused(hours, said):
    with pytest.raises(UsageError) as refused:
        within_the_clock(source(*hours), SCENARIO, 48.0)
    assert said in str(refused.value)


def test_repeated_mail_has_no_dates(tmp_path):
    (tmp_path / "one.eml").write_text("From: a@x.example\nDate: Mon, 2 Mar 2026 12:00\n\nhello")
    with pytest.raises(UsageError, match="--inbox-repeat: found it with --clock"):
        read_settings(parse(["--clock=48", "--inbox", str(tmp_path), "--inbox-repeat"]), None)
    settings = read_settings(parse(["--clock=48", "--inbox", str(tmp_path)]), None)
    assert [at_ms_of(SCENARIO, one) for one in settings.mail.messages] == [6 * HOUR_MS]


def dealt(*messages, shifts=(), places=PLACES):
    scenario = msgspec.structs.replace(SCENARIO, shifts=list(shifts))
    by_clock = MailByClock(
        MailSource("mail/", list(messages)), Timetable(scenario, [*PHASES], 42, 48.0, True)
    )
    by_clock.deal(places)
    return by_clock


def test_messages_are_dealt_over_the_seats_in_turn_and_handed_out_once_when_due():
    its = dealt(*(mail(hour) for hour in range(13)))
    holders = {place: f"worker-{number % 2}" for number, place in enumerate(PLACES)}

    def hand_out(hour):
        return its.hand_out(hour * HOUR_MS, lambda *place: holders.get(place))

    first, second = hand_out(7), hand_out(7)
    assert second == {}
    told = sorted((one.number - FIRST_MAIL, one.place, worker)
                  for worker, ones in first.items() for one in ones)  # fmt: skip
    assert told == [(n, PLACES[n % 6], holders[PLACES[n % 6]]) for n in range(7)]
    assert all(one.at_ms == (one.number - FIRST_MAIL) * HOUR_MS for ones in first.values()
               for one in ones)  # fmt: skip
    del holders["alice", 1]
    rest = hand_out(48)
    assert sorted(one.number - FIRST_MAIL for ones in rest.values() for one in ones) == [
        7, 8, 9, 10, 11,
    ]  # fmt: skip
    assert [one.number - FIRST_MAIL for one in its.unclaimed(48 * HOUR_MS)] == [12]
    assert its.unclaimed(48 * HOUR_MS) == []


def test_what_comes_at_night_waits_for_the_shift_but_for_urgent_mail():
    shifts = [Shift("alice", "America/Chicago", 8, 17)]
    messages = [mail(2), mail(3, "urgent"), mail(4), mail(9), mail(40), mail(41.5)]
    its = dealt(*messages, shifts=shifts, places=[("alice", 1)])
    (found,) = its.hand_out(48 * HOUR_MS, lambda *_: "local").values()
    assert [(one.number - FIRST_MAIL, one.at_ms / HOUR_MS) for one in found] == [
        (1, 3), (0, 8), (2, pytest.approx(8 + 2 / 60)), (3, 9), (4, 40),
    ]  # fmt: skip
    assert its.beyond == 1, "the next shift is on day 3"
