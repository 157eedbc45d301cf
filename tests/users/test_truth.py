"""Truth from a file: three forms, how questions are named, and what is refused."""

from __future__ import annotations

import json

import pytest

from mcstress.errors import UsageError
from mcstress.metrics.event import Event, Hit, utc
from mcstress.users.scenarios.load import load_scenario
from mcstress.users.truth import read_truth

SCENARIO = load_scenario("three_cities")
DEMAND = SCENARIO.variants[0].contracts[0].demands[0]
NAME = "1/alpha_milwaukee_distribution/warehouse_worker"


@pytest.fixture
def read(tmp_path):
    def reading(text, **beside):
        for name, content in beside.items():
            (tmp_path / name.replace("_jsonl", ".jsonl")).write_text(content)
        path = tmp_path / "truth"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_truth(path, SCENARIO)

    return reading


FORMS = [
    f"{NAME} 0 w-1 3\n{NAME} 0 e-2 1\n{NAME} Q0 w-9 0\nother 0 w-1 1\n",
    (
        f"query-id\tcorpus-id\tscore\n{DEMAND.query}\tw-1\t3\n{NAME}\te-2\t1\n"
        f"x\tw-1\t1\n{NAME}\tw-9\t0\n"
    ),
    json.dumps({"query": DEMAND.query, "ids": ["w-1", "e-2", "w-9"], "grades": [3, 1, 0]})
    + '\n\n{"query": "else", "ids": ["w-1"]}\n',
]


@pytest.mark.parametrize("text", FORMS)
def test_the_three_forms_say_the_same(read, text):
    truth = read(text)
    assert truth.questions.keys() == {NAME}
    its = truth.questions[NAME]
    assert (its.grades, its.relevant, its.best) == ({"w-1": 3, "e-2": 1, "w-9": 0}, 2, [3, 1])
    assert truth.not_asked == 1


def test_beirs_queries_are_named_by_their_file(read):
    queries = json.dumps({"_id": "q7", "text": DEMAND.query, "metadata": {}}) + "\n"
    truth = read("query-id\tcorpus-id\tscore\nq7\tw-1\t1\n", queries_jsonl=queries)
    assert truth.questions[NAME].grades == {"w-1": 1}


def test_hits_are_graded_by_corpus_and_id_or_by_id(read):
    its = read(f"{NAME} 0 a:1 3\n{NAME} 0 2 1\n{NAME} 0 3 2\n").questions[NAME]
    hits = [Hit("1", "b", 0.1), Hit("1", "a", 0.2), Hit("2", "b", 0.3), Hit("4", "a", 0.4)]
    event = Event(
        time=utc(0), round=1, trio=1, phase="baseline", coordinator="alice", k=2, top_k=hits
    )
    its.grade(event)
    assert event.truth.grades == [0, 3, 1, 0]
    assert (event.truth.relevant, event.truth.best) == (3, [3, 2])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "found 0 queries, none of which is asked; expected the words of a demand's query"),
        ("q1 0 w-1 1\nq2 0 w-1 1\n", f"found 2 queries, none of which is asked; .*, or {NAME}"),
        ("title: truth\n", 'line 1: found "title: truth", expected TREC qrels'),
        (f"{NAME} 0 w-1 1\n{NAME} 0 w-2 much", "line 2: found .*, expected TREC qrels"),
        ('{"query": "a"}', "line 1: found .*missing required field `ids`"),
        ('{"query": "a", "ids": ["b"], "grades": [1, 2]}', "line 1: found"),
        ('{"query": "a", ', "line 1: found .*truncated"),
        (b"\xff\xfe", r"is not UTF-8 \(byte 0\), expected TREC qrels"),
    ],
)
def test_what_is_no_truth_is_refused_in_one_line(read, text, said):
    with pytest.raises(UsageError, match=f"^--truth .*truth: {said}") as refusal:
        read(text)
    assert "\n" not in str(refusal.value)


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(UsageError, match="nothing: cannot be read: No such file"):
        read_truth(tmp_path / "nothing", SCENARIO)
