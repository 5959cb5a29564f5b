"""Outputs are whole or absent, and never an input."""

from __future__ import annotations

from pathlib import Path

import pytest

from espalier.errors import MissingError, SpecError
from espalier.files import check_output, write_whole
from espalier.interop.lm_eval import write_lines
from espalier.records import records


def test_a_file_is_written_whole_into_a_folder_that_was_not_there(tmp_path: Path) -> None:
    write_whole(tmp_path / "new/folder/a.txt", "text\n")
    assert (tmp_path / "new/folder/a.txt").read_text() == "text\n"
    assert [path.name for path in (tmp_path / "new/folder").iterdir()] == ["a.txt"]


def test_an_output_below_a_file_is_refused_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(MissingError, match="no folder to write to"):
        check_output(tmp_path / "file" / "report.html")


def test_an_input_is_never_written_over(tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text("{}")
    with pytest.raises(SpecError, match="may not be written over"):
        check_output(tmp_path / "." / "rows.jsonl", inputs=[None, rows])


def test_a_folder_with_the_name_of_a_data_file_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").mkdir()
    with pytest.raises(MissingError, match=r"x\.jsonl: is a folder; name a file in it"):
        list(records(tmp_path / "x.jsonl"))


def test_a_file_that_cannot_be_opened_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match=r"gone\.jsonl: cannot be read: No such file"):
        list(records(tmp_path / "gone.jsonl"))


def test_lines_for_a_folder_that_is_a_file_are_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(MissingError, match="cannot be written: "):
        write_lines(tmp_path / "file" / "samples.jsonl", [{"a": 1}])


def test_an_output_whose_name_is_too_long_is_refused_before_any_work(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="cannot be written: File name too long"):
        check_output(tmp_path / ("a" * 300) / "report.html")
