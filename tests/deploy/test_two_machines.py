"""Two machines by docs/deploy.md alone, its own lines word for word: ``-m slow``.

A machine is a checkout at a path of its own, with a network, mounts and a host name of its own; a
cable (veth) joins the two. Neither sees the other's files. /etc/hosts has the lines' names.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from public.documented import ROOT, blocks, lines

PAGE = ROOT / "docs" / "deploy.md"
NAMES = "127.0.0.1 localhost\n10.77.0.1 gateway ollama master.example\n"
NOT_COPIED = (
    ".venv*",
    ".git",
    "reports",
    "build",
    ".*_cache",
    ".cache",
    "__pycache__",
    ".hypothesis",
)
FORWARDER = """
import asyncio, sys
async def pump(reader, writer):
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()
async def serve(reader, writer):
    there = await asyncio.open_connection("127.0.0.1", 18700)
    await asyncio.gather(pump(reader, there[1]), pump(there[0], writer), return_exceptions=True)
async def main():
    servers = [await asyncio.start_server(serve, "10.77.0.1", port) for port in (3110, 11434)]
    await asyncio.gather(*(server.serve_forever() for server in servers))
asyncio.run(main())
"""
SCRIPT = """set -e
mount --bind {folder}/hosts /etc/hosts
ip link set lo up
unshare --net --uts sleep 1000 &
there=$!
until [ "$(readlink /proc/$there/ns/net)" != "$(readlink /proc/self/ns/net)" ]; do sleep 0.1; done
ip link add here0 type veth peer name there0
ip link set there0 netns $there
ip addr add 10.77.0.1/24 dev here0
ip link set here0 up
on_there() {{ nsenter --target $there --net --uts "$@"; }}
on_there ip link set lo up
on_there ip addr add 10.77.0.2/24 dev there0
on_there ip link set there0 up
on_there hostname there
mcstress stack --port 18700 > stack.log 2>&1 &
{python} forwarder.py > forwarder.log 2>&1 &
until (exec 3<>/dev/tcp/127.0.0.1/18700; exec 4<>/dev/tcp/10.77.0.1/3110) 2>/dev/null; do
  sleep 0.2
done

cat > worker.sh <<'END'
mount -t tmpfs none {here}
cd {there}
export PYTHONPATH=$PWD
{worker}
END
cat > master.sh <<'END'
mount -t tmpfs none {there}
cd {here}
export PYTHONPATH=$PWD
{master}
END
{key}
unshare --mount bash master.sh > master.log 2>&1 &
master=$!
set +e
env -u MCSTRESS_CLUSTER_KEY nsenter --target $there --net --uts unshare --mount bash worker.sh \\
  > stranger.log 2>&1
echo stranger $? >> codes
on_there unshare --mount bash worker.sh > worker1.log 2>&1 &
worker1=$!
on_there unshare --mount bash worker.sh > worker2.log 2>&1 &
worker2=$!
wait $master; echo master $? >> codes
wait $worker1; echo worker1 $? >> codes
wait $worker2; echo worker2 $? >> codes
"""


def line_of(part):
    """The one line of the page's steps that has ``part``."""
    steps = PAGE.read_text().partition("## Several machines")[2].partition("\n## ")[0]
    told = [line for block in blocks(PAGE) for line in lines(block) if part in line]
    (line,) = [line for line in dict.fromkeys(told) if line in steps.replace("\\\n", " ")]
    return line


@pytest.fixture(scope="module")
def machines(tmp_path_factory):
    """The folder, and what each process ended with."""
    folder = tmp_path_factory.mktemp("machines")
    here, there = folder / "srv" / "checkout", folder / "home" / "somebody" / "stress"
    for path in (here, there):
        ignored = shutil.ignore_patterns(*NOT_COPIED)
        shutil.copytree(ROOT, path, symlinks=True, ignore=ignored)
    (folder / "hosts").write_text(NAMES)
    (folder / "forwarder.py").write_text(FORWARDER)
    filled = SCRIPT.format(
        folder=folder,
        here=here,
        there=there,
        python=sys.executable,
        key=line_of("export MCSTRESS_CLUSTER_KEY"),
        master=line_of("locust --master --headless"),
        worker=line_of("locust --worker"),
    )
    (folder / "script.sh").write_text(filled)
    env = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    apart = ("unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc")
    said = subprocess.run(
        [*apart, "bash", "script.sh"],
        cwd=folder,
        env=env,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    told = "\n".join(f"{log.name}:\n{log.read_text()[-2000:]}" for log in folder.glob("*.log"))
    assert (folder / "codes").exists(), f"{said.stderr}\n{told}"
    codes = dict(line.split() for line in (folder / "codes").read_text().splitlines())
    return folder, codes, told


pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() != 0, reason="machines of one's own need root"),
]


def test_the_masters_exit_code_is_the_verdicts_and_workers_end_well(machines):
    _, codes, told = machines
    assert codes["master"] in {"0", "3"}, told
    assert (codes["worker1"], codes["worker2"]) == ("0", "0"), told


def test_all_evidence_is_in_the_masters_report_and_nothing_stays_elsewhere(machines):
    folder, _, told = machines
    (path,) = (folder / "srv" / "checkout" / "reports" / "reality-tests").glob("*.json")
    document = json.loads(path.read_bytes())
    assert document["completeness"]["complete"], document["completeness"]
    assert document["run"]["workers"] == 2, told
    assert len({event["worker"] for event in document["events"]}) == 2
    assert len(document["events"]) == document["completeness"]["events_made"]
    assert not [*(folder / "home").rglob("*.events.jsonl")]


def test_a_worker_without_the_key_is_refused_by_name(machines):
    folder, codes, told = machines
    assert codes["stranger"] == "2", told
    assert "MCSTRESS_CLUSTER_KEY" in (folder / "stranger.log").read_text()
    assert "MCSTRESS_CLUSTER_KEY" in (folder / "master.log").read_text()
