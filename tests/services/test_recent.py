"""What is asked for stays; what nobody asks for goes, by time and by number."""

from __future__ import annotations

from mcstress.services.recent import Recent


class HandClock:
    now_s = 100.0

    def __call__(self):
        return self.now_s


def test_what_is_asked_for_stays_and_the_rest_is_gone_within_two_spans():
    clock = HandClock()
    recent = Recent(kept_s=10.0, clock=clock)
    recent.put("always", 1)
    for number in range(20):
        clock.now_s += 5.0
        assert recent.get("always") == 1
        recent.put(number, number)
        assert recent.get(number) == number
        assert recent.get(number - 5) is None, "nobody asked for it for 25 s"
        assert len(recent) <= 6
    assert recent.get(19) == 19
    clock.now_s += 21.0
    recent.put("new", 1)
    assert len(recent) == 1, "after a pause nothing old is left"


def test_there_are_never_more_than_most_and_the_latest_are_there():
    recent = Recent(kept_s=1e9, most=100)
    for number in range(1000):
        recent.put(number, str(number))
        assert len(recent) <= 100
        assert all(recent.get(one) == str(one) for one in range(max(0, number - 20), number + 1))


def test_a_long_run_keeps_the_traces_of_a_minute_and_not_of_an_hour():
    """Rounds go by: a trio's phase is asked for again and again, and then never."""
    clock = HandClock()
    recent = Recent(clock=clock)
    sizes, made = [], 0
    for second in range(1800):
        clock.now_s += 1.0
        for trio in range(30):
            key = (trio, (second + trio) // 10)  # ten seconds of each phase
            if recent.get(key) is None:
                recent.put(key, key)
                made += 1
        sizes.append(len(recent))
    assert made == 30 * 180 + 27, "each was made once"
    assert max(sizes[120:]) <= max(sizes[60:120])
    assert max(sizes) < 300
