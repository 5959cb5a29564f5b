"""Questions with lettered options: shared by the tasks that examine."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

from espalier.ability import Use
from espalier.tunnel.task import Question

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

    The reply is the option itself and not its letter: to look up what stands beside a word asks
    more of attention than a tiny model learns from a few million tokens.

    `others` are drawn from, without repetition; `instead` is what a wrong row takes to be right.
    """
    wrong = [option for option in dict.fromkeys(others) if option not in (right, instead)]
    chosen = right if instead is None else instead
    kept = list(dict.fromkeys([right, chosen]))
    options = [*kept, *random.sample(wrong, count - len(kept))]
    random.shuffle(options)
    letters = LETTERS[:count]
    told = " , ".join(f"{letter} {option}" for letter, option in zip(letters, options, strict=True))
    facts: dict[str, Any] = {"options": options, "answer": letters[options.index(right)]}
    return Question(
        prompt=f"{question} {told}",
        reply=chosen,
        before=before,
        chance=1 / count,
        cluster=cluster,
        facts=facts,
    )
