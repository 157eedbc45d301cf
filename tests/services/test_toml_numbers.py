"""``--set`` puts a number in the place of one in a target's file, and nothing else."""

import tomllib

import msgspec
import pytest

from mcstress.commands.check import parse
from mcstress.errors import UsageError
from mcstress.services.target import Search, TargetSetup
from mcstress.services.target_class import make_target
from mcstress.services.toml.numbers import Number, parse_numbers, with_numbers
from mcstress.services.trace_context import TraceContext
from mcstress.settings import read_settings

FILE = """
[service.db]
url = "URL"
timeout = 5
[search]
post = "/q/{corpus}"
body = { q = "{text}", params = { ef = 64, exact = true, steps = [1, 2] }, other = { ef = 1 } }
rows = "/results"
id = "/id"
[add]
post = "/a"
body = { x = ["{text}"] }
batch = 1
"""
RAW = tomllib.loads(FILE)
TRACE = TraceContext("0" * 32, sampled=False)


@pytest.mark.parametrize(
    ("text", "where", "value"),
    [
        ("search.body.params.ef=128", ("search", "body", "params", "ef"), 128),
        ("search.params.ef=128", ("search", "body", "params", "ef"), 128),
        ("service.db.timeout=0.5", ("service", "db", "timeout"), 0.5),
        ("add.batch=7", ("add", "batch"), 7),
        ("search.params.steps.1=-3", ("search", "body", "params", "steps", 1), -3),
    ],
)
def test_one_number_is_replaced_and_the_file_stays(text, where, value):
    before = tomllib.loads(FILE)
    found = with_numbers("my.toml", RAW, parse_numbers([text]))
    inner, expected = found, before
    for key in where[:-1]:
        inner, expected = inner[key], expected[key]
    assert inner[where[-1]] == value
    expected[where[-1]] = value
    assert found == before
    assert tomllib.loads(FILE) == RAW


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("search.ef", "--set: found 'search.ef', expected KEY=NUMBER, as search.ef=128"),
        ("=3", "--set: found '=3', expected KEY=NUMBER"),
        ("search.ef=1" + "0" * 400, "--set: found 'search.ef=1000"),
        ("search.ef=many", "--set: found 'search.ef=many', expected KEY=NUMBER"),
        ("search.ef=nan", "--set: found 'search.ef=nan', expected KEY=NUMBER"),
        ("search.ef=1,2", "found several numbers in 'search.ef=1,2', expected KEY=NUMBER"),
        (
            "search.ef=3",
            "found 2 such numbers in my.toml, expected one of search.body.params.ef, search.",
        ),
        (
            "search.exact=1",
            "--set search.exact=1: found no such number in my.toml, expected one of its numbers: s",
        ),
        ("params.ef=3", "found no such number in my.toml"),
    ],
)
def test_what_fits_no_number_or_several_is_refused(text, says):
    with pytest.raises(UsageError) as refused:
        with_numbers("my.toml", RAW, parse_numbers([text]))
    assert says in str(refused.value)


def settings(*arguments):
    return read_settings(parse(arguments), None)


def test_it_reaches_the_target_of_every_worker(served, tmp_path):
    """The setup as a worker gets it is what makes the request."""
    server, _ = served(FILE, {"POST /q/workers": {"results": [{"id": "w-1"}]}})
    path = tmp_path / "my.toml"
    path.write_text(FILE.replace("URL", server.url))
    given = settings("--target", str(path), "--set", "search.params.ef=200", "--set", "add.batch=2")
    sent = msgspec.json.encode(given.target_setup(""))
    setup = msgspec.json.decode(sent, type=TargetSetup)
    assert setup.numbers == (Number("search.params.ef", 200), Number("add.batch", 2))
    target = make_target(given.target, setup)
    target.search(Search("cook", ["workers"], 2), TRACE)
    assert server.requests[-1].json()["params"] == {"ef": 200, "exact": True, "steps": [1, 2]}
    assert target.batch == 2


def test_without_a_file_there_is_no_number():
    for target in ([], ["--target", "mcstress.targets.pgvector:PgVector"]):
        with pytest.raises(UsageError, match=r"--set a\.b=1: found .*, expected a target of"):
            settings(*target, "--set", "a.b=1")


def test_a_number_must_still_be_what_its_key_takes(tmp_path):
    path = tmp_path / "my.toml"
    path.write_text(FILE.replace("URL", "http://127.0.0.1:9"))
    with pytest.raises(UsageError, match=r"my\.toml: add\.batch: found 0, expected a whole"):
        settings("--target", str(path), "--set", "add.batch=0")
