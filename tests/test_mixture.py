"""Mixtures: amounts of rows, and the laws of their small algebra."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from espalier.errors import SpecError
from espalier.mixture import Mixture

names = st.sampled_from(["math", "code", "general", "law"])
mixtures = st.dictionaries(names, st.integers(0, 10_000)).map(Mixture)
shares = st.fractions(0, 1)


@given(mixtures, mixtures, mixtures)
def test_adding_is_associative_and_commutative(a: Mixture, b: Mixture, c: Mixture) -> None:
    assert (a + b) + c == a + (b + c)
    assert a + b == b + a
    assert hash(a + b) == hash(b + a)
    assert a + Mixture({}) == a


@given(mixtures, st.lists(names, unique=True))
def test_only_and_without_share_a_mixture_between_them(a: Mixture, some: list[str]) -> None:
    assert a.only(*some) + a.without(*some) == a
    assert not set(a.only(*some)) & set(a.without(*some))


@given(mixtures, st.permutations(["math", "code", "general", "law"]))
def test_only_keeps_the_order_it_is_given(a: Mixture, order: list[str]) -> None:
    assert list(a.only(*order)) == [name for name in order if name in a]


@given(mixtures, shares)
def test_a_scaled_mixture_holds_whole_rows_rounded_down_of_the_same_sources(
    a: Mixture, share: Fraction
) -> None:
    try:
        scaled = a.scaled(share)
    except SpecError:  # a source would silently vanish
        assert any(n * share < 1 for n in a.values())
        return
    assert all(scaled[name] <= a[name] * share < scaled[name] + 1 for name in scaled)
    assert set(scaled) == (set(a) if share else set())


@given(mixtures)
def test_the_whole_share_changes_nothing_and_no_share_leaves_nothing(a: Mixture) -> None:
    assert a.scaled(Fraction(1)) == a
    assert a.scaled(Fraction(0)) == Mixture({})


@given(mixtures)
def test_sources_with_no_rows_are_no_part_of_a_mixture(a: Mixture) -> None:
    assert all(a.values())
    assert Mixture({**a, "nothing": 0}) == a


def test_a_negative_amount_is_refused() -> None:
    with pytest.raises(SpecError, match="math: -1 rows; amounts are 0 or more"):
        Mixture({"math": -1})
