"""An ability: something a model may be able to do, its items, and how replies are scored.

Asking and grading are two acts.  An ability says what is asked (`items`, and what each scorer
needs: replies or likelihoods) and names its scorers; the first is the headline metric, the
others are its companions.  Shelf `abilities/` holds one factory a file, shelf `scorers/` one
scorer a file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypedDict

from espalier.shelf import Shelf


class Message(TypedDict):
    """One turn of a conversation."""

    role: Literal["system", "user", "assistant"]
    content: str


Prompt = str | tuple[Message, ...]
"""Raw text to be continued, or a conversation that ends before the assistant's turn."""

Ask = Literal["generate", "likelihood"]
"""What a scorer needs: a greedy reply, or the likelihood of given candidate replies."""


@dataclass(frozen=True, kw_only=True)
class Item:
    """One question with what is needed to grade a reply to it."""

    id: str
    prompt: Prompt
    target: str
    """The gold reply, as a model should write it."""
    candidates: tuple[str, ...] = ()
    """Replies whose likelihoods are compared; the target is the first.  Empty: the target alone."""
    followups: tuple[str, ...] = ()
    """Further user turns, each asked once the one before it has its reply."""
    temperature: float = 0.0
    """Of sampling its replies; 0 is greedy."""
    cluster: str | None = None
    """Items that share a passage, subject or conversation share a cluster."""
    chance: float | None = None
    """What guessing scores on this item."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What a scorer needs beside the target (tests, units, the answer alone...), JSON values."""


@dataclass(frozen=True, kw_only=True)
class Likelihood:
    """The log-likelihood of one candidate given the prompt."""

    total: float
    """Sum of the natural log-probabilities of the candidate's tokens."""
    tokens: int
    characters: int
    first: float | None = None
    """The natural log-probability of its first token alone; None where nobody kept it."""


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What a model gave for one item: text, likelihoods, or both."""

    text: str | None = None
    finished: bool = True
    """False where the reply ran into the length limit."""
    likelihoods: tuple[Likelihood, ...] = ()
    more: tuple[str, ...] = ()
    """Replies beyond the first: to the item's further turns, or further samples of it."""

    @property
    def texts(self) -> tuple[str, ...]:
        """Return all replies, the first one first."""
        return () if self.text is None else (self.text, *self.more)


@dataclass(frozen=True, kw_only=True)
class Grade:
    """A scored reply.  `score` None means unscored, which is not zero."""

    score: float | None
    extracted: str | None = None
    reason: str | None = None


@dataclass(frozen=True, kw_only=True)
class Scorer:
    """How replies become numbers."""

    metric: str
    asks: Ask
    grade: Callable[[Item, Reply], Grade]
    higher_is_better: bool = True
    version: int = 1
    """Raise it when the same reply starts to be graded otherwise."""
    also: Ask | None = None
    """What it needs beside `asks`; a reply then has both text and likelihoods."""
    chance: Callable[[Item], float | None] | None = None
    """What guessing scores on an item that does not say so itself."""
    average: Literal["items", "clusters"] = "items"
    """What counts alike in the mean: every item, or every cluster (a subject, say)."""
    grade_all: Callable[[Sequence[tuple[Item, Reply]]], Iterable[Grade]] | None = None
    """Grades many at once, in their order; for graders that a start costs (a sandbox, a judge)."""
    check: Callable[[], None] | None = None
    """Raises `MissingError` where this machine lacks what grading needs; asked before a start."""
    remark: Callable[[Sequence[Mapping[str, Any]]], str | None] | None = None
    """What is to be said of all graded rows together, in one line: how far a judge agrees, say."""


@dataclass(frozen=True, kw_only=True)
class Use:
    """A scorer by name with its options, as an ability or a study names it."""

    scorer: str
    options: Mapping[str, Any] = field(default_factory=dict)
    means: Mapping[str, Any] = field(default_factory=dict)
    """Options that change no grade (an endpoint, a limit on spend): no part of what is measured."""


@dataclass(frozen=True, kw_only=True)
class Ability:
    """What is measured."""

    name: str
    items: Sequence[Item]
    scorers: tuple[Use, ...]
    role: Literal["in", "out"] | None = None
    """In-domain or out-of-domain; None: in-domain where some source bears the ability's name."""
    suite: str | None = None
    max_new_tokens: int = 256
    stop: tuple[str, ...] = ()
    """Strings that end a reply, beside the tokenizer's own end of turn."""
    samples: int = 1
    """Replies asked for each item; more than one only where its temperature is above 0."""


abilities: Shelf[Callable[..., Ability]] = Shelf("espalier.abilities")
"""`abilities["gsm8k"](**options) -> Ability`"""

scorers: Shelf[Callable[..., Scorer]] = Shelf("espalier.scorers")
"""`scorers["exact"](**options) -> Scorer`"""
