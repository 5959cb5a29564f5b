"""Self-instruct's 252 user-oriented instructions (Wang et al. 2023), judged.

People rated the replies in the paper; here a judge does, beside the instruction's reference and by
our own prompt, which is none of the paper's.
"""

from __future__ import annotations

from typing import Literal

from espalier.abilities._data import Limit, every, find, rows, text
from espalier.abilities._judged import compared
from espalier.ability import Ability, Item, Message, Use
from espalier.format import Record
from espalier.judging import Named, judged_by

PLACES = (
    "self_instruct/user_oriented_instructions.jsonl",
    "user_oriented_instructions.jsonl",
    "human_eval/user_oriented_instructions.jsonl",
)
FETCH = "human_eval/user_oriented_instructions.jsonl from github.com/yizhongw/self-instruct"


def self_instruct(
    *,
    judge: Named = None,
    against: str | None = None,
    data: str | None = None,
    limit: Limit | None = None,
    name: str = "self_instruct",
) -> Ability:
    """Read the instructions, each with its input below it where it has one.

    `against` is a file of another model's replies; it turns ratings into the share of comparisons
    won.
    """
    file = find("Self-instruct's user-oriented instructions", PLACES, data, fetch=FETCH)
    items = rows(file, _read, welcome="{id, instruction, instances: [{input, output}]}")
    mode: Literal["single", "pair"] = "single" if against is None else "pair"
    return Ability(
        name=name,
        items=every(compared(items, against), limit),
        scorers=(judged_by(judge, mode), Use(scorer="nll")),
        suite="self_instruct",
        max_new_tokens=1024,
    )


def _read(_: int, record: Record) -> Item | None:
    instance = record["instances"][0]
    asked, given = text(record, "instruction").strip(), text(instance, "input").strip()
    target = text(instance, "output").strip()
    if not asked or not target:
        return None
    prompt = f"{asked}\n\n{given}" if given else asked
    return Item(
        id=f"self_instruct/{text(record, 'id')}",
        prompt=(Message(role="user", content=prompt),),
        target=target,
    )
