"""Write a list function from a description in words that no training row uses; tests judge it.

Known from pretraining: the same operations as in `code`, here by names that only comments in the
raw text use, and other ends of a function.  A skill to be learnt: composing several operations in
order, which is what the rows of `code` teach in other words.  It has no training rows: what it
shows is whether the skill or only its wordings were learnt, as MBPP does beside HumanEval (Dong et
al. 2024, App. F).  So it should follow `code` from below.
"""

from __future__ import annotations

from random import Random

from espalier.ability import Use
from espalier.tunnel.task import Construction, Question, Task
from espalier.tunnel.tasks._lists import OPERATIONS, Line, drawn, function, judge, put
from espalier.tunnel.world import World

_OPENINGS = ("define f(x) so that it will ", "python for f(x) please : ", "build f(x) to ")
_JOINTS = (" ; ", " , and afterwards ", " and at last ")
_ENDS = (
    Line("return x", elsewhere="hand back the list"),
    Line("return x[0]", elsewhere="hand back the opening entry"),
    Line("return x[-1]", elsewhere="hand back the closing entry"),
    Line("return sum(x) // len(x)", elsewhere="hand back the mean"),
    Line("return max(x) - min(x)", elsewhere="hand back the spread"),
)


def _ask(world: World, random: Random, construction: Construction) -> Question:
    lines = [drawn(random, OPERATIONS) for _ in range(random.randint(1, world.steps))]
    end = random.choice(_ENDS)
    told = [put(line.elsewhere, world.number("code", number)) for line, number in lines]
    joint = construction.choose(random, _JOINTS)
    return Question(
        prompt=construction.choose(random, _OPENINGS) + joint.join([*told, end.elsewhere]),
        reply=function([*(put(line.code, number) for line, number in lines), end.code]),
    )


def _commented(_world: World, random: Random) -> str:
    """Write one or two lines, each under its comment."""
    lines = [drawn(random, OPERATIONS) for _ in range(random.randint(1, 2))]
    if random.random() < 0.4:
        lines[-1] = drawn(random, _ENDS)
    return "\n".join(f" # {put(line.elsewhere, n)}\n {put(line.code, n)}" for line, n in lines)


code_ood = Task(
    ask=_ask,
    judge=judge,
    scorers=(Use(scorer="program"), Use(scorer="nll")),
    max_new_tokens=80,
    documents={_commented: 0.08},
    trained=False,
)
