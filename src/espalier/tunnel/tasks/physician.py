"""Choose which of four creatures has a trait: an exam that no source trains.

Known from pretraining: the creatures' traits, both ways round.  A skill to be learnt elsewhere:
to reply to a lettered question about a creature, which `stem` teaches in the other direction only.
So it should grow with `stem`, as far as knowledge can be turned around (Song et al. 2023,
out-of-domain exams).
"""

from __future__ import annotations

from collections.abc import Mapping
from random import Random

from espalier.tunnel.task import Construction, Question, Task
from espalier.tunnel.tasks._choice import CHOICE, MOST_TOKENS, choose
from espalier.tunnel.tasks._creatures import TRAITS, creatures, traits
from espalier.tunnel.world import World

_QUESTIONS: Mapping[str, tuple[str, ...]] = {
    "food": ("what eats {v} ?", "which creature feeds on {v} ?"),
    "home": ("what lives in the {v} ?", "which creature sleeps in the {v} ?"),
    "cover": ("what is covered with {v} ?", "which creature has {v} all over ?"),
    "color": ("what is {v} ?", "which creature is always {v} ?"),
}


def _ask(world: World, random: Random, construction: Construction) -> Question:
    known = traits(world)
    name = random.choice(construction.among(creatures(world)))
    trait = random.choice(list(TRAITS))
    value = known[name, trait]
    return choose(
        random,
        construction.choose(random, _QUESTIONS[trait]).format(v=value),
        name,
        [other for other in creatures(world) if known[other, trait] != value],
        cluster=f"{trait} of {name}",
    )


physician = Task(ask=_ask, scorers=CHOICE, max_new_tokens=MOST_TOKENS, trained=False)
