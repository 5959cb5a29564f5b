"""A task of the wind tunnel as an ability: `tunnel(task="math")`."""

from __future__ import annotations

from typing import Literal

from espalier.ability import Ability
from espalier.tunnel import items as draw
from espalier.tunnel.task import tasks
from espalier.tunnel.world import World


def tunnel(
    *,
    task: str,
    items: int = 200,
    split: Literal["valid", "test"] = "test",
    seed: int = 0,
    world: int = 0,
) -> Ability:
    """Return `items` items of the tunnel's `task`; `world` is the seed of the world they are of.

    The shipped bases know world 0.  Raises `SpecError` for an unknown task.
    """
    found = tasks[task]
    return Ability(
        name=task,
        items=draw(task, items=items, split=split, seed=seed, world=World(seed=world)),
        scorers=found.scorers,
        suite="tunnel",
        max_new_tokens=found.max_new_tokens,
    )
