"""What the exams share: how a question of lettered options becomes an item, and is asked.

    Question --with examples--> text that goes on with the letter, or a conversation --> Item

`form: chat` asks in the model's own chat template, as models that were tuned on conversations are
asked (Song et al. 2023); `form: raw` is plain text that goes on with the letter, as base models
are asked (CMMLU, AGIEval, lm-evaluation-harness).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from math import comb
from string import ascii_uppercase
from typing import Any, Literal, TypeVar

from espalier.ability import Item, Message, Prompt, Use
from espalier.errors import DataError, SpecError

By = Literal["text", "likelihood", "text_then_likelihood"]
Form = Literal["chat", "raw"]
T = TypeVar("T")

RAW_STOP = ("\n\n",)
"""What ends a reply to raw text: where the next question would begin."""


@dataclass(frozen=True, kw_only=True)
class Question:
    """A question as it is asked, up to where the letter goes."""

    text: str
    options: Sequence[str]
    answer: str | Sequence[str]
    """A letter, or a list of letters where several may be right."""

    @property
    def reply(self) -> str:
        """Return the answer as a reply gives it: `B`, or `ACD`."""
        return self.answer if isinstance(self.answer, str) else "".join(self.answer)


def item(
    name: str,
    question: Question,
    *,
    prompt: Prompt,
    cluster: str | None = None,
    before: str = "",
    facts: Mapping[str, Any] | None = None,
) -> Item:
    """Make the item of `question`; `before` stands before every letter, as a space after raw text.

    Guessing one of n options scores 1 / n; guessing a set of which the size k is known scores
    1 / C(n, k), as Song et al. 2023 count it.
    """
    letters = ascii_uppercase[: len(question.options)]
    if not question.reply or not set(question.reply) <= set(letters):
        raise DataError(f"{name}: its answer '{question.reply}' names no option")
    others = [letter for letter in letters if letter != question.reply]
    several = not isinstance(question.answer, str)
    answer = list(question.answer) if several else question.answer
    return Item(
        id=name,
        prompt=prompt,
        target=before + question.reply,
        candidates=tuple(before + letter for letter in (question.reply, *others)),
        cluster=cluster,
        chance=1 / comb(len(letters), len(question.reply)),
        facts={"options": list(question.options), "answer": answer, **(facts or {})},
    )


def ask(
    question: Question,
    examples: Sequence[Question] = (),
    *,
    form: Form,
    head: str = "",
    gap: str = "\n\n",
    before: str = "",
    turns: bool = True,
) -> Prompt:
    """Ask `question` after solved `examples`.

    In a chat each example is a turn of its own with its reply; without `turns` all stand in one
    message, as raw text has them: each with its letter, and `gap` between two.
    """
    solved = [example.text + before + example.reply for example in examples]
    if form == "raw":
        return head + "".join(text + gap for text in solved) + question.text
    if not turns:
        whole = head + "".join(text + gap for text in solved) + question.text
        return (Message(role="user", content=whole),)
    messages = [
        message
        for example in examples
        for message in (
            Message(role="user", content=example.text),
            Message(role="assistant", content=example.reply),
        )
    ]
    messages.append(Message(role="user", content=question.text))
    messages[0] = Message(role="user", content=head + messages[0]["content"])
    return tuple(messages)


def scorers(by: By, *, macro: bool = False) -> tuple[Use, ...]:
    """Return the scorers of an exam: of many subjects, the mean over subjects goes first."""
    averages = ({"average": "clusters"}, {}) if macro else ({},)
    choices = (Use(scorer="choice", options={"by": by} | average) for average in averages)
    return (*choices, Use(scorer="nll"))


def some(groups: Sequence[Sequence[T]], limit: int | None) -> tuple[T, ...]:
    """Return all, or the first `limit` taking turns among the groups, so that none is left out."""
    if limit is None:
        return tuple(chain.from_iterable(groups))
    rounds = ((g, i) for i in range(max(map(len, groups))) for g in range(len(groups)))
    taken = [(g, i) for g, i in rounds if i < len(groups[g])][:limit]
    return tuple(groups[g][i] for g, i in sorted(taken))


def texts(shown: Sequence[str]) -> list[str]:
    """Return options without their letters, in the letters' order where all are there.

    Sources write `(A)text`, `A. text`, `A text` and, in a few questions, B and C the other way
    round; the letter of a reply means the letter that is shown.
    """
    found = [_LETTERED.fullmatch(option) for option in shown]
    pairs = [(match[1], match[2].strip()) for match in found if match]
    if len(pairs) < len(shown):
        return [option.strip() for option in shown]
    whole = sorted(letter for letter, _ in pairs) == list(ascii_uppercase[: len(pairs)])
    return [option for _, option in (sorted(pairs) if whole else pairs)]


_LETTERED = re.compile(r"\s*[(（]?([A-G])(?:[)）]|\s*[.．、:：?]|\s)\s*(.*)", re.DOTALL)


def clusters(passages: Sequence[str | None], name: str) -> list[str | None]:
    """Return for each question a name for its passage: the number of the first that has it."""
    known: dict[str, int] = {}
    for number, passage in enumerate(passages):
        known.setdefault(passage or "", number)
    return [f"{name}/{known[passage]}" if passage else None for passage in passages]


def first(examples: Sequence[T], shots: int, what: str) -> Sequence[T]:
    """Return the first `shots` examples, or refuse where there are fewer."""
    if shots > len(examples):
        raise SpecError(f"{what}: {shots} shots asked for; there are {len(examples)} examples")
    return examples[:shots]
