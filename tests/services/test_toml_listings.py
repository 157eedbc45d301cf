"""A target by a TOML file: sizes that one answer lists, and counts beside the hits."""

import contextlib

import pytest
from gateway_answers import TRACE
from tcp.raw_server import answer
from toml_files import ASKED, BOTH, ROWS, row

from mcstress.errors import UsageError
from mcstress.metrics.event import Hit
from mcstress.services.steady_clock import SteadyClock
from mcstress.services.target import Found, Sizes, TargetSetup
from mcstress.services.toml.pointer import Pointer
from mcstress.services.toml.secrets import Allowed, parse_allowed
from mcstress.services.toml.target import toml_target
from mcstress.services.toml.vectors import MOST_KEPT, KeptVectors, read_vector

LISTED = (
    ROWS
    + """
    counts = "/per_corpus"
    boosted = "/boosted"
    injected = "/injected"
    [size]
    get = "/corpora"
    rows = "/all"
    name = "/name"
    size = "/n"
    roles = "/by_role"
"""
)
TWO = ("workers", "others")


def listed(*corpora):
    return {"all": [dict(zip(("name", "n", "by_role"), one, strict=False)) for one in corpora]}


@pytest.mark.parametrize(
    ("said", "sizes"),
    [
        (
            listed(("workers", 7, {"cook": 2, "nurse": 5}), ("others", "11", {"cook": 4}),
                   ("more", 3, None)),
            Sizes({"workers": 7, "others": 11, "more": 3}, {"cook": 6, "nurse": 5}),
        ),
        # Of one corpus roles are not known: then of both they are not.
        (listed(("workers", 7, {"cook": 2}), ("others", 0, None)),
         Sizes({"workers": 7, "others": 0})),
        (listed(("workers", 7, {})), Sizes({"workers": 7})),
    ],
)  # fmt: skip
def test_one_answer_lists_all_corpora_and_roles_are_added_up_over_the_scenarios(
    served, said, sizes
):
    _, target = served(LISTED, {"GET /api/corpora": said}, corpora=TWO)
    step = target.sizes()
    assert (step.error, step.answer) == (None, sizes)


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ({"all": {}}, "/all: an object where a list was due"),
        (listed((7, 7, {})), "/name: a number where a name was due"),
        (listed(("workers", -1, {})), "/n: a number where a size was due"),
        (listed(("workers", 2**53 + 1, {})), "/n: a number where a size was due"),
        (listed(("workers", "9" * 5000, {})), "/n: a text where a size was due"),
        (listed(("workers", True, {})), "/n: true or false where a size was due"),
        (listed(("workers", 7, [])), "/by_role: a list where counts by role were due"),
        (listed(("workers", 7, {"cook": None})), "/by_role: null where a size was due"),
        ([answer({"error": "no"}, "500 x")], "HTTP 500: no"),
    ],
)
def test_a_list_that_is_none_is_a_failed_step_with_its_reason(served, said, error):
    _, target = served(LISTED, {"GET /api/corpora": said}, corpora=TWO)
    step = target.sizes()
    assert step.answer is None
    assert step.error.endswith(error)


def test_a_corpus_that_is_made_by_the_run_has_no_size_before(served):
    one = """
        [service.db]
        url = "URL"
        [size]
        get = "/count/{corpus}"
        size = "/n"
        [search]
        get = "/q/{corpus}/{text}"
        ids = "/ids"
    """
    sizes = {"GET /count/workers": {"n": 7}}
    _, target = served(one, sizes, fresh_corpus="fresh")
    assert target.sizes().answer == Sizes({"workers": 7})
    _, target = served(one, {**sizes, "GET /count/fresh": {"n": 2}}, fresh_corpus="fresh")
    assert target.sizes().answer == Sizes({"workers": 7, "fresh": 2})
    _, target = served(one, {"GET /count/fresh": {"n": 2}}, fresh_corpus="fresh")
    assert target.sizes().error == "size workers: HTTP 404: no /count/workers"


HITS = [row("w-1", 0.25), row("w-2", 0.5)]
COUNTS = {"per_corpus": {"workers": 2}, "boosted": 1, "injected": 0}


def test_what_is_counted_beside_the_hits_is_taken_with_them(served):
    _, target = served(LISTED, {"POST /api/q/workers": {"results": HITS, **COUNTS}})
    found = target.search(ASKED, TRACE).answer
    hits = [Hit("w-1", "workers", 0.25), Hit("w-2", "workers", 0.5)]
    assert found == Found(hits, {"workers": 2}, boosted=1, injected=0)
    # One request for each corpus: what each says is added up.
    more = {"results": [row("o-1", 0.3)], "per_corpus": {"others": 1}, "boosted": 2, "injected": 1}
    both = {"POST /api/q/workers": {"results": HITS, **COUNTS}, "POST /api/q/others": more}
    _, target = served(LISTED, both, corpora=TWO)
    found = target.search(BOTH, TRACE).answer
    assert (found.boosted, found.injected) == (3, 1)
    assert found.per_corpus_counts == {"workers": 2, "others": 1}
    none = dict.fromkeys(COUNTS)
    both["POST /api/q/others"] = {**more, **none}
    _, target = served(LISTED, both, corpora=TWO)
    found = target.search(BOTH, TRACE).answer
    assert (found.boosted, found.injected) == (None, None), "one of the two does not say"
    _, target = served(LISTED, {"POST /api/q/workers": {"results": HITS, **none}})
    assert target.search(ASKED, TRACE).answer == Found(hits, {"workers": 2})


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"boosted": -1}, "/boosted: a number where a count was due"),
        ({"boosted": 2**53 + 1}, "/boosted: a number where a count was due"),
        ({"injected": "1"}, "/injected: a text where a count was due"),
        ({"per_corpus": [2]}, "/per_corpus: a list where counts by corpus were due"),
        ({"per_corpus": {"workers": 0.5}}, "/per_corpus: a number where a count was due"),
    ],
)
def test_counts_that_are_none_fail_the_step(served, wrong, error):
    _, target = served(LISTED, {"POST /api/q/workers": {"results": HITS, **COUNTS, **wrong}})
    assert target.search(ASKED, TRACE).error == f"search workers: {error}"


@pytest.mark.parametrize(
    ("service", "says"),
    [
        ('token = "TARGET_A"\ntoken_file = "t"', "found token and token_file, expected one of the"),
        ('user = "me"', "found one of user and password, expected both"),
        (
            'user = "me"\npassword = "TARGET_B"\ntoken = "TARGET_A"',
            "found user and a token, expected one of the two",
        ),
        ('headers = { X = "{text}" }', "headers.X: found {text}, expected no placeholder"),
        ('headers = { Host = "x" }', "found Host, which every request has of its own"),
    ],
)
def test_a_service_with_two_ways_to_say_who_it_is_is_refused(monkeypatch, service, says):
    monkeypatch.setenv("TARGET_A", "a")
    monkeypatch.setenv("TARGET_B", "b")
    search = '[search]\nget = "/q/{text}"\nids = "/i"\n'
    text = f'[service.db]\nurl = "http://127.0.0.1:9"\n{service}\n{search}'
    with pytest.raises(UsageError) as refused, contextlib.ExitStack() as stack:
        stack.enter_context(contextlib.closing(toml_target("my.toml", text)(TargetSetup())))
    assert says in str(refused.value)


def test_a_url_that_wants_the_host_is_refused_without():
    text = '[service.db]\nurl = "{host}/x"\n[search]\nget = "/q/{text}"\nids = "/i"\n'
    with pytest.raises(UsageError) as refused:
        toml_target("my.toml", text)(TargetSetup())
    assert 'found "{host}/x" and no --host, expected one' in str(refused.value)  # fmt: skip


def test_a_token_is_allowed_for_the_host_that_is_named():
    assert parse_allowed(["MY_KEY@db.example", "OTHER@http://127.0.0.1:9"]) == (
        Allowed("MY_KEY", "https://db.example"),
        Allowed("OTHER", "http://127.0.0.1:9"),
    )
    for wrong in ("MY_KEY", "@db.example", "MY_KEY@", "MY KEY@db.example"):
        with pytest.raises(UsageError, match="expected NAME@HOST"):
            parse_allowed([wrong])
    with pytest.raises(UsageError, match="GATEWAY_TOKEN, which serves its own service alone"):
        parse_allowed(["GATEWAY_TOKEN@db.example"])


def test_vectors_are_kept_as_far_as_there_is_room(monkeypatch):
    vector = read_vector(Pointer("/v"), b'{"v": [0.5, 1]}')
    assert bytes(vector) == b"[0.5,1]"
    kept = KeptVectors()
    assert MOST_KEPT > 1
    monkeypatch.setattr("mcstress.services.toml.vectors.MOST_KEPT", 1)
    kept.keep("a", vector)
    kept.keep("b", vector)
    assert (kept.get("a"), kept.get("b")) == (vector, None)
    with pytest.raises(ValueError, match="/v: a list where numbers were due"):
        read_vector(Pointer("/v"), b'{"v": ["a"]}')


def test_a_clock_that_was_shifted_knows_how_far_the_wall_clock_was_set(monkeypatch):
    times = {"wall": 1000.0, "steady": 5.0}
    monkeypatch.setattr("time.time", lambda: times["wall"])
    monkeypatch.setattr("time.perf_counter", lambda: times["steady"])
    clock = SteadyClock()
    clock.shift(2.0)
    assert clock.now_s() == 1002.0
    times.update(wall=1007.0, steady=9.0)  # four seconds later; three were put on
    assert clock.now_s() == 1006.0
    assert clock.step_s() == 3.0
