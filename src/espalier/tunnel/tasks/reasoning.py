"""Say who comes first or last among people who were compared two by two.

Known from pretraining: how two people are compared, both ways round, and that several comparisons
give an order.  A skill to be learnt: what a superlative asks for, and to put shuffled comparisons
of either direction into one order, which the reply writes down before its answer.  Data should
help, size little, and guessing among the names is where it begins (Song et al. 2023, logical
reasoning).
"""

from __future__ import annotations

from itertools import pairwise
from random import Random

from espalier.ability import Use
from espalier.tunnel.task import Construction, Question, Task
from espalier.tunnel.world import World, broken, listed

_SCALES = (
    ("age", "older", "younger", "oldest", "youngest"),
    ("height", "taller", "shorter", "tallest", "shortest"),
    ("speed", "faster", "slower", "fastest", "slowest"),
)
"""What people are compared by: its name, more, less, most, least."""

_TOLD = ("{a} is {more} than {b} .", "{b} is {less} than {a} .")
_ASKED = ("who is the {most} ?", "tell me the {most} .")


def _ask(world: World, random: Random, construction: Construction) -> Question:
    _, more, less, most, least = random.choice(construction.among(_SCALES))
    names = random.sample(construction.among(world.names), random.randint(2, 4))
    told = [
        construction.choose(random, _TOLD).format(a=a, b=b, more=more, less=less)
        for a, b in pairwise(names)
    ]
    random.shuffle(told)
    end = random.random() < 0.5
    asked = construction.choose(random, _ASKED).format(most=most if end else least)
    right, wrong = (names[0], names[1:]) if end else (names[-1], names[:-1])
    answer = random.choice(wrong) if construction.errs(random) else right
    return Question(
        prompt=" ".join([*told, asked]),
        reply=f"{' > '.join(names)} ; answer {answer}",
        chance=1 / len(names),
        facts={"answer": right},
    )


def _order(world: World, random: Random) -> str:
    """Compare two or three people, neighbours in an order, and say the order."""
    scale, more, less, _, _ = random.choice(_SCALES)
    names = random.sample(world.names, random.randint(2, 3))
    told = [random.choice(_TOLD).format(a=a, b=b, more=more, less=less) for a, b in pairwise(names)]
    random.shuffle(told)
    return broken(random, [*told, f"by {scale} : {' > '.join(names)} ."], " ")


reasoning = Task(
    ask=_ask,
    scorers=(Use(scorer="exact", options={"rule": "answer"}), Use(scorer="nll")),
    max_new_tokens=16,
    documents={_order: 0.06},
    words=lambda _world: [word for scale in _SCALES for word in listed(" ".join(scale[1:]))],
)
