"""Strategies: pure functions from a mixture to stages, held to the papers' counts."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from espalier.errors import SpecError
from espalier.mixture import Mixture
from espalier.strategy import Strategy, strategies

DONG = Mixture({"code": 20_022, "math": 110_142, "general": 86_060})
"""Code Alpaca, GSM8K RFT and ShareGPT as Dong et al., 2023, version 4, table 2, counts them."""

STAGED: dict[str, Callable[[Strategy, Mixture], tuple[Mixture, ...]]] = {
    "multitask": lambda strategy, mixture: strategy(mixture),
    "sequential": lambda strategy, mixture: strategy(mixture, order=("code", "math", "general")),
    "mixed_sequential": lambda strategy, mixture: strategy(mixture, general="general"),
    "dmt": lambda strategy, mixture: strategy(mixture, general="general", k=Fraction(0)),
}


def test_a_share_of_1_256_gives_the_rows_that_the_paper_counts() -> None:
    assert DONG.scaled(Fraction(1, 256)) == {"math": 430, "code": 78, "general": 336}


def test_dmt_replays_430_math_and_78_code_rows_in_its_second_stage() -> None:
    first, second = strategies["dmt"](DONG, general="general", k=Fraction(1, 256))
    assert first == {"code": 20_022, "math": 110_142}
    assert second == {"general": 86_060, "code": 78, "math": 430}
    assert round(100 * (430 + 78) / sum(second.values()), 2) == 0.59  # as the paper says


def test_dmt_without_replay_is_mixed_sequential() -> None:
    dmt = strategies["dmt"](DONG, general="general", k=Fraction(0))
    assert dmt == strategies["mixed_sequential"](DONG, general="general")


def test_dmt_refuses_a_replay_so_small_that_a_source_would_vanish() -> None:
    few = Mixture({"math": 64, "general": 64})
    with pytest.raises(SpecError, match="1/256 of the 64 rows of 'math' is less than one row"):
        strategies["dmt"](few, general="general", k=Fraction(1, 256))


def test_sequential_trains_one_source_a_stage_in_the_order_given() -> None:
    stages = strategies["sequential"](DONG, order=("code", "math", "general"))
    assert [dict(stage) for stage in stages] == [
        {"code": 20_022},
        {"math": 110_142},
        {"general": 86_060},
    ]


def test_sequential_refuses_an_order_that_forgets_a_source() -> None:
    with pytest.raises(SpecError, match="order leaves out 'general'"):
        strategies["sequential"](DONG, order=("code", "math"))


@pytest.mark.parametrize("name", list(strategies))
@given(rows=st.tuples(*[st.integers(0, 500)] * 3))
def test_no_strategy_loses_or_invents_a_row(name: str, rows: tuple[int, int, int]) -> None:
    mixture = Mixture(dict(zip(("code", "math", "general"), rows, strict=True)))
    stages = STAGED[name](strategies[name], mixture)
    assert sum(stages, Mixture({})) == mixture
    assert STAGED[name](strategies[name], mixture) == stages
