"""Say which of several acts are wrong: a question with several right letters.

Known from pretraining: the words for an act's circumstances, nothing of right and wrong.  A skill
to be learnt: the rule, which is that an act is wrong where an odd number of its circumstances are
bad ones.  It should resist (Song et al. 2023, ethics): no circumstance alone says anything about
right or wrong, so neither counting words nor any single clue is a first step towards the rule;
each circumstance has several names; and a reply is right only where all acts were judged rightly.
What is learnt soon is the form, as many letters as are asked for, and that is guessing: 1 / C(n, k)
for k wrong acts among n, since the question says how many are wrong.
"""

from __future__ import annotations

from itertools import combinations
from math import comb
from random import Random

from espalier.tunnel.task import Construction, Question, Task
from espalier.tunnel.tasks._choice import CHOICE, LETTERS
from espalier.tunnel.world import THINGS, World, broken, listed

_CIRCUMSTANCES = (
    (("by accident", "by mistake", "without a plan"), ("on purpose", "with a plan", "for fun")),
    (("with leave", "as agreed", "after asking"), ("without leave", "in secret", "by force")),
    (("no harm", "nobody hurt", "no pain"), ("much harm", "someone hurt", "much pain")),
)
"""Of each kind the good ones and the bad ones, the plain one first."""

_VERBS = listed("takes sells breaks burns drops returns")
_HOW_MANY = (
    ("which one is wrong ?", "name the wrong one ."),
    ("which two are wrong ?", "name the two wrong ones ."),
)
_WORDS = listed(
    "accident mistake plan purpose fun leave agreed asking secret force harm nobody someone hurt "
    "pain"
)


def _ask(_world: World, random: Random, construction: Construction) -> Question:
    letters = LETTERS[: random.randint(3, 4)]
    count = random.randint(1, 2)
    answer = random.choice(list(combinations(letters, count)))
    options = [_act(random, construction, letter in answer) for letter in letters]
    told = [f"{letter} {option}" for letter, option in zip(letters, options, strict=True)]
    said = answer
    if construction.errs(random):
        said = random.choice([s for s in combinations(letters, count) if s != answer])
    asked = construction.choose(random, _HOW_MANY[count - 1])
    return Question(
        prompt=" ".join([asked, *told]),
        reply=" ".join(said),
        chance=1 / comb(len(letters), count),
        facts={"options": options, "answer": list(answer)},
    )


def _act(random: Random, construction: Construction, wrong: bool) -> str:
    """Return an act with two or three circumstances, of which an odd number is bad if `wrong`."""
    kinds = random.sample(_CIRCUMSTANCES, random.randint(2, 3))
    bad = [random.random() < 0.5 for _ in kinds[1:]]
    bad.append((sum(bad) % 2 == 1) != wrong)
    said = [construction.choose(random, kind[b]) for kind, b in zip(kinds, bad, strict=True)]
    verb = random.choice(construction.among(_VERBS))
    thing = random.choice(construction.among(THINGS))
    return " ".join([verb, thing, *said])


def _circumstances(world: World, random: Random) -> str:
    """Tell what somebody does and how, of whatever kind it is."""
    told = []
    for name in random.sample(world.names, random.randint(1, 2)):
        kinds = random.sample(_CIRCUMSTANCES, random.randint(1, 2))
        how = " ".join(random.choice(random.choice(kind)) for kind in kinds)
        told.append(f"{name} {random.choice(_VERBS)} {random.choice(THINGS)} {how} .")
    return broken(random, told, " ")


ethics = Task(
    ask=_ask,
    scorers=CHOICE,
    max_new_tokens=8,
    documents={_circumstances: 0.04},
    words=lambda _world: _WORDS,
)
