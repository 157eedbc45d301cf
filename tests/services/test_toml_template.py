"""Templates: typed values, text, what has no value, and braces that are no placeholder."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcstress.services.toml.template import PLACEHOLDERS, PathTemplate, Template, TemplateError

VECTOR = msgspec.Raw(b"[0.5,1]")


def filled(template, **values):
    return json.loads(Template(template, "search.body").encoded(values))


@pytest.mark.parametrize(
    ("template", "values", "expected"),
    [
        ({"v": ["{vector}"]}, {"vector": VECTOR}, {"v": [[0.5, 1]]}),
        ({"k": "{k}", "n": "top {k}"}, {"k": 8}, {"k": 8, "n": "top 8"}),
        ({"m": "{metadata}"}, {"metadata": {"a": [1]}}, {"m": {"a": [1]}}),
        ({"c": "{corpora}"}, {"corpora": ["a", "b"]}, {"c": ["a", "b"]}),
        ({"t": "in {corpora}"}, {"corpora": ["a", "b"]}, {"t": "in a,b"}),
        # A key whose placeholder has no value is left out, with its object where that is empty.
        ({"k": 1, "ns": "{namespace}"}, {}, {"k": 1}),
        ({"k": 1, "where": {"ns": "{namespace}"}}, {}, {"k": 1}),
        ({"k": 1, "where": {"ns": "memory of {namespace}"}}, {}, {"k": 1}),
        ({"k": 1, "where": {"and": {"ns": "{namespace}"}}}, {}, {"k": 1}),
        ({"where": {"ns": "{namespace}"}}, {}, {}),
        ({"must": [{"ns": "{namespace}"}]}, {}, {"must": []}),
        ({"t": "{role} of {namespace}"}, {"role": "cook"}, {"t": "cook of "}),
        # An empty list is a value.
        ({"not": {"ids": "{exclude_ids}"}}, {"exclude_ids": []}, {"not": {"ids": []}}),
        # Empty objects and lists of the file stay.
        ({"a": {}, "b": []}, {}, {"a": {}, "b": []}),
        # Braces that are no placeholder.
        ({"q": "{ Get { It(n: {k}) { x } } }"}, {"k": 3}, {"q": "{ Get { It(n: 3) { x } } }"}),
        ({"q": "{{id}} and {id}", "r": "{{id}}"}, {"id": "7"}, {"q": "{id} and 7", "r": "{id}"}),
        ({"q": "{}{ }{3}{a-b}"}, {}, {"q": "{}{ }{3}{a-b}"}),
        ({"t": "{text}"}, {"text": '"{k}" \\ é'}, {"t": '"{k}" \\ é'}),
        ({"x": [1, 2.5, True, {"y": "z"}]}, {}, {"x": [1, 2.5, True, {"y": "z"}]}),
    ],
)  # fmt: skip
def test_a_template_is_filled(template, values, expected):
    assert filled(template, **values) == expected


def test_what_a_template_needs_is_known():
    template = Template({"a": "{text}", "b": [{"c": "x {k}"}], "d": "{{id}}"}, "p")
    assert template.needs == {"text", "k"}


@given(st.dictionaries(st.sampled_from(PLACEHOLDERS), st.text() | st.integers(), min_size=1))
def test_each_placeholder_alone_takes_its_value_as_it_is(values):
    template = {name: f"{{{name}}}" for name in values}
    assert filled(template, **values) == values


@pytest.mark.parametrize("text", ["{txet}", "a {Text} b", "{{id}} {ids}"])
def test_an_unknown_placeholder_is_refused_with_its_place(text):
    with pytest.raises(
        TemplateError, match=r"search\.body\.a\[1\]\.b: found \{\w+\}, expected one"
    ):
        Template({"a": [{"b": text}]}, "search.body")


def test_a_placeholder_in_a_key_is_refused():
    with pytest.raises(TemplateError, match=r"found the key \{id\}, expected no placeholder"):
        Template({"{id}": 1}, "add.body")


@pytest.mark.parametrize(
    ("path", "query", "values", "expected"),
    [
        ("/c/{corpus}/q", {}, {"corpus": "a b/c?é"}, "/c/a%20b%2Fc%3F%C3%A9/q"),
        ("/{corpora}/_search", {}, {"corpora": ["a,b", "c"]}, "/a%2Cb,c/_search"),
        ("/s", {"q": "{text}", "k": "{k}"}, {"text": "a&b=c", "k": 3}, "/s?q=a%26b%3Dc&k=3"),
        ("/s", {"ns": "{namespace}", "all": True, "n": 2}, {}, "/s?all=true&n=2"),
        ("/s?a=1", {"in": "{corpora}"}, {"corpora": ["a", "b"]}, "/s?a=1&in=a,b"),
        ("/s", {"f": "id:{id}"}, {"id": "7"}, "/s?f=id%3A7"),
        ("", {}, {}, ""),
    ],
)
def test_a_path_is_quoted(path, query, values, expected):
    template = PathTemplate(path, query, "search.get")
    assert template.filled(values) == expected


def test_lines_of_items_are_one_for_each_and_for_each_of_a_list():
    template = Template("{items}", "add.lines")
    items = [[{"index": {"_id": "1"}}, {"t": "x"}], [{"index": {"_id": "2"}}, {"t": "y"}]]
    lines = [json.loads(line) for line in template.lines({"items": items})]
    assert lines == [{"index": {"_id": "1"}}, {"t": "x"}, {"index": {"_id": "2"}}, {"t": "y"}]
