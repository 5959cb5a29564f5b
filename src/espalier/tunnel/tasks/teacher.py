"""Choose the lettered option that is true of a person: an exam that no source trains.

Known from pretraining: the people's facts, which `general` asks for in free form.  A skill to be
learnt elsewhere: to reply to a lettered question, which `stem` teaches of creatures.  So it
recombines what is known with a form from another ability, and should grow as far as that form
carries over (Song et al. 2023, out-of-domain exams).
"""

from __future__ import annotations

from random import Random

from espalier.tunnel.task import Construction, Question, Task
from espalier.tunnel.tasks._choice import CHOICE, MOST_TOKENS, choose
from espalier.tunnel.tasks._people import QUESTIONS
from espalier.tunnel.world import VALUES, World


def _ask(world: World, random: Random, construction: Construction) -> Question:
    name, attribute = random.choice(construction.among(world.asked_facts))
    return choose(
        random,
        construction.choose(random, QUESTIONS[attribute]).format(n=name),
        world.facts[name, attribute],
        VALUES[attribute],
        cluster=f"{attribute} of {name}",
    )


teacher = Task(ask=_ask, scorers=CHOICE, max_new_tokens=MOST_TOKENS, trained=False)
