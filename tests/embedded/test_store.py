"""What outlives a restart, and the folders that are refused."""

import sqlite3

import httpx
import pytest

from mcstress.errors import ServiceRefusalError
from mcstress.services.embedded.bodies import InboxBody
from mcstress.services.embedded.playbook import Recording
from mcstress.services.embedded.process import EmbeddedStack
from mcstress.services.embedded.store import FILE_NAME, Store, StoredItem

QUERY = "Need 4 welders in Racine, WI, night shift, TIG welding"
SEARCH = {"query_text": QUERY, "corpora": ["workers"], "k": 8}


def ask(stack):
    """A search with memory, one in an added index, and the sizes."""
    with httpx.Client(base_url=stack.url, timeout=30) as client:
        memory = SEARCH | {"use_playbook": True, "playbook_corpus": "playbook_alice"}
        fresh = SEARCH | {"corpora": ["fresh", "workers"]}
        return [
            client.post("/v1/matrix/search", json=memory).json(),
            client.post("/v1/matrix/search", json=fresh).json(),
            client.get("/v1/matrix/corpora").json(),
        ]


def write(stack):
    with httpx.Client(base_url=stack.url, timeout=30) as client:
        recording = {
            "query_text": QUERY,
            "answer_id": "w-00009",
            "answer_corpus": "workers",
            "score": 0.5,
            "corpus": "playbook_alice",
        }
        vector = client.post("/v1/embed", json={"texts": [QUERY]}).json()["vectors"][0]
        item = {"id": "f-1", "vector": vector, "metadata": {"role": "welder", "é": [1, None]}}
        message = {"type": "sms", "sender": "1", "subject": "", "body": "hello"}
        for path, body in (
            ("/v1/matrix/playbooks/record", recording),
            ("/v1/matrix/playbooks/record", recording | {"score": 1.0}),
            ("/v1/observer/inbox", message),
            ("/v1/vectors/index", {"name": "fresh", "dimension": len(vector)}),
            ("/v1/vectors/index/fresh/add", {"items": [item]}),
            ("/v1/vectors/index/workers/add", {"items": [item | {"id": "w-new"}]}),
        ):
            assert client.post(path, json=body).is_success, path


def test_memory_indexes_and_inbox_outlive_even_a_kill(tmp_path):
    folder = tmp_path / "new" / "data"
    first = EmbeddedStack.start(data_dir=folder)
    write(first)
    before = ask(first)
    first._process.kill()
    first.stop()
    second = EmbeddedStack.start(data_dir=folder)
    try:
        assert ask(second) == before
        assert before[0]["results"][0]["id"] == "w-00009"
        assert {hit["id"] for hit in before[1]["results"][:2]} == {"f-1", "w-new"}
        with pytest.raises(ServiceRefusalError, match="in use by another embedded stack"):
            EmbeddedStack.start(data_dir=folder)
    finally:
        second.stop()
    with sqlite3.connect(folder / FILE_NAME) as database:
        assert database.execute("select body from messages").fetchall() == [("hello",)]
        assert database.execute("pragma journal_mode").fetchone() == ("wal",)


@pytest.fixture
def opened(tmp_path):
    store = Store(tmp_path, 42)
    yield store
    store.close()


def test_recordings_come_back_in_order_with_their_last_score(opened):
    recordings = [Recording(f"query {number}", "a", "workers", 0.5, None) for number in range(3)]
    for recording in [*recordings, Recording("query 0", "a", "workers", 0.9, "welder")]:
        opened.save_recording("alice", recording, ["tag"])
    opened.save_recording("bob", recordings[0], [])
    assert list(opened.recordings()) == [
        ("alice", Recording("query 0", "a", "workers", 0.9, "welder")),
        ("alice", recordings[1]),
        ("alice", recordings[2]),
        ("bob", recordings[0]),
    ]


def test_an_item_saved_again_is_replaced_and_last(opened):
    opened.save_index("fresh")
    opened.save_items("fresh", [StoredItem("a", b"1", b"{}"), StoredItem("b", b"2", b"{}")])
    opened.save_items("fresh", [StoredItem("a", b"3", b"{}")])
    assert opened.indexes() == ["fresh"]
    assert [(item.id, item.vector) for _, item in opened.items()] == [("b", b"2"), ("a", b"3")]


def test_items_are_saved_all_or_none(opened):
    with pytest.raises(sqlite3.IntegrityError):
        opened.save_items("fresh", [StoredItem("a", b"1", b"{}"), StoredItem("b", None, b"{}")])
    assert list(opened.items()) == []


def test_messages_are_numbered(opened):
    message = InboxBody(type="email", sender="a", subject="b", body="c")
    assert [opened.save_message(message) for _ in range(3)] == [1, 2, 3]


def test_without_a_folder_nothing_is_left(tmp_path, monkeypatch):
    monkeypatch.setenv("SQLITE_TMPDIR", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    store = Store(None, 42)
    store.save_items("fresh", [StoredItem(str(n), b"1" * 100_000, b"{}") for n in range(100)])
    assert len(list(store.items())) == 100
    assert list(tmp_path.iterdir()) == []
    store.close()


@pytest.mark.parametrize("seed", [7, 42])
def test_a_folder_belongs_to_its_seed(tmp_path, seed):
    Store(tmp_path, 42).close()
    if seed == 42:
        Store(tmp_path, seed).close()
        return
    with pytest.raises(ServiceRefusalError, match=r"found format 1 and seed 42, expected .* 7"):
        Store(tmp_path, seed)


def test_a_folder_that_cannot_be_used_is_refused_in_one_line(tmp_path):
    file = tmp_path / "file"
    file.write_text("no folder")
    no_database = tmp_path / "other"
    no_database.mkdir()
    (no_database / FILE_NAME).write_text("no database at all " * 100)
    for folder in (file, file / "below", no_database):
        with pytest.raises(ServiceRefusalError) as refusal:
            Store(folder, 42)
        assert str(folder) in str(refusal.value)
        assert "\n" not in str(refusal.value)
