"""Targets: what a class of one's own can do, and the gateway asked in the domain's words."""

import contextlib
import textwrap

import msgspec
import pytest
from gateway_answers import TRACE, found, hit
from tcp.raw_server import RawServer, answer, routes, script

from mcstress.errors import ServiceRefusalError, UsageError
from mcstress.metrics.event import Hit, Item
from mcstress.metrics.phase import PHASES
from mcstress.services.gateway.target import GatewayTarget
from mcstress.services.step import Step
from mcstress.services.target import (
    Capabilities,
    Found,
    MemoryLimits,
    Message,
    NewItem,
    Recording,
    Search,
    Sizes,
    Target,
    TargetSetup,
)
from mcstress.services.target_class import asked, make_target, target_class

ASKED = Search("forklift, Milwaukee", ["workers"], 2)
LIMITS = MemoryLimits(top_k=3, max_distance=0.5, max_inject_distance=0.3)


class Searcher(Target):
    """It can search, and nothing else; it finds what it was made with."""

    finds: object = Found([])

    def search(self, search, trace):
        def work():
            if isinstance(self.finds, Exception):
                raise self.finds
            return self.finds

        return self.timed("matrix.search", search, work)


class Rememberer(Searcher):
    """It can record, too, and say its sizes."""

    can_exclude = False

    def record(self, recording, trace):
        return self.timed("playbook.record", recording, lambda: None)

    def sizes(self):
        return self.timed("sizes", None, lambda: Sizes({"workers": 3}))


def test_what_a_class_defines_is_what_it_can():
    searcher = Searcher(TargetSetup()).capabilities()
    assert searcher == Capabilities(record=False, add=False, inbox=False, sizes=False)
    assert searcher.skipped_phases() == {
        "handover": "the target has no memory",
        "handover_paraphrase": "the target has no memory",
        "fresh_resume": "the target cannot add",
    }
    rememberer = Rememberer(TargetSetup()).capabilities()
    assert rememberer == Capabilities(add=False, inbox=False, exclude=False)
    assert set(rememberer.skipped_phases()) == {"fresh_resume", "swap"}
    assert GatewayTarget(TargetSetup("http://127.0.0.1:9")).capabilities().skipped_phases() == {}


def test_what_has_no_memory_is_not_said_to_have_one_in_its_searches():
    told = {words: effect for words, _, effect in Searcher(TargetSetup()).capabilities().table()}
    about_memory = told["search its memory alone"], told["forget answers"]
    assert {*about_memory} == {"there is no memory"}
    told = {words: effect for words, _, effect in Rememberer(TargetSetup()).capabilities().table()}
    assert told["search its memory alone"] == "the memory takes part in a search"


def test_each_capability_is_in_the_table_and_each_phase_that_is_skipped_is_one():
    can = Capabilities(**dict.fromkeys(Capabilities.__struct_fields__, False))
    assert len(can.table()) == len(Capabilities.__struct_fields__)
    assert all(words and effect and not there for words, there, effect in can.table())
    assert set(can.skipped_phases()) <= set(PHASES)


def test_a_timed_step_holds_what_was_asked_and_found():
    target = Searcher(TargetSetup())
    target.finds = Found([Hit("w-1", "workers", 0.25)])
    step = target.search(ASKED, TRACE)
    assert (step.name, step.error, step.answer) == ("matrix.search", None, target.finds)
    assert step.url == "Searcher"
    assert msgspec.json.decode(step.request)["text"] == "forklift, Milwaukee"
    assert msgspec.json.decode(step.response)["hits"][0]["id"] == "w-1"
    assert step.latency_ms > 0
    assert len(step.span_id) == 16


@pytest.mark.parametrize(
    ("finds", "error"),
    [
        (ConnectionError("refused\nby x"), "ConnectionError: refused by x"),
        (None, "answer: NoneType where Found was due"),
        ([Hit("a", "c", 0.1)], "answer: list where Found was due"),
        (Found([Hit(7, "c", 0.1)]), "hits[].id: expected str, got int"),
        (Found([Hit("a", "c", object())]), "answer: Encoding objects of type object is unsupp"),
        (Found([Hit("a", "c", float("nan"))]), "hits: distance nan"),
        (Found([Hit("a", "c", 0.1), Hit("a", "c", 0.2)]), 'hits: id "a" of corpus "c" twice'),
        (Found([Hit(one, "c", 0.1) for one in "abc"]), "hits: 3 of at most 2"),
        (Found([Hit("a", "c", 10**400)]), "hits[].distance: number out of range"),
        (Found([], boosted="two"), "boosted: expected int | null, got str"),
        (Found([], injected=-1), "injected: expected int >= 0"),
        (Found([], {"c": 2**53 + 1}), "per_corpus_counts[...]: expected int <= 9007199254740992"),
    ],
)
def test_what_a_class_does_wrong_is_a_failed_step(finds, error):
    target = Searcher(TargetSetup())
    target.finds = finds
    step = target.search(ASKED, TRACE)
    assert step.error.startswith(error)
    assert step.answer is None


OWN = """
    from mcstress import Target

    class Store(Target):
        def search(self, search, trace): ...

    class Unfinished(Target):
        pass

    class Foreign:
        def search(self, search, trace): ...

    class Broken(Store):
        def __init__(self, setup):
            raise OSError("no such database")

    class Named(Store):
        title = 5

    class Batched(Store):
        batch = "many"

    class Renamed(Store):
        def record(self, record_of, trace): ...

    class Short(Store):
        def search(self, text): ...

    class Waiting(Store):
        async def search(self, search, trace): ...

    class Leaving(Store):
        def __init__(self, setup):
            raise SystemExit(9)

    store = Store
    number = 7
"""


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """A file with classes, by its path; and a module of the same that Python finds."""
    path = tmp_path_factory.mktemp("own") / "own_store.py"
    path.write_text(textwrap.dedent(OWN))
    path.with_name("lacks.py").write_text("import no_such_sdk\n")
    path.with_name("leaves.py").write_text("raise SystemExit(7)\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(path.parent))
        yield path


def test_a_class_is_named_by_its_module_or_its_file(own):
    for place in ("own_store", str(own)):
        kind = target_class(f"{place}:Store")
        assert kind.__name__ == "Store"
        assert isinstance(make_target(f"{place}:Store", TargetSetup(seed=3)), kind)
    assert target_class(f"{own}:Store") is target_class(f"{own}:Store")
    assert target_class("") is GatewayTarget


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("own_store", "--target: found 'own_store', expected a name that ships, FILE.t"),
        ("own_store:no class", "found 'own_store:no class', expected a name that"),
        (":Store", "found ':Store', expected a name that"),
        ("own_stoer:Store", "own_stoer cannot be imported, ModuleNotFoundError: No module named"),
        ("gone.py:Store", "gone.py cannot be imported, FileNotFoundError: no file /"),
        ("own_store:Stoer", "found no Stoer in own_store, expected one of its targets: Store, U"),
        ("own_store:number", "--target own_store:number: found int, expected a class"),
        (
            "own_store:Foreign",
            "found no method capabilities, connect, close, probe, timed, expected those of mcst",
        ),
        ("own_store:Unfinished", "found no method search, which every target must define"),
        ("own_store:Short", "Short: search: found (self, text), expected (self, search, trace)"),
        ("own_store:Waiting", "search: found async def, expected def search(self, search, trace)"),
        ("own_store:Named", "--target own_store:Named: title: found 5, expected text"),
        ("own_store:Batched", "batch: found 'many', expected a whole number >= 1"),
        ("lacks:Store", "lacks cannot be imported: it needs no_such_sdk, which is not installed"),
        ("leaves:Store", "leaves cannot be imported, SystemExit: 7"),
    ],
)
@pytest.mark.usefixtures("own")
def test_a_class_that_is_not_there_or_lacks_a_method_is_refused_with_its_name(name, says):
    with pytest.raises(UsageError) as refused:
        target_class(name)
    assert says in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.usefixtures("own")
def test_a_class_that_cannot_be_made_is_refused_with_the_reason():
    reason = r"--target own_store:Broken: could not be made, OSError: no such database"
    with pytest.raises(UsageError, match=reason):
        make_target("own_store:Broken", TargetSetup())
    with pytest.raises(UsageError, match="could not be made, SystemExit: 9"):
        make_target("own_store:Leaving", TargetSetup())


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (list, "own: search: found list, expected Step"),
        (lambda: 1 / 0, "own: search: ZeroDivisionError: division by zero"),
    ],
)
def test_what_a_class_says_before_a_run_is_of_its_kind_or_refused(call, says):
    with pytest.raises(ServiceRefusalError) as refused:
        asked("own: search", call, Step)
    assert str(refused.value) == says


@pytest.mark.usefixtures("own")
def test_the_arguments_of_a_class_have_names_of_its_own():
    assert target_class("own_store:Renamed").__name__ == "Renamed"


@pytest.fixture
def gateway():
    """Makes the gateway of a server, as one coordinator has it."""
    with contextlib.ExitStack() as stack:

        def make(server):
            target = GatewayTarget(TargetSetup(url=server.url, memory=LIMITS, timeout_s=2))
            return stack.enter_context(contextlib.closing(target.connect()))

        yield make


def test_a_search_says_to_the_gateway_what_it_was_asked(gateway):
    memory = Search("q", ["a", "b"], 8, memory="playbook_alice", role="cook", exclude=["w-1"])
    with RawServer(script([answer(found(hit("w-1"), playbook_boosted=1))])) as server:
        target = gateway(server)
        step = target.search(ASKED, TRACE)
        target.search(memory, TRACE)
        bodies = [request.json() for request in server.requests]
    assert step.answer == Found([Hit("w-1", "workers", 0.25)], {"workers": 1}, 1, 0)
    assert bodies == [
        {"query_text": "forklift, Milwaukee", "corpora": ["workers"], "k": 2},
        {
            "query_text": "q",
            "corpora": ["a", "b"],
            "k": 8,
            "use_playbook": True,
            "playbook_corpus": "playbook_alice",
            "playbook_top_k": 3,
            "playbook_max_distance": 0.5,
            "playbook_max_inject_distance": 0.3,
            "exclude_ids": ["w-1"],
            "query_role": "cook",
        },
    ]


def test_metadata_is_read_where_it_is_asked_for(gateway):
    with RawServer(script([answer(found(hit("w-1"), hit("w-2", metadata=None)))])) as server:
        target = gateway(server)
        plain = target.search(ASKED, TRACE).answer
        asked = target.search(msgspec.structs.replace(ASKED, metadata=True), TRACE).answer
    assert plain.metadata is None
    assert [msgspec.json.decode(one) for one in asked.metadata] == [{"role": "x"}, {}]


def test_a_search_over_a_new_connection_leaves_the_one_before(gateway):
    with RawServer(script([answer(found())])) as server:
        target = gateway(server)
        for new in (False, False, True):
            search = msgspec.structs.replace(ASKED, new_connection=new)
            assert target.search(search, TRACE).error is None
        assert (len(server.requests), server.connections) == (3, 2)


def test_the_other_calls_say_what_the_wire_wants(gateway):
    answers = routes(
        v1_matrix_playbooks_record={"playbook_id": "p-1"},
        v1_observer_inbox={"id": "m-1"},
        v1_embed={"vectors": [[1.0, 2]]},
        v1_vectors_index={},
        v1_vectors_index_fresh_add={"added": 1},
        v1_matrix_corpora={"corpora": [{"name": "workers", "size": 5, "roles": {"cook": 2}}]},
    )
    with RawServer(answers) as server, contextlib.ExitStack() as stack:
        target = gateway(server)
        another = stack.enter_context(contextlib.closing(target.connect()))
        item = NewItem("f-1", "fresh", "a cook", {"role": "cook"})
        steps: list[Step] = [
            target.record(Recording("q", Item("w-1", "workers"), "playbook_a", "cook"), TRACE),
            target.inbox(Message("sms", "+1", "", "hi", "low", "alice"), TRACE),
            *target.add(item, TRACE),
            *another.add(item, TRACE),
            target.sizes(),
        ]
        sent = [(one.path, one.body and one.json()) for one in server.requests]
    assert [step.error for step in steps] == [None] * 7
    assert [step.name for step in steps[2:4]] == ["embed", "index.add"]
    added = {"items": [{"id": "f-1", "vector": [1.0, 2.0], "metadata": {"role": "cook"}}]}
    record = {
        "query_text": "q",
        "answer_id": "w-1",
        "answer_corpus": "workers",
        "score": 1.0,
        "corpus": "playbook_a",
        "role": "cook",
    }
    message = {
        "type": "sms",
        "sender": "+1",
        "subject": "",
        "body": "hi",
        "priority": "low",
        "tag": "alice",
    }
    assert sent == [
        ("/v1/matrix/playbooks/record", record),
        ("/v1/observer/inbox", message),
        ("/v1/embed", {"texts": ["a cook"]}),
        ("/v1/vectors/index", {"name": "fresh", "dimension": 2}),
        ("/v1/vectors/index/fresh/add", added),
        ("/v1/embed", {"texts": ["a cook"]}),
        ("/v1/vectors/index/fresh/add", added),
        ("/v1/matrix/corpora", b""),
    ]
    assert steps[-1].answer.corpora == {"workers": 5}


def test_an_item_that_cannot_be_embedded_is_not_added(gateway):
    with RawServer(script([answer({"error": "down"}, "500 x")])) as server:
        steps = list(gateway(server).add(NewItem("f-1", "fresh", "x", {}), TRACE))
    assert [(step.name, step.error) for step in steps] == [("embed", "HTTP 500: down")]
