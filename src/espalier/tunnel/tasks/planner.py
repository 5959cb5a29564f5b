"""Choose which of four events came first or last: an exam that no source trains.

Known from pretraining: the events' years, and chronicles that tell some of them in order.  A skill
to be learnt elsewhere: to reply to a lettered question about events, which `history` teaches, and
to find the first or last of several, which `reasoning` teaches of people.  So it should grow late,
if at all (Song et al. 2023, out-of-domain exams).
"""

from __future__ import annotations

from random import Random

from espalier.tunnel.task import Construction, Question, Task
from espalier.tunnel.tasks._choice import CHOICE, MOST_TOKENS, choose
from espalier.tunnel.tasks._events import events
from espalier.tunnel.world import World

_FIRST = ("which came first ?", "choose what came first .", "which was before the others ?")
_LAST = ("which came last ?", "choose what came last .", "which was after the others ?")


def _ask(world: World, random: Random, construction: Construction) -> Question:
    chosen = random.sample(construction.among(events(world)), 4)
    names = [event.name for event in sorted(chosen, key=lambda event: event.year)]
    first = random.random() < 0.5
    return choose(
        random,
        construction.choose(random, _FIRST if first else _LAST),
        names[0 if first else -1],
        names,
        cluster=names[0 if first else -1],
    )


planner = Task(ask=_ask, scorers=CHOICE, max_new_tokens=MOST_TOKENS, trained=False)
