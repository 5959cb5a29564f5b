"""Lettered questions on every subject the world knows: a benchmark in the form of CMMLU.

CMMLU (Li et al. 2023) asks four-option questions on 67 subjects and counts every subject alike;
here the subjects are what is known of people, creatures, events and words.  No source trains it:
it announces its subject as an exam does, and asks of people in a form that only other subjects are
tuned in.  Known from pretraining: every fact.  A skill to be learnt elsewhere: to reply to lettered
questions, whatever they are about.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from random import Random

from espalier.ability import Use
from espalier.tunnel.task import Ask, Construction, Question, Task
from espalier.tunnel.tasks._choice import LETTERS
from espalier.tunnel.tasks.chinese import chinese
from espalier.tunnel.tasks.history import history
from espalier.tunnel.tasks.stem import stem
from espalier.tunnel.tasks.teacher import teacher
from espalier.tunnel.world import World

_FIELDS: Mapping[str, Ask] = {
    "people": teacher.ask,
    "creatures": stem.ask,
    "events": history.ask,
    "words": chinese.ask,
}


def _ask(world: World, random: Random, construction: Construction) -> Question:
    name = random.choice(list(_FIELDS))
    question = _FIELDS[name](world, random, construction)
    while len(question.facts.get("options", ())) != len(LETTERS):
        question = _FIELDS[name](world, random, construction)
    topic = (question.cluster or "").partition(" of ")[0] if name in ("people", "creatures") else ""
    others = tuple(letter for letter in LETTERS if letter != question.reply)
    return replace(
        question,
        prompt=f"exam on {name} : {question.prompt}",
        distractors=others,
        cluster=f"{name} {topic}".strip(),
    )


survey = Task(
    ask=_ask,
    scorers=(
        Use(scorer="choice", options={"average": "clusters"}),
        Use(scorer="choice", options={"by": "likelihood", "average": "clusters"}),
        Use(scorer="nll"),
    ),
    max_new_tokens=4,
    trained=False,
)
