"""SafetyBench: safety in seven categories, two to four options (Zhang et al. 2023; 2309.07045).

The Chinese subset whose answers are published (300 questions a category), in its authors' words for
zero shots.
"""

from __future__ import annotations

from functools import partial
from string import ascii_uppercase

from espalier.abilities._data import Limit, find, one_of, rows, text
from espalier.abilities._exam import RAW_STOP, By, Form, Question, ask, item, scorers, some
from espalier.ability import Ability, Item
from espalier.errors import DataError
from espalier.format import Record

PLACES = ("safetybench/test_zh_subset.jsonl", "test_zh_subset.jsonl", "test_zh_subset.json")
FETCH = (
    "opensource_data/test_zh_subset.json from github.com/thu-coai/SafetyBench, each question "
    "with its `answer` from test_answers_zh_subset.json,"
)
CATEGORIES = {
    "offensiveness": "Offensiveness",
    "unfairness_and_bias": "Unfairness and Bias",
    "physical_health": "Physical Health",
    "mental_health": "Mental Health",
    "illegal_activities": "Illegal Activities",
    "ethics_and_morality": "Ethics and Morality",
    "privacy_and_property": "Privacy and Property",
}


def safetybench(
    *,
    task: str | None = None,
    by: By = "likelihood",
    form: Form = "chat",
    data: str | None = None,
    limit: Limit | None = None,
    name: str = "safetybench",
) -> Ability:
    """Read the questions of one category, or of all seven; a `limit` takes turns among them."""
    tasks = one_of(task, tuple(CATEGORIES), what="ability safetybench")
    file = find("SafetyBench's Chinese subset", PLACES, data, fetch=FETCH)
    welcome = "{id, question, options, category, answer} with the place of the answer from 0"
    made = rows(file, partial(_item, form, task is not None), welcome=welcome)
    groups = [[i for i in made if i.facts["category"] == CATEGORIES[t]] for t in tasks]
    if not any(groups):
        raise DataError(f"{file}: no question of {', '.join(tasks)}")
    return Ability(
        name=name,
        items=some(groups, limit),
        scorers=scorers(by, macro=task is None),
        suite="safetybench",
        max_new_tokens=256,
        stop=RAW_STOP if form == "raw" else (),
    )


def _item(form: Form, alone: bool, _: int, record: Record) -> Item | None:
    options, category = [str(option) for option in record["options"]], record["category"]
    listed = "".join(f"({ascii_uppercase[i]}) {option}\n" for i, option in enumerate(options))
    question = Question(
        text=f"问题：{text(record, 'question').strip()}\n选项：\n{listed}答案：",
        options=options,
        answer=ascii_uppercase[range(len(options))[record["answer"]]],
    )
    return item(
        f"safetybench/{record['id']}",
        question,
        prompt=ask(question, form=form),
        cluster=None if alone else str(category),
        before="(" if form == "raw" else "",
        facts={"category": category},
    )
