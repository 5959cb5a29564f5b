"""Forecasts of what was not run: near what is known, wide where nothing is."""

from __future__ import annotations

import math

import numpy as np
import pytest

from espalier.forecast import Floats, Forecast, doublings, forecast
from espalier.mixture import Mixture

AMOUNTS = (16, 64, 256, 1024, 4096)
FEATURES = np.array([doublings([Mixture({"math": n})], frozenset({"math"})) for n in AMOUNTS])


def of(scores: dict[int, list[float]], *, unit: float = 1.0, error: float = 0.01) -> Forecast:
    """Forecast all amounts from the scores of some."""
    runs = [(AMOUNTS.index(n), score) for n, values in scores.items() for score in values]
    return forecast(
        FEATURES,
        np.zeros(len(AMOUNTS), dtype=np.int64),
        np.array([place for place, _ in runs]),
        unit * np.array([score for _, score in runs]),
        np.full(len(runs), unit * error),
    )


def drawn(made: Forecast, count: int = 400) -> Floats:
    random = np.random.default_rng(0)
    return np.array([made.draw(random, np.arange(len(AMOUNTS))) for _ in range(count)])


def test_rows_count_once_over_all_stages_and_by_what_comes_last() -> None:
    stages = [Mixture({"math": 63, "code": 63}), Mixture({"chat": 255, "math": 7})]
    own, others, last_own, last_others = doublings(stages, frozenset({"math"}))
    assert (own, last_own) == (6.0, 3.0)
    assert others == pytest.approx(math.log2(1 + 63 + 255))
    assert last_others == 8.0
    assert doublings([], frozenset({"math"})) == (0, 0, 0, 0)


def test_a_line_is_filled_in_between_and_carried_on_with_doubt() -> None:
    made = drawn(of({16: [0.2, 0.21], 64: [0.3, 0.29], 1024: [0.5, 0.51]}))
    middle, spread = made.mean(axis=0), made.std(axis=0)
    assert middle[2] == pytest.approx(0.4, abs=0.03)
    assert middle[4] == pytest.approx(0.6, abs=0.1)
    assert spread[4] > spread[2]
    assert spread[4] > spread[3]


def test_shares_are_never_forecast_outside_of_0_to_1() -> None:
    made = drawn(of({16: [0.0, 0.01], 64: [0.6, 0.7], 256: [0.98, 1.0]}))
    assert made.min() >= 0
    assert made.max() <= 1


def test_losses_are_forecast_in_their_own_unit() -> None:
    made = drawn(of({16: [0.9, 0.91], 64: [0.7, 0.71], 1024: [0.3, 0.31]}, unit=400))
    assert made.mean(axis=0)[2] == pytest.approx(200, abs=20)


def test_noise_that_grows_with_rows_is_expected_to_grow_on() -> None:
    steady = {16: [0.10, 0.12, 0.11], 64: [0.2, 0.22, 0.21], 256: [0.3, 0.32, 0.31]}
    growing = {16: [0.10, 0.11, 0.105], 64: [0.2, 0.24, 0.22], 256: [0.3, 0.42, 0.36]}
    alike, more = of(steady), of(growing)
    assert more.noise[4] > 3 * alike.noise[4]
    assert more.noise[4] > 4 * more.noise[0]
    assert alike.df[4] < 4.1 < 6 < alike.df[0]


def test_a_single_run_is_enough_to_begin_with() -> None:
    made = drawn(of({64: [0.3]}))
    assert np.isfinite(made).all()


def test_without_standard_errors_a_forecast_is_made_as_well() -> None:
    made = of({16: [0.2, 0.2], 64: [0.2, 0.2]}, error=math.nan)
    assert np.isfinite(drawn(made)).all()
    assert (made.noise > 0).all()
