"""A probe tries each operation of a target's file, and finds what a run would trip over."""

from __future__ import annotations

import contextlib
import json
import textwrap
from pathlib import Path

import pytest
from tcp.raw_server import RawServer, answer

from mcstress.services.target import TargetSetup
from mcstress.services.toml.probe import MARK, Probe, secret_origins
from mcstress.services.toml.target import toml_target

EXAMPLE = (Path(__file__).parents[2] / "examples" / "small_service.toml").read_text()
DELETE = '[delete]\npost = "/drop"\nbody = { shelf = "{corpus}", id = "{id}" }\n'
UPDATE = '[update]\npost = "/put"\nbody = { shelf = "{corpus}", doc = { id = "{id}", about = "{metadata}" }, new = true }\n'  # noqa: E501
FORGET = '[record.forget]\npost = "/drop"\nbody = { shelf = "{namespace}", id = "{record_uuid}" }\n'
INBOX = '[inbox]\npost = "/mail"\nbody = { from = "{sender}", text = "{body}" }\n'
READY = '[ready]\npost = "/count"\nbody = { shelf = "a" }\npointer = "/count"\nvalue = 2\n'


class Shelves:
    """The example's service, with ``faults``: what a store may do wrong."""

    def __init__(self, *faults):
        self.faults = set(faults)
        doc = {"text": "two cooks", "about": {"role": "cook"}}
        self.shelves = {"a": [{"id": f"a{n}", **doc} for n in range(2)]}

    def __call__(self, request):
        asked = request.json()
        shelf = self.shelves.setdefault(asked.get("shelf"), [])
        if not hasattr(self, request.path[1:]):
            return [answer({"error": f"no {request.path}"}, "404 Not Found")]
        said = getattr(self, request.path[1:])(asked, shelf)
        return [said if isinstance(said, bytes) else answer(said)]

    def count(self, _, shelf):
        return {"count": len(shelf)}

    def put(self, asked, shelf):
        doc, known = asked["doc"], [one for one in shelf if one["id"] == asked["doc"]["id"]]
        if "new" in asked:
            if "stale" not in self.faults:
                shelf[:] = [one for one in shelf if one not in known] + [doc]
            return {}
        if known and "refuses" in self.faults:
            return answer({"error": "known id"}, "409 Conflict")
        if not known or "twice" in self.faults:
            is_new = asked["shelf"] == "fresh"
            if not (is_new and "blind" in self.faults):
                shelf.append(doc)
        if known and "twice" in self.faults:
            shelf[-1] = {**doc, "id": f"{doc['id']}-2"}
        return {}

    def find(self, asked, shelf):
        if "leaks" in self.faults and asked["shelf"].startswith(MARK):
            shelf = [doc for name, its in self.shelves.items() if MARK in name for doc in its]
        without = () if "keeps" in self.faults else asked.get("without") or ()
        docs = [doc for doc in shelf if doc["id"] not in without]
        found = [{"doc": doc, "score": 1 - n / 10} for n, doc in enumerate(docs[: asked["n"]])]
        return {"found": found[::-1] if "unordered" in self.faults else found}

    def drop(self, asked, shelf):
        if "drops nothing" not in self.faults:
            shelf[:] = [doc for doc in shelf if doc["id"] != asked["id"]]
        return {}

    def mail(self, asked, _):
        return {"accepted": asked}


def probed(shelves, text=EXAMPLE):
    """What the probe says of ``shelves``, by a file."""
    with RawServer(shelves) as server:
        text = text.replace("http://127.0.0.1:18500", server.url)
        setup = TargetSetup(corpora=("a",), fresh_corpus="fresh", timeout_s=2)
        target = toml_target("my.toml", text)(setup)
        with contextlib.closing(target):
            return [*Probe(target, "two cooks", "cook", 8).run()]


def test_each_operation_is_shown_with_what_its_pointers_found():
    shelves = Shelves()
    said = probed(shelves, EXAMPLE + FORGET + UPDATE + DELETE + INBOX + READY)
    assert {one.mark for one in said} == {"ok"}
    names = [one.text.split(":")[0] for one in said if "HTTP" in one.text]
    assert names == [
        *("ready", "size", "search", "record", "recall", "record.forget", "add", "update"),
        *("delete", "inbox"),
    ]
    shown = {one.text.split(":")[0]: one.text.splitlines() for one in said if "HTTP" in one.text}
    first, sent, got, *pointers = shown["search"]
    assert first.startswith("search: POST http://127.0.0.1:")
    assert "/find: HTTP 200, " in first
    asked = {"shelf": "a", "q": "two cooks", "n": 8, "without": []}
    assert json.loads(sent.strip().removeprefix("sent ")) == asked
    assert '"score": 1.0' in got
    rows, *inner = (one.strip() for one in pointers)
    assert rows.startswith(
        'rows /found finds a list of 2: [{"doc":{"id":"a0","text":"two cooks","a'
    )
    assert inner == [
        'id /found/0/doc/id finds "a0"',
        "score /found/0/score finds 1.0",
        'metadata /found/0/doc/about finds {"role":"cook"}',
    ]
    told = [one.text for one in said if "HTTP" not in one.text]
    assert told == [
        "record: the answer comes back 0.0 s later",
        "record.forget: it is gone 0.0 s later",
        "add: a search of fresh finds it 0.0 s later",
        "update: a search sees it 0.0 s later",
        "delete: it is gone 0.0 s later",
        "left behind: a message in the inbox",
    ]
    assert shelves.shelves["fresh"] == [], "what was added is deleted"
    recorded = [its for name, its in shelves.shelves.items() if name and name.startswith(MARK)]
    assert [*map(len, recorded)] == [0, 0], "the namespace, and another one that was asked"


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ("refuses", "fail record: the same once more fails: HTTP 409: known id; each round recor"),
        ("twice", "warn record: the same twice makes two entries; expected {record_uuid}"),
        ("leaks", "fail recall: the answer comes back in another {namespace}, too"),
        ("keeps", "fail search: {exclude_ids} had a0, and it came back"),
        ("unordered", "warn search: hits came unordered; they are ordered by their distance"),
    ],
)
def test_what_a_store_does_wrong_is_found(fault, says):
    said = [f"{one.mark} {one.text}" for one in probed(Shelves(fault))]
    assert [one for one in said if one.startswith(says)], said


def test_what_is_added_and_not_seen_is_said(monkeypatch):
    monkeypatch.setattr("mcstress.services.toml.probe.SEEN_WITHIN_S", 0.3)
    said = [f"{one.mark} {one.text}" for one in probed(Shelves("blind"))]
    assert "warn add: a search of fresh does not find it within 10 s" in said
    left = said[-1].removeprefix("ok left behind: ").split(", ")
    assert [one.split("_")[0] for one in left] == [
        "a recording in the namespace mcstress",
        "mcstress",
    ]


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ("stale", ["fail update: a search does not see the new metadata within 10 s"]),
        (
            "drops nothing",
            ["fail record.forget: a0 still comes back after 10 s", "fail delete: mcstress_probe_"],
        ),
    ],
)
def test_what_comes_back_after_a_change_is_said(fault, says, monkeypatch):
    monkeypatch.setattr("mcstress.services.toml.probe.SEEN_WITHIN_S", 0.3)
    told = probed(Shelves(fault), EXAMPLE + FORGET + UPDATE + DELETE)
    failed = [f"{one.mark} {one.text}" for one in told if one.mark == "fail"]
    assert len(failed) == len(says)
    assert all(map(str.startswith, failed, says)), failed


def test_a_pointer_that_finds_nothing_is_shown_with_what_is_there():
    text = EXAMPLE.replace('id = "/doc/id"', 'id = "/doc/key"')
    said = probed(Shelves(), text)
    search = next(one for one in said if one.text.startswith("search: POST"))
    assert search.mark == "warn"
    nothing = "id /found/0/doc/key finds nothing: /found/0/doc/key: no such key in /found/0/doc;"
    assert nothing in search.text
    assert "there are: id, text, about" in search.text
    failed = [one.text for one in said if one.mark == "fail"]
    assert failed[0] == "search a: /doc/key: no such key in /doc; there are: id, text, about"


def lines(said):
    """``mark name: …`` of each, without times."""
    return [f"{one.mark} {one.text.splitlines()[0]}" for one in said]


PLAIN = """
    [service.db]
    url = "http://127.0.0.1:18500"
    [search]
    post = "/find"
    body = { shelf = "{corpus}", q = "{text}", n = "{k}" }
    rows = "/found"
    id = "/doc/id"
    score = "/score"
    metric = "cosine"
"""


def test_the_least_file_is_one_search_that_says_what_it_lacks():
    said = lines(probed(Shelves(), textwrap.dedent(PLAIN)))
    assert len(said) == 2, "nothing is written, nothing left behind"
    assert said[0].startswith("ok search: POST http://127.0.0.1:")
    assert said[1] == "warn search: no metadata pointer: rules of relevance see ids alone"


def test_an_empty_corpus_is_asked_whether_it_was_loaded():
    shelves = Shelves()
    shelves.shelves["a"] = []
    said = lines(probed(shelves))
    assert "warn search: no hits; are the corpora loaded? (mcstress load)" in said
    recorded = next(its for name, its in shelves.shelves.items() if name and name.startswith(MARK))
    assert [one["about"]["answer"] for one in recorded] == [MARK], "an answer of our own"


EXACT = '[exact]\npost = "/none"\nbody = { shelf = "{corpus}", q = "{text}" }\nids = "/ids"\n'


RECORDING, ITEM = "a recording in the namespace mcstress_probe_", "mcstress_probe_"


@pytest.mark.parametrize(
    ("old", "new", "fails", "left"),
    [
        # What is refused is said, and what follows from it is not tried.
        ('[record]\npost = "/put"', '[record]\npost = "/no"', "record: HTTP 404: no /no", []),
        ('[add]\npost = "/put"', '[add]\npost = "/no"', "add: HTTP 404: no /no", []),
        (
            '[recall]\npost = "/find"',
            '[recall]\npost = "/no"',
            "recall: HTTP 404: no /no",
            [RECORDING],
        ),
        (UPDATE, UPDATE.replace("/put", "/no"), "update: HTTP 404: no /no", []),
        (DELETE, DELETE.replace("/drop", "/no"), "delete: HTTP 404: no /no", [ITEM]),
        (FORGET, FORGET.replace("/drop", "/no"), "record.forget: HTTP 404: no /no", [RECORDING]),
        (FORGET, FORGET + EXACT, "exact a: HTTP 404: no /none", []),
    ],
)
def test_an_operation_that_fails_is_said_and_the_others_are_tried(old, new, fails, left):
    said = lines(probed(Shelves(), (EXAMPLE + UPDATE + DELETE + FORGET).replace(old, new)))
    assert [one for one in said if one.startswith("fail ")] == [f"fail {fails}"]
    tried = {one.split()[1] for one in said if "POST" in one}
    assert {"size:", "search:", "record:", "add:"} <= tried
    behind = [one.removeprefix("ok left behind: ") for one in said if "left behind" in one]
    assert len(behind) == len(left)
    assert all(map(str.startswith, behind, left)), behind


def test_an_answer_that_never_comes_back_is_said(monkeypatch):
    monkeypatch.setattr("mcstress.services.toml.probe.SEEN_WITHIN_S", 0.3)

    class Forgetful(Shelves):
        def put(self, asked, shelf):
            return {}

    said = lines(probed(Forgetful()))
    assert "fail record: a0 did not come back within 10 s" in said
    assert "warn add: a search of fresh does not find it within 10 s" in said


COLUMNS = """
    [service.db]
    url = "http://127.0.0.1:18500"
    [search]
    post = "/columns"
    body = { shelf = "{corpora}", q = "{text}", ns = "{namespace}" }
    ids = "/ids"
    metadata = "/about"
    corpus = "/of"
    [search.memory]
    post = "/columns"
    body = { shelf = "{corpora}", q = "{text}", ns = "{namespace}" }
    [record]
    get = "/told"
    query = { ns = "{namespace}", q = "{text}" }
    [size]
    post = "/list"
    body = {}
    rows = "/all"
    name = "/name"
    size = "/n"
"""


def test_columns_and_lists_are_shown_with_what_leads_into_their_first_entry():
    class Lists(Shelves):
        def __call__(self, request):
            if request.method == "GET":
                return [answer("")]
            return [answer(getattr(self, request.path[1:])(request.json(), None))]

        def columns(self, *_):
            return {"ids": ["a0", "a1"], "about": [{"of": "a"}, {"of": "a"}]}

        def list(self, *_):
            return {"all": [{"name": "a", "n": 2}]}

    said = [one for one in probed(Lists(), textwrap.dedent(COLUMNS)) if "HTTP" in one.text]
    shown = {one.text.split(":")[0]: [*map(str.strip, one.text.splitlines()[1:])] for one in said}
    assert [*shown] == ["size", "search", "record", "search.memory"]
    assert shown["size"][2:] == [
        'rows /all finds a list of 1: [{"name":"a","n":2}]',
        'name /all/0/name finds "a"',
        "size /all/0/n finds 2",
    ]
    pointers = [
        'ids /ids finds a list of 2: ["a0","a1"]',
        'metadata /about finds a list of 2: [{"of":"a"},{"of":"a"}]',
        'corpus /about/0/of finds "a"',
    ]
    assert shown["search"][2:] == pointers
    assert shown["search.memory"][2:] == pointers, "those of [search]"
    assert shown["record"] == [], "neither sent nor got anything"


def test_what_is_no_json_and_what_has_no_first_entry_is_shown_as_it_came():
    class Odd(Shelves):
        def count(self, *_):
            return answer("seven", content_type="text/plain")

        def find(self, *_):
            return {"found": []}

    text = EXAMPLE[: EXAMPLE.index("[add]")]
    said = [one for one in probed(Odd(), text) if "HTTP" in one.text]
    shown = {one.text.split(":")[0]: [*map(str.strip, one.text.splitlines()[1:])] for one in said}
    assert shown["size"][1:] == ["got seven"]
    assert shown["search"][2:] == ["rows /found finds a list of 0: []"]


def test_secrets_are_named_with_where_they_go(monkeypatch):
    monkeypatch.setenv("TARGET_A", "secret-a")
    monkeypatch.setenv("TARGET_B", "secret-b")
    text = PLAIN.replace('18500"', '18500/api"\n    token = "TARGET_A"')
    text += '    [service.other]\n    url = "https://other.example:444/x"\n'
    text += (
        '    user = "me"\n    password = "TARGET_B"\n    [service.third]\n    url = "http://c"\n'
    )
    target = toml_target("my.toml", textwrap.dedent(text))(TargetSetup(corpora=("a",)))
    with contextlib.closing(target):
        assert secret_origins(target) == [
            "TARGET_A → http://127.0.0.1:18500",
            "TARGET_B → https://other.example:444",
        ]


def test_a_status_that_is_ok_is_no_list_out_of_order():
    """The body of a failed answer is not read as an answer."""
    text = textwrap.dedent(PLAIN).replace('"/find"', '"/no"') + "ok = [404]\n"
    said = lines(probed(Shelves(), text))
    assert said[0].startswith("ok search: POST http://127.0.0.1:")
    assert said[0].split(", ")[0].endswith("/no: HTTP 404")
    assert said[1:] == [
        "warn search: no hits; are the corpora loaded? (mcstress load)",
        "warn search: no metadata pointer: rules of relevance see ids alone",
    ]


def test_where_a_search_fails_after_a_deletion_it_is_not_known_whether_it_is_gone():
    class Breaks(Shelves):
        def drop(self, asked, shelf):
            self.faults.add("broken")
            return super().drop(asked, shelf)

        def find(self, asked, shelf):
            if "broken" in self.faults:
                return answer({"error": "rebuilding"}, "503 x")
            return super().find(asked, shelf)

    said = lines(probed(Breaks(), EXAMPLE + DELETE))
    failed = [one for one in said if one.startswith("fail ")]
    assert failed == ["fail search fresh: HTTP 503: rebuilding"]
    assert not [one for one in said if "gone" in one or "comes back after" in one]
