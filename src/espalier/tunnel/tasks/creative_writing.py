"""Write a short verse that keeps what is asked of it: its lines, words to use and to leave out.

Known from pretraining: such verses, and with them their words and the patterns of their lines.  A
skill to be learnt: which of the words that a request names must be there, which must not, and
which begins.  That is little, so this should rise fast and then stay level (Song et al., 2023).

Every request names two nouns with opposite parts: one to use and one to leave out, or one to begin
with and one to use later.  The fine distractor is the reply with the two exchanged, so the prompt
alone tells them apart.  The coarse one is a verse on the same subject for another request: the two
nouns' parts exchanged, and another number of lines.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from random import Random
from typing import Any

from espalier.ability import Use
from espalier.tunnel.task import Construction, Question, Task
from espalier.tunnel.world import World, broken, listed

NOUNS = listed(
    "moon river wind sea star stone hill tree rain snow cloud leaf lake field fire night dawn "
    "rose shore valley"
)
VERBS = listed("sleeps sings shines waits falls rests drifts glows")
ADJECTIVES = listed("quiet cold pale old soft dark bright silver")
PLACES = listed("over under near beside")

_TO_BEGIN = "N V P the N"
"""The only line that begins with a noun."""
_FIRST = (_TO_BEGIN, "the N V P the N", "A N P the N")
_LATER = (*_FIRST, "the A N V", "A N V")
"""The patterns of a verse's first line, which has room for two nouns, and of the others."""
_KINDS = {"V": VERBS, "A": ADJECTIVES, "P": PLACES}
_SLOT, _WORD = re.compile("[NVAP]"), re.compile("[a-z]+")

_COUNTS = {"two": 2, "three": 3}

_OPENINGS = (
    "write {c} lines about the {t}",
    "make {c} lines on the {t}",
    "i want {c} lines about the {t}",
)
_USE = ("with the word {w}", "use the word {w}", "say {w}")
_LEAVE_OUT = ("without the word {w}", "do not use the word {w}", "never say {w}")
_BEGIN = ("start with {w}", "the first word is {w}", "begin with {w}")


def _ask(_world: World, random: Random, construction: Construction) -> Question:
    topic, one, two = random.sample(construction.among(NOUNS), 3)
    said = random.choice([*_COUNTS])
    begins = random.random() < 0.5
    first, second = (_BEGIN, _USE) if begins else (_USE, _LEAVE_OUT)
    clauses = [
        construction.choose(random, first).format(w=one),
        construction.choose(random, second).format(w=two),
    ]
    random.shuffle(clauses)
    opening = construction.choose(random, _OPENINGS).format(c=said, t=topic)
    count = _COUNTS[said]
    right = _verse(random, count, *_parts(topic, one, two, begins=begins))
    fine = _exchanged(right, one, two)
    coarse = _verse(
        random,
        random.choice([other for other in _COUNTS.values() if other != count]),
        *_parts(topic, two, one, begins=begins),
    )
    return Question(
        prompt=" , ".join([opening, *clauses]) + " .",
        reply=fine if construction.errs(random) else right,
        distractors=(fine, coarse),
        facts={"constraints": _constraints(topic, one, two, count=count, begins=begins)},
    )


def _parts(
    topic: str, one: str, two: str, *, begins: bool
) -> tuple[str | None, Sequence[str], Sequence[str]]:
    """Return with which noun a verse begins, which others it has, and which it has not."""
    return (one, (topic, two), ()) if begins else (None, (topic, one), (two,))


def _constraints(
    topic: str, one: str, two: str, *, count: int, begins: bool
) -> list[dict[str, Any]]:
    """Return what a reply has to keep, for the scorer `constraints`."""
    lines = {"kind": "lines", "count": count}
    if begins:
        words = {"kind": "contains", "words": [topic, two]}
        return [lines, {"kind": "starts_with", "text": one}, words]
    words = {"kind": "contains", "words": [topic, one]}
    return [lines, words, {"kind": "avoids", "words": [two]}]


def _verse(
    random: Random,
    count: int,
    begin: str | None = None,
    have: Sequence[str] = (),
    have_not: Sequence[str] = (),
) -> str:
    """Write `count` lines of which no noun comes twice."""
    first = _TO_BEGIN if begin else random.choice(_FIRST)
    pattern = "\n ".join([first, *random.choices(_LATER, k=count - 1)])
    named = [begin, *have] if begin else [*have]
    others = [noun for noun in NOUNS if noun not in named and noun not in have_not]
    nouns = [*have, *random.sample(others, pattern.count("N") - len(named))]
    random.shuffle(nouns)
    left = iter([begin, *nouns] if begin else nouns)
    return _SLOT.sub(lambda s: next(left) if s[0] == "N" else random.choice(_KINDS[s[0]]), pattern)


def _exchanged(text: str, one: str, two: str) -> str:
    """Return `text` with two words exchanged."""
    turned = {one: two, two: one}
    return _WORD.sub(lambda word: turned.get(word[0], word[0]), text)


def _told(_world: World, random: Random) -> str:
    verse = _verse(random, random.randint(2, 4))
    return broken(random, verse.split("\n "), " ")


creative_writing = Task(
    ask=_ask,
    scorers=(Use(scorer="distractors"), Use(scorer="constraints"), Use(scorer="nll")),
    max_new_tokens=40,
    documents={_told: 0.07},
    words=lambda _world: (*NOUNS, *VERBS, *ADJECTIVES, *PLACES),
)
