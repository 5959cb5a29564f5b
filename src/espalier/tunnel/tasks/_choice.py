"""Questions with lettered options: shared by the tasks that examine."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

from espalier.ability import Use
from espalier.tunnel.corpus import words
from espalier.tunnel.task import Question
from espalier.tunnel.world import World, broken

LETTERS = ("A", "B", "C", "D")

MOST_TOKENS = 12

CHOICE = (Use(scorer="choice"), Use(scorer="nll"))
"""By what the reply says, and the likelihood of the right one."""


def choose(
    random: Random,
    question: str,
    right: str,
    others: Sequence[str],
    *,
    instead: str | None = None,
    cluster: str | None = None,
    before: tuple[tuple[str, str], ...] = (),
    count: int = 4,
) -> Question:
    """Ask `question` with `count` lettered options, one of them right.

    An option stands before its letter, and the reply says the two as the question does: recalling
    comes before looking up, and a tiny model can learn the two one after the other.

    `others` are drawn from, without repetition; `instead` is what a wrong row takes to be right.
    """
    wrong = [option for option in dict.fromkeys(others) if option not in (right, instead)]
    chosen = right if instead is None else instead
    kept = list(dict.fromkeys([right, chosen]))
    options = [*kept, *random.sample(wrong, count - len(kept))]
    random.shuffle(options)
    letters = LETTERS[:count]
    told = " , ".join(said(*pair) for pair in zip(options, letters, strict=True))
    facts: dict[str, Any] = {"options": options, "answer": letters[options.index(right)]}
    return Question(
        prompt=f"{question} {told}",
        reply=said(chosen, letters[options.index(chosen)]),
        before=before,
        chance=1 / count,
        cluster=cluster,
        facts=facts,
    )


def said(option: str, letter: str) -> str:
    """Return an option with its letter: as it is offered, and as a reply chooses it."""
    return f"{option} {letter}"


def lettered(world: World, random: Random) -> str:
    """Write a lettered list and say again what some of its letters stand for, both ways round.

    In the raw text this is how a letter and its option come to belong together.
    """
    known = [*words(world), *map(str, range(100))]
    letters = LETTERS[: random.randint(3, 4)]
    options = random.sample(known, len(letters))
    pairs = list(zip(letters, options, strict=True))
    told = "list : " + " ".join(f"{letter} {option}" for letter, option in pairs) + " ."
    again = [
        f"{letter} is {option} ." if random.random() < 0.5 else f"{option} is {letter} ."
        for letter, option in random.sample(pairs, random.randint(2, len(pairs)))
    ]
    return broken(random, [told, *again], " ")
