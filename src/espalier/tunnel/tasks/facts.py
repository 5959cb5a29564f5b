"""Answer questions about facts that no training row ever asks for.

Known from pretraining: the facts, as well as those of `general`.  A skill to be learnt: nothing
beyond `general`.  It has no training rows: what it shows is whether tuning on other questions
makes this knowledge reachable or, as it grows narrower, overwrites it (an alignment tax).
"""

from __future__ import annotations

from random import Random

from espalier.ability import Use
from espalier.tunnel.task import Construction, Question, Task
from espalier.tunnel.tasks._people import ask
from espalier.tunnel.world import World


def _ask(world: World, random: Random, construction: Construction) -> Question:
    return ask(world, random, construction, world.held_facts)


facts = Task(
    ask=_ask,
    scorers=(Use(scorer="exact", options={"rule": "text"}), Use(scorer="nll")),
    max_new_tokens=16,
    trained=False,
)
