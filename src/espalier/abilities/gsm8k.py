"""GSM8K: grade-school word problems (Cobbe et al., 2021), the 1,319 of the test split.

Asked as they are, without examples; the reply's number after `####` counts.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

from pydantic import Field

from espalier.ability import Ability, Item, Message, Use
from espalier.errors import DataError, MissingError
from espalier.records import BadRow, records

Limit = Annotated[int, Field(ge=1)]

_PLACES = ("gsm8k/test.jsonl", "gsm8k/test.jsonl.gz", "test.jsonl", "test.jsonl.gz")


def gsm8k(*, data: str | None = None, limit: Limit | None = None, name: str = "gsm8k") -> Ability:
    """Read the test split from the folder `data`, or from the one that ESPALIER_DATA names."""
    file = _find(data or os.environ.get("ESPALIER_DATA"))
    items: list[Item] = []
    for line, record in records(file):
        match record:
            case {"question": str(question), "answer": str(answer)} if "####" in answer:
                items.append(_item(len(items), question, answer))
            case _:
                why = "not {question, answer} with the final number after '####'"
                raise DataError(str(BadRow(file=str(file), line=line, why=why)))
    return Ability(
        name=name,
        items=tuple(items[:limit]),
        scorers=(Use(scorer="exact", options={"rule": "gsm8k"}), Use(scorer="nll")),
        suite="gsm8k",
        max_new_tokens=256,
    )


def _item(number: int, question: str, answer: str) -> Item:
    return Item(
        id=f"gsm8k/test/{number}",
        prompt=(Message(role="user", content=question),),
        target=answer,
        facts={"answer": answer.rpartition("####")[2].strip()},
    )


def _find(folder: str | None) -> Path:
    """Return the test split's file, or say how to get it."""
    found = (
        [Path(folder, place) for place in _PLACES if Path(folder, place).is_file()]
        if folder
        else []
    )
    if found:
        return found[0]
    where = f"not in {folder}" if folder else "no folder is named"
    raise MissingError(
        f"GSM8K's test split: {where}; fetch grade_school_math/data/test.jsonl from "
        "github.com/openai/grade-school-math, put it into DATA/gsm8k/test.jsonl, and name DATA by "
        "the ability's `data:` or by the environment variable ESPALIER_DATA"
    )
