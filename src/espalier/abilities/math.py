r"""MATH: competition problems with LaTeX answers (Hendrycks et al., 2021).

The rows are AGIEval's 1,000 of the test split, or those of MATH-500 or the data set itself where
they are there instead.  An answer counts by what it means (`\frac{1}{2}` is `0.5`), not as text.
`math:algebra` asks one of the seven subjects.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import partial

from espalier.abilities._data import Limit, Shots, every, find, find_all, one_of, rows, text
from espalier.ability import Ability, Item, Message, Use
from espalier.errors import DataError
from espalier.format import Record

SUBJECTS = (
    *("algebra", "counting_and_probability", "geometry", "intermediate_algebra"),
    *("number_theory", "prealgebra", "precalculus"),
)
PLACES = (
    *("agieval/math.jsonl", "data/v1/math.jsonl", "math.jsonl"),
    *("math/test.jsonl", "test.jsonl", "data/test-*.parquet", "*/test-*.parquet"),
)
EXAMPLES = ("agieval/few_shot_prompts.csv", "data/few_shot_prompts.csv", "few_shot_prompts.csv")
FETCH = "{} from github.com/ruixiangcui/AGIEval"
WELCOME = "{question, answer, other: {solution, type}} or {problem, solution, answer, subject}"


def math(
    *,
    task: str | None = None,
    data: str | None = None,
    shots: Shots = 0,
    instruction: str = "Reason step by step, and put the final answer into \\boxed{}.",
    limit: Limit | None = None,
    name: str = "math",
) -> Ability:
    """Read the problems from the folder `data`, or from the one that ESPALIER_DATA names.

    `instruction` follows each problem; `shots` examples are AGIEval's, of which there are four.
    """
    files = find_all("MATH's problems", PLACES, data, fetch=FETCH.format("data/v1/math.jsonl"))
    examples = _examples(data, shots, instruction) if shots else ()
    read = partial(_item, examples, instruction)
    items = [item for file in files for item in rows(file, read, welcome=WELCOME)]
    if len(files) > 1:  # rows are numbered within their file
        items = [_renamed(item, number) for number, item in enumerate(items)]
    asked = one_of(task, SUBJECTS, what="MATH")
    return Ability(
        name=name,
        items=every([item for item in items if item.facts["subject"] in asked], limit),
        scorers=(Use(scorer="math"), Use(scorer="nll")),
        suite="math",
        max_new_tokens=1024,
    )


def _item(
    examples: tuple[Message, ...], instruction: str, number: int, record: Record
) -> Item | None:
    other = record.get("other") or record
    solution = text(other, "solution")
    subject = text(other, "type", "subject").lower().replace(" & ", "_and_").replace(" ", "_")
    if subject not in SUBJECTS:
        return None
    known = {"answer": text(record, "answer")} if "answer" in record else {}
    return Item(
        id=f"math/{number}",
        prompt=(*examples, _asked(text(record, "question", "problem"), instruction)),
        target=solution,
        chance=0.0,
        facts={"subject": subject, "level": str(other.get("level"))} | known,
    )


def _renamed(item: Item, number: int) -> Item:
    return Item(**(item.__dict__ | {"id": f"math/{number}"}))


def _asked(problem: str, instruction: str) -> Message:
    return Message(role="user", content=f"{problem}\n\n{instruction}".strip())


def _examples(data: str | None, shots: int, instruction: str) -> tuple[Message, ...]:
    fetch = FETCH.format("data/few_shot_prompts.csv")
    file = find("MATH's worked examples", EXAMPLES, data, fetch=fetch)
    cells = rows(file, lambda _, record: text(record, "math"), welcome="a column 'math'")
    problems = [*_problems(cells)]
    if shots > len(problems):
        raise DataError(f"{file}: has {len(problems)} worked examples of MATH, not {shots}")
    return tuple(
        message
        for problem, solution in problems[:shots]
        for message in (
            _asked(problem, instruction),
            Message(role="assistant", content=solution),
        )
    )


def _problems(cells: list[str]) -> Iterator[tuple[str, str]]:
    """Yield problem and solution of each sample, which the file writes as a Python dictionary."""
    for cell in cells:
        try:
            sample = ast.literal_eval(cell.strip())
            yield sample["question"], sample["other"]["solution"]
        except (ValueError, SyntaxError, KeyError, TypeError):
            continue  # a cell of explanation, or an empty one
