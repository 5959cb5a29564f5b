"""General questions as users send them: a quarter of them ask for code or math, chattily.

Known from pretraining: what `general`, `math` and `code` know.  A skill to be learnt: theirs.  It
is to `general` what ShareGPT is to ShareGPT without its code and math (Dong et al. 2024, section
4.2): `general` is the same set without the hidden quarter.  Give its rows the ability `general` and
compare.  Its own items are general questions only, so it is measured as `general` is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from random import Random
from typing import Any

from espalier.tunnel.task import Construction, Question, Task, tasks
from espalier.tunnel.world import World

HIDDEN = 0.25
"""Share of the rows that ask for code or math."""

_CHATTY = (
    "hi , can you help ? {asked}",
    "hello . {asked} thanks .",
    "one more : {asked}",
    "{asked} i am stuck .",
)


def _ask(world: World, random: Random, construction: Construction) -> Question:
    if random.random() >= HIDDEN:
        return tasks["general"].ask(world, random, construction)
    hidden = tasks[random.choice(("code", "math"))].ask(world, random, construction)
    wording = construction.choose(random, _CHATTY)
    return replace(hidden, prompt=wording.format(asked=hidden.prompt), facts={"hidden": True})


def _judge(_world: World, question: Question) -> Mapping[str, Any] | None:
    """Leave hidden questions out: they are not judged as general ones are."""
    return None if "hidden" in question.facts else {}


chat = Task(
    ask=_ask,
    judge=_judge,
    scorers=tasks["general"].scorers,
    max_new_tokens=tasks["general"].max_new_tokens,
)
