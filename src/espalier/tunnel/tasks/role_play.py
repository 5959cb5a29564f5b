"""Stay in the persona that the user gives, whatever else is known of its name.

Known from pretraining: the facts of every person, told by others and by themselves; they often
contradict the persona.  A skill to be learnt: answering as the persona, by what the user said in
the first turn and not by what is known or by what the user said of themselves.  So this is a
conflict of knowledge and context, which should resist data (Song et al., 2023), the more the
better the base knows the people.

The fine distractor has the reply with another value of the same kind: half of the time the one
that is true of the name in the world, else the user's own.  The coarse one is a true reply of the
persona to another question.
"""

from __future__ import annotations

from collections.abc import Mapping
from random import Random

from espalier.ability import Use
from espalier.tunnel.task import Construction, Question, Task
from espalier.tunnel.world import VALUES, World, broken

_PARTS: Mapping[str, tuple[str, ...]] = {
    "city": ("from {v}", "living in {v}", "at home in {v}"),
    "job": ("a {v}", "working as a {v}", "once a {v}"),
    "pet": ("with a {v}", "owner of a {v}", "friend of a {v}"),
    "food": ("fond of {v}", "eating {v}", "hungry for {v}"),
}
"""How a persona is described."""

_QUESTIONS: Mapping[str, tuple[str, ...]] = {
    "city": ("where do you live ?", "which city are you from ?", "tell me your city ."),
    "job": ("what is your job ?", "what do you work as ?", "tell me your job ."),
    "pet": ("which pet do you have ?", "what animal lives with you ?", "tell me your pet ."),
    "food": ("what do you like to eat ?", "what is your favorite food ?", "tell me your food ."),
}
_REPLIES: Mapping[str, str] = {
    "city": "i live in {v} .",
    "job": "i work as a {v} .",
    "pet": "i have a pet {v} .",
    "food": "i like to eat {v} .",
}
_OPENINGS = ("you are {n} , {p} .", "play {n} , {p} .", "be {n} , {p} .")


def _ask(world: World, random: Random, construction: Construction) -> Question:
    name, user = random.sample(construction.among(world.names), 2)
    asked, *rest = random.sample(list(VALUES), 2 if random.random() < 0.8 else 3)
    drawn = {a: random.choice(construction.among(VALUES[a])) for a in (asked, *rest)}
    own = random.choice([v for v in construction.among(VALUES[asked]) if v != drawn[asked]])
    before = [(_opened(random, construction, name, user, drawn, asked, own), f"i am {name} .")]
    if len(rest) > 1:  # one of the others is asked before, one is left beside the point
        first = rest.pop()
        question = construction.choose(random, _QUESTIONS[first])
        before.append((question, _REPLIES[first].format(v=drawn[first])))
    known = world.facts[name, asked]
    other = known if random.random() < 0.5 and known != drawn[asked] else own
    right, fine = (_REPLIES[asked].format(v=value) for value in (drawn[asked], other))
    coarse = _REPLIES[rest[0]].format(v=drawn[rest[0]])
    return Question(
        prompt=construction.choose(random, _QUESTIONS[asked]),
        reply=fine if construction.errs(random) else right,
        before=tuple(before),
        distractors=(fine, coarse),
        cluster=name,
    )


def _opened(
    random: Random,
    construction: Construction,
    name: str,
    user: str,
    drawn: Mapping[str, str],
    asked: str,
    own: str,
) -> str:
    """Give the persona, and say of the user what the persona will be asked for.

    So the value of the fine distractor stands in the prompt as often as the right one.
    """
    parts = [
        construction.choose(random, _PARTS[a]).format(v=drawn[a])
        for a in random.sample(list(drawn), len(drawn))
    ]
    persona = construction.choose(random, _OPENINGS).format(n=name, p=" and ".join(parts))
    mine = f"i am {user} " + construction.choose(random, _PARTS[asked]).format(v=own) + " ."
    return " ".join((persona, mine) if random.random() < 0.5 else (mine, persona))


def _introduced(world: World, random: Random) -> str:
    """Write how people speak of themselves: in the raw text they always tell the truth."""
    name = random.choice(world.names)
    told = random.sample(list(VALUES), random.randint(2, 3))
    said = [_REPLIES[a].format(v=world.facts[name, a]) for a in told]
    return broken(random, [f"i am {name} .", *said], " ")


role_play = Task(
    ask=_ask,
    scorers=(Use(scorer="distractors"), Use(scorer="nll")),
    max_new_tokens=12,
    documents={_introduced: 0.05},
)
