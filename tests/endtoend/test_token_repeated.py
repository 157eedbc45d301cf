"""A service that repeats its token in every shape: it is in no file, on no page, on no terminal."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote

import pytest
from endtoend.locust_run import run_locust
from free_ports import free_port
from standin.process import Standin
from tcp.raw_server import RawServer, answer

TOKEN = "sesame/1234+5678"
HEADER = f"Bearer {TOKEN}"
SHAPES = (
    TOKEN,
    quote(TOKEN, safe=""),
    quote(TOKEN, safe="").lower(),
    "".join(f"\\u{ord(letter):04x}" for letter in TOKEN),
    base64.b64encode(HEADER.encode()).decode(),
    base64.urlsafe_b64encode(f"x{HEADER}".encode()).decode(),
    base64.b64encode(f"xx{HEADER}".encode()).decode(),
)
PIECES = (
    "sesame", "1234+5678", "1234%2", r"\u0065\u0073",
    *(base64.b64encode(bytes(shift) + TOKEN.encode())[8:16].decode() for shift in range(3)),
)  # fmt: skip
CORPORA = "/v1/matrix/corpora"
NAMES = ("workers", "ethereal_workers")


class Echo:
    """A gateway that answers in turn with an error and with a hit, each naming the token."""

    def __init__(self):
        self.asked = 0

    def __call__(self, request):
        if request.path == CORPORA:
            corpora = [{"name": name, "size": 1} for name in NAMES]
            return [answer({"corpora": corpora})]
        self.asked += 1
        shape = SHAPES[self.asked // 2 % len(SHAPES)]
        if self.asked % 2 or not request.path.endswith("/search"):
            kind = f"text/{TOKEN}" if self.asked % 3 else "application/json"
            return [answer(f'{{"error": "bad {shape}"}}', "401 x", content_type=kind)]
        hit = f'{{"id": "w {shape}", "corpus": "workers", "distance": 0.1, "metadata": {{}}}}'
        counts = json.dumps(dict.fromkeys(NAMES, 1))
        return [answer(f'{{"results": [{hit}], "per_corpus_counts": {counts}}}')]


@pytest.mark.parametrize("evidence", ["all", "full"])
def test_it_is_shown_nowhere(tmp_path, evidence):
    reports, env_file = tmp_path / "reports", tmp_path / "langfuse.env"
    down = free_port()  # a Langfuse that is down: everything goes to the spool
    env_file.write_text(
        f"LANGFUSE_URL=http://127.0.0.1:{down}\nLANGFUSE_PUBLIC_KEY=p\nLANGFUSE_SECRET_KEY=s\n"
    )
    echo = Echo()
    with RawServer(echo) as gateway, Standin() as standin:
        arguments = ("--headless", "-u", 3, "-r", 3, "--rounds", 1, "--langfuse-env", env_file)
        services = ("--host", gateway.url, "--llm-host", standin.url)
        code, document, output = run_locust(
            *(*arguments, *services, "--evidence", evidence),
            report_dir=reports,
            drawn=True,
            GATEWAY_TOKEN=TOKEN,
        )
        assert gateway.requests[0].headers["authorization"] == HEADER
    assert code in (3, 4), output
    assert echo.asked > 20
    texts = {path.name: path.read_text() for path in reports.iterdir()} | {"terminal": output}
    assert {name.partition(".")[2] for name in texts} >= {"md", "html", "json", "local.spool.jsonl"}
    for name, text in texts.items():
        assert not [piece for piece in PIECES if piece in text], name
    assert "bad [token]" in texts["multi_coord_stress_001.md"]
    assert "w [token]" in json.dumps(document["events"])
    assert "[token]" in texts["multi_coord_stress_001.local.spool.jsonl"]
    assert "[token]" in output
