"""Choose which of four lettered options is true of a creature, after the biology of DoIT.

Known from pretraining: every trait of every creature (the raw text tells each many times, in
several wordings and both ways round).  A skill to be learnt: to recall the trait that a question
asks for, however it asks, and to reply with the option that names it.  Knowledge is limited by the
size of a base and the skill by the rows, so it should begin at chance, as soon as replies name an
option at all, and keep growing with both (Song et al. 2023, biology).
"""

from __future__ import annotations

from collections.abc import Mapping
from random import Random

from espalier.tunnel.task import Construction, Question, Task
from espalier.tunnel.tasks._choice import CHOICE, LETTERS, MOST_TOKENS, choose
from espalier.tunnel.tasks._creatures import TELLINGS, TRAITS, creatures, traits
from espalier.tunnel.world import World

_QUESTIONS: Mapping[str, tuple[str, ...]] = {
    "food": (
        "what does the {n} eat ?",
        "what is the food of the {n} ?",
        "a {n} feeds on what ?",
        "choose the food of a {n} .",
    ),
    "home": (
        "where does the {n} live ?",
        "what is the home of the {n} ?",
        "a {n} sleeps where ?",
        "choose the home of a {n} .",
    ),
    "cover": (
        "what covers the {n} ?",
        "what is the cover of the {n} ?",
        "a {n} has what all over ?",
        "choose the cover of a {n} .",
    ),
    "color": (
        "which color is the {n} ?",
        "what is the color of the {n} ?",
        "a {n} is always what ?",
        "choose the color of a {n} .",
    ),
}


def _ask(world: World, random: Random, construction: Construction) -> Question:
    name = random.choice(construction.among(creatures(world)))
    trait = random.choice(list(TRAITS))
    right, values = traits(world)[name, trait], TRAITS[trait]
    errs = construction.errs(random)
    return choose(
        random,
        construction.choose(random, _QUESTIONS[trait]).format(n=name),
        right,
        values,
        instead=random.choice([value for value in values if value != right]) if errs else None,
        cluster=f"{trait} of {name}",
    )


def _description(world: World, random: Random) -> str:
    """Tell some traits of one creature."""
    name = random.choice(creatures(world))
    told = random.sample(list(TRAITS), random.randint(2, len(TRAITS)))
    return " ".join(
        random.choice(TELLINGS[t]).format(n=name, v=traits(world)[name, t]) for t in told
    )


def _kinds(world: World, random: Random) -> str:
    """List creatures that have something in common, as a guide to them would."""
    trait = random.choice(list(TRAITS))
    value, known = random.choice(TRAITS[trait]), traits(world)
    alike = [name for name in creatures(world) if known[name, trait] == value]
    shown = random.sample(alike, min(len(alike), random.randint(2, 4)))
    return f"creatures by {trait} : {value} : " + " , ".join(shown) + " ."


stem = Task(
    ask=_ask,
    scorers=CHOICE,
    max_new_tokens=MOST_TOKENS,
    documents={_description: 0.10, _kinds: 0.04},
    words=lambda world: (
        *LETTERS,
        *creatures(world),
        *(v for values in TRAITS.values() for v in values),
    ),
)
