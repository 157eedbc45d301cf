"""No command dies of the terminal's encoding: what it does not have is written as "?"."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "reports" / "reality-tests"
COMMAND = "from mcstress.cli import main; main()"


def command(encoding, *arguments, code=COMMAND):
    """What ``mcstress`` wrote and its exit code, its output in ``encoding``."""
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        cwd=ROOT,
        env=os.environ | {"PYTHONIOENCODING": encoding},
        capture_output=True,
        check=False,
        timeout=120,
    )
    assert b"UnicodeEncodeError" not in done.stderr
    assert b"Traceback" not in done.stderr
    out, err = (told.decode(encoding, "replace") for told in (done.stdout, done.stderr))
    return done.returncode, out, err


@pytest.fixture(scope="module")
def documents(tmp_path_factory):
    """Two runs whose names no latin-1 has."""
    folder = tmp_path_factory.mktemp("łódź…")
    (whole,) = sorted(DOCUMENT.glob("*.json"))[:1]
    for name in ("a.json", "b.json"):
        (folder / name).write_bytes(whole.read_bytes())
    return folder


@pytest.mark.parametrize(
    ("encoding", "form"),
    [("latin-1", "text"), ("ascii", "text"), ("ascii", "markdown"), ("ascii", "json")],
)
def test_compare_writes_in_any_encoding(documents, form, encoding):
    a, b = documents / "a.json", documents / "b.json"
    code, told, _ = command(encoding, "compare", "--format", form, a, "--", b)
    assert code == 0
    assert "determinism.mean" in told
    if form == "json":
        assert json.loads(told)["a"] == [str(a)]


def test_a_misuse_is_told_in_any_encoding(documents):
    code, _, told = command("latin-1", "report", documents / "nothing….json")
    assert (code, "no such file" in told) == (2, True)


def test_a_report_is_told_in_any_encoding(documents):
    code, told, _ = command("ascii", "report", documents / "a.json")
    assert (code, ".md" in told) == (0, True)


def test_what_locust_writes_is_in_any_encoding():
    """Its own end, the summary of a run, is written by the same streams."""
    code = (
        "import sys; from mcstress import install; install();"
        "print('Run łódź: PASS'); sys.stderr.write('progress · … ł\\n')"
    )
    assert command("ascii", code=code) == (0, "Run ??d?: PASS\n", "progress ? ? ?\n")
