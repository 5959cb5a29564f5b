"""What C3 and DREAM share: questions about dialogues.

Read are JSON lines of {id, dialogue, questions}, and the authors' own files: one array of
[dialogue, questions, id].
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from string import ascii_uppercase
from typing import Any

from espalier.abilities._data import rows
from espalier.abilities._exam import Form, Question, ask, item
from espalier.ability import Item
from espalier.errors import DataError
from espalier.format import Record

WELCOME = "{id, dialogue, questions: [{question, choice, answer}]}, the answer one of the choices"


def dialogues(file: Path, *, name: str, words: Mapping[str, str], form: Form) -> list[Item]:
    """Read the questions of every dialogue; those about one dialogue are a cluster."""
    read = partial(_items, name, words, form)
    if file.suffix != ".json":
        return [one for items in rows(file, read, welcome=WELCOME) for one in items]
    made: list[Item] = []
    for number, entry in enumerate(_array(file)):
        try:
            dialogue, questions, known = entry
            made += read(number, {"dialogue": dialogue, "questions": questions, "id": known})
        except (KeyError, TypeError, ValueError):
            raise DataError(f"{file}, row {number + 1}: not [dialogue, questions, id]") from None
    return made


def _array(file: Path) -> list[Any]:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, ValueError) as error:
        raise DataError(f"{file}: not JSON ({str(error).partition(':')[0]})") from None
    if not isinstance(found, list):
        raise DataError(f"{file}: not an array of [dialogue, questions, id]")
    return found


def _items(name: str, words: Mapping[str, str], form: Form, _: int, record: Record) -> list[Item]:
    cluster = f"{name}/{record['id']}"
    questions = [*_questions(words, record)]
    return [
        item(
            f"{cluster}/{number}",
            question,
            prompt=ask(question, form=form),
            cluster=cluster,
            before=words["before"] if form == "raw" else "",
        )
        for number, question in enumerate(questions)
    ]


def _questions(words: Mapping[str, str], record: Record) -> Iterator[Question]:
    """Yield a dialogue's questions; `ValueError` where an answer is none of the choices."""
    dialogue = "\n".join(record["dialogue"])
    for asked in record["questions"]:
        options = [str(option) for option in asked["choice"]]
        listed = "\n".join(f"{ascii_uppercase[i]}. {o}" for i, o in enumerate(options))
        yield Question(
            text=words["asked"].format(
                dialogue=dialogue, question=asked["question"], options=listed
            ),
            options=options,
            answer=ascii_uppercase[options.index(asked["answer"])],
        )
