"""FastChat's files: what is written is read back, and what others paid for is not paid again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import benches
from conftest import Cli
from courtroom import court
from espalier import results
from espalier.ability import Reply
from espalier.errors import DataError
from espalier.interop import fastchat
from espalier.scoring import make_ability


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return benches.mt_bench(tmp_path / "data")


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ESPALIER_JUDGE", "OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


def read(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def single(number: int, turn: int, score: float, model: str = "vicuna", **more: Any) -> Any:
    return {
        "question_id": number,
        "model": model,
        "judge": ["gpt-4", "single-v1"],
        "user_prompt": "p",
        "judgment": f"[[{score}]]",
        "score": score,
        "turn": turn,
        "tstamp": 1.0,
    } | more


def test_judgments_of_others_become_scores_for_nothing(
    data: Path, tmp_path: Path, cli: Cli
) -> None:
    rows = [single(81, 1, 8), single(81, 2, 6), single(82, 1, 3), single(82, 2, -1)]
    rows += [single(83, 1, 5.5), single(83, 2, 6), single(81, 1, 2, "other"), single(99, 1, 9)]
    rows += [single(81, 2, 4, "other"), {"question_id": 81, "judge": "x"}]
    file = benches.lines(tmp_path / "gpt-4_single.jsonl", rows)
    out, table = tmp_path / "graded.jsonl", tmp_path / "table.csv"
    line = ("score", "--ability", "mt_bench", "--data", data, "--replies", file, "--out", out)
    said = json.loads(cli(*line, "--table", table, "--json").out)
    vicuna, other = said["scores"]
    assert (vicuna["model"], vicuna["judge"], vicuna["metric"]) == ("vicuna", "gpt-4", "judge")
    assert (vicuna["score"], vicuna["n"], vicuna["unscored"]) == ((7 + 5.75) / 2, 2, 2)
    assert "1 of 6 judgments without a rating, in no score" in vicuna["remark"]
    assert (other["score"], other["n"], other["unscored"]) == (3, 1, 3)
    assert len(said["left_out"]) == 2
    graded = {(row["model"], row["item"]): row for row in read(out)}
    assert graded["vicuna", "mt_bench/82"]["reason"] == "turn 2: no readable judgment"
    assert graded["other", "mt_bench/84"]["score"] is None
    shown = cli(*line).out
    assert "vicuna, by gpt-4: turns" in shown.replace("\n", " ")
    assert set(results.read(table).frame["model"]) == {"vicuna", "other"}


def test_comparisons_of_others_become_win_rates(data: Path, tmp_path: Path) -> None:
    def pair(number: int, turn: int, first: str, second: str) -> dict[str, Any]:
        return {
            "question_id": number,
            "model_1": "ours",
            "model_2": "theirs",
            "g1_winner": first,
            "g2_winner": second,
            "judge": ["gpt-4", "pair-v2"],
            "turn": turn,
        }

    rows = [
        pair(81, 1, "model_1", "model_1"),
        pair(81, 2, "model_1", "model_2"),
        pair(82, 1, "model_2", "model_2"),
        pair(82, 2, "tie", "tie"),
        pair(83, 1, "error", "model_1"),
        pair(83, 2, "model_1", "model_1"),
    ]
    ability = make_ability("mt_bench", {"data": str(data)})
    (judged,), _ = fastchat.read_judgments(ability, benches.lines(tmp_path / "p.jsonl", rows))
    assert judged.model == "ours against theirs"
    assert [row["score"] for row in judged.rows] == [0.75, 0.25, None, None]
    assert "both orders agree on 4 of 5 comparisons" in judged.summary["remark"]


def test_a_file_of_strangers_is_one_line(data: Path, tmp_path: Path) -> None:
    file = benches.lines(tmp_path / "j.jsonl", [single(7, 1, 3)])
    with pytest.raises(DataError, match=r"no judgment of mt_bench's items; .*no item is number 7"):
        fastchat.read_judgments(make_ability("mt_bench", {"data": str(data)}), file)


def test_model_answers_are_graded_as_they_are(data: Path, tmp_path: Path, cli: Cli) -> None:
    turns = {n: [f"one {n}", f"two {n}"] for n in (81, 82, 84)}
    file = benches.answers(tmp_path / "vicuna.jsonl", "vicuna", turns)
    out = tmp_path / "graded.jsonl"
    with court(say=lambda request: "[[6]]") as held, pytest.MonkeyPatch.context() as patch:
        judge = {"model": "referee", "endpoint": held.url, "cache": str(tmp_path / "cache")}
        patch.setenv("ESPALIER_JUDGE", json.dumps(judge))
        line = ("score", "--ability", "mt_bench", "--data", data, "--replies", file, "--out", out)
        said = json.loads(cli(*line, "--json").out)
        assert len(held.asked) == 6
        cli(*line)
        assert len(held.asked) == 6
    (score,) = said["scores"]
    assert (score["score"], score["n"], score["unscored"]) == (6, 3, 1)
    assert said["not_graded"] == ["nll"]


@pytest.mark.parametrize("mode", ["single", "pair"])
def test_an_evaluation_is_written_as_fastchat_would_and_read_back_alike(
    mode: str, data: Path, base: Path, tmp_path: Path, cli: Cli
) -> None:
    def say(request: dict[str, Any]) -> str:
        told = request["messages"][-1]["content"]
        if mode == "pair":
            return "so [[A]]" if "82" in told else "so [[B]]"
        return f"well, [[{3 + len(told) % 6}]]" if "first of 84|" not in told else "hm"

    out = tmp_path / "fastchat"
    rival = benches.answers(
        tmp_path / "rival.jsonl", "rival", {n: ["x", "y"] for n in (81, 82, 83, 84)}
    )
    other = out / "mt_bench/model_judgment" / f"referee_{mode}.jsonl"
    benches.lines(other, [{"question_id": 81, "model": "someone", "judge": ["referee", "p"]}])
    with court(say=say) as held, pytest.MonkeyPatch.context() as patch:
        judge = {"model": "referee", "endpoint": held.url, "cache": str(tmp_path / "cache")}
        study_like = {"data": str(data), "judge": judge}
        study_like |= {"against": str(rival)} if mode == "pair" else {}
        patch.setenv("ESPALIER_JUDGE", json.dumps(judge))
        patch.setattr("espalier.commands.eval_.asked_abilities", lambda *_: [_use(study_like)])
        patch.setattr("espalier.abilities.mt_bench.MAX_NEW_TOKENS", 8)
        line = ("eval", base, "--ability", "mt_bench", "--store", tmp_path / "runs")
        line += ("--workers", "0", "--fastchat", out, "--json")
        said = json.loads(cli(*line).out)
        calls = len(held.asked)
    score = next(row for row in said["scores"] if row["metric"] in ("judge", "win_rate"))
    answers = read(out / "mt_bench/model_answer" / f"{base.name}.jsonl")
    assert [row["question_id"] for row in answers] == [81, 82, 83, 84]
    assert all(len(row["choices"][0]["turns"]) == 2 for row in answers)
    rows = read(other)
    assert rows[0]["model"] == "someone"
    assert len(rows) == 1 + 8
    assert calls == 8 * (1 + (mode == "pair"))
    assert "mt_bench" in next(iter(said["remarks"]))
    ability = make_ability("mt_bench", {"data": str(data)})
    again = fastchat.read_judgments(ability, benches.lines(tmp_path / "own.jsonl", rows[1:]))[0][0]
    assert again.summary["score"] == pytest.approx(score["score"])
    assert again.summary["n"] == score["n"]


def test_what_a_file_has_of_other_questions_and_models_stays(data: Path, tmp_path: Path) -> None:
    def write(task: str, text: str) -> Path:
        items = make_ability("mt_bench", {"data": str(data), "task": task}).items
        replies = {item.id: Reply(text=text, more=("two",)) for item in items}
        return fastchat.write_answers(tmp_path, "org/vicuna 7b", items, replies, at=1.0)

    write("math", "old")
    write("stem", "one")
    file = write("math", "new")
    assert file.name == "org-vicuna-7b.jsonl"
    rows = {row["question_id"]: row["choices"][0]["turns"][0] for row in read(file)}
    assert rows == {82: "new", 84: "one"}
    assert len({row["answer_id"] for row in read(file)}) == 2


def _use(options: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    from espalier.study import AbilityUse

    use = AbilityUse.model_validate({"name": "mt_bench", "use": "mt_bench"})
    return use, options
