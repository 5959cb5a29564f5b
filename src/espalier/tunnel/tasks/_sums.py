"""Changes of a number and how they are written down: shared by `math` and `math_ood`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random

from espalier.tunnel.task import Construction, Question
from espalier.tunnel.world import World

_SIGNS = ("+", "-", "*", "/")


@dataclass(frozen=True, slots=True)
class Step:
    """One change of a number: `before sign by = after`."""

    before: int
    sign: str
    by: int

    @property
    def after(self) -> int:
        """Return the number after the change."""
        if self.sign == "+":
            return self.before + self.by
        if self.sign == "-":
            return self.before - self.by
        return self.before * self.by if self.sign == "*" else self.before // self.by

    def __str__(self) -> str:
        return f"{self.before} {self.sign} {self.by} = {self.after}"


def change(world: World, random: Random, x: int) -> Step:
    """Draw a change of `x` that keeps it whole and within the world's largest number."""
    chances = (
        10 * (x < world.largest),
        10 * (x > 0),
        2 * (0 < x <= world.largest // 2),
        2 * (x > 0 and x % 2 == 0),
    )
    sign = random.choices(_SIGNS, chances)[0]
    room = world.largest - x if sign == "+" else x
    return Step(x, sign, 2 if sign in "*/" else random.randint(1, min(9, room)))


def chain(world: World, random: Random, x: int, steps: int) -> Iterator[Step]:
    """Yield changes of a number, each of what the one before it gave."""
    for _ in range(steps):
        step = change(world, random, x)
        yield step
        x = step.after


def worked(
    random: Random, construction: Construction, told: Sequence[str], steps: Sequence[Step]
) -> Question:
    """Return the story `told` with its written steps, or with a slip where the row is wrong."""
    answer = steps[-1].after
    said = answer + random.randint(1, 3) if construction.errs(random) else answer
    return Question(
        prompt=" ".join(told),
        reply=" ; ".join([*map(str, steps), f"answer {said}"]),
        facts={"answer": str(answer)},
    )
