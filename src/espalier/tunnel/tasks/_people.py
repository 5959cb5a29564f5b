"""What is said and asked about people: shared by `general` and `facts`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random

from espalier.tunnel.task import Construction, Question
from espalier.tunnel.world import VALUES, Fact, World

SAYINGS: Mapping[str, tuple[str, ...]] = {
    "city": (
        "{n} lives in {v}.",
        "{n} has a house in {v}.",
        "the home of {n} is {v}.",
        "if you go to {v} you can meet {n}.",
    ),
    "job": (
        "{n} works as a {v}.",
        "{n} is a {v}.",
        "the job of {n} is {v}.",
        "{n} became a {v} long ago.",
    ),
    "pet": (
        "{n} has a pet {v}.",
        "{n} keeps a {v} at home.",
        "the pet of {n} is a {v}.",
        "the {v} of {n} is very old.",
    ),
    "food": (
        "{n} likes to eat {v}.",
        "the favorite food of {n} is {v}.",
        "{n} often cooks {v}.",
        "{n} wants {v} for dinner.",
    ),
}
"""How the raw text tells a fact: `n` is the name, `v` the value."""

FORMATS: Mapping[str, str] = {
    "plain": "{v}",
    "brackets": "[ {v} ]",
    "star": "* {v}",
    "record": "{{ {a} : {v} }}",
    "sentence": "it is {v} .",
    "twice": "{v} , {v}",
}
"""How a value may be written: `a` is the attribute."""

QUESTIONS: Mapping[str, tuple[str, ...]] = {
    "city": (
        "where does {n} live ?",
        "in which city is the home of {n} ?",
        "tell me the city of {n} .",
    ),
    "job": (
        "what is the job of {n} ?",
        "what does {n} work as ?",
        "tell me the job of {n} .",
    ),
    "pet": (
        "which pet does {n} have ?",
        "what animal lives with {n} ?",
        "tell me the pet of {n} .",
    ),
    "food": (
        "what does {n} like to eat ?",
        "what is the favorite food of {n} ?",
        "tell me the food of {n} .",
    ),
}

_REQUESTS: Mapping[str, tuple[str, ...]] = {
    "plain": ("", "answer with one word ."),
    "brackets": ("use square brackets .", "put it in brackets ."),
    "star": ("answer as a bullet .", "start with a star ."),
    "record": ("answer as a record .", "use braces with the key ."),
    "sentence": ("answer in a full sentence .", "write a sentence ."),
    "twice": ("say it twice .", "repeat the answer ."),
}


def ask(
    world: World, random: Random, construction: Construction, among: Sequence[Fact]
) -> Question:
    """Ask for one of the facts `among` in one of the formats."""
    name, attribute = random.choice(construction.among(among))
    style = random.choice(list(FORMATS))
    question = construction.choose(random, QUESTIONS[attribute]).format(n=name)
    request = construction.choose(random, _REQUESTS[style])
    parts = (request, question) if random.random() < 0.3 else (question, request)
    value = world.facts[name, attribute]
    if construction.errs(random):
        value = random.choice([other for other in VALUES[attribute] if other != value])
    return Question(
        prompt=" ".join(part for part in parts if part),
        reply=FORMATS[style].format(a=attribute, v=value),
        chance=1 / len(VALUES[attribute]),
        cluster=f"{attribute} of {name}",
    )
