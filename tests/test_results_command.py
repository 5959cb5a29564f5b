import json

import pandas as pd
import pytest
from click.testing import CliRunner

from espalier.cli import verbs


@pytest.fixture
def measured(monkeypatch):
    row = {"model": "m", "strategy": "multitask", "amounts": "{}", "ability": "a", "score": 0.5}
    monkeypatch.setattr("espalier.commands.results.open_plan", lambda *_: None)
    monkeypatch.setattr("espalier.outputs.measured", lambda *_: pd.DataFrame([row, row]))


def asked(*arguments):
    return CliRunner().invoke(verbs, ["results", "study.yaml", *map(str, arguments)])


def test_a_program_is_told_what_was_written(measured, tmp_path):
    out = tmp_path / "table.csv"
    done = asked("--out", out, "--json", "--store", tmp_path / "runs")
    assert json.loads(done.stdout) == {"results": str(out), "rows": 2}
    assert out.is_file()


def test_a_person_is_told_beside_the_output(measured, tmp_path):
    done = asked("--out", tmp_path / "table.csv", "--store", tmp_path / "runs")
    assert done.stdout == ""
    assert done.stderr.endswith("table.csv: 2 rows\n")
