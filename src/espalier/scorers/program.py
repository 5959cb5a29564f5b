"""A list function, judged by hidden tests in the tunnel's own interpreter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from espalier.ability import Grade, Item, Reply, Scorer
from espalier.errors import DataError
from espalier.tunnel.interpreter import Program, ProgramError


def program() -> Scorer:
    """Score 1 where the reply's function passes every test in the item's `facts["tests"]`, else 0.

    A test is an `input` list with its `output`.  Model text is interpreted, never executed.
    Raises `DataError` for an item without tests.
    """
    return Scorer(metric="pass_at_1", asks="generate", grade=_grade)


def _grade(item: Item, reply: Reply) -> Grade:
    if not item.facts.get("tests"):
        raise DataError(f"item {item.id} has no tests; `program` judges by facts['tests']")
    if reply.text is None:
        return Grade(score=None, reason="there is no reply")
    source = reply.text.strip()
    try:
        reason = _first_failure(Program(source), item)
    except ProgramError as error:
        reason = str(error)
    return Grade(score=float(reason is None), extracted=source, reason=reason)


def _first_failure(function: Program, item: Item) -> str | None:
    tests: list[Mapping[str, Any]] = item.facts["tests"]
    for test in tests:
        given, wanted = test["input"], test["output"]
        if (found := function.run(given)) != wanted:
            return f"for {given} it gives {found}, not {wanted}"
    return None
