import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from mcstress.errors import UsageError
from mcstress.evidence.store.paths import claim, release


def test_numbers_follow_the_highest_that_any_file_has(tmp_path):
    for name in ("002.json", "007.html", "nightly.json", "011.w-1.events.jsonl"):
        (tmp_path / f"multi_coord_stress_{name}").touch()
    assert claim(tmp_path).json == tmp_path / "multi_coord_stress_012.json"
    assert claim(tmp_path).run_id == "013"


def test_the_first_run_makes_its_folder_and_is_001(tmp_path):
    paths = claim(tmp_path / "reports" / "reality-tests")
    assert paths.run_id == "001"
    assert paths.events.read_bytes() == b""


def test_numbers_grow_past_three_digits(tmp_path):
    (tmp_path / "multi_coord_stress_999.md").touch()
    assert claim(tmp_path).run_id == "1000"


CLAIM = """
import sys
from pathlib import Path
from mcstress.evidence.store.paths import claim
for _ in range(25):
    print(claim(Path(sys.argv[1])).run_id)
"""


def test_processes_that_claim_at_once_never_share_a_number(tmp_path):
    def claims(_):
        command = [sys.executable, "-c", CLAIM, str(tmp_path)]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()

    with ThreadPoolExecutor(4) as pool:
        numbers = [number for some in pool.map(claims, range(4)) for number in some]
    assert len(numbers) == len(set(numbers)) == 100


def test_a_run_that_ended_between_look_and_claim_keeps_its_number(tmp_path, monkeypatch):
    (tmp_path / "multi_coord_stress_001.json").touch()
    monkeypatch.setattr("mcstress.evidence.store.paths._highest_number", lambda _: 0)
    assert claim(tmp_path).run_id == "002"
    assert not (tmp_path / "multi_coord_stress_001.events.jsonl").exists()


def test_a_run_id_is_used_once(tmp_path):
    paths = claim(tmp_path, "nightly-3")
    assert paths.report("md").name == "multi_coord_stress_nightly-3.md"
    with pytest.raises(UsageError, match=r"--run-id nightly-3: .*already holds a run"):
        claim(tmp_path, "nightly-3")
    release(paths)
    assert claim(tmp_path, "nightly-3") == paths


@pytest.mark.parametrize("run_id", ["", "../x", "a/b", "a\\b", ".hidden", "a b", "x" * 101, "a\n"])
def test_a_run_id_that_is_no_plain_name_is_refused(tmp_path, run_id):
    with pytest.raises(UsageError, match=r"--run-id .*expected letters, digits"):
        claim(tmp_path, run_id)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "reports").write_text("")
    with pytest.raises(UsageError, match=r"--report-dir .*reports: cannot write there: .*exists"):
        claim(tmp_path / "reports")


def test_a_folder_without_permission_is_refused(tmp_path, monkeypatch):
    if os.geteuid() == 0:
        monkeypatch.setattr("pathlib.Path.open", _denied)  # root may write anywhere
    tmp_path.chmod(0o500)
    with pytest.raises(UsageError, match="cannot write there: Permission denied"):
        claim(tmp_path)
    tmp_path.chmod(0o700)


def _denied(*_):
    raise PermissionError(13, "Permission denied")


def test_a_worker_name_becomes_a_plain_file_name(tmp_path):
    name = claim(tmp_path).segment("host.example/../w:1").name
    assert name == "multi_coord_stress_001.host-example-w-1.events.jsonl"


def test_a_folder_whose_name_is_not_utf_8_is_refused(tmp_path):
    folder = tmp_path / os.fsdecode(b"b\xff\xfed")
    with pytest.raises(UsageError, match=r"--report-dir b'.*\\xff\\xfed': .*not UTF-8"):
        claim(folder)
    assert not folder.exists()
