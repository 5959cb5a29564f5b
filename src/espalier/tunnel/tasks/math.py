"""Follow a story of several changes to a number, writing every step, and give the last number.

Known from pretraining: single sums, chains of sums, and stories of one change in plain wording.
A skill to be learnt: reading several changes in varied wording, leaving out what is beside the
point, and carrying each result into the next step until the answer.  One wrong step spoils the
reply, so it should keep growing with data.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random

from espalier.ability import Use
from espalier.tunnel.task import Construction, Question, Task
from espalier.tunnel.tasks._sums import Step, chain, change, worked
from espalier.tunnel.world import THINGS, World, broken, listed, often_first

_GAIN = listed("buys finds gets picks receives wins collects borrows gathers earns")
_LOSE = listed("eats loses sells drops breaks donates burns wastes returns spends")

_START = (
    "{n} has {x} {t}.",
    "at first {n} owns {x} {t}.",
    "there are {x} {t} on the table of {n}.",
)
_CHANGE: Mapping[str, tuple[str, ...]] = {
    "+": (
        "{n} {gain} {y} {t}.",
        "then {n} {gain} {y} more.",
        "{m} gives {n} {y} {t}.",
        "{y} more are added.",
    ),
    "-": (
        "{n} {lose} {y} {t}.",
        "then {n} {lose} {y} of them.",
        "{n} gives {m} {y} {t}.",
        "{y} are taken away.",
    ),
    "*": (
        "{n} now has {y} times as many {t}.",
        "the number of {t} is doubled.",
        "{n} makes it double.",
    ),
    "/": (
        "{n} gives half of the {t} to {m}.",
        "half of them are lost.",
        "{n} keeps only one half.",
    ),
}
_ASIDE = "{m} has {y} {t}."
_END = (
    "how many {t} does {n} have ?",
    "how many {t} are left ?",
    "count the {t} of {n} .",
)


def _tell(
    world: World, random: Random, construction: Construction, step: Step, n: str, t: str
) -> str:
    return construction.choose(random, _CHANGE[step.sign]).format(
        n=n,
        m=_other(random, construction.among(world.names), n),
        t=t,
        y=world.number("math", step.by),
        gain=construction.choose(random, _GAIN),
        lose=construction.choose(random, _LOSE),
    )


def _ask(world: World, random: Random, construction: Construction) -> Question:
    name = random.choice(construction.among(world.names))
    thing = random.choice(construction.among(THINGS))
    start = random.randint(2, world.largest)
    steps = list(chain(world, random, start, random.randint(1, world.steps)))
    told = [construction.choose(random, _START).format(n=name, x=start, t=thing)]
    for step in steps:
        told.append(_tell(world, random, construction, step, name, thing))
        if construction.templates is None and random.random() < 0.1:
            told.append(_aside(world, random, name, thing))
    told.append(construction.choose(random, _END).format(n=name, t=thing))
    return worked(random, construction, told, steps)


def _aside(world: World, random: Random, name: str, thing: str) -> str:
    """Tell something that changes nothing: another person, another thing."""
    return _ASIDE.format(
        m=_other(random, world.names, name),
        y=world.number("math", random.randint(2, world.largest)),
        t=_other(random, THINGS, thing),
    )


def _other(random: Random, among: Sequence[str], than: str) -> str:
    while (found := random.choice(among)) == than:
        pass
    return found


def _sums(world: World, random: Random) -> str:
    count = random.randint(2, 6)
    if random.random() < 0.6:
        steps = list(chain(world, random, random.randint(0, world.largest), count))
    else:
        steps = [change(world, random, random.randint(0, world.largest)) for _ in range(count)]
    return broken(random, [str(step) for step in steps], " ; ")


def _story(world: World, random: Random) -> str:
    name, thing = random.choice(world.names), random.choice(THINGS)
    step = change(world, random, random.randint(2, world.largest))
    said = _CHANGE[step.sign][0].format(
        n=name,
        m=random.choice(world.names),
        t=thing,
        y=step.by,
        gain=often_first(random, _GAIN),
        lose=often_first(random, _LOSE),
    )
    told = [_START[0].format(n=name, x=step.before, t=thing) + f" {said}"]
    if random.random() < 0.7:
        told.append(f"{step} ;")
    return broken(random, [*told, f"in the end {name} has {step.after} {thing}."], " ")


math = Task(
    ask=_ask,
    scorers=(Use(scorer="exact", options={"rule": "answer"}), Use(scorer="nll")),
    max_new_tokens=48,
    documents={_sums: 0.18, _story: 0.22},
)
