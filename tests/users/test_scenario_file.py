"""A scenario's file: what is made of it, and what is said where it is wrong."""

from __future__ import annotations

import contextlib
import copy
import re
import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcstress.errors import UsageError
from mcstress.users.scenarios.load import FOLDER, load_scenario, scenario_of
from mcstress.users.scenarios.model import Scenario
from mcstress.users.scenarios.scenario_error import FaultError

SMALL = (Path(__file__).parent / "small_scenario.toml").read_text()


@pytest.fixture
def said(tmp_path):
    """What is said of the small scenario with one text replaced by another."""

    def message(old: str, new: str) -> str:
        assert SMALL.count(old) >= 1
        path = tmp_path / "small.toml"
        path.write_text(SMALL.replace(old, new, 1))
        with pytest.raises(UsageError) as refusal:
            load_scenario(str(path))
        text = str(refusal.value)
        assert text.startswith(f"{path}: ")
        return text.removeprefix(f"{path}: ")

    return message


def test_small_scenario_is_spelt_out():
    scenario = scenario_of("small", tomllib.loads(SMALL))
    variant = scenario.variants[0]
    assert [contract.name for contract in variant.contracts] == ["north", "south"]
    assert [demand.role for demand in variant.contract("south").demands] == ["cook", "guard"]
    cook = variant.contract("south").demand("cook")
    assert cook.query == "2 cooks in Southtown, ServSafe, grill, fry, day"
    assert cook.paraphrases == ["in Southtown we want kitchen hands"]
    assert cook.surge_query == "quick, 4 cooks in Southtown"
    driver = variant.contract("north").demand("driver")
    assert driver.query == "a {big} driver in Northtown"
    assert driver.paraphrases == ["somebody who drives", "a lorry needs a man"]
    assert driver.surge_query == "drivers! now!"
    assert [message.priority for message in variant.inbox] == ["urgent", "low"]


def test_a_file_is_found_by_path_or_by_name(tmp_path):
    (tmp_path / "small.toml").write_text(SMALL)
    assert load_scenario("small", tmp_path) == load_scenario(str(tmp_path / "small.toml"))
    (tmp_path / "marked.toml").write_text("\ufeff" + SMALL, encoding="utf-8")
    assert load_scenario("marked", tmp_path).title == "Two towns"


def test_no_such_scenario_names_those_that_there_are(tmp_path):
    (tmp_path / "alps.toml").write_text(SMALL)
    (tmp_path / "seas.toml").write_text(SMALL)
    with pytest.raises(UsageError, match=r'found "alp".*: alps, seas; did you mean "alps"\?'):
        load_scenario("alp", tmp_path)
    with pytest.raises(UsageError, match="there is none"):
        load_scenario("alp", tmp_path / "empty")
    with pytest.raises(UsageError, match=f"in {re.escape(str(FOLDER))}: .*three_cities"):
        load_scenario("no/such/file.toml")


def test_a_file_that_is_no_toml(tmp_path):
    path = tmp_path / "bad.toml"
    path.write_text('title = "x"\ntop_k = \n')
    with pytest.raises(UsageError, match=r"bad\.toml: is not valid TOML: .*line 2, column 9"):
        load_scenario(str(path))
    path.write_bytes(b'title = "caf\xe9"')
    with pytest.raises(UsageError, match=r"bad\.toml: is not UTF-8: byte 12"):
        load_scenario(str(path))


TWICE = {
    "swaps": """
[[swaps]]
persona = "ben"
contract = "north"
role = "driver"
[[swaps]]""",
    "merges": """
[[merges]]
persona = "ann"
contracts = ["south", "north"]
roles = ["cook"]
[[merges]]""",
    "handovers": """
[[handovers]]
from_persona = "ann"
to_persona = "ben"
contract = "north"
[[handovers]]""",
}


@pytest.mark.parametrize(
    ("new", "expected"),
    [
        ('start = "soon"', 'start: found "soon", expected a date'),
        (
            "start = 0001-01-01",
            "start: found 0001-01-01, expected a day from 1970-01-02 to 2999-12-",
        ),
        (
            "start = 9999-12-31",
            "start: found 9999-12-31, expected a day from 1970-01-02 to 2999-12-",
        ),
        ('zone = "Mars/Base"', 'zone: found "Mars/Base", expected an IANA time zone'),
        ('zone = "America"', 'zone: found "America", expected an IANA time zone'),
        ('zone = "../etc"', 'zone: found "../etc", expected an IANA time zone'),
        (
            'shifts = [{ persona = "ann", zone = "Europe/Brelin", from = 8, to = 17 }]',
            'shifts.#1..zone: found "Europe/Brelin", .*did you mean "Europe/Berlin"',
        ),
        (
            'shifts = [{ persona = "bea", zone = "UTC", from = 8, to = 17 }]',
            'shifts.#1..persona: found "bea", expected one of the personas: ann, ben',
        ),
        (
            'shifts = [{ persona = "ann", zone = "UTC", from = 8, to = 25 }]',
            "shifts.#1..to: found 25, expected a number, at most 24",
        ),
        ('shifts = [{ persona = "ann", zone = "UTC", from = 8, to = 8 }]', "to: found 8, expected"),
        (
            'shifts = [{ persona = "ann", zone = "UTC", from = 24, to = 0 }]',
            "to: found 0, expected",
        ),
        (
            'arrivals = [{ phase = "inbox", per_day = 2, by = { email = 1, sms = -1 } }]',
            "arrivals.#1..by.sms: found -1, expected a number, at least 0",
        ),
        ('timeline = [{ hour = -1, phase = "surge" }]', "timeline.#1..hour: found -1, expected a"),
        ('timeline = [{ hour = "9", phase = "surge" }]', 'timeline.#1..hour: found "9", expected'),
        (
            'timeline = [{ hour = 1, phase = "surge", personas = ["al"] }]',
            'timeline.#1..personas.#1.: found "al", expected one of the personas',
        ),
        (
            'timeline = [{ hour = 1, phase = "surge", every = 0 }]',
            "timeline.#1..every: found 0, expected a number, above 0",
        ),
        (
            'timeline = [{ hour = 1, phase = "surge", until = 9 }]',
            "timeline.#1..until: found 9 and no every, expected both or none",
        ),
        (
            'timeline = [{ hour = 5, phase = "surge", every = 1, until = 2 }]',
            "timeline.#1..until: found 2, expected at least its hour, 5",
        ),
        ('arrivals = [{ phase = "surge", per_day = 4 }]', 'arrivals.#1..phase: found "surge"'),
        ('arrivals = [{ phase = "inbox" }]', "arrivals.#1.: found neither per_day nor bursts"),
        (
            'arrivals = [{ phase = "inbox", per_day = 4, profile = [1, 2] }]',
            "arrivals.#1..profile: found a list of 2, expected at least 24 entries",
        ),
        (
            f'arrivals = [{{ phase = "inbox", per_day = 4, profile = {[1] * 25} }}]',
            "arrivals.#1..profile: found a list of 25, expected at most 24 entries",
        ),
        (
            'arrivals = [{ phase = "fresh_resume", per_day = 4, by = { sms = 1 } }]',
            "arrivals.#1..by: found weights for fresh_resume, expected them for inbox alone",
        ),
        (
            'arrivals = [{ phase = "inbox", per_day = 4, by = { letter = 1 } }]',
            'arrivals.#1..by: found "letter", expected one of the channels and priorities',
        ),
        (
            'arrivals = [{ phase = "inbox", per_day = 4, by = { sms = 0, email = 0 } }]',
            "arrivals.#1..by: found weights that leave no message of variants.#1.",
        ),
    ],
)
def test_a_clock_that_is_wrong_is_told(said, new, expected):
    assert re.match(f".*{expected}", said("top_k = 4", f"top_k = 4\n{new}"))


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("top_k = 4", "", "top_k: the key is missing; found only title, record_rank"),
        ("top_k = 4", "topk = 4", 'topk: found a key that is not known here, .*mean "top_k"?'),
        ("top_k = 4", 'top_k = "4"', 'top_k: found "4", expected a whole number'),
        ("top_k = 4", "top_k = true", "top_k: found true, expected a whole number"),
        ("top_k = 4", "top_k = 0", "top_k: found 0, expected a whole number, at least 1"),
        ("top_k = 4", "top_k = 1", "record_rank: found 2, expected at most top_k, 1"),
        ("record_rank = 2", "record_rank = 0", "record_rank: found 0, .*at least 1"),
        ('title = "Two towns"', 'title = " "', 'title: found " ", expected text that is not'),
        ('["workers"]', "[]", "corpora: found an empty list, expected at least 1 entries"),
        ('["workers"]', "{ a = 1 }", "corpora: found a table, expected a list"),
        ('["workers"]', '["a", "a"]', 'corpora: found "a" 2 times'),
        ('"ann", "ben"]', '"ann", "ben", "al"]', 'personas: found "al" with 0 contracts'),
        ('"ann", "ben"]', '"ann", "Ben"]', 'personas.#2.: found "Ben", expected a name of small'),
        (
            "max_distance = 0.5",
            "max_distance = nan",
            "playbook.max_distance: found nan, expected a",
        ),
        ("max_distance = 0.5", "max_distance = 3", "found 3, expected a number, at most 2"),
        ('last = ["Xu", "Yi"]', "", "names.last: the key is missing; found only first"),
        (
            'persona = "ben"\nroles = ["cook", "guard"]',
            'persona = "bea"\nroles = ["cook", "guard"]',
            'contracts.south..persona: found "bea", expected one of the personas: ann, ben; did',
        ),
        ('roles = ["cook", "guard"]', 'roles = ["cook", "cook"]', "contracts.south..roles: found"),
        ('contract = "north"\nrole', 'contract = "nort"\nrole', 'swaps.#1..contract: .*"north"?'),
        ('role = "driver"\n', 'role = "guard"\n', 'swaps.#1..role: found "guard", expected one of'),
        ("[[swaps]]", TWICE["swaps"], 'swaps: found "north, driver" 2 times, expected each once'),
        ("[[merges]]", TWICE["merges"], 'merges: found "cook, north, south by ann" 2 times'),
        ("[[handovers]]", TWICE["handovers"], 'handovers: found "north to ben" 2 times'),
        ('["north", "south"]', '["north", "sud"]', 'merges.#1..contracts.#2.: found "sud"'),
        ('["north", "south"]', '["north"]', "merges.#1..contracts: found a list of 1, expected at"),
        ('roles = ["cook"]', 'roles = ["guard"]', "merges.#1..roles.#1.: .* the roles of north"),
        ('to_persona = "ben"', 'to_persona = "bob"', 'handovers.#1..to_persona: found "bob"'),
        ('to_persona = "ben"', 'to_persona = "ann"', "handovers.#1..to_persona: .*another persona"),
        (
            'to_persona = "ben"\ncontract = "north"',
            'to_persona = "ben"\ncontract = "south"',
            'handovers.#1..contract: found "south", which ben holds, expected',
        ),
        ('roles = ["guard"]', 'roles = ["cook"]', 'splits of "south": found "cook" 2 times'),
        (
            'persona = "ben"\nroles = ["guard"]',
            'persona = "ben"\nroles = []',
            "splits.#2..roles: found an empty list",
        ),
        (
            '[[splits]]\ncontract = "south"\npersona = "ben"\nroles = ["guard"]',
            "",
            'splits of "south": found nobody for guard',
        ),
        ("needs = 1", "needs = -1", "thresholds.#1..needs: found -1, expected a whole number, at"),
        ("headcount = 3", "headcont = 3", "variants.#1..contracts.south..demands.guard..headcont"),
        ("headcount = 3", "headcount = 0", "demands.guard..headcount: found 0"),
        ('location = "Northtown"', 'location = " southTown"', "contracts.north..location: .*south"),
        ('role = "guard", headcount', 'role = "gard", headcount', 'found "gard", .*mean "guard"'),
        ('role = "guard", headcount', 'role = "cook", headcount', 'demands: found "cook" 2 times'),
        ('name = "south"\nlocation', 'name = "west"\nlocation', 'variants.#1..contracts: .*"west"'),
        ("{shift}", "{shfit}", 'variants.#1..query: found the placeholder {shfit}, .*mean "shift"'),
        ("{shift}", "{shift.real}", "found the placeholder {shift.real}, expected one of"),
        ("{shift}", "{shift!r}", "found the placeholder {shift!r}"),
        ("{shift}", "{shift:>9}", "found the placeholder {shift:>9}"),
        ("{shift}", "{}", "found the placeholder {}, expected one of"),
        ("{shift}", "{shift", "variants.#1..query: .*expected each brace to be part of"),
        ('certs = ["card"]', "certs = []", "the placeholder {certs} for a demand whose certs are"),
        ("{{big}}", "{big}", "demands.driver..query: found the placeholder {big}"),
        ('surge_query = "quick, {', 'query2 = "quick, {', "variants.#1..query2: found a key"),
        (
            'surge_query = "quick, {surge_headcount} {role}s in {location}"',
            "",
            "demands.cook..surge_query: the key is missing, .*variants.#1..surge_query or temp",
        ),
        (
            'surge_query = "drivers! now!"',
            'surge_query = "a lorry needs a man"',
            "the same text as",
        ),
        ('paraphrases = ["in', 'paraphrases = ["quick!", "in', "again|the same text as"),
        (
            '["somebody who drives", "a lorry needs a man"]',
            "[]",
            "driver..paraphrases: found an emp",
        ),
        (
            'text = "{name}, baker',
            'text = "Joe, baker',
            "resumes.#1..text: found .* expected {name}",
        ),
        ('role = "baker"', "role = 3", "resumes.#1..metadata.role: found 3, expected text"),
        (
            'type = "sms"',
            'type = "smss"',
            'inbox.#1..type: .*one of email, sms; did you mean "sms"',
        ),
        ('priority = "low"', 'priority = "lo"', "inbox.#1..priority: .*urgent, high, medium, low;"),
        ('subject = "cook"', "", "inbox.#2..subject: found none"),
        (
            'body = "s',
            'expect = {}\nbody = "s',
            "inbox.#1..expect: found an empty table, expected one",
        ),
        ('body = "s', 'expect = 3\nbody = "s', "inbox.#1..expect: found 3, expected a table"),
        (
            'body = "s',
            'expect = {count = "x"}\nbody = "s',
            '.expect.count: found "x", expected a w',
        ),
        (
            'body = "s',
            'expect = {count = 0}\nbody = "s',
            ".expect.count: found 0, expected a whole",
        ),
        ('body = "s', 'expect = {rle = "x"}\nbody = "s', '.expect.rle: .*did you mean "role"'),
        (
            'body = "s',
            'expect = {role = "?"}\nbody = "s',
            '.expect.role: found "?", expected a text with a l',
        ),
        ('body = "s', 'expect = {certs = []}\nbody = "s', ".expect.certs: found an empty list"),
        ('body = "send a cook now"', 'body = "\\t"', "inbox.#2..body: .*not empty"),
        ('body = "send a cook now"', f'body = "{"é" * 4097}"', "body: found 8194 bytes, .* 8192"),
        ('persona = "ben"\ntype', 'persona = "bob"\ntype', 'inbox.#1..persona: found "bob"'),
    ],
)
def test_what_is_wrong_is_said_with_its_place(said, old, new, expected):
    pattern = expected.replace("?", r"\?").replace("{", r"\{").replace("}", r"\}")
    message = said(old, new)
    assert re.search(pattern, message, re.DOTALL), message
    assert "$" not in message
    assert "`" not in message


def test_no_variants(said):
    head, _, _ = SMALL.partition("[[variants]]")
    message = said(SMALL.removeprefix(head), "")
    assert message.startswith("variants: the key is missing")
    assert "variants: found an empty list" in said(SMALL, "variants = []\n" + head)


def test_variants_must_have_one_mix():
    raw = tomllib.loads(SMALL)
    other = copy.deepcopy(raw["variants"][0])
    other["inbox"] = other["inbox"][:1]
    raw["variants"].append(other)
    with pytest.raises(FaultError, match=r"variants\[#2\]\.inbox: found 0 for ann, expected 1"):
        scenario_of("small", raw)


def test_variants_must_have_other_words():
    raw = tomllib.loads(SMALL)
    raw["variants"].append(copy.deepcopy(raw["variants"][0]))
    where = r"variants\[#2\]\.contracts\[north\].* the same text as variants\[#1\]"
    with pytest.raises(FaultError, match=where):
        scenario_of("small", raw)


LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.lists(st.integers(), max_size=2)
    | st.dictionaries(st.text(max_size=4), st.integers(), max_size=2)
    | st.sampled_from(["ann", "north", "cook", "{role}", "{", "{name}", "email"])
)


@settings(max_examples=400)
@given(st.data())
def test_whatever_stands_in_a_file_is_taken_or_refused_in_words(data):
    """Replace, add or remove something anywhere: a scenario or a FaultError, nothing else."""
    raw = tomllib.loads(SMALL)
    place = raw
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        key = data.draw(st.sampled_from(keys))
        if not isinstance(place[key], (dict, list)) or not place[key] or data.draw(st.booleans()):
            break
        place = place[key]
    change = data.draw(st.sampled_from(["replace", "remove", "add"]))
    if change == "remove":
        del place[key]
    elif change == "add" and isinstance(place, dict):
        place[data.draw(st.text(max_size=12))] = data.draw(LEAVES)
    else:
        place[key] = data.draw(LEAVES)
    with contextlib.suppress(FaultError):
        assert isinstance(scenario_of("small", raw), Scenario)
