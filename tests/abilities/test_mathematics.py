"""MATH, CMATH, TAL-SCQ5K, and GSM8K's worked examples: made-up rows, and the real ones."""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import pytest

from espalier.ability import Ability, Item, Reply
from espalier.errors import DataError, MissingError, SpecError
from espalier.scoring import make_ability, make_scorer

real = pytest.mark.skipif("ESPALIER_DATA" not in os.environ, reason="ESPALIER_DATA names no folder")

MATH = {
    "question": "Half of one?",
    "answer": "\\frac{1}{2}",
    "other": {"solution": "It is $\\boxed{\\frac{1}{2}}$.", "type": "Counting & Probability"},
}
HUB = {"problem": "Two?", "solution": "\\boxed{2}", "subject": "Algebra", "level": 1}
CMATH = {"grade": 3, "input": "一半是多少？", "golden": "1/2"}
TAL = {
    "problem": "$$1+1$$等于（ ）． ",
    "answer_option_list": [[{"aoVal": "A", "content": "1 "}], [{"aoVal": "B", "content": "2 "}]],
    "answer_value": "B",
}
GSM8K = {"question": "Two and two?", "answer": "<<2+2=4>>4\n#### 4"}


def put(folder: Path, place: str, *rows: dict[str, Any]) -> None:
    (folder / place).parent.mkdir(parents=True, exist_ok=True)
    (folder / place).write_text("".join(json.dumps(row) + "\n" for row in rows))


def scores(ability: Ability, replies: list[str]) -> list[float | None]:
    scorer = make_scorer(ability.scorers[0])
    pairs = [(i, Reply(text=r)) for i, r in zip(ability.items, replies, strict=True)]
    many = scorer.grade_all
    grades = many(pairs) if many else (scorer.grade(item, reply) for item, reply in pairs)
    return [grade.score for grade in grades]


def test_math_is_asked_with_its_instruction_and_answered_in_latex(tmp_path: Path) -> None:
    pytest.importorskip("math_verify")
    put(tmp_path, "agieval/math.jsonl", MATH, MATH | {"question": "And again?"})
    ability = make_ability("math", {"data": str(tmp_path)})
    assert "Reason step by step, and put the final" in str(ability.items[0].prompt)
    assert scores(ability, [ability.items[0].target, "so $0.5$"]) == [1.0, 1.0]
    assert len(make_ability("math", {"data": str(tmp_path), "limit": 1}).items) == 1
    task = {"task": "counting_and_probability", "data": str(tmp_path)}
    assert len(make_ability("math", task).items) == 2
    with pytest.raises(SpecError, match="no task 'sums'"):
        make_ability("math", {"task": "sums", "data": str(tmp_path)})


def test_math_takes_the_hubs_layout_and_finds_the_answer_in_the_solution(tmp_path: Path) -> None:
    put(tmp_path, "test.jsonl", HUB)
    (item,) = make_ability("math", {"data": str(tmp_path)}).items
    assert item.facts == {"subject": "algebra", "level": "1"}
    assert scores(make_ability("math", {"data": str(tmp_path)}), ["\\boxed{2}"]) == [1.0]


def test_cmath_counts_by_value(tmp_path: Path) -> None:
    put(tmp_path, "cmath/cmath_dev.jsonl", CMATH, CMATH | {"grade": 4})
    ability = make_ability("cmath", {"data": str(tmp_path)})
    assert scores(ability, ["答案是０．５", "2/4"]) == [1.0, 1.0]
    assert len(make_ability("cmath", {"task": "grade_4", "data": str(tmp_path)}).items) == 1


@pytest.mark.parametrize(("task", "stem"), [("zh", "ch"), ("en", "en")])
def test_tal_asks_for_a_letter(task: str, stem: str, tmp_path: Path) -> None:
    put(tmp_path, f"tal_scq5k/{stem}_single_choice_test_2K.jsonl", TAL)
    ability = make_ability("tal_scq5k", {"task": task, "data": str(tmp_path)})
    assert ability.items[0].candidates == ("B", "A")
    assert scores(ability, ["选B" if task == "zh" else "The answer is B."]) == [1.0]


def test_gsm8k_shows_worked_examples_of_the_train_split(tmp_path: Path) -> None:
    put(tmp_path, "test.jsonl", GSM8K)
    put(tmp_path, "train.jsonl", *(GSM8K | {"question": f"train {i}"} for i in range(5)))
    shown = make_ability("gsm8k", {"data": str(tmp_path), "shots": 2}).items[0].prompt
    roles = [turn["role"] for turn in shown if isinstance(turn, dict)]
    assert roles == ["user", "assistant"] * 2 + ["user"]
    assert (
        make_ability("gsm8k", {"data": str(tmp_path), "shots": 2, "seed": 1}).items[0].prompt
        != shown
    )
    plain = make_ability("gsm8k", {"data": str(tmp_path)})
    assert [use.scorer for use in plain.scorers] == ["exact", "process", "nll"]
    assert plain.items[0].chance == 0.0


@pytest.mark.parametrize("name", ["math", "cmath", "tal_scq5k"])
def test_missing_and_damaged_data_is_one_line(name: str, tmp_path: Path) -> None:
    with pytest.raises(MissingError, match=r"fetch .*github"):
        make_ability(name, {"data": str(tmp_path)})
    places = {
        "math": "math.jsonl",
        "cmath": "cmath_dev.jsonl",
        "tal_scq5k": "ch_single_choice_test_2K.jsonl",
    }
    put(tmp_path, places[name], {"nothing": 1})
    with pytest.raises(DataError, match=r"line 1: not \{"):
        make_ability(name, {"data": str(tmp_path)})


def collisions(items: tuple[Item, ...]) -> float:
    """Return how often two items drawn at random have the same answer."""
    answers = Counter(str(item.facts.get("answer")) for item in items)
    return sum(count * count for count in answers.values()) / len(items) ** 2


@pytest.mark.data
@real
@pytest.mark.parametrize(
    ("name", "count"), [("gsm8k", 1319), ("cmath", 600), ("tal_scq5k", 2000), ("math", 1000)]
)
def test_references_score_one_and_shuffled_ones_what_chance_does(name: str, count: int) -> None:
    if name == "math":
        pytest.importorskip("math_verify")
    ability = make_ability(name, {})
    assert len(ability.items) == count
    targets = [item.target for item in ability.items]
    assert scores(ability, targets) == [1.0] * count
    Random(0).shuffle(targets)
    some = 250 if name == "math" else count  # each comparison costs some 20 ms
    part = Ability(name=name, items=ability.items[:some], scorers=ability.scorers)
    found = [score for score in scores(part, targets[:some]) if score is not None]
    items = tuple(ability.items)
    chance = sum(i.chance or 0 for i in items) / count or collisions(items)
    assert abs(sum(found) / some - chance) < 4 * (chance * (1 - chance) / some) ** 0.5
