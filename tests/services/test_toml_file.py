"""A target's file that is wrong is refused with the file, the key, what was found and expected."""

import os
import textwrap

import pytest

from mcstress.errors import UsageError
from mcstress.services.target import Capabilities
from mcstress.services.target_class import TargetName, read_target
from mcstress.services.toml.plan import plan_of

SERVICE = '[service.db]\nurl = "http://127.0.0.1:9"\n'
SEARCH = '[search]\npost = "/q"\nbody = { q = "{text}", c = "{corpus}" }\nrows = ""\nid = "/id"\n'
LEAST = SERVICE + SEARCH


def plan(text):
    return plan_of("my.toml", textwrap.dedent(text))


def test_the_least_file_can_search_and_nothing_else():
    can = plan(LEAST).capabilities()
    none = dict.fromkeys(("record", "add", "inbox", "sizes", "exclude"), False)
    assert can == Capabilities(**none)
    assert plan(LEAST).title == "my.toml"


ADD = '[add]\npost = "/a"\n'
RECORD = '[record]\npost = "/r"\nbody = { t = "{text}", ns = "{namespace}", a = "{answer_id}" }\n'
RECALL = (
    '[recall]\npost = "/m"\nbody = { t = "{text}", ns = "{namespace}" }\nrows = ""\nid = "/id"\n'
)


@pytest.mark.parametrize(
    ("more", "has"),
    [
        ('[add]\npost = "/a"\n', {"add"}),
        ('[inbox]\npost = "/i"\n', {"inbox"}),
        ('[size]\nget = "/s"\nsize = ""\n', {"sizes"}),
        (RECORD + RECALL, {"record", "recall"}),
        ('[delete]\npost = "/d"\n', {"delete"}),
        (RECORD + '[record.forget]\npost = "/f"\n' + RECALL, {"record", "recall", "forget"}),
        ('[update]\npost = "/u"\n', set()),
        ('metadata = "/about"\n[update]\npost = "/u"\n', {"update"}),
    ],
)
def test_capabilities_follow_from_what_is_there(more, has):
    can = plan(LEAST + more).capabilities()
    names = Capabilities.__struct_fields__
    assert {name for name in names if getattr(can, name)} == has


def test_a_memory_in_the_search_is_a_memory():
    text = LEAST.replace('c = "{corpus}"', 'c = "{corpus}", ns = "{namespace}"') + RECORD
    can = plan(text).capabilities()
    assert (can.record, can.recall) == (True, False)
    body = 'body = { q = "{text}", ns = "{namespace}", not = "{exclude_ids}" }\n'
    memory = f'[search.memory]\npost = "/m"\n{body}'
    assert plan(LEAST + memory + RECORD).capabilities().record
    assert not plan(LEAST + memory + RECORD).capabilities().exclude


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a = ", "my.toml: is not valid TOML: Invalid value"),
        ("", "my.toml: found no [service.NAME], expected one or more"),
        (SERVICE, "my.toml: found no [search], expected one: every target searches"),
        (LEAST + "[serach]\n", 'my.toml: found the key "serach", expected one of title, service,'),
        (LEAST + "[serach]\n", 'did you mean "search"?'),
        ("title = 3\n" + LEAST, "my.toml: title: found 3, expected text on one line"),
        ('title = "a\\u001b[31m"\n' + LEAST, "title: found 'a\\x1b[31m', expected text on one"),
        (f'title = "{"t" * 101}"\n' + LEAST, "expected text on one line of at most 100 characters"),
        (f"x = {'[' * 3000}{']' * 3000}\n" + LEAST, "my.toml: found lists or tables in one ano"),
        (LEAST.replace("{text}", "{{text}}"), "search: found neither {text} nor {vector}, expect"),
        (LEAST.replace("{text}", "{ text }"), "search: found neither {text} nor {vector}, expect"),
        (LEAST.replace('"{text}"', "inf"), "search.body.q: found inf, expected a number that JSON"),
        (LEAST.replace('"/q"', '"/q q"'), "search.post: found '/q q', expected visible ASCII; a"),
        (LEAST.replace('"/q"', '"/q\\r\\nX: y"'), "search.post: found '/q\\r\\nX: y', expecte"),
        (LEAST + "embed = 3\n", 'my.toml: search: found the key "embed", expected one of ids'),
        ("embed = 3\n" + LEAST, "my.toml: embed: found 3, expected a table"),
        ("[service.db]\n" + SEARCH, "my.toml: service.db: found no url, expected one"),
        (SERVICE + 'tokn = "X"\n' + SEARCH, 'my.toml: service.db: found the key "tokn", expected'),
        (SERVICE + "timeout = 0\n" + SEARCH, "service.db.timeout: found 0, expected a number > 0"),
        (SERVICE + 'timeout = "3"\n' + SEARCH, "service.db.timeout: found text, expected a number"),
        (LEAST + 'ok = ["x"]\n', "my.toml: search.ok[0]: found 'x', expected a whole number"),
        (LEAST + 'get = "/x"\n', "search: found get and post, expected one of get, post"),
        (LEAST.replace('"/q"', '"q"'), 'search.post: found "q", expected a path, from a /'),
        (LEAST + "lines = []\n", "my.toml: search: found body and lines, expected one of them"),
        (LEAST.replace('"/id"', '"id"'), 'my.toml: search.id: found "id", expected a pointer'),
        (LEAST.replace('id = "/id"', ""), "my.toml: search: found rows and no id, expected its"),
        (LEAST.replace('rows = ""', ""), "search: found neither rows nor ids, expected one"),
        (LEAST + 'ids = "/x"\n', "search: found ids beside rows, expected what leads into"),
        (LEAST + 'distance = ""\nscore = ""\n', "found distances and scores, expected one of"),
        (LEAST + 'metric = "cos"\n', "search.metric: found 'cos', expected one of cosine, l2, ip"),
        (LEAST + 'metric = { workers = "cos" }\n', "found 'cos', expected one of cosine, l2, ip"),
        (LEAST + "ok = [200, 2000]\n", "search.ok[1]: found 2000, expected a whole number <= 599"),
        (LEAST + 'query = { a = "{nope}" }\n', "my.toml: search.query.a: found {nope}, expect"),
        (LEAST + "query = { a = [] }\n", "my.toml: search.query.a: found list, expected a text or"),
        (LEAST + "[exact]\n", "my.toml: exact: found no request, expected one of get, post, put,"),
        (LEAST + '[llm]\nurl = "x"\nmodel = "m"\napi = "gpt"\n', "llm.api: found 'gpt', expec"),
        (LEAST.replace("{text}", "{query}"), "search.body.q: found {query}, expected one of"),
        (LEAST.replace("/q", "/{corpse}"), "my.toml: search.post: found {corpse}, expected one of"),
        (
            LEAST.replace("{text}", "{answer_id}"),
            "my.toml: search: found {answer_id}, which has no value there; expected one of corpora",
        ),
        (LEAST.replace("{text}", "{vector}"), "my.toml: search: found {vector} and no [embed]"),
        (LEAST.replace("{corpus}", "{corpus_id}"), "search: found {corpus_id} and no [resolve]"),
        (LEAST + 'service = "bd"\n', 'my.toml: search.service: found "bd", expected one of db'),
        (LEAST + '[embed]\npost = "/e"\n', "my.toml: embed: found no vector, expected its pointer"),
        (LEAST + '[embed]\nbuiltin = true\npost = "/e"\n', "found builtin and a request, expected"),
        (LEAST + '[resolve]\nget = "/r"\n', "my.toml: resolve: found no id, expected its pointer"),
        (LEAST + '[size]\nget = "/r"\n', "my.toml: size: found no size, expected its pointer"),
        (LEAST + '[size]\nget = "/r"\nsize = ""\nrows = ""\n', "found one of rows and name"),
        (LEAST + RECORD, "found [record], and neither [recall] nor {namespace} in [search]"),
        (LEAST + RECALL, "my.toml: found [recall] and no [record], expected what fills it"),
        (LEAST + ADD + "item = {}\n", "found one of item and {items}, expected both"),
        (LEAST + ADD + 'item = { a = "{nope}" }\n', "my.toml: add.item.a: found {nope}, expected"),
        (LEAST + RECORD + 'collection = "{nope}"\n' + RECALL, "record.collection: found {nope}"),
        (
            LEAST + RECORD + 'collection = "m_{role}"\n' + RECALL,
            'my.toml: record.collection: found "m_{role}", expected {namespace} alone in it',
        ),
        (
            LEAST + '[add]\npost = "/a"\n[add.done]\nget = "/t/{task}"\npointer = ""\nvalue = 1\n',
            "my.toml: add.done: found {task}, expected task in [add], its pointer",
        ),
        (LEAST + '[add.done]\nget = "/t"\n', "my.toml: add.done: found no pointer, expected one"),
        (LEAST + '[ready]\nget = "/t"\npointer = ""\n', "ready: found no value, expected one"),
        (LEAST + '[delete]\npost = "/{text}"\n', "delete: found {text}, which has no value there"),
        (LEAST + '[update]\npost = "/{k}"\n', "update: found {k}, which has no value there"),
        (LEAST + ADD + 'collection = "x"\n', 'add: found the key "collection"'),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_place(text, says):
    with pytest.raises(UsageError) as refused:
        plan(text)
    assert says in str(refused.value)
    assert "\n" not in str(refused.value)


def test_what_a_service_has_is_not_shown_where_it_is_wrong():
    """It may be a secret."""
    for wrong in ("token = 73551337", 'headers = { "X-Key" = 73551337 }'):
        with pytest.raises(UsageError, match="found a whole number, expected text") as refused:
            plan(SERVICE + wrong + "\n" + SEARCH)
        assert "7355" not in str(refused.value)


def test_a_file_that_is_not_there_or_no_text_is_refused(tmp_path):
    with pytest.raises(UsageError, match=r"--target .*gone\.toml: cannot be read: No such file"):
        read_target(str(tmp_path / "gone.toml"))
    for name, found in (
        ("folder", "found a folder, expected a file"),
        ("pipe", "found a pipe, socket or device, expected a file"),
        ("loop", "Too many levels of symbolic links"),
        ("large", r"found 1,000,001 bytes, expected at most 1,000,000"),
        ("a\0b", "embedded null byte"),
    ):
        path = tmp_path / f"{name}.toml"
        match name:
            case "folder":
                path.mkdir()
            case "pipe":
                os.mkfifo(path)
            case "loop":
                path.symlink_to(path)
            case "large":
                path.write_bytes(b"#" * 1_000_001)
        with pytest.raises(UsageError, match=f"--target .*: cannot be read: .*{found}"):
            read_target(str(path))
    with pytest.raises(UsageError, match="expected a name that ships"):
        read_target("x" * 5000).kind()
    latin = tmp_path / "latin.toml"
    latin.write_bytes(b'title = "M\xfcnchen"')
    with pytest.raises(UsageError, match=r"latin\.toml: is not UTF-8: byte 10"):
        read_target(str(latin))


def test_a_file_of_another_system_is_read(tmp_path):
    path = tmp_path / "windows.toml"
    path.write_bytes(b"\xef\xbb\xbf" + LEAST.replace("\n", "\r\n").encode())
    assert read_target(str(path)).kind().title == str(path)


def test_a_file_in_which_something_looks_like_a_secret_is_known():
    text = """
        [service.db]
        url = "http://127.0.0.1:9"
        token = "TARGET_DB_TOKEN"
        headers = { "X-Api-Key" = "abc", "X-Version" = "2024-06-01", "X-Tenant" = "default_tenant_of_ours" }
        [search]
        post = "/q"
        body = { q = "{text}", key = "sk-abcdefgh12345678", id = "a1b2c3d4e5f6a7b8c9d0e1f2", words = "SELECT some_words" }
        rows = "/hits/hits/0/a_long_name_of_a_key_in_an_answer"
        id = "/id"
    """  # noqa: E501
    keys = ["service.db.headers.X-Api-Key", "search.body.key", "search.body.id"]
    assert plan(text).suspicious == keys
    warnings = TargetName("my.toml", "my.toml", text).warnings()
    assert [one.split(": found")[0] for one in warnings] == [f"my.toml: {key}" for key in keys]
    assert not any("abc" in one or "sk-" in one or "a1b2" in one for one in warnings)
