"""The story: one study file in, one table, findings and report out; and again, for nothing."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import mini
from conftest import Cli
from espalier.results import COLUMNS, read

pytestmark = pytest.mark.xdist_group("finished")


def test_a_study_ends_in_table_findings_and_report(finished: Path) -> None:
    out = finished / "runs/studies/mini"
    table = read(out / "results.csv", out / "sources.yaml", out / "items.parquet")
    assert len(table.frame)
    assert json.loads((out / "findings.json").read_text())
    page = (out / "report.html").read_text()
    assert "Does anything grow in two updates?" in page
    assert "http://" not in page.replace("http://www.w3.org", "")


def test_running_it_again_makes_nothing_and_changes_no_byte(finished: Path, cli: Cli) -> None:
    table = finished / "runs/studies/mini/results.csv"
    before, stamps = table.read_bytes(), {p: p.stat().st_mtime_ns for p in steps(finished)}
    said = cli(
        *("run", finished / "study.yaml", "--store", finished / "runs", "--workers", "0"),
        *("--out", finished / "again", "--json"),
    )
    counts = json.loads(said.out)["steps"]
    assert (said.status, counts["made"], counts["failed"]) == (0, 0, 0)
    assert counts["found"] == len(stamps)
    assert (finished / "again/results.csv").read_bytes() == before
    assert {p: p.stat().st_mtime_ns for p in steps(finished)} == stamps


def test_another_study_on_the_same_store_shares_its_work(
    finished: Path, base: Path, cli: Cli
) -> None:
    changes = {"name": "other", "question": "", "strategies": ["multitask"], "seeds": 1}
    model = {"models": [{"name": "otherwise_called", "path": str(base)}]}
    file = mini.study(finished, file="other.yaml", **{**mini.WHOLE, **changes, **model})
    facts = json.loads(cli("plan", file, "--store", finished / "runs", "--json").out)
    assert facts["to_make"] == 0
    assert facts["found"] == facts["steps"] > 20


def test_the_table_holds_every_number_in_the_order_of_the_plan(finished: Path) -> None:
    file = finished / "runs/studies/mini/results.csv"
    assert file.read_text().splitlines()[0] == ",".join(COLUMNS)
    frame = read(file).frame
    assert set(frame["design"]) == {"base", "single", "together"}
    assert set(frame["strategy"]) == {"base", "multitask", "sequential", "dmt"}
    assert set(frame["stage"]) == {0, 1, 2}
    assert set(zip(frame["seed"], frame["data_seed"], strict=True)) == {(0, 0), (1, 1)}
    assert (frame["n"] == 3).all()
    assert (frame["role"] == "in").all()


def steps(folder: Path) -> list[Path]:
    return sorted((folder / "runs").glob("*/*/step.json"))


def test_two_runs_at_once_share_the_work_and_end_in_one_table(base: Path, tmp_path: Path) -> None:
    file = mini.study(
        tmp_path,
        models=[{"name": "tiny", "path": str(base)}],
        designs=[{"name": "single", "rows": [8, 16], "of": ["math", "code"]}],
        abilities=[{"use": "tunnel:math", "items": 2}],
    )
    code = "from espalier.cli import main; main()"
    line = ("run", file, "--store", tmp_path / "runs", "--workers", "0", "--json", "--out")
    asked = [[sys.executable, "-c", code, *map(str, line), str(tmp_path / o)] for o in "ab"]
    pipe = subprocess.PIPE
    both = [subprocess.Popen(one, stdout=pipe, stderr=pipe) for one in asked]
    said = [json.loads(process.communicate()[0])["steps"] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    made = list((tmp_path / "runs").glob("*/*/step.json"))
    assert said[0]["made"] + said[1]["made"] == len(made)
    assert all(one["made"] + one["found"] == len(made) for one in said)
    one, other = ((tmp_path / out / "results.csv").read_bytes() for out in "ab")
    assert one == other


def test_an_interrupted_run_says_so_and_goes_on(base: Path, tmp_path: Path) -> None:
    file = mini.study(
        tmp_path,
        models=[{"name": "tiny", "path": str(base)}],
        designs=[{"name": "single", "rows": 8, "of": "math"}],
        train={**mini.BASE["train"], "updates": 100_000},
    )
    # In the background a suite hands on a SIGINT that is ignored; a shell in front does not.
    code = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
        "from espalier.cli import main; main()"
    )
    line = ("run", file, "--store", tmp_path / "runs", "--workers", "1")
    running = subprocess.Popen(
        [sys.executable, "-c", code, *map(str, line)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while not list((tmp_path / "runs").glob("train/.*.partial/progress.json")):
        assert running.poll() is None, running.communicate()
        time.sleep(0.05)
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=120)
    assert running.returncode == 130
    assert err.endswith("interrupted; the same command goes on from here\n")
    assert "Traceback" not in out + err
