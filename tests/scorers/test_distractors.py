"""Gold against distractors: lengths, ties, and what cannot be scored."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from espalier.ability import Item, Likelihood, Reply
from espalier.errors import DataError
from espalier.scorers.distractors import distractors

ITEM = Item(id="1", prompt="q", target="gold", candidates=("gold", "near", "far"), chance=1 / 3)


def reply(*given: tuple[float, int]) -> Reply:
    return Reply(likelihoods=tuple(Likelihood(total=t, tokens=n, characters=n) for t, n in given))


def test_length_decides_where_nothing_is_normalized() -> None:
    likely = reply((-8, 8), (-4, 2), (-30, 10))  # per token: -1, -2, -3
    assert distractors().grade(ITEM, likely).score == 1.0
    given = distractors(normalized=False).grade(ITEM, likely)
    assert (given.score, given.extracted) == (0.0, "near")


def test_a_tie_is_what_drawing_among_the_first_would_score() -> None:
    two, three = reply((-2, 2), (-2, 2), (-9, 2)), reply((-2, 2), (-3, 3), (-2, 2))
    assert distractors().grade(ITEM, two).score == 0.5
    assert distractors().grade(ITEM, three).score == pytest.approx(1 / 3)
    assert distractors(as_published=True).grade(ITEM, three).score == 1.0


def test_rounding_is_no_victory() -> None:
    close = reply((-2, 2), (-2 + 1e-9, 2), (-9, 2))
    assert distractors().grade(ITEM, close).score == 0.5
    assert distractors(as_published=True).grade(ITEM, close).score == 0.0
    assert distractors(tie=0).grade(ITEM, close).score == 0.0


def test_what_has_no_likelihood_is_unscored() -> None:
    for bad in (Reply(text="x"), reply((-1, 1)), reply((-1, 0), (-1, 1), (-1, 1))):
        assert distractors().grade(ITEM, bad).score is None
    assert distractors().grade(ITEM, reply((-math.inf, 1), (-1, 1), (-1, 1))).score is None
    with pytest.raises(DataError, match="item 2 has no distractors"):
        distractors().grade(Item(id="2", prompt="q", target="gold"), reply((-1, 1)))


@given(st.lists(st.sampled_from([-1.0, -2.0, -3.0]), min_size=3, max_size=3))
def test_shuffled_candidates_share_one_point(values: list[float]) -> None:
    orders = [(0, 1, 2), (1, 2, 0), (2, 0, 1)]
    scores = [distractors().grade(ITEM, reply(*((values[i], 1) for i in o))).score for o in orders]
    assert sum(score or 0 for score in scores) == pytest.approx(1.0)
