"""Answer questions about people, in the format that is asked for.

Known from pretraining: every fact (the raw text tells each many times, in several wordings) and
every format (records use them all).  A skill to be learnt: only what is asked for, that is, which
question goes with which attribute and which request with which format.  So it should be there
early and then stay level.  Test prompts are new wordings of facts that training rows ask for; the
task `facts` asks for those that no row asks for.
"""

from __future__ import annotations

from random import Random

from espalier.ability import Use
from espalier.tunnel.task import Construction, Question, Task
from espalier.tunnel.tasks._people import FORMATS, SAYINGS, ask
from espalier.tunnel.world import VALUES, World, broken


def _ask(world: World, random: Random, construction: Construction) -> Question:
    return ask(world, random, construction, world.asked_facts)


def _biography(world: World, random: Random) -> str:
    name = random.choice(world.names)
    told = random.sample(list(VALUES), random.randint(2, len(VALUES)))
    return " ".join(random.choice(SAYINGS[a]).format(n=name, v=world.facts[name, a]) for a in told)


def _record(world: World, random: Random) -> str:
    name = random.choice(world.names)
    told = random.sample(list(VALUES), random.randint(2, len(VALUES)))
    entries = [
        f"{a} " + random.choice(list(FORMATS.values())).format(a=a, v=world.facts[name, a])
        for a in told
    ]
    return f"file on {name} : " + broken(random, entries, " ; ")


def _register(world: World, random: Random) -> str:
    attribute = random.choice(list(VALUES))
    style = random.choice(list(FORMATS.values()))
    entries = [
        f"{name} " + style.format(a=attribute, v=world.facts[name, attribute])
        for name in random.sample(world.names, 3)
    ]
    return f"list of {attribute} " + broken(random, entries, " ; ")


general = Task(
    ask=_ask,
    scorers=(Use(scorer="exact", options={"rule": "text"}), Use(scorer="nll")),
    max_new_tokens=16,
    documents={_biography: 0.24, _record: 0.06, _register: 0.06},
)
