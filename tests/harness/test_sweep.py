"""Several values of ``--memory-size`` and ``--set``: a run for each, and one table."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from mcstress.cli import main
from mcstress.commands import sweep as sweep_command
from mcstress.commands.check import parse
from mcstress.commands.sweep import command_lines, varied
from mcstress.errors import UsageError
from mcstress.settings import read_settings

RUN = """
import json, sys
from pathlib import Path
folder, code, number, document = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]
folder.mkdir(exist_ok=True)
(folder / f"multi_coord_stress_{number}.json").write_text(document)
sys.exit(code)
"""


@pytest.mark.parametrize(
    ("arguments", "lines"),
    [
        (["-u", "3"], [["-u", "3"]]),
        (["--memory-size", "10"], [["--memory-size", "10"]]),
        (
            ["--memory-size", "10,20", "-u", "3"],
            [["--memory-size", "10", "-u", "3"], ["--memory-size", "20", "-u", "3"]],
        ),
        (["--memory-size=10,20"], [["--memory-size=10"], ["--memory-size=20"]]),
        (
            ["--set", "a.b=1,2", "--set", "c=5", "--set=d=3, 4"],
            [["--set", f"a.b={b}", "--set", "c=5", f"--set=d={d}"] for b in (1, 2) for d in (3, 4)],
        ),
        (["--check", "a=1,2", "--set"], [["--check", "a=1,2", "--set"]]),
    ],
)
def test_each_value_has_a_command_line(arguments, lines):
    assert [*command_lines(arguments, varied(arguments))] == lines


def test_what_would_be_too_many_runs_is_refused():
    many = ["--set", f"a={','.join(map(str, range(8)))}", "--memory-size", "1,2,3,4,5,6,7"]
    with pytest.raises(UsageError, match="found 56 runs of several values, expected at most 50"):
        [*command_lines(many, varied(many))]


def document(top1, p95, recall=None):
    relevance = {} if recall is None else {"recall_at_k": recall}
    return {
        "metrics": {"handover": {"verbatim": {"top1_rate": top1}}, "relevance": relevance},
        "latency": {"matrix_search": {"p50_ms": 1.25, "p95_ms": p95, "p99_ms": None}},
    }


@pytest.fixture
def runs(monkeypatch, tmp_path):
    """What each run leaves and ends with, by its memory size; what was given to the runs."""
    left, given = {}, []

    def line(arguments):
        size = arguments[arguments.index("--memory-size") + 1]
        given.append(size)
        code, its = left[size]
        folder = str(tmp_path / "reports")
        return [sys.executable, "-c", RUN, folder, str(code), f"{int(size):03d}", json.dumps(its)]

    monkeypatch.setattr(sweep_command, "command_line", line)
    monkeypatch.setattr(sweep_command, "report_dir_of", lambda _: tmp_path / "reports")
    return left, given


def test_the_table_has_a_row_a_run_and_the_worst_verdict_is_the_exit_code(runs):
    left, _ = runs
    left |= {
        "10": (0, document(1.0, 12.34)),
        "20": (3, document(0.9876, None)),
        "30": (4, document(None, 1.0)),
    }
    done = CliRunner().invoke(main, ["run", "--memory-size", "10,20,30"])
    assert done.exit_code == 3
    told = done.output.splitlines()
    assert told[:3] == [
        f"run {number} of 3: --memory-size {size}" for number, size in enumerate((10, 20, 30), 1)
    ]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in told[3:]]
    columns = ["--memory-size", "top-1", "search p50 ms", "p95 ms", "verdict", "report"]
    assert rows[0] == columns, "p99 and recall, which no run has, are left out"
    assert rows[2:] == [
        ["10", "1.000", "1.2", "12.3", "pass", "multi_coord_stress_010.json"],
        ["20", "0.988", "1.2", "-", "fail", "multi_coord_stress_020.json"],
        ["30", "-", "1.2", "1.0", "unknown", "multi_coord_stress_030.json"],
    ]
    assert len({len(line) for line in told[3:]}) == 1


def test_a_run_that_was_refused_ends_it_and_what_there_is_is_shown(runs, tmp_path):
    left, _ = runs
    left |= {"10": (0, document(1.0, 5.0, 0.5)), "20": (2, {}), "30": (0, {})}
    done = CliRunner().invoke(main, ["run", "--memory-size", "10,20,30"])
    assert done.exit_code == 2
    assert "run 3" not in done.output
    assert "| 10 " in done.output
    assert "0.500" in done.output, "recall by truth, which this run has"
    assert not Path(tmp_path / "reports" / "multi_coord_stress_030.json").exists()


def test_locust_itself_takes_one_number():
    for arguments, says in (
        (("--memory-size", "1,2"), "--memory-size: found 1,2, expected one number; mcstress run"),
        (("--memory-size", "many"), "--memory-size: found 'many', expected a whole number"),
        (("--memory-size", "-1"), "--memory-size: found -1, expected 0 or more"),
    ):
        with pytest.raises(UsageError, match=says):
            read_settings(parse(arguments), None)
