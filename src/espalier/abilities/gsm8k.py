"""GSM8K: grade-school word problems (Cobbe et al., 2021), the 1,319 of the test split.

Asked as they are, without examples; the reply's number after `####` counts.
"""

from __future__ import annotations

from espalier.abilities._data import Limit, every, find, rows, text
from espalier.ability import Ability, Item, Message, Use
from espalier.format import Record

PLACES = ("gsm8k/test.jsonl", "test.jsonl", "main/test-*.parquet")
FETCH = "grade_school_math/data/test.jsonl from github.com/openai/grade-school-math"


def gsm8k(*, data: str | None = None, limit: Limit | None = None, name: str = "gsm8k") -> Ability:
    """Read the test split from the folder `data`, or from the one that ESPALIER_DATA names."""
    file = find("GSM8K's test split", PLACES, data, fetch=FETCH)
    items = rows(file, _read, welcome="{question, answer} with the final number after '####'")
    return Ability(
        name=name,
        items=every(items, limit),
        scorers=(Use(scorer="exact", options={"rule": "gsm8k"}), Use(scorer="nll")),
        suite="gsm8k",
        max_new_tokens=256,
    )


def _read(number: int, record: Record) -> Item | None:
    question, answer = text(record, "question"), text(record, "answer")
    return _item(number, question, answer) if "####" in answer else None


def _item(number: int, question: str, answer: str) -> Item:
    return Item(
        id=f"gsm8k/test/{number}",
        prompt=(Message(role="user", content=question),),
        target=answer,
        facts={"answer": answer.rpartition("####")[2].strip()},
    )
