"""Fill the gap in a four-character idiom, and know what two-character words mean, in Chinese.

Known from pretraining: the idioms (told forwards and, with their halves turned, backwards) and the
words with their English glosses.  A skill to be learnt: what a gap asks for, which comes down to
recalling an idiom by the three characters that are left, and answering with an option.  Gaps near
the end follow from what stands before them and should come early; a gap at the beginning needs the
idiom backwards and should come late, so the whole should grow over a wide range (Song et al., 2023,
saw Chinese grow, less steadily than biology and history).  Test prompts are other wordings of
idioms and words that training rows ask for, too.
"""

from __future__ import annotations

from functools import cache
from random import Random

from espalier.tunnel.task import Construction, Question, Task
from espalier.tunnel.tasks._choice import CHOICE, choose
from espalier.tunnel.world import THINGS, VALUES, World, broken

CHARACTERS = tuple(
    "天大夜夏头外一三七万上东中云人二五日无早木月有星春明雨雪雷水气九书白百土地金里千南风山花心马光石"
)
"""What idioms and words are made of: common, and many to each block, which saves tokens."""

_ASKING = tuple("填空意思选_")
_ENGLISH = (*THINGS, *VALUES["food"], *VALUES["pet"])

_IDIOMS, _WORDS, _LENGTH = 40, 30, 4

_GAPS = ("填 空 : {}", "fill the gap : {}", "complete {}", "{} 空 ?")
_MEANINGS = ("{} 意 思 ?", "what is {} ?", "tell me the meaning of {}", "{} in english ?")
_CHOICES = ("{} 意 思 选 :", "choose the meaning of {} :", "which one is {} ?")
_TURNED = ("{} 选 :", "choose the word for {} :", "which one means {} ?")


@cache
def idioms(world: World) -> tuple[tuple[str, ...], ...]:
    """Return the world's idioms; any three characters in their places belong to one of them."""
    random = world.random("idioms")
    found: dict[tuple[str, ...], None] = {}
    taken: set[tuple[str, ...]] = set()
    for first in random.sample(CHARACTERS, _IDIOMS):
        while True:
            idiom = (first, *random.sample([c for c in CHARACTERS if c != first], _LENGTH - 1))
            gaps = {_with_gap(idiom, place) for place in range(_LENGTH)}
            if not gaps & taken:
                break
        found[idiom] = None
        taken |= gaps
    return tuple(found)


@cache
def glosses(world: World) -> dict[str, str]:
    """Return the world's two-character words, each with its meaning in English."""
    random = world.random("glosses")
    pairs = [f"{a} {b}" for a in CHARACTERS for b in CHARACTERS if a != b]
    english = random.sample(_ENGLISH, _WORDS)
    return dict(zip(random.sample(pairs, _WORDS), english, strict=True))


def _with_gap(idiom: tuple[str, ...], place: int) -> tuple[str, ...]:
    return (*idiom[:place], "_", *idiom[place + 1 :])


def _ask(world: World, random: Random, construction: Construction) -> Question:
    if random.random() < 0.4:
        return _cloze(world, random, construction)
    known = construction.among([*glosses(world).items()])
    word, english = random.choice(known)
    others = [pair for pair in known if pair[0] != word]
    told = _beside(random, " : ".join(random.choice(others)))
    wrong_word, wrong_english = random.choice(others)
    errs = construction.errs(random)
    kind = random.randrange(3)
    if kind == 0:
        return Question(
            prompt=told + construction.choose(random, _MEANINGS).format(word),
            reply=wrong_english if errs else english,
            chance=1 / _WORDS,
            cluster=word,
            facts={"kind": "cloze", "answer": english},
        )
    back = kind == 1
    wordings, asked, right = (_TURNED, english, word) if back else (_CHOICES, word, english)
    return choose(
        random,
        told + construction.choose(random, wordings).format(asked),
        right,
        [pair[0] if back else pair[1] for pair in others],
        instead=(wrong_word if back else wrong_english) if errs else None,
        cluster=word,
    )


def _cloze(world: World, random: Random, construction: Construction) -> Question:
    idiom, other = random.sample(construction.among(idioms(world)), 2)
    place = random.randrange(_LENGTH)
    told = _beside(random, " ".join(other))
    missing = idiom[place]
    wrong = random.choice([c for c in CHARACTERS if c not in idiom])
    return Question(
        prompt=told + construction.choose(random, _GAPS).format(" ".join(_with_gap(idiom, place))),
        reply=wrong if construction.errs(random) else missing,
        chance=1 / len(CHARACTERS),
        cluster=" ".join(idiom),
        facts={"kind": "cloze", "answer": missing},
    )


def _beside(random: Random, other: str) -> str:
    """Now and then tell something true and beside the point before the question."""
    return f"{other} . " if random.random() < 0.7 else ""


def _idioms_told(world: World, random: Random) -> str:
    """Write idioms, some with their halves turned, so that they are known backwards, too."""
    half = _LENGTH // 2
    return broken(
        random,
        [
            " ".join(idiom if random.random() < 0.6 else (*idiom[half:], ",", *idiom[:half]))
            for idiom in random.sample(idioms(world), random.randint(2, 4))
        ],
        " ; ",
    )


def _glosses_told(world: World, random: Random) -> str:
    told = random.sample([*glosses(world).items()], random.randint(2, 4))
    return broken(
        random,
        [f"{w} : {e}" if random.random() < 0.5 else f"{e} : {w}" for w, e in told],
        " ; ",
    )


chinese = Task(
    ask=_ask,
    scorers=CHOICE,
    max_new_tokens=8,
    documents={_idioms_told: 0.09, _glosses_told: 0.05},
    words=lambda _world: (*CHARACTERS, *_ASKING),
)
