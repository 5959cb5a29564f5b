"""Gold against corruptions: a model that knows better finds the gold answer the likeliest.

An item's candidates are its gold answer and distractors (wrong in a detail, or fluent and beside
the point), each as the assistant's turn under the model's own chat template, end of turn included.
Song et al. (2023) print perplexity without the length and compute it with it; both are here.
"""

from __future__ import annotations

from functools import partial
from math import isfinite
from typing import Annotated

from pydantic import Field

from espalier.ability import Grade, Item, Likelihood, Reply, Scorer
from espalier.errors import DataError


def distractors(
    *,
    normalized: bool = True,
    as_published: bool = False,
    tie: Annotated[float, Field(ge=0)] = 1e-6,
) -> Scorer:
    """Score 1 where the gold answer is likelier than every distractor, else 0.

    `normalized` compares the mean over an answer's tokens (as the paper's code does), else the sum
    (as its formula says), which favours short answers.  Where the gold answer shares the first
    place, within `tie` nats, with `k` others, it scores 1 / (k + 1), what drawing among them would;
    `as_published` counts an exact tie as won.
    """
    grade = partial(_grade, normalized, None if as_published else tie)
    metric = "beats_distractors" if normalized else "beats_distractors_by_sum"
    return Scorer(metric=metric, asks="likelihood", grade=grade, chance=_chance)


def _chance(item: Item) -> float | None:
    return 1 / len(item.candidates) if item.candidates else None


def _grade(normalized: bool, tie: float | None, item: Item, reply: Reply) -> Grade:
    if len(item.candidates) < 2:
        raise DataError(f"item {item.id} has no distractors: `candidates` are the gold and others")
    if len(reply.likelihoods) != len(item.candidates):
        return Grade(score=None, reason="no likelihood of every candidate")
    if any(likelihood.tokens < 1 for likelihood in reply.likelihoods):
        return Grade(score=None, reason="a candidate has no tokens")
    gold, *others = (_likely(likelihood, normalized) for likelihood in reply.likelihoods)
    if not all(map(isfinite, (gold, *others))):
        return Grade(score=None, reason="a likelihood is not finite")
    best = max(range(len(others)), key=others.__getitem__)
    ahead = gold - others[best]
    shown = item.candidates[0] if ahead >= 0 else item.candidates[best + 1]
    if tie is None:
        return Grade(score=float(ahead >= 0), extracted=shown)
    if ahead < -tie:
        return Grade(score=0.0, extracted=shown, reason=f"{-ahead:.3g} nats behind")
    tied = sum(abs(gold - other) <= tie for other in others)
    reason = f"tied with {tied}" if tied else None
    return Grade(score=1 / (tied + 1), extracted=item.candidates[0], reason=reason)


def _likely(likelihood: Likelihood, normalized: bool) -> float:
    return likelihood.total / (likelihood.tokens if normalized else 1)
