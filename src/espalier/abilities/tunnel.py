"""A task of the wind tunnel as an ability: `tunnel(task="math")`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field

from espalier.ability import Ability, Item
from espalier.tunnel import Frame
from espalier.tunnel import items as draw
from espalier.tunnel.task import tasks
from espalier.tunnel.world import Numerals, World


def tunnel(
    *,
    task: str,
    items: Annotated[int, Field(ge=1)] = 200,
    split: Literal["valid", "test"] = "test",
    seed: int = 0,
    world: int = 0,
    numerals: Numerals = "digits",
    largest: int = World.largest,
    steps: int = World.steps,
    shots: Annotated[int, Field(ge=0)] = 0,
    frame: Frame = "chat",
) -> Ability:
    """Return `items` items of the tunnel's `task`; `world` is the seed of the world they are of.

    The shipped bases know world 0; what else a world may be is said in `espalier.tunnel.world`.
    `shots` training rows are shown first; with the frame `text` all of it is raw text, which also
    an untuned base can continue.  Raises `SpecError` for an unknown task.
    """
    found = tasks[task]
    made = World(seed=world, numerals=numerals, largest=largest, steps=steps)
    drawn = draw(task, items=items, split=split, seed=seed, world=made, shots=shots, frame=frame)
    return Ability(
        name=task,
        items=drawn,
        scorers=found.scorers,
        role=None if found.trained else "out",
        suite="tunnel",
        max_new_tokens=found.max_new_tokens,
        stop=_stop(drawn) if frame == "text" else (),
    )


def _stop(items: Sequence[Item]) -> tuple[str, ...]:
    """Return what ends a reply in raw text: a line break, where no right reply has one."""
    return () if any("\n" in item.target for item in items) else ("\n",)
