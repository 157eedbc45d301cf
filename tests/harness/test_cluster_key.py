"""With a key our messages are signed: none is altered, repeated or a stranger's."""

from __future__ import annotations

import pytest

from mcstress.cluster.key import (
    HEAD_BYTES,
    MASTER,
    VARIABLE,
    ClusterKey,
    KeyFaultError,
    RepeatedError,
)

KIND = "mcstress.Delta"


def ends(master_key="secret", worker_key="secret"):
    return ClusterKey(master_key, MASTER), ClusterKey(worker_key, "worker")


def test_what_is_signed_is_read_in_both_directions():
    master, worker = ends()
    for number in range(3):
        content = b"%d" % number
        sealed = worker.seal(KIND, MASTER, content)
        assert len(sealed) == HEAD_BYTES + len(content)
        assert master.open(KIND, "worker", sealed) == content
        assert worker.open(KIND, MASTER, master.seal(KIND, "worker", content)) == content


def test_without_a_key_nothing_changes():
    master, worker = ends("", "")
    assert worker.seal(KIND, MASTER, b"x") == b"x"
    assert master.open(KIND, "worker", b"x") == b"x"
    assert master.open(KIND, "worker", b"\xc1") == b"\xc1", "garbage, and no signature"


@pytest.mark.parametrize(
    ("master_key", "worker_key", "words"),
    [
        ("secret", "", f"has no {VARIABLE}, and there is one here"),
        ("", "secret", f"signs with a {VARIABLE}, and there is none here"),
        ("secret", "other", f"has another {VARIABLE}"),
    ],
)
def test_another_key_is_told_from_none(master_key, worker_key, words):
    master, worker = ends(master_key, worker_key)
    with pytest.raises(KeyFaultError) as found:
        master.open(KIND, "worker", worker.seal(KIND, MASTER, b"content"))
    assert str(found.value) == words


def test_a_message_that_was_received_is_not_received_again():
    master, worker = ends()
    first, second = (worker.seal(KIND, MASTER, b"x") for _ in range(2))
    assert master.open(KIND, "worker", second) == b"x"
    for old in (first, second):
        with pytest.raises(RepeatedError):
            master.open(KIND, "worker", old)


def test_a_message_is_of_its_kind_its_sender_and_for_its_receiver():
    master, worker = ends()
    sealed = worker.seal(KIND, MASTER, b"content")
    altered = sealed[:-1] + b"x"
    for kind, sender, text in (
        ("mcstress.Drained", "worker", sealed), (KIND, "other", sealed), (KIND, "worker", altered),
    ):  # fmt: skip
        with pytest.raises(KeyFaultError, match="another"):
            master.open(kind, sender, text)
    with pytest.raises(KeyFaultError, match="another"):
        ClusterKey("secret", "other").open(KIND, MASTER, master.seal(KIND, "worker", b"x"))


def test_a_master_that_was_started_again_is_no_repetition():
    worker = ClusterKey("secret", "worker")
    for _ in range(2):
        master = ClusterKey("secret", MASTER)
        assert worker.open(KIND, MASTER, master.seal(KIND, "worker", b"x")) == b"x"
