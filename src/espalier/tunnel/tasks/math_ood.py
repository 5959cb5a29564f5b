"""Follow a number through a bus or a shop: stories of another kind than those of `math`.

Known from pretraining: single sums, chains of sums, and one change on a bus or in a shop.  A skill
to be learnt: reading several changes and carrying each result into the next, which is what the rows
of `math` teach in another frame and other words.  It has no training rows and asks for up to one
step more: what it shows is whether the skill or only its wordings were learnt, as MATH does beside
GSM8K (Dong et al. 2024, App. F).  So it should follow `math` from below.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

from espalier.ability import Use
from espalier.tunnel.task import Construction, Question, Task
from espalier.tunnel.tasks._sums import chain, change, worked
from espalier.tunnel.world import THINGS, VALUES, World, broken, often_first


@dataclass(frozen=True, kw_only=True)
class _Frame:
    """A place where a number changes; `x` and `y` are numbers, `t` a thing, `c` a city."""

    start: tuple[str, ...]
    change: Mapping[str, tuple[str, ...]]
    end: tuple[str, ...]
    told: str
    """How the raw text says what the number is in the end."""


_FRAMES = (
    _Frame(
        start=("a bus leaves {c} with {x} people.", "{x} people sit in the bus to {c}."),
        change={
            "+": ("{y} get on.", "{y} people enter."),
            "-": ("{y} get off.", "{y} people step out."),
            "*": ("{y} times as many are in it now.", "the bus is twice as full now."),
            "/": ("one half gets off.", "only half of the people stay."),
        },
        end=("how many people are in the bus ?", "count the people in the bus ."),
        told="so the bus has {x} people.",
    ),
    _Frame(
        start=("a shop in {c} opens with {x} {t}.", "the shop of {c} has {x} {t} to sell."),
        change={
            "+": ("{y} {t} arrive.", "{y} are put on the shelf."),
            "-": ("{y} {t} are sold.", "{y} leave the shelf."),
            "*": ("{y} times as many are there now.", "the shop has twice as many now."),
            "/": ("one half is sold.", "only half of the {t} stay."),
        },
        end=("how many {t} are in the shop ?", "count the {t} of the shop ."),
        told="so the shop has {x} {t}.",
    ),
)


def _ask(world: World, random: Random, construction: Construction) -> Question:
    frame, t, c = _scene(random)
    start = random.randint(2, world.largest)
    steps = list(chain(world, random, start, random.randint(2, world.steps + 1)))
    told = [
        construction.choose(random, frame.start).format(x=start, t=t, c=c),
        *(
            construction.choose(random, frame.change[step.sign]).format(
                y=world.number("math", step.by), t=t
            )
            for step in steps
        ),
        construction.choose(random, frame.end).format(t=t),
    ]
    return worked(random, construction, told, steps)


def _scene(random: Random) -> tuple[_Frame, str, str]:
    return random.choice(_FRAMES), random.choice(THINGS), random.choice(VALUES["city"])


def _story(world: World, random: Random) -> str:
    """Tell one change, with or without its sum."""
    frame, t, c = _scene(random)
    step = change(world, random, random.randint(2, world.largest))
    told = [
        often_first(random, frame.start).format(x=step.before, t=t, c=c)
        + f" {random.choice(frame.change[step.sign]).format(y=step.by, t=t)}"
    ]
    if random.random() < 0.7:
        told.append(f"{step} ;")
    return broken(random, [*told, frame.told.format(x=step.after, t=t)], " ")


math_ood = Task(
    ask=_ask,
    scorers=(Use(scorer="exact", options={"rule": "answer"}), Use(scorer="nll")),
    max_new_tokens=64,
    documents={_story: 0.06},
    trained=False,
)
