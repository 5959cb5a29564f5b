"""What C3 and DREAM share: questions about dialogues, as their authors' files hold them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from string import ascii_uppercase

from espalier.abilities._data import rows
from espalier.abilities._exam import Form, Question, ask, item
from espalier.ability import Item
from espalier.format import Record

WELCOME = "{id, dialogue, questions: [{question, choice, answer}]}, the answer one of the choices"


def dialogues(file: Path, *, name: str, words: Mapping[str, str], form: Form) -> list[Item]:
    """Read the questions of every dialogue; those about one dialogue are a cluster."""
    read = partial(_items, name, words, form)
    return [one for items in rows(file, read, welcome=WELCOME) for one in items]


def _items(
    name: str, words: Mapping[str, str], form: Form, _: int, record: Record
) -> list[Item] | None:
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
