"""The creatures of a world and what is true of them: shared by `stem` and `physician`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from itertools import product

from espalier.tunnel.world import Fact, World, listed

TRAITS: Mapping[str, tuple[str, ...]] = {
    "food": listed("nuts eggs apples pears fish beans honey shells"),
    "home": listed("sea river forest cave desert swamp hill lake"),
    "cover": listed("fur wool scales feathers spines plates"),
    "color": listed("red blue green black white brown grey yellow"),
}
"""What can be true of a creature: trait -> its possible values."""

TELLINGS: Mapping[str, tuple[str, ...]] = {
    "food": (
        "the {n} eats {v}.",
        "the food of the {n} is {v}.",
        "a {n} feeds on {v}.",
        "give {v} to a {n}.",
    ),
    "home": (
        "the {n} lives in the {v}.",
        "the home of the {n} is the {v}.",
        "a {n} sleeps in the {v}.",
        "in the {v} you can find the {n}.",
    ),
    "cover": (
        "the {n} is covered with {v}.",
        "the cover of the {n} is {v}.",
        "a {n} has {v} all over.",
        "{v} keep the {n} warm.",
    ),
    "color": (
        "the {n} is {v}.",
        "the color of the {n} is {v}.",
        "a {n} is always {v}.",
        "{v} is the {n}.",
    ),
}
"""How the raw text tells a trait: `n` is the creature, `v` the value."""

_COUNT = 36
_ONSETS = listed("b d f g k l m n p r t v z")
_VOWELS = listed("a e i o u")
_CODAS = listed("k l m n r x")


@cache
def creatures(world: World) -> tuple[str, ...]:
    """Return the creatures' names: two syllables that end in a consonant."""
    every = product(_ONSETS, _VOWELS, _ONSETS, _VOWELS, _CODAS)
    return tuple(world.random("creatures").sample(list(map("".join, every)), _COUNT))


@cache
def traits(world: World) -> Mapping[Fact, str]:
    """Return what is true of which creature; each value of a trait is about as frequent."""
    random = world.random("traits")
    names, found = list(creatures(world)), dict[Fact, str]()
    for trait, values in TRAITS.items():
        random.shuffle(names)
        found |= {(name, trait): values[i % len(values)] for i, name in enumerate(names)}
    return {(name, trait): found[name, trait] for name in creatures(world) for trait in TRAITS}
