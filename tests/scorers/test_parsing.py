"""Every example in `docs/parsing.md` is graded as it says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from espalier.ability import Grade, Item, Reply, Use
from espalier.scoring import make_scorer

PAGE = (Path(__file__).parents[2] / "docs/parsing.md").read_text(encoding="utf-8")
ANSWERS = PAGE.partition("## Answers")[2].partition("\n## ")[0]
STEPS = re.search(r"The question is `(.+?)`, .*?```\n(.+?)\n```", ANSWERS, re.DOTALL)
Row = tuple[dict[str, Any], list[str]]


def rows() -> Iterator[Row]:
    """Yield each example with the scorer of its section."""
    for section in re.split(r"^### ", ANSWERS, flags=re.MULTILINE)[1:]:
        scorer = YAML(typ="safe").load(section.partition("\n")[0].strip("` "))
        table = [line for line in section.splitlines() if line.startswith("| ")]
        for line in table[1:]:
            cells = [plain(cell) for cell in line.strip("|").split(" | ")]
            yield scorer, cells


def plain(cell: str) -> str:
    return cell.strip(" |").removeprefix("`").removesuffix("`").replace("⏎", "\n")


def graded(scorer: dict[str, Any], reply: str, target: str, **facts: Any) -> Grade:
    name, options = scorer["scorer"], {k: v for k, v in scorer.items() if k != "scorer"}
    question = STEPS[1] if STEPS else ""
    item = Item(
        id="1",
        prompt=({"role": "user", "content": question},),
        target=STEPS[2] if STEPS and name == "process" else target,
        facts=facts,
    )
    return make_scorer(Use(scorer=name, options=options)).grade(item, Reply(text=reply))


def shown(grade: Grade) -> tuple[str, str]:
    score = "unscored" if grade.score is None else f"{grade.score:g}"
    return grade.extracted or "", score


ROWS = list(rows())
MATH = [cells for scorer, cells in ROWS if scorer["scorer"] == "math"]
REST = [(scorer, cells) for scorer, cells in ROWS if scorer["scorer"] != "math"]


@pytest.mark.parametrize(("scorer", "cells"), REST, ids=lambda x: str(x)[:60])
def test_an_example_is_graded_as_the_page_says(scorer: dict[str, Any], cells: list[str]) -> None:
    if scorer["scorer"] == "process":
        reply, found, score = cells[:3]
        assert shown(graded(scorer, reply, "")) == (found, score)
    elif scorer["scorer"] == "constraints":
        reply, constraint, score = cells[:3]
        wanted = [YAML(typ="safe").load(constraint)]
        assert shown(graded(scorer, reply, "", constraints=wanted))[1] == score
    elif scorer.get("rule") == "doit":
        kind, reply, answer, found, score, published, published_score = cells
        given = graded(scorer, reply, answer, kind=kind, answer=answer)
        assert shown(given) == (found, score)
        given = graded(scorer | {"as_published": True}, reply, answer, kind=kind, answer=answer)
        assert shown(given) == (published, published_score)
    else:
        reply, target, found, score = cells[:4]
        assert shown(graded(scorer, reply, target)) == (found, score)


def test_the_examples_of_mathematics_are_graded_as_the_page_says() -> None:
    pytest.importorskip("math_verify")
    scorer = make_scorer(Use(scorer="math", options={"seconds": 2}))
    assert scorer.grade_all is not None
    pairs = [
        (
            Item(id=str(n), prompt="q", target="none", facts={"answer": _answer(c[1])}),
            Reply(text=c[0]),
        )
        for n, c in enumerate(MATH)
    ]
    given = [shown(grade) for grade in scorer.grade_all(pairs)]
    assert given == [(found, score) for _, _, found, score, *_ in MATH]


def _answer(target: str) -> str | list[str]:
    listed = re.fullmatch(r"\[(\d+), (\d+)\]", target)
    return [listed[1], listed[2]] if listed else target


def test_the_page_has_an_example_of_each_rule() -> None:
    rules = {scorer.get("rule") or scorer["scorer"] for scorer, _ in ROWS}
    assert rules >= {"text", "gsm8k", "answer", "last_number", "value", "doit", "math", "process"}
    assert "constraints" in rules
    assert len(ROWS) > 100
