"""DoIT: ten Chinese abilities and three out-of-domain exams (Song et al., 2023).

In the data set's own form: a JSON line has `messages` (the last of them the reference), and beside
them `type`, `question_format` (0: one right answer; 1: open-ended), `choices` (the gold answer and
its distractors) where it is open-ended, and `answer` where the reference says more than that.
Answers are found by the rules of `scorers/exact.py`; of open-ended items the likelihoods of the
choices are compared.  Its training files are sources as they are: they are of format `messages`.
"""

from __future__ import annotations

import hashlib
import re
from functools import partial
from math import comb
from string import ascii_uppercase
from typing import Any, Literal

from espalier.abilities._data import Limit, every, find_all, one_of, rows, text
from espalier.ability import Ability, Item, Message, Use
from espalier.errors import DataError
from espalier.format import Record

FILES = {
    "biology": "biology_*",
    "history": "history_*",
    "code": "code_*",
    "creative_writing": "creative_writing_*",
    "chinese": "chinese_*",
    "understanding": "understanding_*",
    "role_play": "role_play_*",
    "reasoning": "reasoning_*",
    "math": "math_*",
    "ethics": "ethics_*",
    "teacher_qualification": "ceval_teacher_qualification_*",
    "physician": "ceval_physician_*",
    "urban_and_rural_planner": "ceval_urban_and_rural_planner_*",
}
"""The tasks, and how the names of their files begin."""

EXAMS = ("teacher_qualification", "physician", "urban_and_rural_planner")
FETCH = "{} from the data set ChiyuSONG/dynamics-of-instruction-tuning of the Hugging Face hub"
WELCOME = (
    "{messages, type, question_format: 0} with a letter, verdict or blank as the last message or "
    "`answer`, or {messages, question_format: 1, choices: [gold, distractor, ...]}"
)
_OPTION = re.compile(r"(?:^|[\s(（])([A-F])\s*[.．、:：)）]", re.MULTILINE)


def doit(
    *,
    task: str | None = None,
    split: Literal["test", "valid"] = "test",
    as_published: bool = False,
    data: str | None = None,
    limit: Limit | None = None,
    name: str | None = None,
) -> Ability:
    """Read the items of one task (`doit:biology`), or of all that have one right answer.

    `as_published` grades as the authors' code does, its flaws included.
    """
    asked = one_of(task, tuple(FILES), what="DoIT")
    read = [(found, item) for found in asked for item in _items(found, split, data, as_published)]
    exact = [item for _, item in read if "kind" in item.facts]
    if task is not None and exact and len(exact) < len(read):
        raise DataError(
            f"doit:{task}: its items are partly open-ended; give each kind its own file"
        )
    opened = task is not None and not exact
    headline = (
        Use(scorer="distractors", options={"as_published": as_published})
        if opened
        else Use(scorer="exact", options={"rule": "doit", "as_published": as_published})
    )
    return Ability(
        name=name or task or "doit",
        items=every([item for _, item in read] if opened else exact, limit),
        scorers=(headline, Use(scorer="nll")),
        role="out" if task in EXAMS else None,
        suite="doit",
        max_new_tokens=1024,
    )


def _items(task: str, split: str, data: str | None, as_published: bool) -> list[Item]:
    file = f"{FILES[task]}.json"
    places = [f"{folder}curated/{split}/{file}" for folder in ("", "doit/")]
    places += [f"{folder}{split}/{file}" for folder in ("", "curated/")]
    fetch = FETCH.format(f"curated/{split}/{FILES[task].removesuffix('_*')}_....json")
    found = find_all(f"DoIT's {task}", places, data, fetch=fetch)[0]
    return rows(found, partial(_item, task, split, as_published), welcome=WELCOME)


def _item(task: str, split: str, as_published: bool, number: int, record: Record) -> Item | None:
    messages = [
        Message(role=message["role"], content=text(message, "content"))
        for message in record["messages"]
    ]
    ends = messages[-1]["role"] == "assistant"
    prompt = tuple(messages[:-1] if ends else messages)
    target = messages[-1]["content"] if ends else ""
    made: dict[str, Any] = {
        "id": f"doit/{split}/{task}/{number}",
        "prompt": prompt,
        "cluster": _conversation(prompt) if task == "understanding" else None,
    }
    if record["question_format"] == 1:
        choices = tuple(str(choice) for choice in record["choices"])
        if len(choices) < 2:
            return None
        return Item(target=choices[0], candidates=choices, chance=1 / len(choices), **made)
    answer = str(record.get("answer") or target).strip()
    kind, chance = _kind(task, answer, prompt)
    letters: tuple[str, ...] = ()
    if kind == "choice":
        offered = "ABCD" if as_published else ascii_uppercase[: _options(prompt)]
        letters = (answer, *(letter for letter in offered if letter != answer))
    return Item(
        target=target or answer,
        candidates=letters,
        chance=chance,
        facts={"answer": answer, "kind": kind},
        **made,
    )


def _kind(task: str, answer: str, prompt: tuple[Message, ...]) -> tuple[str, float]:
    """Return by which rule an answer is found, and what guessing scores (their `expected`)."""
    if task == "math":
        return "math", 0.0
    if task == "ethics":
        right, options = len(set(re.findall("[A-F]", answer))), _options(prompt)
        return "multi_select", 1 / comb(max(right, options), right)
    if re.fullmatch("[A-F]", answer):
        return "choice", 1 / _options(prompt)
    if task == "history":
        return "true_false", 0.5
    if task == "chinese":
        return "blank", 0.0
    raise ValueError(answer)


def _options(prompt: tuple[Message, ...]) -> int:
    """Return how many options the last question has: 4 where they cannot be counted."""
    found = sorted(set(_OPTION.findall(prompt[-1]["content"])))
    whole = len(found) > 1 and found == list(ascii_uppercase[: len(found)])
    return len(found) if whole else 4


def _conversation(prompt: tuple[Message, ...]) -> str:
    """Return a name for the dialogue that several questions are about."""
    return hashlib.sha256(prompt[0]["content"].encode()).hexdigest()[:12]
