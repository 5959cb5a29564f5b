"""CMATH: word problems of Chinese elementary schools, grades 1 to 6 (Wei et al., 2023).

The 600 of the published part, answered by a number, a fraction or a percentage, which counts by
its value.  `cmath:grade_3` asks one grade.
"""

from __future__ import annotations

from espalier.abilities._data import Limit, every, find_all, one_of, rows, text
from espalier.ability import Ability, Item, Message, Use
from espalier.format import Record

GRADES = tuple(f"grade_{grade}" for grade in range(1, 7))
PLACES = ("cmath/cmath_dev.jsonl", "cmath_dev.jsonl", "data/*.parquet")
FETCH = "cmath_dev.jsonl from github.com/XiaoMi/cmath"


def cmath(
    *,
    task: str | None = None,
    data: str | None = None,
    limit: Limit | None = None,
    name: str = "cmath",
) -> Ability:
    """Read the problems from the folder `data`, or from the one that ESPALIER_DATA names."""
    file = find_all("CMATH's problems", PLACES, data, fetch=FETCH)[0]
    items = rows(file, _item, welcome="{input, golden, grade}")
    asked = one_of(task, GRADES, what="CMATH")
    return Ability(
        name=name,
        items=every([item for item in items if item.facts["grade"] in asked], limit),
        scorers=(Use(scorer="exact", options={"rule": "value"}), Use(scorer="nll")),
        suite="cmath",
        max_new_tokens=512,
    )


def _item(number: int, record: Record) -> Item | None:
    grade, answer = f"grade_{int(record['grade'])}", text(record, "golden")
    if grade not in GRADES:
        return None
    return Item(
        id=f"cmath/{number}",
        prompt=(Message(role="user", content=text(record, "input")),),
        target=answer,
        chance=0.0,
        facts={"answer": answer, "grade": grade},
    )
