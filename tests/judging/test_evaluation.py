"""A judge within an evaluation: an asking cut short is no score, and a true server is asked."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

import benches
from conftest import Cli
from courtroom import court
from espalier.ability import Reply
from espalier.errors import JudgeError
from espalier.judging import judge_named
from espalier.judging.answers import Answers, Purse
from espalier.scoring import grade_all, make_ability, make_scorer, summary


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("espalier.abilities.mt_bench.MAX_NEW_TOKENS", 8)
    return benches.mt_bench(tmp_path / "data")


def name_judge(monkeypatch: pytest.MonkeyPatch, **judge: Any) -> None:
    monkeypatch.setenv("ESPALIER_JUDGE", json.dumps(judge))


def test_an_asking_cut_short_is_no_score_and_the_same_command_goes_on(
    data: Path, base: Path, tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = ("eval", base, "--ability", "mt_bench", "--data", data, "--store", tmp_path / "runs")
    line += ("--workers", "0")
    with court() as held:
        judge = {"model": "referee", "endpoint": held.url, "cache": str(tmp_path / "cache")}
        judge |= {"retries": 0, "wait": 0.01}
        name_judge(monkeypatch, **judge, most_requests=3)
        cut = cli(*line)
        assert cut.status == 1
        assert "failed: score" in cut.err
        assert "most_requests 3 is reached" in " ".join(cut.err.split())
        assert "3 of 8 judgments" in " ".join(cut.err.split())
        name_judge(monkeypatch, **judge)
        whole = cli(*line, "--json")
        assert whole.status == 0
        assert len(held.asked) == 8
        said = json.loads(whole.out)
    score = next(row for row in said["scores"] if row["metric"] == "judge")
    assert (score["score"], score["n"], score["chance"]) == (7, 4, None)
    nll = next(row for row in said["scores"] if row["metric"] == "nll")
    assert (nll["n"], nll["unscored"]) == (2, 2)
    assert said["remarks"] == {"mt_bench judge": "turns 7.00, 7.00"}
    cached = cli(*line)
    assert cached.status == 0
    assert "mt_bench judge: turns 7.00, 7.00" in cached.out


@pytest.mark.parametrize("option", ["--fastchat", "--lm-eval-json"])
def test_a_folder_that_cannot_be_written_is_refused_before_anything_is_asked(
    data: Path, base: Path, tmp_path: Path, cli: Cli, option: str
) -> None:
    (tmp_path / "file").write_text("")
    line = ("eval", base, "--ability", "mt_bench", "--data", data, "--store", tmp_path / "runs")
    said = cli(*line, option, tmp_path / "file" / "out")
    assert said.status == 2
    assert "cannot be written" in said.err
    assert not (tmp_path / "runs").exists()


@pytest.fixture(scope="module")
def served(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve a tiny model by `transformers serve`."""
    for package in ("accelerate", "fastapi", "uvicorn", "openai"):
        pytest.importorskip(package)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    main = "from transformers.cli.transformers import main; main()"
    options = ("--host", "127.0.0.1", "--port", str(port), "--device", "cpu")
    log = tmp_path_factory.mktemp("served") / "log"
    with log.open("w") as said:
        server = subprocess.Popen(
            [sys.executable, "-c", main, "serve", str(base), *options],
            env=os.environ | {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"},
            stdout=said,
            stderr=said,
        )
    try:
        for _ in range(600):
            assert server.poll() is None, log.read_text()[-2000:]
            try:
                with urlopen(f"http://127.0.0.1:{port}/health", timeout=1):
                    break
            except OSError:
                time.sleep(0.2)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        server.kill()
        server.wait()


@pytest.mark.slow
def test_a_true_server_is_asked_and_a_random_judge_gives_no_score_at_all(
    served: str, base: Path, data: Path, tmp_path: Path
) -> None:
    judge = {"model": str(base), "max_tokens": 8, "repeats": 2}
    judge |= {"endpoint": served, "cache": str(tmp_path / "cache"), "timeout": 60}
    ability = make_ability("mt_bench", {"data": str(data), "judge": judge})
    replies = [Reply(text=f"one {item.id}", more=("two",)) for item in ability.items]
    scorer = make_scorer(ability.scorers[0])
    rows = list(grade_all(ability.items, replies, scorer))
    result = summary(rows, scorer)
    assert (result["score"], result["n"], result["unscored"]) == (None, 0, 4)
    assert result["remark"] == (
        "turns none, none; 16 of 16 judgments without a rating, in no score"
    )
    assert {row["reason"].partition(":")[0] for row in rows} == {"turn 1"}
    assert "no rating, cut at `max_tokens`" in rows[0]["reason"]
    named = judge_named(judge)
    assert named is not None
    purse = Purse(Answers(*named), named[1])
    assert (purse.requests, purse.output) == (16, 16 * 8)
    assert list(grade_all(ability.items, replies, scorer)) == rows
    assert Purse(Answers(*named), named[1]).requests == 16


@pytest.mark.slow
def test_a_true_server_that_serves_another_model_is_one_line(
    served: str, data: Path, tmp_path: Path
) -> None:
    judge = {"model": "nobody", "endpoint": served, "cache": str(tmp_path / "cache")}
    ability = make_ability("mt_bench", {"data": str(data), "judge": judge})
    replies = [Reply(text="one", more=("two",)) for _ in ability.items]
    with pytest.raises(JudgeError, match=r"HTTP 400: .*pinned.* 0 of 8 judgments are kept"):
        list(grade_all(ability.items, replies, make_scorer(ability.scorers[0])))
