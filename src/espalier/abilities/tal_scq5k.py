"""TAL-SCQ5K: competition mathematics for schools, one right option (TAL, 2023).

`tal_scq5k:zh` are the 2,000 Chinese questions of the test split, `tal_scq5k:en` the 2,000 English
ones.  The release has variants of the same question in train and test; a study that trains on it
measures that, too.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Literal

from espalier.abilities._data import Limit, every, find, rows, text
from espalier.abilities._exam import RAW_STOP, By, Form, Question, ask, item, scorers
from espalier.ability import Ability, Item
from espalier.format import Record

STEMS = {"zh": "ch_single_choice", "en": "en_single_choice"}
FETCH = "{stem}_constructed_5K/{stem}_test_2K.jsonl from github.com/math-eval/TAL-SCQ5K"
ASKED = {
    "zh": "{problem}\n{options}\n答案：",
    "en": "{problem}\n{options}\nAnswer:",
}


def tal_scq5k(
    *,
    task: Literal["zh", "en"] = "zh",
    by: By = "text",
    form: Form = "chat",
    data: str | None = None,
    limit: Limit | None = None,
    name: str = "tal_scq5k",
) -> Ability:
    """Read the questions of `task` from `data`, or from the folder that ESPALIER_DATA names."""
    file = f"{STEMS[task]}_test_2K.jsonl"
    places = (f"tal_scq5k/{file}", file, f"{STEMS[task]}_constructed_5K/{file}")
    found = find(f"TAL-SCQ5K's {task}", places, data, fetch=FETCH.format(stem=STEMS[task]))
    welcome = "{problem, answer_option_list, answer_value}"
    items = rows(found, partial(_item, task, form), welcome=welcome)
    return Ability(
        name=name,
        items=every(items, limit),
        scorers=scorers(by),
        suite="tal_scq5k",
        max_new_tokens=512,
        stop=RAW_STOP if form == "raw" else (),
    )


def _item(task: str, form: Form, number: int, record: Record) -> Item:
    options = [_content(group[0]) for group in record["answer_option_list"]]
    listed = "\n".join(f"{letter}. {option}" for letter, option in options)
    asked = ASKED[task].format(problem=text(record, "problem").strip(), options=listed)
    question = Question(
        text=asked, options=[option for _, option in options], answer=text(record, "answer_value")
    )
    return item(
        f"tal_scq5k/{task}/{number}",
        question,
        prompt=ask(question, form=form),
        before=" " if form == "raw" and task == "en" else "",
    )


def _content(option: dict[str, Any]) -> tuple[str, str]:
    return option["aoVal"], option["content"].strip()
