"""A search service of thirty lines that docs/targets.md writes a target's file for.

``python examples/small_service.py 18500`` serves it; it keeps everything in memory.
"""

import json
import sys
from collections import defaultdict
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SHELVES: defaultdict[str, dict[str, dict]] = defaultdict(dict)


@cache
def words(text: str) -> frozenset[str]:
    return frozenset(text.lower().split())


def alike(text: str, other: str) -> float:
    return len(words(text) & words(other)) / len(words(text) | words(other))


class Handler(BaseHTTPRequestHandler):
    protocol_version, wbufsize = "HTTP/1.1", -1

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        shelf = SHELVES[asked["shelf"]]
        said = {"count": len(shelf)}
        if self.path == "/put":
            shelf[asked["doc"]["id"]] = asked["doc"]
        elif self.path == "/find":
            docs = [doc for doc in shelf.values() if doc["id"] not in asked.get("without", [])]
            found = [{"doc": doc, "score": alike(asked["q"], doc["text"])} for doc in docs]
            said["found"] = sorted(found, key=lambda one: -one["score"])[: asked["n"]]
        body = json.dumps(said).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
