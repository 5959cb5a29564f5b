"""HumanEval and MBPP: references pass, others fail, and what is asked is what was published."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from espalier.ability import Ability, Reply
from espalier.errors import DataError, MissingError
from espalier.sandbox import sandboxes
from espalier.scoring import grade_all, make_ability, make_scorer

try:
    sandboxes["bubblewrap"].check()
    LACKING = ""
except MissingError as error:
    LACKING = str(error)
sandboxed = pytest.mark.skipif(bool(LACKING), reason=LACKING or "-")
data = pytest.mark.skipif("ESPALIER_DATA" not in os.environ, reason="ESPALIER_DATA is not set")

HUMAN = {
    "task_id": "HumanEval/0",
    "prompt": 'import math\n\ndef root(x: float) -> float:\n    """The root of x."""\n',
    "entry_point": "root",
    "canonical_solution": "    return math.sqrt(x)\n",
    "test": "def check(candidate):\n    assert candidate(4.0) == 2.0\n",
}
PLUS = {k: v for k, v in HUMAN.items() if k != "test"} | {
    "base_input": [[4.0]],
    "plus_input": [[2.0], [0.0]],
    "atol": 1e-9,
}
SHORT: list[dict[str, Any]] = [
    {
        "task_id": number,
        "text": f"Write a function to add {number}.",
        "code": f"class N:\r\n  pass\r\ndef plus(x):\r\n  return x + {number}",
        "test_setup_code": "",
        "test_list": [f"assert plus(1) == {number + 1}", f"assert plus(2) == {number + 2}"],
        "challenge_test_list": [f"assert plus(-1) == {number - 1}"],
    }
    for number in (2, 3, 4, 11, 12, 600)
]


def write(folder: Path, name: str, rows: Sequence[dict[str, Any]]) -> str:
    folder.joinpath(name).write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(folder)


def scores(ability: Ability, replies: Sequence[str]) -> list[float | None]:
    scorer = make_scorer(ability.scorers[0])
    given = [Reply(text=text) for text in replies]
    return [row["score"] for row in grade_all(ability.items, given, scorer)]


@sandboxed
@pytest.mark.xdist_group("sandbox")
@pytest.mark.parametrize("mode", ["instruct", "complete"])
def test_references_pass_and_near_misses_fail(tmp_path: Path, mode: str) -> None:
    human = make_ability(
        "humaneval", {"data": write(tmp_path, "HumanEval.jsonl", [HUMAN]), "mode": mode}
    )
    assert scores(human, [human.items[0].target]) == [1.0]
    assert scores(human, ["    return math.sqrt(x) + 1e-3"]) == [0.0]
    short = make_ability("mbpp", {"data": write(tmp_path, "mbpp.jsonl", SHORT), "mode": mode})
    assert [item.id for item in short.items] == ["mbpp/11", "mbpp/12"]
    assert scores(short, [item.target for item in short.items]) == [1.0, 1.0]
    assert scores(short, [item.target for item in reversed(short.items)]) == [0.0, 0.0]


@sandboxed
@pytest.mark.xdist_group("sandbox")
def test_humaneval_plus_compares_with_the_reference_on_every_input(tmp_path: Path) -> None:
    plus = make_ability(
        "humaneval", {"task": "plus", "data": write(tmp_path, "HumanEvalPlus.jsonl", [PLUS])}
    )
    only_base = "def root(x):\n    return 2.0"
    near = "def root(x):\n    return x ** 0.5 * (1 + 1e-12)"
    assert scores(plus, [plus.items[0].target]) == [1.0]
    assert scores(plus, [only_base]) == [0.0]
    assert scores(plus, [near]) == [1.0]


def test_a_model_is_shown_the_prompt_and_the_tests_and_never_the_solution(tmp_path: Path) -> None:
    human = make_ability("humaneval", {"data": write(tmp_path, "HumanEval.jsonl", [HUMAN])})
    [message] = human.items[0].prompt
    assert HUMAN["prompt"] in message["content"]  # type: ignore[index]
    assert "sqrt" not in str(human.items[0].prompt)
    short = make_ability(
        "mbpp", {"data": write(tmp_path, "mbpp.jsonl", SHORT), "mode": "complete", "shots": 2}
    )
    prompt = short.items[0].prompt
    assert isinstance(prompt, str)
    assert prompt.count("[DONE]") == 2
    assert prompt.endswith("assert plus(2) == 13\n[BEGIN]\n")
    assert "x + 11" not in prompt
    assert "plus(-1)" not in prompt
    assert short.items[0].facts["names"] == ["plus"]


def test_hidden_tests_are_judged_by_when_they_are_asked_for(tmp_path: Path) -> None:
    folder = write(tmp_path, "mbpp.jsonl", SHORT)
    assert "plus(-1)" not in make_ability("mbpp", {"data": folder}).items[0].facts["tests"]
    hard = make_ability("mbpp", {"data": folder, "challenge": True})
    assert "plus(-1)" in hard.items[0].facts["tests"]


def test_samples_and_k_are_asked_with_a_temperature(tmp_path: Path) -> None:
    folder = write(tmp_path, "HumanEval.jsonl", [HUMAN])
    made = make_ability(
        "humaneval", {"data": folder, "samples": 5, "temperature": 0.8, "k": [1, 5]}
    )
    assert made.samples == 5
    assert [use.options for use in made.scorers] == [{}, {"k": 5}, {}]
    with pytest.raises(Exception, match="temperature above 0"):
        make_ability("humaneval", {"data": folder, "samples": 5})


@pytest.mark.parametrize("ability", ["humaneval", "mbpp"])
def test_missing_or_broken_data_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ability: str
) -> None:
    monkeypatch.delenv("ESPALIER_DATA", raising=False)
    with pytest.raises(MissingError, match=r"no folder is named; fetch .* from github\.com/"):
        make_ability(ability, {})
    file = {"humaneval": "HumanEval.jsonl", "mbpp": "mbpp.jsonl"}[ability]
    folder = write(tmp_path, file, [{"task_id": 1, "prompt": "x"}])
    with pytest.raises(DataError, match=rf"{file}, line 1: not \{{task_id"):
        make_ability(ability, {"data": folder})
    with pytest.raises(DataError, match="task ids 11 to 510"):
        make_ability("mbpp", {"data": write(tmp_path, "mbpp.jsonl", SHORT[:3])})


@data
@sandboxed
@pytest.mark.data
@pytest.mark.slow
@pytest.mark.xdist_group("sandbox")
def test_all_of_humaneval_passes_and_others_solutions_fail() -> None:
    human = make_ability("humaneval", {})
    targets = [item.target for item in human.items]
    assert len(targets) == 164
    assert scores(human, targets) == [1.0] * 164
    shifted = scores(human, targets[1:] + targets[:1])
    assert shifted == [0.0] * 164


@data
@sandboxed
@pytest.mark.data
@pytest.mark.slow
@pytest.mark.xdist_group("sandbox")
@pytest.mark.parametrize("split", ["prompt", "validation"])
def test_mbpp_passes(split: str) -> None:
    short = make_ability("mbpp", {"split": split})
    assert scores(short, [item.target for item in short.items]) == [1.0] * len(short.items)
