"""The measures of separation, on clouds of points whose truth was planted."""

from __future__ import annotations

import builtins
import importlib.util
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import pairwise_distances, silhouette_score

from espalier import separation
from espalier.errors import MissingError
from espalier.separation import Separation, pca, resamples, scaled, separations, silhouettes, tsne

NAMES = ("math", "code", "general")
Floats = NDArray[np.float64]


def clouds(*centres: float, each: int = 30, width: int = 8, seed: int = 0) -> Floats:
    """Return a cloud about each centre: so far along every unit, a half of them downwards."""
    draw = np.random.default_rng(seed)
    middles = np.repeat(np.outer(centres, [1, -1] * (width // 2)), each, axis=0)
    return draw.normal(size=(len(centres) * each, width)) + middles


def labels(each: int = 30, count: int = 3) -> list[str]:
    return [name for name in NAMES[:count] for _ in range(each)]


def own(count: int) -> list[str]:
    return [str(i) for i in range(count)]


def measured(x: Floats, each: int = 30) -> dict[tuple[str, ...], Separation]:
    found = separations(x, labels(each), own(len(x)))
    return {one.of: one for one in found}


def test_what_lies_apart_is_told_apart_and_what_overlaps_is_not() -> None:
    found = measured(clouds(3.0, 0.0, 0.0))
    apart, same = found["math", "code"], found["code", "general"]
    assert apart.silhouette > 0.3
    assert apart.accuracy == 1.0
    assert abs(same.silhouette) < 0.05
    assert abs(same.accuracy - 0.5) < 0.2
    assert same.chance == 0.5
    assert found[NAMES].chance == pytest.approx(1 / 3)
    assert np.percentile(apart.draws, 2.5) > np.percentile(same.draws, 97.5)


def test_the_silhouette_in_a_sample_of_everything_once_is_scikit_learns() -> None:
    x, named = clouds(2.0, 1.0, 0.5), labels()
    distances = pairwise_distances(x)
    np.fill_diagonal(distances, 0.0)
    (ours,) = silhouettes(distances, named, np.ones((len(x), 1)))
    assert ours == pytest.approx(silhouette_score(x, named))


def test_an_interval_covers_the_silhouette_of_the_clouds_that_were_drawn_from() -> None:
    named, width = labels(40, 2), 4
    wide = clouds(1.0, 0.0, each=1500, width=width, seed=99)
    truth = silhouette_score(wide, labels(1500, 2))
    covered = 0
    for seed in range(60):
        distances = pairwise_distances(clouds(1.0, 0.0, each=40, width=width, seed=seed))
        np.fill_diagonal(distances, 0.0)
        weights = resamples(named, own(80), draws=200)
        low, high = np.percentile(silhouettes(distances, named, weights), (2.5, 97.5))
        covered += low <= truth <= high
    assert covered >= 53  # of 60; 57 are expected, 53 are 2.4 standard deviations fewer


def test_queries_that_share_a_passage_are_drawn_together_and_count_as_one() -> None:
    named, passages = labels(4, 2), ["a", "a", "b", "b", "a", "c", "d", "e"]
    weights = resamples(named, passages, draws=50)
    assert (weights[0] == weights[1]).all()
    assert (weights[2] == weights[3]).all()
    assert (weights[0] != weights[4]).any(), "a passage of another label is another one"
    assert (weights[:4].sum(0) == 4).all()


def test_the_linear_probe_never_meets_a_passage_it_is_asked_about() -> None:
    """Random labels by passage look learnable unless passages are kept whole."""
    draw = np.random.default_rng(0)
    passages = np.repeat(np.arange(40), 5)
    x = draw.normal(size=(40, 60))[passages] + 0.01 * draw.normal(size=(200, 60))
    named = [NAMES[p % 2] for p in passages]
    together = separation.told_apart(scaled(x), named, [str(p) for p in passages])
    alone = separation.told_apart(scaled(x), named, own(200))
    assert alone.mean() == 1.0
    assert together.mean() < 0.75


def test_units_far_larger_than_the_rest_hide_nothing() -> None:
    x = clouds(3.0, 0.0, 0.0)
    x[:, -1] *= 1e4
    assert measured(x)["math", "code"].silhouette > 0.3


def test_states_that_are_all_alike_are_not_told_apart() -> None:
    x = np.full((90, 5), 3.3, dtype=np.float32)
    found = measured(x.astype(np.float64))[NAMES]
    assert found.silhouette == 0
    assert found.accuracy == pytest.approx(1 / 3, abs=0.1)
    assert not pca(x)[0].any()
    assert not tsne(x)[0].any()


def test_the_same_states_give_the_same_numbers_and_pictures() -> None:
    x = clouds(3.0, 0.0, 0.0, each=10)
    one, two = (measured(x, each=10)[NAMES] for _ in range(2))
    assert (one.draws == two.draws).all()
    assert one.accuracy == two.accuracy
    assert (tsne(x)[0] == tsne(x)[0]).all()
    assert tsne(x)[1] == pytest.approx(29 / 3)
    assert (pca(x)[0] == pca(x)[0]).all()


def test_without_scikit_learn_one_line_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole, known = builtins.__import__, importlib.util.find_spec

    def without(name: str, *arguments: Any, **named: Any) -> Any:
        assert not name.startswith("sklearn"), "nothing of it is imported"
        return whole(name, *arguments, **named)

    monkeypatch.setattr(builtins, "__import__", without)
    monkeypatch.setattr(separation, "find_spec", lambda n: None if n == "sklearn" else known(n))
    with pytest.raises(MissingError, match=r"pip install 'espalier\[probe\]'"):
        separations(clouds(1.0, 0.0, 0.0), labels(), own(90))
