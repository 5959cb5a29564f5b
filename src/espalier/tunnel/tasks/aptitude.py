"""Reasoning, reading and sums as lettered questions: a benchmark in the form of AGIEval.

AGIEval (Zhong et al. 2023) takes its questions from admission tests: less what is known than what
can be worked out.  No source trains it: the sums of `math` are asked without room for steps, the
order of people as a choice, a dialogue with an exam's heading.  Known from pretraining: single sums
and comparisons.  Skills to be learnt elsewhere: to read, to work out, and to reply with an
option.
"""

from __future__ import annotations

from dataclasses import replace
from random import Random

from espalier.tunnel.task import Construction, Question, Task, tasks
from espalier.tunnel.tasks._choice import CHOICE, MOST_TOKENS, choose
from espalier.tunnel.world import World

_NEAR = (-3, -2, -1, 1, 2, 3)


def _sums(world: World, random: Random, construction: Construction) -> Question:
    """Ask for the answer of a story as one of four numbers near it."""
    question = tasks["math"].ask(world, random, construction)
    answer = int(question.facts["answer"])
    others = [str(answer + by) for by in _NEAR if answer + by >= 0]
    return choose(random, question.prompt, str(answer), others, cluster="sums")


def _order(world: World, random: Random, construction: Construction) -> Question:
    """Ask who comes first or last among four as one of the four."""
    question = tasks["reasoning"].ask(world, random, construction)
    while len(names := [name for name in world.names if name in question.prompt.split()]) < 4:
        question = tasks["reasoning"].ask(world, random, construction)
    return choose(random, question.prompt, question.facts["answer"], names, cluster="order")


def _reading(world: World, random: Random, construction: Construction) -> Question:
    return replace(tasks["dialogue"].ask(world, random, construction), cluster="reading")


def _ask(world: World, random: Random, construction: Construction) -> Question:
    question = random.choice((_sums, _order, _reading))(world, random, construction)
    return replace(question, prompt=f"test : {question.prompt}")


aptitude = Task(ask=_ask, scorers=CHOICE, max_new_tokens=MOST_TOKENS, trained=False)
