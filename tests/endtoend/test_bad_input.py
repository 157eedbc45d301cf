"""What is wrong is refused before the first user: one clear line, exit code 2, no traceback."""

from __future__ import annotations

import re
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from endtoend.locust_run import CHECKOUT, mcstress, run_locust
from free_ports import free_port
from standin.process import Standin
from tcp.raw_server import RawServer


def refusal(*arguments: object, tmp_path: Path) -> str:
    """The line that both front doors give; they must agree."""
    code, document, output = run_locust(
        "--headless", "-u", 3, "-r", 3, "--rounds", 1, *arguments, report_dir=tmp_path / "reports"
    )
    assert code == 2, output
    assert document is None
    assert "Traceback" not in output
    assert not list((tmp_path / "reports").glob("*"))
    checked = check(*arguments, "--report-dir", tmp_path / "reports")
    assert checked.returncode == 2, checked.stdout + checked.stderr
    assert not checked.stderr
    said = checked.stdout[checked.stdout.index("fail  ") + 6 :]
    said = re.split(r"\n(?:ok  |warn|fail)  ", said)[0].strip()
    assert said in output
    return said


def check(*arguments: object, cwd: Path = CHECKOUT) -> CompletedProcess[str]:
    """``mcstress check``, run to its end."""
    return mcstress("check", *arguments, cwd=cwd)


@pytest.fixture(scope="module")
def healthy():
    with Standin() as standin:
        yield standin


def test_a_host_where_nobody_answers(tmp_path):
    url = f"http://127.0.0.1:{free_port()}"
    said = refusal("--host", url, "--llm-host", url, tmp_path=tmp_path)
    assert said == f"--host {url}: no answer, connection refused"


def test_a_host_that_answers_but_not_with_json(tmp_path):
    page = b"<html>hello</html>"
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n" % len(page)
    with RawServer(lambda _: [head + page]) as server:
        said = refusal("--host", server.url, "--llm-host", server.url, tmp_path=tmp_path)
    assert "not JSON" in said
    assert "<html>hello" in said


def test_an_llm_that_lacks_the_model(tmp_path, healthy):
    url = healthy.url
    options = ("--host", url, "--llm-host", url, "--llm-model", "llama9")
    assert refusal(*options, tmp_path=tmp_path).endswith("ollama pull llama9")


def test_a_scenario_that_is_not_toml(tmp_path):
    (tmp_path / "mine.toml").write_text("title = 'x'\ntop_k == 8\n")
    said = refusal("--scenario", tmp_path / "mine.toml", tmp_path=tmp_path)
    assert "mine.toml" in said
    assert "line 2" in said


def test_a_scenario_that_names_a_coordinator_who_is_not_there(tmp_path):
    text = (CHECKOUT / "users" / "scenarios" / "data" / "three_cities.toml").read_text()
    changed = text.replace('from_persona = "alice"', 'from_persona = "alicia"', 1)
    (tmp_path / "mine.toml").write_text(changed)
    said = refusal("--scenario", tmp_path / "mine.toml", tmp_path=tmp_path)
    assert "alicia" in said
    assert "alice" in said.replace("alicia", "")


def test_a_persona_that_no_class_plays_has_one_made_for_it(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text(
        (CHECKOUT / "users" / "scenarios" / "data" / "three_cities.toml")
        .read_text()
        .replace("carol", "dave")
    )
    code, document, output = run_locust(
        "--headless", "-u", 3, "-r", 3, "--rounds", 1, "--scenario", file, report_dir=tmp_path / "r"
    )
    assert code == 0, output
    assert "dave" in {event["coordinator"] for event in document["events"]}


def test_a_check_that_names_an_unknown_figure(tmp_path):
    said = refusal("--check", "determinism.mean_jacard >= 0.9", tmp_path=tmp_path)
    assert said.splitlines()[2].strip() == "^" * len("determinism.mean_jacard")
    assert "did you mean determinism.mean_jaccard" in said
