"""How far apart the hidden states of differently labelled queries lie, as numbers with intervals.

    states (queries, width), labels --> silhouette, linear probe, pictures

Every unit is first brought to mean 0 and deviation 1 over the queries: a few units of large models
are hundreds of times the rest ("massive activations"; Sun et al., 2024) and would be all that a
distance sees.  The *silhouette* (Rousseeuw, 1987) is 1 where labels are tight and far apart, about
0 where they overlap; from 0.25 on it is held to show structure (Kaufman and Rousseeuw, 1990).  The
*linear probe* is a logistic regression that must tell the labels of queries it has not seen; in
many dimensions it finds even small differences, so it is read beside the silhouette.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from espalier.errors import MissingError

Floats = NDArray[np.float64]
Labels = Sequence[str]

DRAWS = 1000
"""Bootstrap samples behind an interval."""
FOLDS = 5
PERPLEXITY = 30.0
"""Of t-SNE: scikit-learn's default, and van der Maaten and Hinton's advice of 5 to 50."""
SEED = 0


@dataclass(frozen=True, kw_only=True)
class Separation:
    """How well some labels are told apart."""

    of: tuple[str, ...]
    silhouette: float
    """Mean over the queries, in [-1, 1]."""
    draws: Floats
    """The silhouette in each bootstrap sample, the same samples for all states of these queries."""
    accuracy: float
    """Of the linear probe on folds it has not seen, in [0, 1]."""
    units: int
    """Independent queries: those of one cluster count as one."""
    chance: float
    """The accuracy of naming the most frequent label."""


def need() -> None:
    """Raise `MissingError` where scikit-learn is not here."""
    if find_spec("sklearn") is None:
        raise MissingError("scikit-learn is not installed; pip install 'espalier[probe]'")


def separations(states: NDArray[np.floating], labels: Labels, units: Labels) -> list[Separation]:
    """Measure how all labels, then each two of them, are told apart.

    `states` is (queries, width); `units` names what is independent, a query's id or its cluster.
    The bootstrap draws units, label by label.
    """
    need()
    from sklearn.metrics import pairwise_distances, silhouette_score

    x, named = scaled(states), np.asarray(labels)
    distances = pairwise_distances(x)
    np.fill_diagonal(distances, 0.0)
    weights = resamples(labels, units)
    found = []
    for of in comparisons(labels):
        inside = np.isin(named, of)
        some, between = named[inside], distances[np.ix_(inside, inside)]
        own = [unit for unit, is_in in zip(units, inside, strict=True) if is_in]
        right = told_apart(x[inside], some.tolist(), own)
        found.append(
            Separation(
                of=of,
                silhouette=float(silhouette_score(between, some, metric="precomputed")),
                draws=silhouettes(between, some.tolist(), weights[inside]),
                accuracy=float(right.mean()),
                units=len(set(zip(some.tolist(), own, strict=True))),
                chance=max(float((some == one).mean()) for one in of),
            )
        )
    return found


def comparisons(labels: Labels) -> list[tuple[str, ...]]:
    """Return what is compared: all labels, then each two of them where there are more."""
    names = tuple(dict.fromkeys(labels))
    return [names, *combinations(names, 2)] if len(names) > 2 else [names]


def scaled(states: NDArray[np.floating]) -> Floats:
    """Bring every unit to mean 0 and deviation 1; one that never varies becomes 0."""
    x = np.asarray(states, dtype=np.float64)
    x = x - x.mean(0)
    deviation = x.std(0)
    # a constant float32 state is not exactly constant after its mean is taken off
    still = deviation <= 1e-6 * max(float(deviation.max(initial=0.0)), 1e-6)
    return np.where(still, 0.0, x / np.where(still, 1.0, deviation))


def resamples(labels: Labels, units: Labels, draws: int = DRAWS) -> Floats:
    """Return how often each query is in each bootstrap sample, (queries, draws)."""
    random = np.random.default_rng(SEED)
    weights = np.zeros((len(labels), draws))
    for places, numbers in _units(labels, units):
        count = int(numbers.max()) + 1
        drawn = random.multinomial(count, np.full(count, 1 / count), size=draws)
        weights[places] = drawn.T[numbers]
    return weights


def silhouettes(distances: Floats, labels: Labels, weights: Floats) -> Floats:
    """Return the mean silhouette in every sample, (draws,).

    `weights` (queries, draws) says how often a query is in a sample.  Copies of one query are no
    neighbours of each other: at distance 0 they would make every label look tighter than it is.
    """
    named = np.asarray(labels)
    names = list(dict.fromkeys(labels))
    shape = weights.shape
    own, others = np.zeros(shape), np.full(shape, np.inf)
    for name in names:
        members = named == name
        sums, size = distances[:, members] @ weights[members], weights[members].sum(0)
        left = size - weights[members]
        own[members] = np.where(left > 0, sums[members] / np.where(left > 0, left, 1), np.nan)
        others[~members] = np.minimum(others[~members], sums[~members] / size)
    largest = np.fmax(own, others)
    each = np.where(largest > 0, (others - own) / np.where(largest > 0, largest, 1), 0.0)
    found: Floats = (weights * np.nan_to_num(each)).sum(0) / weights.sum(0)
    return found


def told_apart(x: Floats, labels: Labels, units: Labels) -> NDArray[np.bool_]:
    """Say of each query whether a linear probe trained on other units names its label.

    Five folds, dealt unit by unit within each label (fewer folds where a label has fewer units).
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import PredefinedSplit, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    random = np.random.default_rng(SEED)
    folds = np.zeros(len(labels), dtype=np.int64)
    parts = list(_units(labels, units))
    most = min(FOLDS, *(int(numbers.max()) + 1 for _, numbers in parts))
    for places, numbers in parts:
        dealt = random.permutation(int(numbers.max()) + 1) % most
        folds[places] = dealt[numbers]
    probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    guessed = cross_val_predict(probe, x, np.asarray(labels), cv=PredefinedSplit(folds))
    return np.asarray(guessed == np.asarray(labels))


def pca(states: NDArray[np.floating]) -> tuple[Floats, Floats]:
    """Return the queries on the two principal axes, (queries, 2), and each axis's share."""
    from sklearn.decomposition import PCA

    x = scaled(states)
    if not x.any():
        return np.zeros((len(x), 2)), np.zeros(2)
    fitted = PCA(n_components=2, svd_solver="full", random_state=SEED)
    return fitted.fit_transform(x), fitted.explained_variance_ratio_


def tsne(states: NDArray[np.floating]) -> tuple[Floats, float]:
    """Return the queries in t-SNE's plane, (queries, 2), and the perplexity that was taken."""
    from sklearn.manifold import TSNE

    x = scaled(states)
    perplexity = min(PERPLEXITY, (len(x) - 1) / 3)
    if not x.any():
        return np.zeros((len(x), 2)), perplexity
    made = TSNE(perplexity=perplexity, init="pca", learning_rate="auto", random_state=SEED)
    return np.asarray(made.fit_transform(x), dtype=np.float64), perplexity


def _units(labels: Labels, units: Labels) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Yield each label's places, and the number of each place's unit."""
    named = np.asarray(labels)
    for name in dict.fromkeys(labels):
        places = np.flatnonzero(named == name)
        own = np.asarray(units)[places]
        _, numbers = np.unique(own, return_inverse=True)
        yield places, numbers
