"""The raw text a base is pretrained on: documents of every task, in the shares the tasks name.

No document is a conversation, so a base knows the world and nothing of being asked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from random import Random

from espalier.tunnel.task import Write, tasks
from espalier.tunnel.world import THINGS, VALUES, World, broken


def corpus(world: World, *, seed: int = 0) -> Iterator[str]:
    """Yield documents without end, the same for the same world and seed."""
    shares = _shares()
    random = world.random("corpus", seed)
    writers, weights = list(shares), list(shares.values())
    while True:
        yield random.choices(writers, weights)[0](world, random)


@cache
def words(world: World) -> tuple[str, ...]:
    """Return the words that should be whole tokens: who and what the world is made of."""
    values = (value for every in VALUES.values() for value in every)
    numerals = (word for kind in world.numeral_words.values() for word in kind)
    told = (word for task in tasks.values() for word in task.words(world))
    return tuple(dict.fromkeys([*world.names, *THINGS, *values, *numerals, *told]))


def _shares() -> Mapping[Write, float]:
    shares: dict[Write, float] = {_note: 0.2}
    for task in tasks.values():
        shares.update(task.documents)
    return shares


def _note(world: World, random: Random) -> str:
    """Write something twice: the text in which a model learns to copy."""
    known = [*words(world), *map(str, range(world.largest + 1))]
    said = " ".join(random.choices(known, k=random.randint(3, 8)))
    return broken(random, [f"note : {said} .", f"again : {said} ."], " ")
