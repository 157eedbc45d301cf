"""A report is written into the run's folder, or elsewhere, or nowhere: each is said."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from mcstress.evidence.run_document import RunDocument
from mcstress.master import report_place as module


class Disk:
    """Stands for the writer of reports; refuses the folders for which ``is_full`` says true."""

    def __init__(self):
        self.written, self.is_full = [], lambda _: False

    def write(self, paths, _document, _history):
        if self.is_full(paths.folder):
            raise OSError(errno.ENOSPC, "No space left on device", str(paths.json))
        self.written.append(paths.folder)


@pytest.fixture
def disk(monkeypatch, tmp_path):
    made, elsewhere = Disk(), tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.setattr(module, "write_report", made.write)
    monkeypatch.setattr(module, "mkdtemp", lambda prefix: made_folder(elsewhere / prefix))
    return made


def made_folder(path: Path) -> str:
    path.mkdir()
    return str(path)


@pytest.fixture
def document():
    return RunDocument(verdict="pass")


def test_a_report_is_in_the_folder_of_the_run(made_run, disk, document):
    own = made_run.paths.folder
    assert module.write(made_run, document, None)
    assert disk.written == [own]
    assert (document.completeness.notices, made_run.report_fault) == ([], "")


def test_where_that_is_full_another_folder_has_it_and_the_report_says_so(
    made_run, disk, document, caplog
):
    own = made_run.paths.folder
    disk.is_full = lambda folder: folder == own
    assert not module.write(made_run, document, None)
    (folder,) = disk.written
    assert folder == made_run.paths.folder != own
    (notice,) = document.completeness.notices
    assert notice.startswith(f"The report could not be written to {own} (")
    assert notice.endswith(f"No space left on device): {folder} has it")
    assert document.run.evidence_path == str(made_run.paths.json)
    assert f"mcstress report {made_run.segment.path} makes it again" in caplog.text
    assert made_run.report_fault == ""


def test_where_there_is_room_nowhere_the_command_that_makes_it_is_named(
    made_run, disk, document, tmp_path
):
    own = made_run.paths
    disk.is_full = lambda _: True
    assert not module.write(made_run, document, None)
    assert made_run.paths == own
    assert made_run.report_fault.endswith(": No space left on device")
    (notice,) = document.completeness.notices
    assert "nor elsewhere" in notice
    assert notice.endswith(f"mcstress report {made_run.segment.path} makes it")
    assert not list((tmp_path / "elsewhere").iterdir()), "no empty folder is left"


def test_a_head_is_written_anew_only_where_there_is_a_report(
    made_run, document, monkeypatch, caplog
):
    asked = []
    monkeypatch.setattr(module, "update_head", lambda paths, _: asked.append(paths))
    made_run.report_fault = "full"
    module.write_again(made_run, document)
    assert asked == []
    made_run.report_fault = ""
    module.write_again(made_run, document)
    assert asked == [made_run.paths]

    def refuse(*_):
        raise OSError(errno.EIO, "Input/output error", "x.json")

    monkeypatch.setattr(module, "update_head", refuse)
    module.write_again(made_run, document)
    assert "lacks what became of the traces: x.json: Input/output error" in caplog.text
