"""Sizes as a user writes them, and as a message says them."""

import pytest

from mcstress.errors import UsageError
from mcstress.services.byte_size import parse_size, size_text


@pytest.mark.parametrize(
    ("written", "size"),
    [
        ("8MB", 8_000_000),
        ("8 mb", 8_000_000),
        (" 8M ", 8_000_000),
        ("1.5kB", 1_500),
        ("1g", 1_000_000_000),
        ("4096", 4_096),
        ("4096 b", 4_096),
        (4096, 4_096),
    ],
)
def test_a_size_is_a_number_with_a_unit_or_without(written, size):
    assert parse_size(written, "--x", 1, 10**9) == size


@pytest.mark.parametrize(
    "written", ["", "MB", "8XB", "8MiB", "-1", "1e6", "nan", "8,5MB", "٣MB", "1" * 40, None, []]
)
def test_what_is_no_size_is_refused_with_its_place_and_an_example(written):
    with pytest.raises(UsageError, match=r"^--x: found .*, expected a size such as 500kB, 8MB"):
        parse_size(written, "--x", 1, 10**9)


@pytest.mark.parametrize("written", ["999", "0", "1.1MB"])
def test_a_size_out_of_bounds_is_refused_with_them(written):
    with pytest.raises(UsageError, match=rf"^--x: found '{written}', expected 1 kB to 1 MB$"):
        parse_size(written, "--x", 1_000, 1_000_000)


@pytest.mark.parametrize(
    ("size", "text"),
    [(7, "7 bytes"), (1_234, "1234 bytes"), (1_500, "1.5 kB"), (8_000_000, "8 MB")],
)
def test_a_size_is_said_in_its_largest_round_unit(size, text):
    assert size_text(size) == text
