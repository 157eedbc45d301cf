"""The listening part of the stand-in: a thread for each connection, and all of them cut at once."""

from __future__ import annotations

import contextlib
import socket
from http.server import ThreadingHTTPServer


class Server(ThreadingHTTPServer):
    """Threads that do not keep the process alive; clients that go away are no news."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, *arguments):
        self.connections = set()
        super().__init__(*arguments)

    def process_request(self, request, client_address):
        """Remember the connection: a server that dies takes those that are open with it."""
        self.connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request):
        """Forget the connection."""
        self.connections.discard(request)
        super().shutdown_request(request)

    def cut_connections(self):
        """Close whatever is open."""
        for connection in list(self.connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request, client_address):
        """Say nothing."""
