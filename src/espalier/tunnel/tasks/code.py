"""Write a small list function from its description; hidden tests judge it.

Known from pretraining: each operation on lists with its usual names, as a comment above one line
or two, and whole functions without a description.  A skill to be learnt: reading a description of
several operations in many wordings, keeping their order, and composing them into one function.  So
it should begin late and keep growing.
"""

from __future__ import annotations

from random import Random

from espalier.ability import Use
from espalier.tunnel.task import Construction, Question, Task
from espalier.tunnel.tasks._lists import ENDS, OPERATIONS, PLAIN_END, drawn, function, judge, put
from espalier.tunnel.world import World, often_first

_OPENINGS = ("write f(x) : ", "write a function to ", "make code : ", "please code this : ")
_JOINTS = (" , then ", " and then ", " . next , ", " , after that ")


def _ask(world: World, random: Random, construction: Construction) -> Question:
    operations = construction.among(OPERATIONS)
    lines = [drawn(random, operations) for _ in range(random.randint(1, world.steps))]
    end = PLAIN_END if random.random() < 0.5 else random.choice(construction.among(ENDS))
    told = [
        put(construction.choose(random, line.wordings), world.number("code", number))
        for line, number in lines
    ]
    if end.wordings:
        told.append(construction.choose(random, end.wordings))
    opening = construction.choose(random, _OPENINGS)
    said = [put(line.code, number) for line, number in lines]
    if construction.errs(random):
        _slip(random, said)
    return Question(
        prompt=opening + construction.choose(random, _JOINTS).join(told),
        reply=function([*said, end.code]),
    )


def _slip(random: Random, lines: list[str]) -> None:
    """Put another operation in place of one of the lines."""
    place = random.randrange(len(lines))
    right = lines[place]
    while lines[place] == right:
        line, number = drawn(random, OPERATIONS)
        lines[place] = put(line.code, number)


def _commented(_world: World, random: Random) -> str:
    """Write lines under their comments; now and then one comment announces two lines."""
    lines = [drawn(random, OPERATIONS) for _ in range(random.randint(1, 3))]
    if random.random() < 0.3:
        lines.append(drawn(random, ENDS))
    text, size = [], random.choice((1, 1, 2))
    for start in range(0, len(lines), size):
        part = lines[start : start + size]
        said = " , then ".join(put(often_first(random, ln.wordings[:3]), n) for ln, n in part)
        text.append("\n ".join([f" # {said}", *(put(line.code, n) for line, n in part)]))
    return "\n".join(text)


def _uncommented(_world: World, random: Random) -> str:
    lines = [drawn(random, OPERATIONS) for _ in range(random.randint(1, 3))]
    end = PLAIN_END if random.random() < 0.4 else random.choice(ENDS)
    return function([*(put(line.code, number) for line, number in lines), end.code])


code = Task(
    ask=_ask,
    judge=judge,
    scorers=(Use(scorer="program"), Use(scorer="nll")),
    max_new_tokens=72,
    documents={_commented: 0.18, _uncommented: 0.06},
)
