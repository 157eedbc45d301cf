"""What a page of another site can do in a real browser: nothing; and proxies work as before."""

from pathlib import Path

import httpx
import pytest
from endtoend.locust_run import until
from neighbours import Proxy, page_for
from test_access import OPEN
from web_run import FORM, WebRun

EVIL = "https://evil.example"
CROSS_SITE = {"Sec-Fetch-Site": "cross-site", "Origin": EVIL}
READING = (
    "/", "/stats/report", "/stats/requests", "/stats/requests/csv", "/stats/failures/csv",
    "/stats/requests_full_history/csv", "/exceptions", "/exceptions/csv", "/tasks", "/logs",
    "/worker-count",
)  # fmt: skip
"""What Locust 2.47 answers to a GET. Whatever else takes one may change something: look at it."""
SEND = """async ([url, form]) => {
  const body = new URLSearchParams(form);
  const sent = await fetch(url, {method: 'POST', mode: 'no-cors', credentials: 'include', body});
  return sent.type;
}"""
READ = "url => fetch(url, {credentials: 'include'}).then(answer => answer.text(), () => 'refused')"


@pytest.fixture(scope="module")
def web(services, tmp_path_factory):
    with WebRun(tmp_path_factory.mktemp("web"), *services) as run:
        yield run


@pytest.fixture(scope="module")
def with_login(services, tmp_path_factory):
    """With a login, under a base path and a name of its own."""
    locustfile = Path(__file__).with_name("with_login.py")
    folder = tmp_path_factory.mktemp("locked")
    arguments = ("-f", locustfile, "--web-login", "--web-allowed-host", "load.example")
    with WebRun(folder, *services, *arguments, base_path="/load") as run:
        yield run


def test_every_route_refuses_a_foreign_page_to_change_something(with_login):
    root = with_login.url.removesuffix("load/")
    rules = httpx.get(f"{root}rules").json()
    for rule, methods in rules.items():
        path = rule.replace("<name>", "001.html").replace("<path:path>", "x")
        for method in {"POST", "PUT", "DELETE", *methods} - {"GET", "HEAD", "OPTIONS"}:
            answer = httpx.request(method, f"{root}{path[1:]}", headers=CROSS_SITE, data=FORM)
            assert answer.status_code == 403, (method, rule)
            assert "--web-allowed-host" in answer.text
        locusts = rule.removeprefix("/load")
        if "GET" in methods and rule.startswith("/load/") and "/coordination" not in rule:
            assert locusts in READING or locusts in OPEN, rule


@pytest.mark.parametrize("path", ["", "stats/requests", "coordination/figures", "swarm", "none"])
@pytest.mark.parametrize("method", ["GET", "OPTIONS", "POST"])
def test_no_origin_is_let_in_and_no_foreign_name_either(web, path, method):
    ours = web.client.request(method, path, headers={"Origin": EVIL})
    assert not [name for name in ours.headers if name.startswith("access-control")]
    assert "frame-ancestors" in ours.headers["Content-Security-Policy"]
    rebound = web.client.request(method, path, headers={"Host": "evil.example", "Origin": EVIL})
    assert rebound.status_code == 403
    assert "--web-allowed-host NAME" in rebound.text


def test_programs_come_in_without_any_header(web):
    answer = httpx.post(f"{web.url}stop", headers={"User-Agent": "curl/8.5"})
    assert answer.json()["success"]


@pytest.mark.browser
@pytest.mark.parametrize("host", ["127.0.0.2", "127.0.0.1"])
def test_a_foreign_page_starts_nothing_and_reads_nothing(web, page, host):
    with page_for(web.url, host) as elsewhere:
        name = "evil.example" if host == "127.0.0.1" else host
        address = f"http://{name}:{elsewhere.port}/"
        page.goto(f"{address}#submit")
        page.wait_for_selector("text=of another site")
        page.goto(address)
        assert page.evaluate(SEND, [f"{web.url}swarm", FORM]) == "opaque"
        for path in ("coordination/figures", "stats/requests", "logs"):
            assert page.evaluate(READ, f"{web.url}{path}") == "refused"
        assert web.figures()["stage"] == "ready"
        assert not web.report_dir.exists() or not list(web.report_dir.iterdir())


def locusts_state(web):
    """What Locust's own page is told; Locust keeps an answer for 2 s."""
    return web.client.get("stats/requests").json()["state"]


@pytest.mark.browser
def test_a_foreign_page_stops_nothing(web, page):
    assert web.start()["success"]
    web.until_stage("running")
    with page_for(web.url, "127.0.0.2") as elsewhere:
        page.goto(elsewhere.url)
        for path in ("stop", "stats/reset"):
            assert page.evaluate(SEND, [f"{web.url}{path}", {}]) == "opaque"
            until(lambda path=path: f"POST /{path}: refused" in web.output)
    assert web.figures()["stage"] == "running"
    until(lambda: locusts_state(web) in ("spawning", "running"), what="Locust to say so too")
    assert web.client.post("stop").json()["success"]
    web.until_stage("finished")


@pytest.mark.browser
def test_a_login_does_not_serve_a_foreign_page(with_login, page):
    page.goto(with_login.url.replace("/load/", "/enter"))
    page.goto(with_login.url)
    page.wait_for_selector("button:has-text('Start')")
    with page_for(with_login.url, "127.0.0.2") as elsewhere:
        page.goto(f"{elsewhere.url}#submit")
        page.wait_for_selector("text=of another site")
    page.goto(with_login.coordination)
    page.wait_for_selector("text=No run yet")


def started_and_stopped(page, web, address):
    """A run from the form to its report, in the browser at ``address``."""
    page.goto(address)
    page.wait_for_selector("button:has-text('Start'), button:has-text('New')")
    if web.figures()["stage"] == "finished":
        page.click("button:has-text('New')")
    page.click("button:has-text('Start')")
    web.until_stage("running")
    page.click("button:has-text('Stop')")
    page.wait_for_selector("button:has-text('New')")
    assert web.figures()["stage"] == "finished"


@pytest.mark.browser
def test_a_proxy_that_tells_its_name_beside_needs_no_option(web, page):
    with Proxy(web.url, keeps_host=False) as proxy:
        started_and_stopped(page, web, proxy.url("load.example"))
    with Proxy(web.url, keeps_host=True) as proxy:
        page.goto(proxy.url("load.example"))
        assert "--web-allowed-host NAME" in page.text("body")
        page.goto(proxy.url("localhost"))
        page.wait_for_selector("button:has-text('New')")


@pytest.mark.browser
def test_a_proxy_with_its_own_name_needs_the_option_with_a_login_too(with_login, page):
    with Proxy(with_login.url, keeps_host=True) as proxy:
        address = proxy.url("load.example")
        page.goto(address.replace("/load/", "/enter"))
        with_login.client.get(with_login.url.replace("/load/", "/enter"))
        started_and_stopped(page, with_login, address)
        page.goto(proxy.url("other.example"))
        assert "--web-allowed-host NAME" in page.text("body")
