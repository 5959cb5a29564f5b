"""The procedural world: its people, what is true of them, and how large its numbers get.

Everything in the tunnel is drawn from a world: the raw text its bases are pretrained on, the rows
that tune them and the items that measure them.  Two worlds with different seeds have different
people and facts but the same nature, so a finding can be checked in a world it was not tuned on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from random import Random
from typing import Literal, TypeVar

T = TypeVar("T")

Numerals = Literal["digits", "own", "shared"]


def listed(words: str) -> tuple[str, ...]:
    """Return the words of a text, for long lists of them."""
    return tuple(words.split())


VALUES: Mapping[str, tuple[str, ...]] = {
    "city": listed(
        "Paris Rome Oslo Cairo Lima Delhi Tokyo Madrid Berlin Vienna Athens Lisbon Dublin Prague "
        "Quito Accra Seoul Hanoi Minsk Riga Sofia Tunis Doha Kyiv"
    ),
    "job": listed(
        "baker doctor farmer teacher painter singer pilot nurse judge lawyer writer miner tailor "
        "sailor guard cook actor dentist barber driver smith clerk hunter dancer"
    ),
    "pet": listed(
        "dog cat horse rabbit parrot snake turtle goat hamster duck lizard pony frog mouse fox owl"
    ),
    "food": listed(
        "rice soup bread cheese pasta fish salad beans pizza honey lamb curry noodles cake pie stew"
    ),
}
"""What can be true of a person: attribute -> its possible values."""

THINGS = listed(
    "apples books coins eggs pens stamps cards shells nuts cups balls rocks keys toys hats pears"
)
"""What can be counted."""

_SYLLABLES = listed(
    "ba be bo da de di do ka ke ko la le li lo ma me mi mo na ne ni no ra re ri ro sa se si so ta "
    "te ti to va ve vi vo za ze"
)

NUMERAL_TASKS = ("math", "code", "dialogue")
"""The tasks that may write small numbers as words."""

_CODAS = listed("f k l m n p s t x")

Fact = tuple[str, str]
"""A person's name and an attribute."""


@dataclass(frozen=True, kw_only=True)
class World:
    """The parameters of a world.  Equal parameters make equal worlds, in any process."""

    seed: int = 0
    people: int = 120
    largest: int = 30
    """No count in a story or a sum exceeds it."""
    steps: int = 3
    """The most steps in a story and the most operations in a program."""
    held: float = 0.25
    """Share of the facts that no training row ever asks for."""
    numerals: Numerals = "digits"
    """How tasks write the numbers 2 to 9: as digits, or as words whose meaning no raw text tells.

    With `shared` the words are the same in every task, so that what one task teaches another can
    use; with `own` every task has words of its own, as hard to learn and of no use elsewhere.  The
    raw text is the same in all three, so one base serves them.
    """

    def random(self, *words: object) -> Random:
        """Return a generator of its own for what `words` name."""
        return Random("/".join(str(word) for word in (self.seed, *words)))  # noqa: S311

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Return the people's names: two syllables, none of them a city."""
        every = (a.capitalize() + b for a in _SYLLABLES for b in _SYLLABLES)
        free = [name for name in every if name not in VALUES["city"]]
        return tuple(self.random("names").sample(free, self.people))

    @cached_property
    def numeral_words(self) -> Mapping[str, tuple[str, ...]]:
        """Return the words for 2 to 9 that all tasks share, and those of each task alone."""
        free = [a + b for a in _SYLLABLES for b in _CODAS]
        drawn = self.random("numerals").sample(free, 8 * (1 + len(NUMERAL_TASKS)))
        kinds = ("shared", *NUMERAL_TASKS)
        return {kind: tuple(drawn[8 * i : 8 * i + 8]) for i, kind in enumerate(kinds)}

    def number(self, task: str, value: int) -> str:
        """Write a number as the task does: 2 to 9 may be words, all others are digits."""
        if self.numerals == "digits" or not 2 <= value <= 9:
            return str(value)
        kind = "shared" if self.numerals == "shared" else task
        return self.numeral_words[kind][value - 2]

    @cached_property
    def facts(self) -> Mapping[Fact, str]:
        """Return what is true of whom."""
        random = self.random("facts")
        return {(n, a): random.choice(v) for n in self.names for a, v in VALUES.items()}

    @cached_property
    def held_facts(self) -> tuple[Fact, ...]:
        """Return the facts that are in the raw text but asked by no training row."""
        every = list(self.facts)
        return tuple(self.random("held").sample(every, round(self.held * len(every))))

    @cached_property
    def asked_facts(self) -> tuple[Fact, ...]:
        """Return the facts that training rows ask for."""
        held = frozenset(self.held_facts)
        return tuple(fact for fact in self.facts if fact not in held)


def often_first(random: Random, options: Sequence[T]) -> T:
    """Choose an option, the first most often: in raw text some wordings are rare."""
    return random.choices(options, [1 / rank for rank in range(1, len(options) + 1)])[0]


def broken(random: Random, parts: Sequence[str], between: str) -> str:
    """Join `parts` by `between` or by line breaks, one way throughout.

    So a line break says nothing about the kind of text, nor about what comes next.
    """
    return random.choice((between, "\n ")).join(parts)
