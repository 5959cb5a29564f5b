"""MBPP: short Python functions from one sentence and three asserts (Austin et al., 2021).

Asked are the 500 problems of its test split, task ids 11 to 510.  The tests stand in the question,
since they alone name the function; with `shots`, up to three of the published examples (task ids
2, 3, 4) go before.
"""

from __future__ import annotations

import ast
import warnings
from typing import Annotated, Any, Literal

from pydantic import Field

from espalier.abilities._data import Limit, every, find, rows, text
from espalier.abilities._programs import graders
from espalier.ability import Ability, Item, Message, Use
from espalier.errors import DataError
from espalier.format import Record

PLACES = ("mbpp/mbpp.jsonl", "mbpp.jsonl", "full/test-*.parquet")
FETCH = "mbpp/mbpp.jsonl from github.com/google-research/google-research"
EXAMPLES = (2, 3, 4)
SPLITS = {
    "prompt": range(1, 11),
    "test": range(11, 511),
    "validation": range(511, 601),
    "train": range(601, 975),
}
"""Task ids, as the paper splits them."""
ASK = (
    "You are an expert Python programmer, and here is your task: {text} "
    "Your code should pass these tests:\n\n{tests}\n"
)
BEGIN, DONE = "[BEGIN]\n", "\n[DONE]"
"""How the paper's few-shot prompt marks where code begins and ends (appendix of Austin et al.)."""


def mbpp(
    *,
    mode: Literal["instruct", "complete"] = "instruct",
    shots: Annotated[int, Field(ge=0, le=len(EXAMPLES))] = 0,
    challenge: bool = False,
    split: Literal["test", "validation", "train", "prompt"] = "test",
    samples: Annotated[int, Field(ge=1)] = 1,
    temperature: Annotated[float, Field(ge=0)] = 0.0,
    k: tuple[Annotated[int, Field(ge=1)], ...] = (1,),
    sandbox: str = "bubblewrap",
    data: str | None = None,
    limit: Limit | None = None,
    name: str = "mbpp",
) -> Ability:
    """Read the problems from `data`; `challenge` also judges by the hidden, harder tests."""
    file = find("MBPP", PLACES, data, fetch=FETCH)
    records = dict(rows(file, _read, welcome="{task_id, text, code, test_list}"))
    shown = _examples(records, shots, str(file))
    ids = SPLITS[split]
    items = [_item(r, shown, mode, temperature, challenge) for n, r in records.items() if n in ids]
    if not items:
        raise DataError(f"{file}: none of the {split} split's task ids {ids[0]} to {ids[-1]}")
    return Ability(
        name=name,
        items=every(items, limit),
        scorers=(*graders(k, sandbox), Use(scorer="nll")),
        suite="mbpp, challenge tests" if challenge else "mbpp",
        max_new_tokens=512,
        stop=("[DONE]",),
        samples=samples,
    )


def _read(_: int, record: Record) -> tuple[int, Record]:
    tests = record["test_list"]
    if not tests or not all(isinstance(test, str) for test in tests):
        raise TypeError("test_list")
    return int(record["task_id"]), {**record, "code": _plain(text(record, "code"))}


def _examples(records: dict[int, Record], shots: int, file: str) -> list[Record]:
    wanted = EXAMPLES[:shots]
    if missing := [n for n in wanted if n not in records]:
        raise DataError(f"{file}: the examples of `shots` are task ids 2, 3, 4; no {missing[0]}")
    return [records[n] for n in wanted]


def _item(
    record: Record, shown: list[Record], mode: str, temperature: float, challenge: bool
) -> Item:
    code = text(record, "code")
    tests = [_plain(test) for test in record["test_list"]]
    hidden = [_plain(t) for t in record.get("challenge_test_list") or []] if challenge else []
    judged = "\n".join([_plain(str(record.get("test_setup_code") or "")), *tests, *hidden])
    if mode == "complete":
        parts = [f"{_ask(r)}{BEGIN}{_plain(text(r, 'code'))}{DONE}\n\n" for r in shown]
        prompt: str | tuple[Message, ...] = "".join([*parts, f"{_ask(record)}{BEGIN}"])
        target = code
    else:
        turns: list[Message] = []
        for one in shown:
            turns.append(Message(role="user", content=_ask(one)))
            turns.append(Message(role="assistant", content=_block(_plain(text(one, "code")))))
        prompt = (*turns, Message(role="user", content=_ask(record)))
        target = _block(code)
    return Item(
        id=f"mbpp/{record['task_id']}",
        prompt=prompt,
        target=target,
        chance=0.0,
        temperature=temperature,
        facts={"tests": judged, **_needed(code, judged)},
    )


def _ask(record: Record) -> str:
    tests = "\n".join(_plain(test) for test in record["test_list"])
    return ASK.format(text=text(record, "text", "prompt").strip(), tests=tests)


def _block(code: str) -> str:
    return f"```python\n{code}\n```"


def _plain(code: str) -> str:
    return code.replace("\r\n", "\n").replace("\r", "\n")


def _needed(reference: str, tests: str) -> dict[str, Any]:
    """Return what the tests use that the reference brings: its names, and modules it imports."""
    try:
        with warnings.catch_warnings(action="ignore"):  # old code has odd escapes in its strings
            defined, used = ast.parse(reference), ast.parse(tests)
    except SyntaxError as error:
        raise ValueError(str(error)) from None
    wanted = {node.id for node in ast.walk(used) if isinstance(node, ast.Name)}
    names: set[str] = set()
    imports = []
    for node in defined.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign):
            names.update(target.id for target in node.targets if isinstance(target, ast.Name))
        elif isinstance(node, ast.Import | ast.ImportFrom) and wanted & {
            alias.asname or alias.name for alias in node.names
        }:
            imports.append(ast.unparse(node))
    return {"names": sorted(names & wanted), "setup": "\n".join(imports)}
