"""Read a short dialogue and answer who did what, by one of the options.

Known from pretraining: copying (notes), and now and then a dialogue of which one saying is told
again.  A skill to be learnt: finding in the dialogue what a question asks for.  What somebody ate
or bought is told by its kind, for everybody speaks of another; who it was binds a name to a value
that is new in every dialogue.  What the base knows of the people is of no use.  So data should
help, and size little (Song et al., 2023).  Small numbers are written as the world writes them
(`World.numerals`); options always have digits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from espalier.tunnel.task import Construction, Question, Task
from espalier.tunnel.tasks._choice import CHOICE, choose
from espalier.tunnel.world import THINGS, VALUES, World, broken


@dataclass(frozen=True, kw_only=True)
class _Kind:
    """A kind of thing people say of themselves: `v` is the value, `n` the name, `t` a thing."""

    values: Sequence[str]
    said: tuple[str, ...]
    told: str
    """How another tells it."""
    what: tuple[str, ...]
    who: tuple[str, ...]


_NUMBERS = tuple(map(str, range(2, 14)))

_KINDS = (
    _Kind(
        values=VALUES["city"],
        said=("i went to {v} .", "i was in {v} .", "we saw {v} ."),
        told="{n} went to {v} .",
        what=("where did {n} go ?", "which city did {n} see ?", "where was {n} ?"),
        who=("who went to {v} ?", "who was in {v} ?", "who saw {v} ?"),
    ),
    _Kind(
        values=VALUES["food"],
        said=("i ate {v} .", "i had {v} .", "we had some {v} ."),
        told="{n} ate {v} .",
        what=("what did {n} eat ?", "what food did {n} have ?", "tell me what {n} ate ."),
        who=("who ate {v} ?", "who had {v} ?", "tell me who ate {v} ."),
    ),
    _Kind(
        values=VALUES["pet"],
        said=("i saw a {v} .", "i met a {v} .", "we saw one {v} ."),
        told="{n} saw a {v} .",
        what=("what did {n} see ?", "which animal did {n} meet ?", "tell me what {n} saw ."),
        who=("who saw a {v} ?", "who met a {v} ?", "tell me who saw a {v} ."),
    ),
    _Kind(
        values=_NUMBERS,
        said=("i bought {v} {t} .", "i got {v} {t} .", "we bought {v} {t} ."),
        told="{n} bought {v} {t} .",
        what=("how many {t} did {n} buy ?", "how many {t} has {n} ?", "count the {t} of {n} ."),
        who=("who bought {v} {t} ?", "who got {v} {t} ?", "tell me who bought {v} {t} ."),
    ),
)
_BETWEEN = ("ok .", "go on .", "i see .")

_OPTIONS = 3


def _ask(world: World, random: Random, construction: Construction) -> Question:
    thing = random.choice(THINGS)
    speakers = random.sample(construction.among(world.names), random.choice((2, 3, 3)))
    kinds = random.sample(_KINDS, len(speakers))
    values = [random.choice(construction.among(kind.values)) for kind in kinds]
    said = [
        f"{n} : " + construction.choose(random, kind.said).format(v=_written(world, v), t=thing)
        for n, kind, v in zip(speakers, kinds, values, strict=True)
    ]
    asked = random.randrange(len(speakers))
    name, kind, value = speakers[asked], kinds[asked], values[asked]
    if random.random() < 0.5:
        wordings, right, others = kind.what, value, [v for v in kind.values if v != value]
    else:
        wordings, right, others = kind.who, name, [n for n in speakers if n != name]
        if len(others) < _OPTIONS - 1:
            others.append(random.choice([n for n in world.names if n not in speakers]))
    question = construction.choose(random, wordings).format(
        n=name, v=_written(world, value), t=thing
    )
    before: tuple[tuple[str, str], ...] = ()
    if random.random() < 0.5:
        cut = random.randint(1, len(said) - 1)
        before = ((" ".join(said[:cut]), random.choice(_BETWEEN)),)
        said = said[cut:]
    return choose(
        random,
        " ".join([*said, question]),
        right,
        others,
        instead=random.choice(others) if construction.errs(random) else None,
        before=before,
        count=_OPTIONS,
    )


def _written(world: World, value: str) -> str:
    """Write what is a number as the world does in dialogues."""
    return world.number("dialogue", int(value)) if value.isdecimal() else value


def _retold(world: World, random: Random) -> str:
    """Write a dialogue, and tell one or two of its sayings again; numbers are digits."""
    thing = random.choice(THINGS)
    kinds = random.sample(_KINDS, random.randint(2, 3))
    speakers = random.sample(world.names, len(kinds))
    told = [(n, kind, random.choice(kind.values)) for n, kind in zip(speakers, kinds, strict=True)]
    said = [f"{n} : " + random.choice(kind.said).format(v=v, t=thing) for n, kind, v in told]
    again = random.sample(told, random.randint(1, 2))
    retold = [kind.told.format(n=n, v=v, t=thing) for n, kind, v in again]
    return broken(random, [*said, *retold], " ")


dialogue = Task(
    ask=_ask,
    scorers=CHOICE,
    max_new_tokens=8,
    documents={_retold: 0.12},
    words=lambda _world: ("went", "ate", "saw", "bought"),
)
