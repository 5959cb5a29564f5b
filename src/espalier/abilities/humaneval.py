"""HumanEval: 164 Python functions to write from their docstrings (Chen et al., 2021).

`task: plus` asks the same and tests more (EvalPlus, Liu et al., 2023), where its file is.  A model
is asked in its chat template (`mode: instruct`) or goes on from the raw prompt (`complete`).
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import Field

from espalier.abilities._data import Limit, every, find, rows, text
from espalier.abilities._programs import graders
from espalier.ability import Ability, Item, Message, Use
from espalier.format import Record

Mode = Literal["instruct", "complete"]
STOP = ("\nclass ", "\ndef ", "\n#", "\nif ", "\nprint(", "\n@", "\nassert ", "\n```")
"""What ends a completion: the beginning of something else than the function's body."""

PLACES = (
    *("humaneval/HumanEval.jsonl", "HumanEval.jsonl", "data/HumanEval.jsonl"),
    "openai_humaneval/test-*.parquet",
)
FETCH = "data/HumanEval.jsonl.gz from github.com/openai/human-eval"
PLUS = ("humaneval/HumanEvalPlus.jsonl", "HumanEvalPlus.jsonl", "HumanEvalPlus-*.jsonl")
FETCH_PLUS = "HumanEvalPlus.jsonl.gz from the releases of github.com/evalplus/humanevalplus_release"
ASK = (
    "Complete the following Python function. Reply with the whole function in one code block.\n\n"
    "```python\n{prompt}```"
)


def humaneval(
    *,
    task: Literal["base", "plus"] = "base",
    mode: Mode = "instruct",
    samples: Annotated[int, Field(ge=1)] = 1,
    temperature: Annotated[float, Field(ge=0)] = 0.0,
    k: tuple[Annotated[int, Field(ge=1)], ...] = (1,),
    sandbox: str = "bubblewrap",
    data: str | None = None,
    limit: Limit | None = None,
    name: str | None = None,
) -> Ability:
    """Read the problems from `data`; `k` lists the pass@k to tell, of `samples` replies each."""
    if task == "plus":
        file = find("HumanEval+", PLUS, data, fetch=FETCH_PLUS)
        welcome = "{task_id, prompt, entry_point, canonical_solution, base_input, plus_input}"
    else:
        file = find("HumanEval", PLACES, data, fetch=FETCH)
        welcome = "{task_id, prompt, entry_point, canonical_solution, test}"
    read = _read_plus if task == "plus" else _read
    items = rows(file, lambda _, r: _item(r, read(r), mode, temperature), welcome=welcome)
    return Ability(
        name=name or ("humaneval" if task == "base" else "humaneval_plus"),
        items=every(items, limit),
        scorers=(*graders(k, sandbox), Use(scorer="nll")),
        suite="humaneval" if task == "base" else "humaneval+",
        max_new_tokens=512,
        stop=STOP if mode == "complete" else (),
        samples=samples,
    )


def _item(record: Record, tests: str, mode: Mode, temperature: float) -> Item:
    prompt, name = text(record, "prompt"), text(record, "entry_point")
    solution = text(record, "canonical_solution")
    asked = (
        prompt if mode == "complete" else (Message(role="user", content=ASK.format(prompt=prompt)),)
    )
    whole = solution if mode == "complete" else f"```python\n{prompt}{solution}```"
    return Item(
        id=text(record, "task_id"),
        prompt=asked,
        target=whole,
        chance=0.0,
        temperature=temperature,
        facts={"prompt": prompt, "entry_point": name, "tests": tests},
    )


def _read(record: Record) -> str:
    return f"{text(record, 'test')}\n\ncheck({text(record, 'entry_point')})\n"


def _read_plus(record: Record) -> str:
    """Return tests that compare with the reference solution on all inputs, as EvalPlus does.

    The reference runs where the tests do.  Floats may differ by `atol`, by default 1e-6.
    """
    inputs = [*_list(record, "base_input"), *_list(record, "plus_input")]
    name, atol = text(record, "entry_point"), float(record.get("atol") or 0) or 1e-6
    reference = text(record, "prompt") + text(record, "canonical_solution")
    return "\n".join(
        [
            f"_program = {name}",
            reference.replace("\r\n", "\n"),
            f"_reference = {name}",
            "import copy, json, math",
            "def _same(a, b):",
            "    if isinstance(a, float) or isinstance(b, float):",
            "        return type(a) in (int, float, bool) and type(b) in (int, float, bool) and (",
            f"            a == b or math.isclose(a, b, rel_tol=1e-7, abs_tol={atol!r})",
            "            or (a != a and b != b))",
            "    if isinstance(a, (list, tuple)) and type(a) is type(b) and len(a) == len(b):",
            "        return all(_same(x, y) for x, y in zip(a, b))",
            "    return a == b",
            f"for _given in json.loads({json.dumps(json.dumps(inputs))}):",
            "    _wanted = _reference(*copy.deepcopy(_given))",
            "    _made = _program(*copy.deepcopy(_given))",
            "    assert _same(_made, _wanted), f'for {str(_given)[:80]}: {str(_made)[:80]}'",
            "",
        ]
    )


def _list(record: Record, field: str) -> list[Any]:
    found = record[field]
    if not isinstance(found, list):
        raise TypeError(field)
    return found
