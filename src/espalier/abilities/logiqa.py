"""LogiQA: logical reasoning about a passage, four options (Liu et al. 2020; LogiQA 2.0, 2023).

`zh` and `en` are the 651 questions of the test split of LogiQA 1.0, as AGIEval holds them; `zh2` is
the Chinese dev split of LogiQA 2.0, the one that is published without registration.  Of `zh2` do
not take rows that you train on.
"""

from __future__ import annotations

from functools import partial
from typing import Literal

from espalier.abilities._data import Limit, every, find, rows, text
from espalier.abilities._exam import (
    RAW_STOP,
    By,
    Form,
    Question,
    ask,
    clusters,
    item,
    scorers,
    texts,
)
from espalier.ability import Ability
from espalier.format import Record

AGIEVAL = "data/v1/logiqa-{}.jsonl from github.com/ruixiangcui/AGIEval"
PLACES = {
    "zh": ("agieval/logiqa-zh.jsonl", "data/v1/logiqa-zh.jsonl", "logiqa-zh.jsonl"),
    "en": ("agieval/logiqa-en.jsonl", "data/v1/logiqa-en.jsonl", "logiqa-en.jsonl"),
    "zh2": ("logiqa2_zh/dev_zh.jsonl", "dev_zh.jsonl"),
}
FETCH = {
    "zh": AGIEVAL.format("zh"),
    "en": AGIEVAL.format("en"),
    "zh2": "logiqa/DATA/LOGIQA/dev_zh.txt (its lines are JSON) from github.com/csitfun/LogiQA2.0",
}
ASKED = {
    "zh": "{passage}\n\n问题：{question}\n{options}\n答案：",
    "en": "{passage}\n\nQuestion: {question}\n{options}\nAnswer:",
}


def logiqa(
    *,
    task: Literal["zh", "en", "zh2"] = "zh",
    by: By = "likelihood",
    form: Form = "chat",
    data: str | None = None,
    limit: Limit | None = None,
    name: str = "logiqa",
) -> Ability:
    """Read the questions of `task`; the words of the prompt are ours."""
    file = find(f"LogiQA's {task}", PLACES[task], data, fetch=FETCH[task])
    welcome = "{passage, question, options, label} or {text, question, options, answer}"
    questions = rows(file, partial(_question, task), welcome=welcome)
    passages = clusters([passage for passage, _ in questions], f"logiqa/{task}")
    made = [
        item(
            f"logiqa/{task}/{number}",
            question,
            prompt=ask(question, form=form),
            cluster=passages[number],
            before=" " if form == "raw" and task == "en" else "",
        )
        for number, (_, question) in enumerate(questions)
    ]
    return Ability(
        name=name,
        items=every(made, limit),
        scorers=scorers(by),
        suite="logiqa",
        max_new_tokens=256,
        stop=RAW_STOP if form == "raw" else (),
    )


def _question(task: str, _: int, record: Record) -> tuple[str, Question]:
    """Return a question and its passage."""
    passage = text(record, "passage", "text")
    answer = record["label"] if "label" in record else "ABCD"[record["answer"]]
    language = "en" if task == "en" else "zh"
    options = texts(record["options"])
    listed = "\n".join(f"{letter}. {o}" for letter, o in zip("ABCD", options, strict=True))
    asked = ASKED[language].format(
        passage=passage, question=text(record, "question"), options=listed
    )
    return passage, Question(text=asked, options=options, answer=answer)
