"""GSM8K: grade-school word problems (Cobbe et al., 2021), the 1,319 of the test split.

Asked as they are, without examples, or after `shots` worked examples of the train split; the
reply's number after `####` counts, and beside it each right step on the way.
"""

from __future__ import annotations

from functools import partial

from espalier.abilities._data import Limit, Shots, every, find, pick, rows, text
from espalier.ability import Ability, Item, Message, Use
from espalier.format import Record

PLACES = ("gsm8k/test.jsonl", "test.jsonl", "main/test-*.parquet")
TRAIN = ("gsm8k/train.jsonl", "train.jsonl", "main/train-*.parquet")
FETCH = "grade_school_math/data/{}.jsonl from github.com/openai/grade-school-math"
WELCOME = "{question, answer} with the final number after '####'"


def gsm8k(
    *,
    data: str | None = None,
    shots: Shots = 0,
    seed: int = 0,
    limit: Limit | None = None,
    name: str = "gsm8k",
) -> Ability:
    """Read the test split from the folder `data`, or from the one that ESPALIER_DATA names.

    The examples are drawn from the train split by `seed`, the same ones for every question.
    """
    file = find("GSM8K's test split", PLACES, data, fetch=FETCH.format("test"))
    examples = _examples(data, shots, seed) if shots else ()
    items = rows(file, partial(_item, examples), welcome=WELCOME)
    return Ability(
        name=name,
        items=every(items, limit),
        scorers=(
            Use(scorer="exact", options={"rule": "gsm8k"}),
            Use(scorer="process"),
            Use(scorer="nll"),
        ),
        suite="gsm8k",
        max_new_tokens=256,
    )


def _examples(data: str | None, shots: int, seed: int) -> tuple[Message, ...]:
    file = find("GSM8K's train split", TRAIN, data, fetch=FETCH.format("train"))
    train = rows(file, lambda _, record: _pair(record), welcome=WELCOME)
    return tuple(message for pair in pick(train, shots, seed=seed) for message in pair)


def _pair(record: Record) -> tuple[Message, Message] | None:
    question, answer = text(record, "question"), text(record, "answer")
    if "####" not in answer:
        return None
    return Message(role="user", content=question), Message(role="assistant", content=answer)


def _item(examples: tuple[Message, ...], number: int, record: Record) -> Item | None:
    pair = _pair(record)
    if pair is None:
        return None
    question, answer = pair
    return Item(
        id=f"gsm8k/test/{number}",
        prompt=(*examples, question),
        target=answer["content"],
        chance=0.0,
        facts={"answer": answer["content"].rpartition("####")[2].strip()},
    )
