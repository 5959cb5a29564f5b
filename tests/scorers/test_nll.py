"""Likelihood of the target."""

from __future__ import annotations

from espalier.ability import Item, Likelihood, Reply
from espalier.scorers.nll import nll

ITEM = Item(id="1", prompt="q", target="r")


def test_the_target_comes_first_and_counts_per_token() -> None:
    target = Likelihood(total=-6.0, tokens=4, characters=9)
    other = Likelihood(total=-1.0, tokens=1, characters=1)
    assert nll().grade(ITEM, Reply(likelihoods=(target, other))).score == 1.5
    assert not nll().higher_is_better


def test_without_a_likelihood_it_is_unscored() -> None:
    assert nll().grade(ITEM, Reply(text="r")).score is None
    empty = Likelihood(total=0.0, tokens=0, characters=0)
    assert nll().grade(ITEM, Reply(likelihoods=(empty,))).score is None
