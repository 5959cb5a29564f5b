"""Forecast the scores of cells that were not run from those that were.

A *condition* is what a checkpoint was trained on, stage by stage, whatever the seeds.  Its expected
score on one ability is taken to be a smooth function (a Gaussian process) of four amounts, in
doublings: rows of the ability's own sources and of others, in all stages and in the last one.  That
says of growth, mixing, order and replay what a smooth surface can; each condition may also lie
beside the surface.  How much each of these matters is chosen by marginal likelihood.

Shares are treated as arc sines of their roots, so that noise is alike near 0 and in the middle and
no forecast leaves 0 to 1.  What a run scatters is taken from repeated runs; it may grow with the
rows, and how fast is as uncertain as so few repetitions leave it; far from any that was repeated,
large scatter is thought possible.  A forecast decides what to run next, and is never told as a
result.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product

import numpy as np
from numpy.typing import NDArray

from espalier.mixture import Mixture

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

REACH = 4.0
"""Doublings over which scores are alike."""
OTHER_MODEL = 0.5
"""Correlation of two models' surfaces."""
GROWTH, MIXING, BESIDE = (0.01, 0.1, 1.0), (0.003, 0.03, 0.3), (0.0003, 0.003, 0.03)
"""Variances that are tried, in units of the variance of the measured means."""
WIDE = 10.0
"""Variance of the level of a model, in the same units: next to unknown."""
BELIEF = 2.0
"""Degrees of freedom that half as much noise again as that of the items counts for."""
DOUBT = 4.0
"""Degrees of freedom the noise is known with where nothing near was repeated."""
STEEPNESS = (0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5)
"""Doublings of the noise's variance with one doubling of the rows: each is thought as likely."""


def doublings(stages: Sequence[Mixture], own: frozenset[str]) -> tuple[float, ...]:
    """Return own and other rows in doublings: of all stages, then of the last.

    Rows are nested, so what several stages train on counts once.
    """
    most: dict[str, int] = {}
    for stage in stages:
        for source, rows in stage.items():
            most[source] = max(rows, most.get(source, 0))
    last: Mapping[str, int] = stages[-1] if stages else {}
    return tuple(
        math.log2(1 + sum(rows for source, rows in part.items() if (source in own) == mine))
        for part in (most, last)
        for mine in (True, False)
    )


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """What is expected of every condition on one ability, on the scale that is worked on."""

    mean: Floats
    covariance: Floats
    noises: Floats
    """Variance of one more run of each condition, items included, for each `STEEPNESS`."""
    chances: Floats
    """Of each `STEEPNESS`."""
    df: Floats
    """Degrees of freedom that the noise of each is known with: of repeated runs near it."""
    share: bool

    def draw(self, random: np.random.Generator, conditions: Ints) -> Floats:
        """Return scores that runs of these conditions may have: one plausible study."""
        surface = self.mean + self._root @ random.standard_normal(len(self.mean))
        noise = self.noises[random.choice(len(STEEPNESS), p=self.chances)]
        spread = np.sqrt(noise * self.df / random.chisquare(self.df))
        scores = surface[conditions] + spread[conditions] * random.standard_normal(len(conditions))
        return _back(scores) if self.share else scores

    @cached_property
    def noise(self) -> Floats:
        """Return the expected variance of one more run of each condition."""
        return np.asarray(self.chances @ self.noises, dtype=np.float64)

    @cached_property
    def _root(self) -> Floats:
        root = np.linalg.cholesky(self.covariance + 1e-6 * np.diag(self.noise))
        return np.asarray(root, dtype=np.float64)


def forecast(
    features: Floats, models: Ints, conditions: Ints, scores: Floats, errors: Floats
) -> Forecast:
    """Return what to expect of every condition, given the runs of some.

    `features` (conditions, 4) and `models` describe all conditions; the runs have one condition,
    score and standard error (NaN where unknown) each, and there is one run at least.
    """
    share = bool(scores.min() >= 0 and scores.max() <= 1)
    errors = np.nan_to_num(errors)
    if share:
        inside = np.clip(scores, 0.01, 0.99)
        errors = errors / (2 * np.sqrt(inside * (1 - inside)))
        scores = np.arcsin(np.sqrt(scores))
    seen, place, runs = np.unique(conditions, return_inverse=True, return_counts=True)
    means = np.bincount(place, weights=scores) / runs
    squares = np.bincount(place, weights=(scores - means[place]) ** 2).astype(np.float64)
    items = float((errors**2).mean()) or 1e-6
    rows = np.log2(np.exp2(features[:, :2]).sum(axis=1) - 1)
    noises, chances = _noises(rows, seen, squares, (runs - 1).astype(np.float64), 1.5 * items)
    noise = chances @ noises
    near = _near(features, features[seen], models, models[seen])
    unit = max(float(means.var()), float(noise[seen].min()) / 10)
    error = noise[seen] / runs / unit
    level = float(means.mean())
    y = (means - level) / math.sqrt(unit)
    parts = _parts(features, models)
    best = max(
        product(GROWTH, MIXING, BESIDE),
        key=lambda variances: _likelihood(_sum(parts, variances)[np.ix_(seen, seen)], error, y),
    )
    kernel = _sum(parts, best)
    weights = np.linalg.solve(kernel[np.ix_(seen, seen)] + np.diag(error), kernel[seen])
    return Forecast(
        mean=level + math.sqrt(unit) * (weights.T @ y),
        covariance=unit * (kernel - kernel[:, seen] @ weights),
        noises=noises,
        chances=chances,
        df=near @ (runs - 1) + DOUBT,
        share=share,
    )


def _back(scores: Floats) -> Floats:
    return np.asarray(np.sin(np.clip(scores, 0, math.pi / 2)) ** 2, dtype=np.float64)


def _near(x: Floats, y: Floats, of: Ints, to: Ints) -> Floats:
    """Return how much the noise of one condition says of another's."""
    distance = np.square(x[:, None] - y[None]).sum(axis=2)
    alike: Floats = np.exp(-distance / 2) * np.where(of[:, None] == to[None], 1.0, OTHER_MODEL)
    return alike


def _noises(
    rows: Floats, seen: Ints, squares: Floats, df: Floats, least: float
) -> tuple[Floats, Floats]:
    """Return the noise of every condition for each steepness, and how likely each is.

    `rows` are doublings; the sums of squares and their degrees of freedom are of those `seen`.
    """
    repeated = seen[df > 0]
    centre = float(np.average(rows[repeated], weights=df[df > 0])) if len(repeated) else 0.0
    growth = np.exp2(np.outer(STEEPNESS, rows - centre))
    level = (squares / growth[:, seen]).sum(axis=1) + BELIEF * least
    level /= df.sum() + BELIEF
    noises = level[:, None] * growth
    wrong = df * np.log(noises[:, seen]) + squares / noises[:, seen]
    likely = -(wrong.sum(axis=1) + BELIEF * (np.log(level) + least / level)) / 2
    chances = np.exp(likely - likely.max())
    return noises, chances / chances.sum()


def _parts(x: Floats, models: Ints) -> tuple[Floats, ...]:
    """Return the kernels of level, growth, mixing and order, and what lies beside the surface."""
    same = (models[:, None] == models[None]).astype(np.float64)
    apart = (x[:, None] - x[None]) / REACH
    own = np.square(apart[:, :, ::2]).sum(axis=2)
    every = np.square(apart).sum(axis=2)
    line = (x[:, 0] - x[:, 0].mean()) / REACH
    alike = np.where(same > 0, 1.0, OTHER_MODEL)
    growth = alike * (np.outer(line, line) + np.exp(-own / 2))
    return WIDE * (1 + same) / 2, growth, alike * np.exp(-every / 2), np.eye(len(x))


def _sum(parts: tuple[Floats, ...], variances: tuple[float, ...]) -> Floats:
    total = parts[0].copy()
    for part, variance in zip(parts[1:], variances, strict=True):
        total += variance * part
    return total


def _likelihood(kernel: Floats, error: Floats, y: Floats) -> float:
    root = np.linalg.cholesky(kernel + np.diag(error + 1e-9))
    left = np.linalg.solve(root, y)
    return float(-left @ left / 2 - np.log(np.diag(root)).sum())
