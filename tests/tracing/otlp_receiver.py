"""A small OTLP/HTTP receiver: decodes with the official protobuf classes, keeps every span."""

from __future__ import annotations

import gzip
import socket
import threading
from collections import Counter
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

ROUTE = "/v1/traces"
PROTOBUF = "application/x-protobuf"


class Receiver:
    """``mode``: ok, status (answer ``status``), hang (take nothing and say nothing), partial.

    ``times`` is how often it does so before it is well again; None: for ever. ``rejects`` is how
    many spans of a body it rejects when partial. ``stored`` has every span, as often as it came.
    """

    def __init__(self, port=0):
        self.mode, self.times, self.status, self.rejects = "ok", None, 503, 0
        self.requests = []
        self.stored = []
        self.resources = []
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._server = _Server(("127.0.0.1", port), _handler(self))
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}{ROUTE}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.kill()

    def kill(self):
        """Stop answering at once; what hangs ends."""
        if not self._over.is_set():
            self._over.set()
            self._server.shutdown()
            self._server.server_close()
            self._server.cut()
            self._thread.join()

    def behave(self, mode, times=None, **details):
        self.mode, self.times = mode, times
        vars(self).update(details)

    @property
    def spans(self):
        """Those that are no scores."""
        return [span for span in self.stored if not span.name.startswith("score ")]

    @property
    def scores(self):
        return [span for span in self.stored if span.name.startswith("score ")]

    @property
    def ids(self):
        """How often each span came, by its id."""
        return Counter(span.span_id.hex() for span in self.stored)

    def take(self, path, headers, body):
        """The status and the body of the answer; None: none comes."""
        with self._lock:
            self.requests.append((path, headers))
            mode = self._mode()
        if path != ROUTE:
            return 404, b""
        if mode == "hang":
            self._over.wait()
            return None
        if mode == "status":
            return self.status, b""
        encoding = headers.get("content-encoding", "")
        request = ExportTraceServiceRequest.FromString(
            gzip.decompress(body) if encoding == "gzip" else body
        )
        assert headers["content-type"] == PROTOBUF
        answer = ExportTraceServiceResponse()
        spans = [
            span
            for each in request.resource_spans
            for scope in each.scope_spans
            for span in scope.spans
        ]
        if mode == "partial":
            answer.partial_success.rejected_spans = min(self.rejects, len(spans))
            answer.partial_success.error_message = "as told"
            spans = spans[self.rejects :]
        with self._lock:
            self.resources += [each.resource for each in request.resource_spans]
            self.stored += spans
        return 200, answer.SerializeToString()

    def _mode(self):
        if self.times is not None and self.mode != "ok":
            if not self.times:
                self.mode = "ok"
            else:
                self.times -= 1
        return self.mode


class _Server(ThreadingHTTPServer):
    """One whose connections can be cut."""

    daemon_threads = True

    def __init__(self, *details):
        self._connections = []
        super().__init__(*details)

    def process_request(self, request, client_address):
        self._connections.append(request)
        super().process_request(request, client_address)

    def handle_error(self, *_):
        """Whoever is cut off writes into nothing."""

    def cut(self):
        for connection in self._connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


def attributes(found):
    """The attributes of a span or a resource as a dict."""
    return {each.key: _value(each.value) for each in found.attributes}


def _value(value):
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(each) for each in value.array_value.values]
    return getattr(value, kind)


def _handler(receiver):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            answered = receiver.take(self.path, headers, body)
            if answered is None:
                self.close_connection = True
                return
            status, content = answered
            self.send_response(status)
            self.send_header("content-type", PROTOBUF)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_):
            pass

    return Handler
