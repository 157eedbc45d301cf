"""One real system with more and more memories in it, and who uses the processor meanwhile.

``cd tests; ../.venv-targets/bin/python -m real.at_size chroma 1000 10000`` prints a table. Each
run has 60 users, two workers, one round, and the phases that ask the memory. The memories are
those of 100 other namespaces, by ``mcstress load``; those that handovers ask have 100 more each.
CPU is of all threads: the run's three processes with that filling, and the system's meanwhile. The
capacity is that of a second run, of the surge alone, since trials of different mixes cannot be
compared: the most searches of the memory a second with the 95th percentile of their responses under
half a second.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import psutil
from free_ports import free_port
from real.systems import BIN, SYSTEMS, booted

USERS = 60
TENANTS, FILLED = 100, 100
ASKING = ("baseline", "surge", "handover", "handover_paraphrase")
CHECKOUT = Path(__file__).resolve().parents[2]


def cpu_of(pid: int) -> float:
    """CPU seconds of a process and its children."""
    process = psutil.Process(pid)
    of_each = [one.cpu_times() for one in (process, *process.children(recursive=True))]
    return sum(one.user + one.system for one in of_each)


def cpu_of_runs() -> float:
    """CPU seconds of the processes that were waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def run(system, pid: int, memories: int, folder: Path) -> str:
    """A row of the table."""
    reports = folder / str(memories)
    target = ("--target", system.target, *system.options)
    load = ["load", *target, "--memories", memories, "--tenants", TENANTS, "--again"]
    done = subprocess.run(
        [*map(str, (BIN / "mcstress", *load))], capture_output=True, text=True, check=True
    )
    sys.stderr.write(done.stdout.splitlines()[-1] + "\n")
    of_run, of_system = cpu_of_runs(), cpu_of(pid)
    document, code = reported(reports, ASKING, *target, "--rounds", 1, "--memory-size", FILLED)
    ours, theirs = cpu_of_runs() - of_run, cpu_of(pid) - of_system
    metrics, latency = document["metrics"], document["latency"]
    steps = metrics["errors"]["steps"]
    surge = latency["phases"]["surge"]
    handover = metrics["handover"]
    return (
        f"| {memories:,} | {handover['verbatim']['top1_rate']} | "
        f"{handover['paraphrase']['top1_rate']} | {metrics['memory']['leaks']} | "
        f"{surge['p50_ms']:.0f} | {surge['p95_ms']:.0f} | {surge['p99_ms']:.0f} | {steps:,} | "
        f"{metrics['errors']['failed']} | {1000 * ours / steps:.2f} | "
        f"{1000 * theirs / steps:.2f} | {code} | {capacity(reports, *target)} |"
    )


def reported(reports: Path, phases: tuple[str, ...], *options: object) -> tuple[dict, int]:
    """The document of a run of ``phases``, and its exit code."""
    port, before = free_port(), {*reports.glob("*.json")}
    command = [
        BIN / "locust", "-f", CHECKOUT / "locustfile.py", "--headless", "-u", USERS, "-r", USERS,
        "--processes", 2, "--master-bind-port", port, "--master-port", port,
        *options, "--report-dir", reports, "--only-summary", "--tags", *phases,
    ]  # fmt: skip
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False)
    (path,) = {*reports.glob("*.json")} - before
    return json.loads(path.read_text()), done.returncode


def capacity(reports: Path, *target: object) -> str:
    """Searches of the memory a second."""
    document, _ = reported(
        *(reports, ("surge",), *target, "--memory-size", FILLED),
        *("--find-capacity", "--arrival-rate", 10),
        *("--check", "latency.response.all.p95_ms < 500", "--check", "errors.rate <= 0.01"),
    )
    found = document["metrics"]["capacity"]
    held, broken = found["at_least"].get("events_per_s"), found["first_broken"]
    if rate := found["events_per_s"]:
        return f"{rate:.1f}"
    if broken:
        return f"below {broken:.1f}"
    return f"at least {held:.1f}, ended by the {found['ended_by']}" if held else "not known"


def main() -> None:
    """Boot, load, and a run for each size."""
    name, *sizes = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder, booted(SYSTEMS[name], f"{folder}/data") as system:
        pid = next(
            one.pid
            for one in psutil.Process().children()
            if str(system.command[0]) in " ".join(one.cmdline())
        )
        target = ("--target", system.target, *system.options)
        subprocess.run([str(BIN / "mcstress"), "load", *target, "--again"], check=True)
        sys.stdout.write(
            "| memories | top-1, same wording | paraphrased | leaks | recall p50 ms | p95 | p99 |"
            " steps | failed | our CPU, ms a step | the system's | exit | capacity, events/s |\n"
        )
        for size in map(int, sizes):
            sys.stdout.write(run(system, pid, size, Path(folder)) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
