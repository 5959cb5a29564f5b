"""A task of the tunnel: what the raw text says of it, what is asked, and how it is judged.

The shelf `tasks/` holds one task a file.  Its docstring says what a base *knows from pretraining*
and what is *a skill to be learnt*, for that is what decides how the task grows with data.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil
from random import Random
from typing import Any, TypeVar

from espalier.ability import Message, Use
from espalier.shelf import Shelf
from espalier.tunnel.world import World

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Construction:
    """How training rows came to be: how varied, how broad, and how often wrong."""

    templates: int | None = None
    """How many wordings of each thing are used; None: all of them."""
    breadth: float = 1.0
    """Share of the content (people, creatures, operations...) that the rows speak of."""
    wrong: float = 0.0
    """Share of the rows whose reply is wrong."""

    def choose(self, random: Random, wordings: Sequence[T]) -> T:
        """Choose among the wordings this construction knows."""
        return random.choice(wordings[: self.templates])

    def among(self, content: Sequence[T]) -> Sequence[T]:
        """Return the content this construction speaks of, the same beginning every time."""
        if self.breadth == 1:
            return content
        return content[: max(1, ceil(self.breadth * len(content)))]

    def errs(self, random: Random) -> bool:
        """Say whether this row's reply is to be wrong."""
        return self.wrong > 0 and random.random() < self.wrong


CONSTRUCTIONS: Mapping[str, Construction] = {
    "human": Construction(),
    "synthetic": Construction(templates=1, breadth=0.5, wrong=0.15),
    "synthetic_weak": Construction(templates=1, breadth=0.25, wrong=0.4),
    "synthetic_strong": Construction(templates=3, breadth=1.0, wrong=0.02),
}
"""Two constructions after Song et al., and two by which "human beats synthetic" can fail or not.

`human` is varied and right; `synthetic` has one wording for each thing, half of the content, and
15 % wrong rows; `synthetic_weak` is narrower and wronger, `synthetic_strong` nearly human.
"""


@dataclass(frozen=True, kw_only=True)
class Question:
    """A prompt with its reply, and what is needed to judge another reply."""

    prompt: str
    """The last thing the user says."""
    reply: str
    before: tuple[tuple[str, str], ...] = ()
    """Earlier turns of the conversation: what the user said and what was replied."""
    distractors: tuple[str, ...] = ()
    """Replies that are wrong in a detail or beside the point, to be compared with the right one."""
    chance: float | None = None
    cluster: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def asked(self) -> str:
        """Return all that the user says: what tells one question from another."""
        return "\n".join((*(user for user, _ in self.before), self.prompt))

    def messages(self) -> tuple[Message, ...]:
        """Return the conversation up to the user's last turn."""
        told: list[Message] = []
        for user, assistant in self.before:
            told.append(Message(role="user", content=user))
            told.append(Message(role="assistant", content=assistant))
        return (*told, Message(role="user", content=self.prompt))


Ask = Callable[[World, Random, Construction], Question]
Judge = Callable[[World, Question], Mapping[str, Any] | None]
Write = Callable[[World, Random], str]


@dataclass(frozen=True, kw_only=True)
class Task:
    """One thing the tunnel's models can learn."""

    ask: Ask
    scorers: tuple[Use, ...]
    max_new_tokens: int
    documents: Mapping[Write, float] = field(default_factory=dict)
    """How the raw text speaks of it, each kind of document with its weight in the corpus."""
    words: Callable[[World], Sequence[str]] = lambda _world: ()
    """The words of it that should be whole tokens, beside the world's own."""
    trained: bool = True
    """False: measured only; there are no training rows."""
    judge: Judge | None = None
    """What an item needs beyond its question, or None where no reply to it could be judged.

    Apart from `ask`, since it may cost time and training rows do without.
    """


tasks: Shelf[Task] = Shelf("espalier.tunnel.tasks")
"""`tasks["math"] -> Task`"""
