"""The same fixed answers from nginx, where it is installed: a service that takes next to no CPU.

What is left of two cores is then the generator's, so that a second worker can show what it brings.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.error import URLError
from urllib.request import urlopen

from benchmarks.fixed_services import ANSWERS, JUDGED
from benchmarks.locust_load import fixed_services
from mcstress.process.parent_death import end_with_parent

CONFIGURATION = """\
daemon off; worker_processes {processes}; pid {folder}/pid; error_log stderr crit;
worker_rlimit_nofile {connections};
events {{ worker_connections {connections}; }}
http {{
  access_log off; default_type application/json; keepalive_requests 1000000000;
  client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c;
  uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
  server {{
{listens}
    location = /requests {{ stub_status; }}
{locations}
  }}
}}
"""


def cheapest_services() -> AbstractContextManager[str]:
    """The URL of the services that leave most of the cores to the generator, while they are up."""
    program = nginx()
    if program is None:
        print("nginx: not installed, so the services take half of the cores")
        return fixed_services()
    return nginx_services(program)


def nginx() -> str | None:
    """Where it is; None where it is not installed."""
    return shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")


@contextmanager
def nginx_services(
    program: str,
    *,
    processes: int = 1,
    connections: int = 4096,
    addresses: Sequence[str] = ("127.0.0.1",),
) -> Iterator[str]:
    """The services' URL, while they are up; each of ``processes`` takes so many connections.

    It names the first of the ``addresses`` that they listen on.
    """
    answers = {**ANSWERS, b"/api/chat": JUDGED}
    locations = "\n".join(_location(path.decode(), answer) for path, answer in answers.items())
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with TemporaryDirectory() as name:
        file = Path(name) / "nginx.conf"
        sizes = {"processes": processes, "connections": connections}
        listens = "\n".join(f"    listen {where}:{port} backlog=16384;" for where in addresses)
        parts = {"listens": listens, "locations": locations}
        file.write_text(CONFIGURATION.format(folder=name, **parts, **sizes))
        command = [program, "-c", file, "-p", name]
        with subprocess.Popen(command, preexec_fn=end_with_parent) as server:
            try:
                url = f"http://{addresses[0]}:{port}"
                _wait_for(f"{url}/health")
                yield url
            finally:
                server.terminate()


def _location(path: str, answer: bytes) -> str:
    body = answer.partition(b"\r\n\r\n")[2].decode()
    return f"    location = {path} {{ return 200 '{body}'; }}"


def _wait_for(url: str) -> None:
    deadline_s = time.monotonic() + 10
    while True:
        try:
            with urlopen(url, timeout=1):
                return
        except (URLError, OSError):
            if time.monotonic() > deadline_s:
                raise
            time.sleep(0.05)
