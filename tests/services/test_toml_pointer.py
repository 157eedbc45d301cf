"""Pointers into answers: RFC 6901's own examples, and what is said where one finds nothing."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcstress.services.toml.pointer import Pointer, PointerError

RFC_6901 = {
    "foo": ["bar", "baz"], "": 0, "a/b": 1, "c%d": 2, "e^f": 3, "g|h": 4, "i\\j": 5, 'k"l': 6,
    " ": 7, "m~n": 8,
}  # fmt: skip


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", RFC_6901),
        ("/foo", ["bar", "baz"]),
        ("/foo/0", "bar"),
        ("/", 0),
        ("/a~1b", 1),
        ("/c%d", 2),
        ("/e^f", 3),
        ("/g|h", 4),
        ("/i\\j", 5),
        ('/k"l', 6),
        ("/ ", 7),
        ("/m~0n", 8),
    ],
)
def test_the_examples_of_the_rfc(text, value):
    assert Pointer(text).find(RFC_6901) == value


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=12,
)


def places(value, path=""):
    """Every place of a JSON value by its pointer, written as the RFC says."""
    yield path, value
    if isinstance(value, dict):
        for key, one in value.items():
            yield from places(one, f"{path}/{key.replace('~', '~0').replace('/', '~1')}")
    elif isinstance(value, list):
        for number, one in enumerate(value):
            yield from places(one, f"{path}/{number}")


@given(JSON)
def test_each_place_of_a_document_is_found(document):
    for text, value in places(document):
        assert json.dumps(Pointer(text).find(document)) == json.dumps(value)


@pytest.mark.parametrize(
    ("text", "document", "says"),
    [
        ("/ids/0", {"error": "full"}, "/ids/0: no such key; there are: error"),
        ("/ids/0", {}, "/ids/0: no such key; there are: none"),
        ("/ids/0", {"ids": []}, "/ids/0: no such place in /ids; the list has 0"),
        ("/ids/x", {"ids": [1]}, "/ids/x: no such place in /ids; the list has 1"),
        ("/ids/01", {"ids": [1, 2]}, "/ids/01: no such place in /ids; the list has 2"),
        ("/ids/-", {"ids": [1]}, "/ids/-: no such place in /ids; the list has 1"),
        ("/a/b", {"a": None}, "/a/b: nothing is in /a, which is null"),
        ("/a", [1], "/a: no such place; the list has 1"),
        ("/a", "text", "/a: nothing is there, which is a text"),
        (
            "/z",
            dict.fromkeys("abcdefghij"),
            "/z: no such key; there are: a, b, c, d, e, f, g, h, …",
        ),
    ],
)
def test_what_finds_nothing_says_what_was_there(text, document, says):
    with pytest.raises(PointerError) as raised:
        Pointer(text).find(document)
    assert str(raised.value) == says


@pytest.mark.parametrize("text", ["ids", "0", "/a~", "/a~2b", "#/ids"])
def test_what_is_no_pointer_is_refused(text):
    with pytest.raises(PointerError, match="expected"):
        Pointer(text)
