"""A task of the tunnel: what the raw text says of it, what is asked, and how it is judged.

The shelf `tasks/` holds one task a file.  Its docstring says what a base *knows from pretraining*
and what is *a skill to be learnt*, for that is what decides how the task grows with data.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, TypeVar

from espalier.ability import Use
from espalier.shelf import Shelf
from espalier.tunnel.world import World

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Construction:
    """How training rows came to be: how varied their wording is, and how often they are wrong."""

    templates: int | None = None
    """How many wordings of each thing are used; None: all of them."""
    wrong: float = 0.0
    """Share of the rows whose reply is wrong."""

    def choose(self, random: Random, wordings: Sequence[T]) -> T:
        """Choose among the wordings this construction knows."""
        return random.choice(wordings[: self.templates])


CONSTRUCTIONS: Mapping[str, Construction] = {
    "human": Construction(),
    "synthetic": Construction(templates=1, wrong=0.15),
}
"""`human` is varied and right; `synthetic` has one wording for each thing and 15 % wrong rows."""


@dataclass(frozen=True, kw_only=True)
class Question:
    """A prompt with its reply, and what is needed to judge another reply."""

    prompt: str
    reply: str
    chance: float | None = None
    cluster: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)


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
    trained: bool = True
    """False: measured only; there are no training rows."""
    judge: Judge | None = None
    """What an item needs beyond its question, or None where no reply to it could be judged.

    Apart from `ask`, since it may cost time and training rows do without.
    """


tasks: Shelf[Task] = Shelf("espalier.tunnel.tasks")
"""`tasks["math"] -> Task`"""
