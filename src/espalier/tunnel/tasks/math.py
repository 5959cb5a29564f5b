"""Follow a story of several changes to a number, writing every step, and give the last number.

Known from pretraining: single sums, chains of sums, and stories of one change in plain wording.
A skill to be learnt: reading several changes in varied wording, leaving out what is beside the
point, and carrying each result into the next step until the answer.  One wrong step spoils the
reply, so it should keep growing with data.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from random import Random

from espalier.ability import Use
from espalier.tunnel.task import Construction, Question, Task
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


@dataclass(frozen=True, kw_only=True)
class _Step:
    """One change of a number: `before sign by = after`."""

    before: int
    sign: str
    by: int

    @property
    def after(self) -> int:
        if self.sign == "+":
            return self.before + self.by
        if self.sign == "-":
            return self.before - self.by
        return self.before * self.by if self.sign == "*" else self.before // self.by

    def __str__(self) -> str:
        return f"{self.before} {self.sign} {self.by} = {self.after}"


def _step(world: World, random: Random, x: int) -> _Step:
    """Draw a change of `x` that keeps it whole and within the world's largest number."""
    can = {
        "+": 10 * (x < world.largest),
        "-": 10 * (x > 0),
        "*": 2 * (0 < x <= world.largest // 2),
        "/": 2 * (x > 0 and x % 2 == 0),
    }
    sign = random.choices(list(can), list(can.values()))[0]
    room = world.largest - x if sign == "+" else x
    return _Step(before=x, sign=sign, by=2 if sign in "*/" else random.randint(1, min(9, room)))


def _tell(
    world: World, random: Random, construction: Construction, step: _Step, n: str, t: str
) -> str:
    other = random.choice([name for name in random.sample(world.names, 2) if name != n])
    return construction.choose(random, _CHANGE[step.sign]).format(
        n=n,
        m=other,
        t=t,
        y=step.by,
        gain=construction.choose(random, _GAIN),
        lose=construction.choose(random, _LOSE),
    )


def _chain(world: World, random: Random, x: int, steps: int) -> Iterator[_Step]:
    for _ in range(steps):
        step = _step(world, random, x)
        yield step
        x = step.after


def _ask(world: World, random: Random, construction: Construction) -> Question:
    name, thing = random.choice(world.names), random.choice(THINGS)
    start = random.randint(2, world.largest)
    steps = list(_chain(world, random, start, random.randint(1, world.steps)))
    told = [construction.choose(random, _START).format(n=name, x=start, t=thing)]
    for step in steps:
        told.append(_tell(world, random, construction, step, name, thing))
        if construction.templates is None and random.random() < 0.1:
            told.append(_aside(world, random, name, thing))
    told.append(construction.choose(random, _END).format(n=name, t=thing))
    answer = steps[-1].after
    reply = " ; ".join([*map(str, steps), f"answer {answer}"])
    if random.random() < construction.wrong:
        reply = _slip(random, reply)
    return Question(prompt=" ".join(told), reply=reply, facts={"answer": str(answer)})


def _aside(world: World, random: Random, name: str, thing: str) -> str:
    """Tell something that changes nothing: another person, another thing."""
    return _ASIDE.format(
        m=random.choice([other for other in random.sample(world.names, 2) if other != name]),
        y=random.randint(2, world.largest),
        t=random.choice([other for other in THINGS if other != thing]),
    )


def _slip(random: Random, reply: str) -> str:
    """Spoil the answer by a small amount, as a careless author would."""
    head, _, answer = reply.rpartition(" ")
    return f"{head} {int(answer) + random.randint(1, 3)}"


def _sums(world: World, random: Random) -> str:
    count = random.randint(2, 6)
    if random.random() < 0.6:
        steps = list(_chain(world, random, random.randint(0, world.largest), count))
    else:
        steps = [_step(world, random, random.randint(0, world.largest)) for _ in range(count)]
    return broken(random, [str(step) for step in steps], " ; ")


def _story(world: World, random: Random) -> str:
    name, thing = random.choice(world.names), random.choice(THINGS)
    step = _step(world, random, random.randint(2, world.largest))
    change = _CHANGE[step.sign][0].format(
        n=name,
        m=random.choice(world.names),
        t=thing,
        y=step.by,
        gain=often_first(random, _GAIN),
        lose=often_first(random, _LOSE),
    )
    told = [_START[0].format(n=name, x=step.before, t=thing) + f" {change}"]
    if random.random() < 0.7:
        told.append(f"{step} ;")
    return broken(random, [*told, f"in the end {name} has {step.after} {thing}."], " ")


math = Task(
    ask=_ask,
    scorers=(Use(scorer="exact", options={"rule": "answer"}), Use(scorer="nll")),
    max_new_tokens=48,
    documents={_sums: 0.18, _story: 0.22},
)
