"""MT-Bench in small: a few made-up rows in its files' form."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

CATEGORIES = ("writing", "math", "coding", "stem")


def lines(file: Path, rows: Iterable[Mapping[str, Any]]) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


def answers(file: Path, model: str, turns: Mapping[int, list[str]]) -> Path:
    """Write a `model_answer`."""
    return lines(
        file,
        [
            {
                "question_id": number,
                "answer_id": f"a{number}",
                "model_id": model,
                "choices": [{"index": 0, "turns": said}],
                "tstamp": 1.0,
            }
            for number, said in turns.items()
        ],
    )


def mt_bench(folder: Path) -> Path:
    """Write questions 81 to 84, references to those of math and coding, and all prompts."""
    home = folder / "mt_bench"
    lines(
        home / "question.jsonl",
        [
            {
                "question_id": 81 + i,
                "category": category,
                "turns": [f"first of {81 + i}", f"second of {81 + i}"],
            }
            for i, category in enumerate(CATEGORIES)
        ],
    )
    answers(
        home / "reference_answer_gpt-4.jsonl",
        "gpt-4",
        {n: [f"gold first of {n}", f"gold second of {n}"] for n in (82, 83)},
    )
    single = "{question}|{answer}"
    multi = "{question_1}|{answer_1}|{question_2}|{answer_2}"
    pair = "{question}|A {answer_a}|B {answer_b}"
    both = "{question_1}|{question_2}|A {answer_a_1}, {answer_a_2}|B {answer_b_1}, {answer_b_2}"
    kinds = {
        "single-v1": single,
        "single-math-v1": f"{single}|{{ref_answer_1}}",
        "single-v1-multi-turn": multi,
        "single-math-v1-multi-turn": f"{multi}|{{ref_answer_1}}|{{ref_answer_2}}",
        "pair-v2": pair,
        "pair-math-v1": f"{pair}|{{ref_answer_1}}",
        "pair-v2-multi-turn": both,
        "pair-math-v1-multi-turn": f"{both}|{{ref_answer_1}}|{{ref_answer_2}}",
    }
    lines(
        home / "judge_prompts.jsonl",
        [
            {"name": name, "type": "x", "system_prompt": "Be fair.", "prompt_template": template}
            for name, template in kinds.items()
        ],
    )
    return folder
