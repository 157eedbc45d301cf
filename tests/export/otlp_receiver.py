"""A receiver of OTLP metrics made of the SDK's own protobuf classes."""

from __future__ import annotations

import gzip
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)


class Collector:
    """Keeps what it is sent. It gives ``answers`` first, then 200."""

    def __init__(self, *answers):
        self.requests, self.headers, answers = [], [], list(answers)
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                if self.headers["content-encoding"] == "gzip":
                    body = gzip.decompress(body)
                collector.requests.append(ExportMetricsServiceRequest.FromString(body))
                collector.headers.append(dict(self.headers))
                status, headers, content = answers.pop(0) if answers else (200, {}, b"")
                self.send_response(status)
                for name, value in {**headers, "content-length": len(content)}.items():
                    self.send_header(name, str(value))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1/metrics"

    def __enter__(self):
        Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def metrics(self, request=-1):
        (resource,) = self.requests[request].resource_metrics
        (scope,) = resource.scope_metrics
        return {metric.name: metric for metric in scope.metrics}


def labels_of(point):
    return {one.key: one.value.string_value for one in point.attributes}
