"""A strict stand-in for a Langfuse server, for tests: in this process, or as one of its own.

    python tests/tracing/langfuse_standin.py --port 0 --version 4.16.0 --mode ok

prints its URL. ``GET /admin/state`` shows what it holds and what it found wrong;
``POST /admin/behave`` with {"mode": …} changes how it behaves. It knows three generations: 2.95
(no OTLP), 3.x, and 4.x (takes no traces or observations by ingestion, and has its own reading).
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import gzip
import json
import socket
import struct
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

sys.path.insert(0, str(Path(__file__).parent))

from langfuse_behaviour import MODES, Behaviour
from langfuse_reading import PROJECT, Reading
from langfuse_rules import event_faults, otlp_faults
from langfuse_server import Server
from langfuse_store import Store, is_third

PUBLIC_KEY = "pk-lf-5a7c1e90-stand-in"
SECRET_KEY = "sk-lf-93b20df4-stand-in"
OTLP = "/api/public/otel/v1/traces"
INGESTION = "/api/public/ingestion"
LARGEST_INGESTION = 4_500_000


class StandIn(Store):
    """The server, and what it holds."""

    def __init__(self, version="4.16.0", *, port=0, checked=True, sink=False, **behaviour):
        super().__init__()
        self.version_text = version
        self.version = tuple(int(part) for part in version.split("."))
        self.checked = checked
        self.sink = sink
        self.behaviour = Behaviour(**behaviour)
        self.requests = []
        self.in_hand = 0
        """How many it means to answer well and has not answered yet."""
        self.told = "as told"
        self.changed = threading.Event()
        self.lock = threading.Lock()
        self.arrived_s = {}
        self.score_batches = []
        """How many scores came at once, in the order of coming."""
        handler = type("BoundHandler", (Handler,), {"standin": self})
        self.server = Server(("127.0.0.1", port), handler)
        self.port = self.server.server_port
        self.url = f"http://127.0.0.1:{self.port}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        """Stop listening and let go of whoever hangs."""
        self.changed.set()
        self.server.shutdown()
        self.server.server_close()
        self.server.cut_connections()
        self.thread.join()

    def behave(self, mode="ok", **details):
        """Behave otherwise from now on; who hangs is let go without an answer."""
        self.behaviour = Behaviour(mode, **details)
        self.changed.set()
        self.changed = threading.Event()

    def note_arrivals(self):
        """Note since when there is what just came."""
        for name in self.observations.keys() - self.arrived_s.keys():
            self.arrived_s[name] = time.monotonic()

    @property
    def visible(self):
        """The observations that are there to be read by now."""
        before_s = time.monotonic() - self.behaviour.hidden_for_s(self.version)
        return {
            name: each
            for name, each in self.observations.items()
            if self.arrived_s.get(name, 0.0) <= before_s
        }

    @property
    def stored_twice(self):
        """How often an observation, and a score, was stored that was there already."""
        stored = self.observations, self.scores
        return [sum(each["received"] - 1 for each in kind.values()) for kind in stored]

    @property
    def env(self):
        """The lines of an env file for this server."""
        return (
            f"LANGFUSE_URL={self.url}\nLANGFUSE_PUBLIC_KEY={PUBLIC_KEY}\n"
            f"LANGFUSE_SECRET_KEY={SECRET_KEY}\n"
        )

    def state(self):
        """Everything that it holds, as JSON."""
        return {
            "version": self.version_text,
            "env": self.env,
            "observations": self.observations,
            "traces": self.traces,
            "scores": self.scores,
            "faults": self.faults,
            "requests": self.requests,
            "in_hand": self.in_hand,
            "stored_twice": self.stored_twice,
            "score_batches": self.score_batches,
        }


class Handler(Reading, BaseHTTPRequestHandler):
    """One connection."""

    standin: StandIn
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # head and body are two writes, 40 ms apart without this

    def log_message(self, *_):
        """Say nothing."""

    def do_GET(self):
        """Health, projects, reading, admin."""
        self.handle_one()

    def do_POST(self):
        """Ingestion, OTLP, admin."""
        self.handle_one()

    def handle_one(self):
        """Answer one request in the way that the behaviour asks for."""
        url = urlsplit(self.path)
        self.body = self.rfile.read(int(self.headers.get("content-length", 0)))
        if url.path.startswith("/admin/"):
            self.admin(url.path)
            return
        with self.standin.lock:
            behaviour = self.standin.behaviour
            affected = behaviour.affects(self.command, url.path)
            mode = behaviour.now() if affected else "ok"
            self.standin.requests.append([self.command, url.path, mode, len(self.body)])
            self.standin.in_hand += mode == "ok"
        try:
            getattr(self, f"when_{mode}")(url, behaviour)
        finally:
            with self.standin.lock:
                self.standin.in_hand -= mode == "ok"

    def when_ok(self, url, behaviour):
        """Answer as Langfuse does."""
        if behaviour.max_bytes and len(self.body) > behaviour.max_bytes:
            self.answer(413, {"message": "Body exceeded the limit"})
        else:
            self.route(url)

    def when_slow(self, url, behaviour):
        """Do what is asked, and say so late."""
        changed = self.standin.changed
        changed.wait(behaviour.seconds)
        self.when_ok(url, behaviour)

    def when_hang(self, _url, _behaviour):
        """Never answer."""
        self.standin.changed.wait()
        self.close_connection = True

    def when_reset(self, _url, _behaviour):
        """Close at once, and not nicely."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True

    def when_cut(self, _url, _behaviour):
        """Close in the middle of the answer."""
        self.wfile.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-le")
        self.wfile.flush()
        self.when_reset(_url, _behaviour)

    def when_garbage(self, _url, _behaviour):
        """Answer as some other web server does."""
        self.answer(200, "<!doctype html><title>Welcome</title>", "text/html")

    def when_empty(self, _url, _behaviour):
        """Answer as whoever takes anything and looks at nothing."""
        self.answer(200, "")

    def when_accepted(self, _url, _behaviour):
        """Answer as a queue does that somebody else may read some day."""
        self.answer(202, {})

    def when_object(self, _url, _behaviour):
        """Answer as those do who put their errors into a 200."""
        self.answer(200, {"error": "no such route"})

    def when_status(self, url, behaviour):
        """Answer with a status; health needs no keys and is well."""
        if url.path == "/api/public/health":
            self.when_ok(url, behaviour)
            return
        headers = {"retry-after": str(behaviour.retry_after)} if behaviour.retry_after else {}
        if 300 <= behaviour.status < 400:
            headers["location"] = f"http://127.0.0.1:9{url.path}?secret=x"
        self.answer(behaviour.status, {"message": self.standin.told}, **headers)

    def when_partial(self, url, _behaviour):
        """Take what comes, but for every third event or span."""
        if url.path == INGESTION and self.allowed():
            batch = json.loads(self.body)["batch"]
            refused = {event["id"] for event in batch if is_third(event["id"])}
            self.ingest([event for event in batch if event["id"] not in refused], refused)
        elif url.path == OTLP and self.allowed():
            self.export(rejecting=True)
        else:
            self.route(url)

    def route(self, url):
        """Answer an API route."""
        query = {key: values[0] for key, values in parse_qs(url.query).items()}
        standin = self.standin
        match self.command, url.path:
            case "GET", "/api/public/health":
                self.answer(200, {"status": "OK", "version": standin.version_text})
            case "GET", "/api/public/projects" if self.allowed():
                self.projects()
            case "GET", "/api/public/traces" if self.allowed() and standin.version < (4,):
                self.list_traces(query)
            case "GET", "/api/public/v2/observations" if self.allowed() and standin.version >= (4,):
                self.list_observations(query)
            case "POST", path if path == INGESTION and self.allowed():
                self.ingest(json.loads(self.body)["batch"])
            case "POST", path if path == OTLP and standin.version >= (3, 22) and self.allowed():
                self.export()
            case _ if not self.allowed():
                self.answer(401, {"message": "Invalid credentials. As if we had been told."})
            case _ if foreign := standin.behaviour.elsewhere:
                getattr(self, f"when_{foreign}")(url, standin.behaviour)
            case _:
                self.answer(404, {"message": "Not found"})

    def allowed(self):
        """Whether the Basic auth is right; a sink takes any."""
        pair = base64.b64encode(f"{PUBLIC_KEY}:{SECRET_KEY}".encode()).decode()
        return self.standin.sink or self.headers.get("authorization") == f"Basic {pair}"

    def projects(self):
        """The project of the keys; servers before 3 say no more than its name."""
        project = {"id": PROJECT, "name": "stand-in"}
        if self.standin.version >= (3,):
            project |= {"metadata": {}, "organization": {"id": "organization", "name": "tests"}}
        self.answer(200, {"data": [project]})

    def otlp_body(self):
        """The body, unpacked."""
        compressed = self.headers.get("content-encoding") == "gzip"
        return json.loads(gzip.decompress(self.body) if compressed else self.body)

    def export(self, *, rejecting=False):
        """Take spans, or refuse the whole body; ``rejecting``, all but every third."""
        if self.standin.sink:
            self.answer(200, {})
            return
        if self.standin.version < (3, 63):
            self.answer(400, {"error": "Failed to parse OTel Trace"})
            return
        body = self.otlp_body()
        faults = otlp_faults(body) if self.standin.checked else []
        if self.headers.get("content-type") != "application/json":
            faults.append(f"content type {self.headers.get('content-type')}")
        if self.headers.get("x-langfuse-ingestion-version") != "4":
            faults.append("no x-langfuse-ingestion-version")
        rejected = 0
        with self.standin.lock:
            self.standin.faults += faults
            if not faults:
                rejected = self.standin.take_otlp(body, rejecting)
                self.standin.note_arrivals()
        if faults:
            self.answer(400, {"error": faults[:3]})
        elif rejected:
            partial = {"rejectedSpans": str(rejected), "errorMessage": "as told"}
            self.answer(200, {"partialSuccess": partial})
        else:
            self.answer(200, {})

    def ingest(self, batch, refused=()):
        """Take events, and answer for each of them."""
        standin = self.standin
        if len(self.body) > LARGEST_INGESTION:
            self.answer(413, {"message": "Body exceeded 4.5mb limit"})
            return
        if self.headers.get("content-encoding"):
            standin.faults.append("an ingestion body must not be compressed")
        scores = [event for event in batch if event["type"] == "score-create"]
        standin.score_batches += [len(scores)] * bool(scores)
        time.sleep(standin.behaviour.scores_take_s(len(scores), standin.version))
        successes = []
        errors = [error(name, standin.behaviour.event_status, "as told") for name in refused]
        with standin.lock:
            for event in batch:
                faults = event_faults(event, standin.version) if standin.checked else []
                if standin.version >= (4,) and event["type"] != "score-create":
                    errors.append(error(event["id"], 400, "Event type not accepted"))
                elif faults:
                    standin.faults += faults
                    errors.append(error(event.get("id", "unknown"), 400, "Invalid request data"))
                else:
                    standin.take_event(event)
                    successes.append({"id": event["id"], "status": 201})
            standin.note_arrivals()
        self.answer(207, {"successes": successes, "errors": errors})

    def admin(self, path):
        """What tests in another process ask."""
        if path == "/admin/behave":
            self.standin.behave(**json.loads(self.body))
        with self.standin.lock:
            state = json.dumps(self.standin.state())
        self.answer(200, state)

    def answer(self, status, content, content_type="application/json", **headers):
        """Send an answer."""
        body = (content if isinstance(content, str) else json.dumps(content)).encode()
        self.send_response(status)
        for key, value in {"content-type": content_type, **headers}.items():
            self.send_header(key, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def error(event_id, status, message):
    """How a batch's answer says that an event was not taken."""
    return {"id": event_id, "status": status, "message": message, "error": message}


def main():
    """Serve until the process is told to end."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--version", default="4.16.0")
    parser.add_argument("--mode", choices=MODES, default="ok")
    parser.add_argument("--status", type=int, default=503)
    parser.add_argument("--sink", action="store_true", help="take spans unread, for benchmarks")
    options = parser.parse_args()
    standin = StandIn(
        options.version,
        port=options.port,
        sink=options.sink,
        mode=options.mode,
        status=options.status,
    )
    with standin, contextlib.suppress(KeyboardInterrupt):
        print(standin.url, flush=True)  # noqa: T201  (who started it reads this)
        standin.thread.join()


if __name__ == "__main__":
    main()
