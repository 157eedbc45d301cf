"""The start form refuses what is wrong, lets a run be ramped, and gives every run its report."""

import socket
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest
from browser import LIVE_PLOTS_DRAWN
from endtoend.locust_run import CHECKOUT, until
from web_run import WebRun

ROLE = "<img src=x onerror=window.hacked=1> $$x$$ drone surveyor"


@pytest.fixture(scope="module")
def web(services, tmp_path_factory):
    with WebRun(tmp_path_factory.mktemp("web"), *services) as run:
        yield run


@pytest.fixture(scope="module")
def finished(web):
    web.run_to_the_end()
    return web


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"rounds": "many"}, "--rounds: found 'many', expected a whole number"),
        ({"rounds": "-1"}, "--rounds: found -1, expected 0 or more"),
        ({"seed": ""}, "--seed: found '', expected a whole number"),
        ({"top_k": "1"}, "--top-k: found 1, expected at least the scenario's record_rank, 2"),
        ({"think_time": "5-1"}, "--think-time: found '5-1', expected seconds as 2 or as 1-5"),
        ({"scenario": "four_cities"}, "four_cities"),
        ({"llm_model": "gpt"}, 'model "gpt" is not installed (installed: '),
        ({"host": "gateway"}, "--host"),
        ({"check": "errors.rate"}, "--check: the check ends too early · errors.rate · expected"),
        ({"user_count": "x"}, "Invalid user_count value"),
    ],
)
def test_a_wrong_value_is_refused_with_a_message(web, form, said):
    answer = web.start(**form)
    assert answer["success"] is False
    assert said in answer["message"]
    assert "\n" not in answer["message"]
    assert web.figures()["stage"] == "ready"
    assert web.client.get("stats/requests").json()["state"] == "ready"


def test_a_host_where_nobody_answers_is_refused(web):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{probe.getsockname()[1]}"
    answer = web.start(host=url)
    assert answer["message"] == f"--host {url}: no answer, connection refused"


def test_a_run_is_ramped_and_nothing_else_of_it_changes(web):
    assert web.start(seed=7)["success"]
    web.until_stage("running")
    answer = web.start(seed=8, top_k=5)
    assert answer["success"] is False
    assert answer["message"] == "--seed, --top-k cannot be changed during a run. Stop it first."
    assert web.start(seed=7, user_count=6, spawn_rate=6)["success"]
    until(lambda: web.client.get("stats/requests").json()["user_count"] == 6)
    assert '"default_value": 7' in web.client.get("").text
    until(lambda: "alice-2" in events(web), what="a second trio")
    web.client.post("stop")
    told = web.until_stage("finished")
    run = web.document(told["reports"][0]["id"])["run"]
    assert (run["seed"], run["peak_users"]) == (7, 6)


def test_the_rate_of_a_schedule_changes_in_later_seconds_and_nothing_else_of_it(web):
    form = {"arrivals": "constant", "user_count": 3, "think_time": "0", "rounds": "0"}
    begun = web.start(arrival_rate="5", **form)
    assert begun["success"], begun["message"]
    web.until_stage("running")
    until(lambda: '"offered"' in events(web), what="the schedule to begin")
    answer = web.start(arrival_rate="20", **form | {"arrivals": "poisson"})
    assert answer["message"] == "--arrivals cannot be changed during a run. Stop it first."
    assert web.start(arrival_rate="20", **form)["success"]
    until(lambda: '"offered_per_s":20.0' in events(web), what="an event at the new rate")
    web.client.post("stop")
    told = web.until_stage("finished")
    document = web.document(told["reports"][0]["id"])
    rates = [second[1] for second in document["offered"]]
    assert rates == sorted(rates)
    assert set(rates) == {5, 20}
    arrivals = document["completeness"]["arrivals"]
    assert arrivals["offered"] == sum(second[2] for second in document["offered"])
    assert arrivals["begun"] == sum("scheduled" in event for event in document["events"])


def events(web):
    """What the run that is on has written so far."""
    return next(web.report_dir.glob("*.events.jsonl")).read_text()


def test_every_run_gets_its_own_report(web):
    told = [web.run_to_the_end(seed=seed) for seed in (1, 2)]
    labels = [figures["reports"][0]["id"] for figures in told]
    assert labels[0] != labels[1]
    assert [web.document(label)["run"]["seed"] for label in labels] == [1, 2]
    files = told[1]["reports"][0]["files"]
    answers = [web.client.get(f"coordination/{file['href']}") for file in files]
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert answers[2].json()["run"]["run_id"] == labels[1]


@pytest.mark.parametrize("name", ["999.html", "..%2F..%2Flocustfile.py", "001.events.jsonl"])
def test_no_other_file_is_served(finished, name):
    assert finished.client.get(f"coordination/reports/{name}").status_code == 404


def test_the_table_as_csv(finished):
    answer = finished.client.get("coordination/figures.csv")
    lines = answer.text.splitlines()
    assert answer.headers["Content-Type"].startswith("text/csv")
    assert lines[0] == "part,figure,name,value,ci95_low,ci95_high,samples,reading"
    row = next(line for line in lines if "determinism.mean_jaccard,1.0" in line)
    assert row.startswith("Checks,determinism.mean_jaccard >= 0.95,")


@pytest.mark.browser
@pytest.mark.parametrize(("dark", "width"), [(False, 390), (True, 1200)])
def test_the_page_stays_in_a_narrow_window_and_in_the_dark(finished, chromium, dark, width):
    chromium.fresh(dark=dark, width=width)
    chromium.goto(finished.coordination)
    chromium.until(LIVE_PLOTS_DRAWN)
    assert chromium.errors() == []
    assert chromium.evaluate("document.documentElement.scrollWidth") == width
    paper = chromium.evaluate("getComputedStyle(document.body).backgroundColor")
    assert paper == ("rgb(20, 23, 27)" if dark else "rgb(255, 255, 255)")


@pytest.mark.browser
def test_what_others_named_stays_text(web, page, tmp_path):
    scenario = (CHECKOUT / "users" / "scenarios" / "data" / "three_cities.toml").read_text()
    path = tmp_path / "hostile.toml"
    path.write_text(scenario.replace('"drone surveyor"', f'"{ROLE}"'))
    check = "errors.rate <= 1"
    figures = web.run_to_the_end(scenario=path, check=check)
    assert ROLE.replace("$$", "$ $") in str(figures["series"])
    page.goto(web.coordination)
    page.until(LIVE_PLOTS_DRAWN)
    assert page.evaluate("window.hacked") is None
    assert page.errors() == []
    assert all(address.startswith(web.url) for address in page.requests())


def test_an_empty_host_is_the_embedded_stack_and_lasts_as_long_as_its_run(web):
    children = psutil.Process(web.process.pid).children
    assert children() == []
    before = len(web.figures()["reports"])
    with ThreadPoolExecutor(1) as second_browser:
        first = second_browser.submit(web.start, host="", llm_host="", rounds=1)
        until(children, what="the embedded stack")
        assert "another start" in web.start(host="", llm_host="", rounds=1)["message"]
        assert first.result()["success"]
    until(lambda: len(web.figures()["reports"]) > before, what="a report")
    figures = web.until_stage("finished")
    assert len(figures["reports"]) == before + 1
    facts = ["".join(part["text"] for part in fact["parts"]) for fact in figures["facts"]]
    (said,) = (fact for fact in facts if fact.startswith("gateway: "))
    assert said.startswith("gateway: built-in test server")
    assert children() == []


def test_nothing_is_left_running_where_locust_refuses_what_we_did_not(web):
    answer = web.start(host="", llm_host="", spawn_rate="fast")
    assert answer["message"].startswith("Invalid spawn_rate value")
    assert psutil.Process(web.process.pid).children() == []


HOST_OF_THE_CLASSES = """
from locustfile import *

for kind in (AliceUser, BobUser, CarolUser):
    kind.host = {host!r}
del kind
"""


def test_the_host_of_the_classes_is_checked_shown_and_tested(services, tmp_path):
    """A form without a host asks for what a headless run without --host asks for."""
    host, llm = services[1], services[2:]
    (tmp_path / "own.py").write_text(HOST_OF_THE_CLASSES.format(host=host))
    with WebRun(tmp_path, *llm, locustfile=tmp_path / "own.py") as run:
        assert f'"host": "{host}"' in run.client.get("").text
        told = run.run_to_the_end(host="")
        document = run.document(told["reports"][0]["id"])
        gateway = next(one for one in document["run"]["services"] if one["name"] == "gateway")
        assert gateway["url"] == host
        assert "starting the embedded stack" not in run.output


def test_a_host_of_the_classes_where_nobody_answers_is_refused_in_the_form(services, tmp_path):
    (tmp_path / "own.py").write_text(HOST_OF_THE_CLASSES.format(host="http://127.0.0.1:9"))
    with WebRun(tmp_path, *services[2:], locustfile=tmp_path / "own.py") as run:
        answer = run.start(host="")
        assert not answer["success"]
        assert answer["message"] == "--host http://127.0.0.1:9: no answer, connection refused"


def test_the_user_classes_of_a_run_that_is_on_cannot_change(services, tmp_path):
    with WebRun(tmp_path, *services, "--class-picker") as run:
        assert run.start(user_classes=["AliceUser", "BobUser", "CarolUser"])["success"]
        until(lambda: run.client.get("stats/requests").json()["user_count"] == 3)
        answer = run.start(user_classes=["AliceUser"])
        assert not answer["success"]
        assert answer["message"] == "user classes cannot be changed during a run. Stop it first."
        assert run.start(user_count=6, spawn_rate=6)["success"], "none chosen: those that are on"
        run.client.post("stop")
        until(lambda: run.figures()["reports"], what="a report")
        assert "Traceback" not in run.output
