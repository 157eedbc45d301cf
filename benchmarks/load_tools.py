"""Load generators of others, where they are installed: the same POST over 50 connections."""

from __future__ import annotations

import re
import resource
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

CONNECTIONS = 50
REQUESTS = 20_000
SECONDS = 1

WRK_SCRIPT = """\
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
local file = io.open("{body}", "rb")
wrk.body = file:read("*a")
file:close()
"""


class LoadTool(NamedTuple):
    """A tool's command, and how its output tells the number of requests; else it was REQUESTS."""

    name: str
    arguments: str
    requests: str | None = None

    def command(self, url: str, body: Path) -> list[str]:
        """The command line for ``url`` with the request's body in a file."""
        script = body.with_suffix(".lua")
        script.write_text(WRK_SCRIPT.format(body=body))
        words = self.arguments.format(url=url, body=body, script=script)
        return [self.name, *words.split()]


AB_AND_HEY = f"-n {REQUESTS} -c {CONNECTIONS} -T application/json"
AUTOCANNON = f"-a {REQUESTS} -c {CONNECTIONS} -m POST -H Content-Type=application/json"

LOAD_TOOLS = (
    LoadTool(
        "wrk", f"-t1 -c{CONNECTIONS} -d{SECONDS}s -s {{script}} {{url}}", r"(\d+) requests in"
    ),
    LoadTool("ab", f"{AB_AND_HEY} -q -k -p {{body}} {{url}}"),
    LoadTool("hey", f"{AB_AND_HEY} -m POST -D {{body}} {{url}}"),
    LoadTool("autocannon", f"{AUTOCANNON} -i {{body}} {{url}}"),
)


def installed() -> list[LoadTool]:
    """The tools that are there; the others are named in a line each."""
    for tool in LOAD_TOOLS:
        if not shutil.which(tool.name):
            print(f"{tool.name}: not installed, left out")
    return [tool for tool in LOAD_TOOLS if shutil.which(tool.name)]


def cpu_us_per_request(tool: LoadTool, url: str, body: Path) -> float:
    """The CPU time that a run of ``tool`` took, in µs per request."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(tool.command(url, body), capture_output=True, text=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    requests = REQUESTS
    if tool.requests and (found := re.search(tool.requests, done.stdout)):
        requests = int(found[1])
    seconds = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return seconds / requests * 1e6
