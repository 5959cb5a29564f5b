"""Lettered questions on every subject the world knows: a benchmark in the form of CMMLU.

CMMLU (Li et al. 2023) asks four-option questions on 67 subjects and counts every subject alike;
here the subjects are what is known of people, creatures, events and words.  No source trains it:
it announces its subject as an exam does, and asks of people in a form that only other subjects are
tuned in.  Known from pretraining: every fact.  A skill to be learnt elsewhere: to reply to lettered
questions, whatever they are about.
"""

from __future__ import annotations

from dataclasses import replace
from random import Random

from espalier.ability import Use
from espalier.tunnel.task import Construction, Question, Task, tasks
from espalier.tunnel.tasks._choice import LETTERS, MOST_TOKENS
from espalier.tunnel.world import World

_FIELDS = {"people": "teacher", "creatures": "stem", "events": "history", "words": "chinese"}
"""What is examined, and the task that asks about it."""


def _ask(world: World, random: Random, construction: Construction) -> Question:
    name = random.choice(list(_FIELDS))
    ask = tasks[_FIELDS[name]].ask
    question = ask(world, random, construction)
    while len(question.facts.get("options", ())) != len(LETTERS):
        question = ask(world, random, construction)
    topic = (question.cluster or "").partition(" of ")[0] if name in ("people", "creatures") else ""
    others = [option for option in question.facts["options"] if option != question.reply]
    return replace(
        question,
        prompt=f"exam on {name} : {question.prompt}",
        distractors=tuple(others),
        cluster=f"{name} {topic}".strip(),
    )


survey = Task(
    ask=_ask,
    scorers=(
        Use(scorer="choice", options={"average": "clusters"}),
        Use(scorer="choice", options={"by": "likelihood", "at": "whole", "average": "clusters"}),
        Use(scorer="nll"),
    ),
    max_new_tokens=MOST_TOKENS,
    trained=False,
)
