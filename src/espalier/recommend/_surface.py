"""A surface: what one ability scores for any amounts, strategy and `k`, and how sure that is.

It is our own, a Gaussian process whose covariance is a sum of what may move a score:

* growth with the *effective* rows of the ability, own + sum of tau_j rows_j: what rows of other
  sources are worth is learnt (tau), the growth curve through them is free but smooth;
* every other source by itself, in the logarithm of its rows: help or conflict;
* interactions of all amounts;
* each strategy (and `k`, smoothly) as a departure from the reference one.

No growth form is assumed, so a truth of another form is no contradiction, only more uncertain.
The strengths and lengths of these parts, tau, and the noise between runs and of seeds are not
fixed either: they are drawn from their posterior by elliptical slice sampling (Murray, Adams,
MacKay 2010), so intervals hold what is not known of them, too.  Amounts enter as
log2(1 + 4 rows / smallest measured), so that none at all lies two doublings below the smallest.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve, solve_triangular
from scipy.optimize import minimize
from scipy.special import ndtri

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SAMPLES = 16
"""Draws of the hyper-parameters that predictions average over."""
BURN, THIN = 40, 8
FLAT = 2.0
"""Prior standard deviation of the overall level, in standard deviations of the cells."""
ABSENT = 4.0

PRIORS: Mapping[str, tuple[float, float]] = {
    "line": (0.12, 0.8),
    "growth": (0.4, 0.8),
    "slope": (0.03, 1.0),
    "other": (0.15, 1.0),
    "cross": (0.15, 1.0),
    "shift": (0.25, 0.8),
    "bend": (0.15, 1.0),
    "model line": (0.03, 1.0),
    "model bend": (0.1, 1.0),
    "run": (0.1, 1.2),
    "seed": (0.05, 1.2),
    "growth length": (4.0, 0.5),
    "other length": (5.0, 0.5),
    "cross length": (6.0, 0.5),
    "k length": (4.0, 0.5),
}
"""Medians, and spreads of the logarithms: strengths in standard deviations of the cells, a line's
per doubling; lengths in doublings.  After these comes the worth of each source's rows, tau."""
STRENGTHS, LENGTHS, TAU = slice(0, 9), slice(11, 15), slice(15, None)
RUN, SEED = 9, 10
CENTRES = np.log([median for median, _ in PRIORS.values()])
SPREADS = np.array([spread for _, spread in PRIORS.values()])


@dataclass(frozen=True, kw_only=True)
class Points:
    """Cells, measured or not: rows of each source, and how they are trained."""

    rows: Floats
    """(cells, sources)."""
    label: Ints
    """(cells,): 0 is the reference strategy, which departs from nothing."""
    k: Floats
    """(cells,): log2 of DMT's share; 0 where a strategy has none."""
    apart: Floats
    """(cells,): 1 where another model is meant than the one most cells are of, else 0."""

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What is known of one ability: condition means and the parts of their noise."""

    points: Points
    scores: Floats
    """(conditions,)."""
    items: Floats
    """Variance of each mean from its items; 0 where unknown."""
    seeds: Floats
    """How many runs each mean has."""
    overlap: Floats
    """(conditions, conditions): how much of a seed's own effect two means share."""
    square: float = 0.0
    """Mean square between runs of a condition, items included; `df` says how well it is known."""
    df: float = 0.0
    mean_items: float = 0.0
    """What of `square` is expected from items."""
    seed_square: float = 0.0
    seed_floor: float = 0.0
    """What `seed_square` would be without an effect of the seed."""
    seed_df: float = 0.0

    def beside(self, other: Measured) -> Measured:
        """Return this and another model's measurements of the ability as one; noise is ours."""
        ours, theirs = self.points, other.points
        one, two = len(ours), len(theirs)
        overlap = np.zeros((one + two, one + two))
        overlap[:one, :one], overlap[one:, one:] = self.overlap, other.overlap
        return replace(
            self if self.df >= other.df else other,
            points=Points(
                rows=np.concatenate([ours.rows, theirs.rows]),
                label=np.concatenate([ours.label, theirs.label]),
                k=np.concatenate([ours.k, theirs.k]),
                apart=np.concatenate([ours.apart, theirs.apart]),
            ),
            scores=np.concatenate([self.scores, other.scores]),
            items=np.concatenate([self.items, other.items]),
            seeds=np.concatenate([self.seeds, other.seeds]),
            overlap=overlap,
        )


@dataclass(frozen=True, kw_only=True)
class Space:
    """How rows become coordinates, for one ability."""

    smallest: Floats
    """(sources,): the fewest rows of each that were measured."""
    own: NDArray[np.bool_]
    """(sources,): which teach the ability."""

    @property
    def others(self) -> NDArray[np.bool_]:
        """Return which sources have an effect beside their effective rows."""
        return ~self.own

    @cached_property
    def worth(self) -> tuple[Floats, Floats]:
        """Return the prior of log tau, centre and spread; the first own source is the unit."""
        count = len(self.own)
        centre, spread = np.full(count, np.log(0.3)), np.full(count, 1.0)
        if self.own.any():
            centre = np.log(np.where(self.own, 0.5, 0.02))
            spread = np.where(self.own, 1.0, 1.8)
            first = int(np.argmax(self.own))
            centre[first], spread[first] = 0.0, 1e-6
        return centre, spread

    def logs(self, points: Points) -> Floats:
        """Return (cells, others) doublings of the other sources."""
        part = points.rows[:, self.others] / self.smallest[self.others]
        return np.asarray(np.log2(1 + ABSENT * part))

    def effective(self, points: Points, tau: Floats) -> Floats:
        """Return (cells,) doublings of the effective rows."""
        unit = self.smallest[self.own].min() if self.own.any() else self.smallest.min()
        return np.asarray(np.log2(1 + ABSENT * (points.rows @ tau) / unit))


@dataclass(frozen=True)
class _Apart:
    """What of the distances between two sets of points no hyper-parameter changes."""

    space: Space
    a: Points
    b: Points

    @cached_property
    def logs(self) -> tuple[Floats, Floats]:
        return self.space.logs(self.a), self.space.logs(self.b)

    @cached_property
    def product(self) -> Floats:
        one, other = self.logs
        product: Floats = one @ other.T
        return product

    @cached_property
    def each(self) -> Floats:
        """(others, a, b) distances in doublings."""
        one, other = self.logs
        return np.asarray(np.abs(one.T[:, :, None] - other.T[:, None, :]))

    @cached_property
    def square(self) -> Floats:
        one, other = self.logs
        square = (one**2).sum(axis=1)[:, None] + (other**2).sum(axis=1) - 2 * self.product
        return np.asarray(np.maximum(square, 0.0))

    @cached_property
    def same(self) -> Floats:
        """1 where both depart from the reference by the same strategy, else 0."""
        label = self.a.label[:, None]
        return np.asarray((label == self.b.label) & (label > 0), dtype=np.float64)

    @cached_property
    def moved(self) -> Floats:
        """1 where both are of the model that departs from the one most cells are of."""
        return np.outer(self.a.apart, self.b.apart)

    @cached_property
    def octaves(self) -> Floats:
        """Squared distances of log2 k."""
        return (self.a.k[:, None] - self.b.k) ** 2


def _matern(distance: Floats) -> Floats:
    """Return the Matern covariance of smoothness 5/2."""
    scaled = np.sqrt(5.0) * distance
    return np.asarray((1 + scaled + scaled**2 / 3) * np.exp(-scaled))


def _covariance(theta: Floats, apart: _Apart) -> Floats:
    """Return (a, b) prior covariance of scores, in units of the cells' variance."""
    line, growth, slope, other, cross, shift, bend, model_line, model_bend = np.exp(
        2 * theta[STRENGTHS]
    )
    lengths, tau = np.exp(theta[LENGTHS]), np.exp(theta[TAU])
    one = apart.space.effective(apart.a, tau)
    two = apart.space.effective(apart.b, tau)
    gap = np.abs(one[:, None] - two)
    near = np.exp(-0.5 * (gap**2 + apart.square) / lengths[2] ** 2)
    total = FLAT**2 + line * np.outer(one, two) + growth * _matern(gap / lengths[0])
    if apart.each.shape[0]:
        total += slope * apart.product + other * _matern(apart.each / lengths[1]).sum(axis=0)
    total += cross * near
    if apart.same.any():
        total += apart.same * np.exp(-0.5 * apart.octaves / lengths[3] ** 2) * (shift + bend * near)
    if apart.moved.any():
        own = FLAT**2 + model_line * np.outer(one, two) + model_bend * near
        total += apart.moved * own
    return np.asarray(total)


@dataclass(frozen=True, kw_only=True)
class Surface:
    """A fitted surface: a few equally likely ones, each a Gaussian process."""

    space: Space
    measured: Measured
    thetas: Floats
    """(samples, hyper-parameters)."""
    level: float
    unit: float
    """Standard deviation of the cells: all else is in it."""

    @cached_property
    def _solved(self) -> list[tuple[Floats, Floats]]:
        """Return of each sample the Cholesky factor of the data's covariance, and its weights."""
        y = (self.measured.scores - self.level) / self.unit
        apart = _Apart(self.space, self.measured.points, self.measured.points)
        found = []
        for theta in self.thetas:
            factor = np.linalg.cholesky(
                _covariance(theta, apart) + _noise(theta, self.measured, self.unit)
            )
            found.append((factor, cho_solve((factor, True), y)))
        return found

    def means(self, points: Points, *, samples: int | None = None) -> Floats:
        """Return (samples, points) expected scores."""
        apart = _Apart(self.space, points, self.measured.points)
        chosen = range(len(self.thetas)) if samples is None else range(samples)
        rows = [_covariance(self.thetas[i], apart) @ self._solved[i][1] for i in chosen]
        return self.level + self.unit * np.array(rows)

    def spreads(self, points: Points) -> tuple[Floats, Floats]:
        """Return (samples, points) means and standard deviations of the true scores."""
        apart = _Apart(self.space, points, self.measured.points)
        means, spreads = [], []
        for theta, (factor, weights) in zip(self.thetas, self._solved, strict=True):
            across = _covariance(theta, apart)
            left = solve_triangular(factor, across.T, lower=True)
            prior = _variance(theta, self.space, points)
            means.append(across @ weights)
            spreads.append(np.sqrt(np.maximum(prior - (left**2).sum(axis=0), 1e-12)))
        return self.level + self.unit * np.array(means), self.unit * np.array(spreads)

    def joint(self, points: Points) -> list[tuple[Floats, Floats]]:
        """Return of each sample the mean and the covariance of the true scores at `points`."""
        apart = _Apart(self.space, points, self.measured.points)
        itself = _Apart(self.space, points, points)
        found = []
        for theta, (factor, weights) in zip(self.thetas, self._solved, strict=True):
            across = _covariance(theta, apart)
            left = solve_triangular(factor, across.T, lower=True)
            covariance = self.unit**2 * (_covariance(theta, itself) - left.T @ left)
            mean = self.level + self.unit * (across @ weights)
            found.append((np.asarray(mean), np.asarray(covariance, dtype=np.float64)))
        return found

    def interval(self, points: Points, level: float = 0.95) -> tuple[Floats, Floats, Floats]:
        """Return expected true scores with their intervals, over all samples."""
        means, spreads = self.spreads(points)
        low, high = mixed(means, spreads, level)
        return means.mean(axis=0), low, high

    def below(self, points: Points, floor: float) -> Floats:
        """Return (points,) the probability that a true score lies below `floor`."""
        from scipy.special import ndtr

        means, spreads = self.spreads(points)
        return np.asarray(ndtr((floor - means) / spreads).mean(axis=0))

    @cached_property
    def noise(self) -> float:
        """Return the variance of one run's score: items, the run and its seed."""
        run, seed = np.exp(2 * self.thetas[:, RUN]), np.exp(2 * self.thetas[:, SEED])
        items = float((self.measured.items * self.measured.seeds).mean())
        return float((run + seed).mean()) * self.unit**2 + items

    @cached_property
    def left_out(self) -> tuple[float, float]:
        """Return the error of predicting each cell from the others, and its size in its own sd.

        Both are root mean squares; the second is 1 where the surface knows how sure it is.
        """
        y = self.measured.scores
        errors, scaled = [], []
        for factor, weights in self._solved:
            inverse = cho_solve((factor, True), np.eye(len(y)))
            error = self.unit * weights / np.diag(inverse)
            errors.append(error)
            scaled.append(error / (self.unit / np.sqrt(np.diag(inverse))))
        mean = np.array(errors).mean(axis=0)
        return float(np.sqrt((mean**2).mean())), float(np.sqrt((np.array(scaled) ** 2).mean()))

    @cached_property
    def worth(self) -> Floats:
        """Return (sources,) what a row of each is worth in own rows: medians of tau."""
        return np.asarray(np.exp(np.median(self.thetas[:, TAU], axis=0)))


def mixed(means: Floats, spreads: Floats, level: float) -> tuple[Floats, Floats]:
    """Return the interval of a mixture of normals, (samples, points) each."""
    grid = ndtri((np.arange(199) + 0.5) / 199)
    values = means[:, None, :] + spreads[:, None, :] * grid[None, :, None]
    flat = values.reshape(-1, means.shape[1])
    low, high = np.quantile(flat, [0.5 - level / 2, 0.5 + level / 2], axis=0)
    return np.asarray(low), np.asarray(high)


def _variance(theta: Floats, space: Space, points: Points) -> Floats:
    """Return (points,) prior variances: the diagonal of `_covariance`."""
    line, growth, slope, other, cross, shift, bend, model_line, model_bend = np.exp(
        2 * theta[STRENGTHS]
    )
    z = space.effective(points, np.exp(theta[TAU]))
    logs = space.logs(points)
    total = FLAT**2 + line * z**2 + growth + cross
    total = total + slope * (logs**2).sum(axis=1) + other * logs.shape[1]
    total = total + points.apart * (FLAT**2 + model_line * z**2 + model_bend)
    return np.asarray(total + (points.label > 0) * (shift + bend))


def _noise(theta: Floats, measured: Measured, unit: float) -> Floats:
    """Return the covariance of the errors of the condition means, in units of the cells."""
    run, seed = np.exp(2 * theta[RUN]), np.exp(2 * theta[SEED])
    own = measured.items / unit**2 + run / measured.seeds + 1e-8
    return np.asarray(np.diag(own) + seed * measured.overlap)


def _between(theta: Floats, measured: Measured, unit: float) -> float:
    """Return the log likelihood of what runs of one condition scatter."""
    found = 0.0
    run, seed = np.exp(2 * theta[RUN]), np.exp(2 * theta[SEED])
    if measured.df:
        expected = run + measured.mean_items / unit**2
        ratio = measured.square / unit**2 / expected
        found += 0.5 * measured.df * (np.log(ratio + 1e-300) - ratio)
    if measured.seed_df:
        expected = seed + measured.seed_floor / unit**2
        ratio = measured.seed_square / unit**2 / expected
        found += 0.5 * measured.seed_df * (np.log(ratio + 1e-300) - ratio)
    return float(found)


def fit(measured: Measured, space: Space, *, samples: int = SAMPLES, seed: int = 0) -> Surface:
    """Fit a surface to the measured cells of one ability.

    Deterministic for a given `seed`.  Works from a single cell up; with few cells the priors
    speak, and the intervals are as wide as they say.
    """
    scores = measured.scores
    level = float(scores.mean())
    unit = max(float(scores.std()), float(np.sqrt(measured.items.mean())), 1e-6)
    y = (scores - level) / unit
    apart = _Apart(space, measured.points, measured.points)
    centre = np.concatenate([CENTRES, space.worth[0]])
    spread = np.concatenate([SPREADS, space.worth[1]])

    def likelihood(white: Floats) -> float:
        theta = centre + spread * white
        try:
            factor = np.linalg.cholesky(_covariance(theta, apart) + _noise(theta, measured, unit))
        except np.linalg.LinAlgError:
            return -np.inf
        half = solve_triangular(factor, y, lower=True, check_finite=False)
        fits = -0.5 * float(half @ half) - float(np.log(np.diag(factor)).sum())
        return fits + _between(theta, measured, unit)

    def cost(white: Floats) -> float:
        return 0.5 * float(white @ white) - max(likelihood(white), -1e10)

    start = minimize(
        cost,
        np.zeros(len(centre)),
        method="L-BFGS-B",
        bounds=[(-4, 4)] * len(centre),
        options={"maxiter": 25},
    ).x
    whites = _slice(likelihood, start, samples, np.random.default_rng(seed))
    return Surface(
        space=space,
        measured=measured,
        thetas=centre + spread * whites,
        level=level,
        unit=unit,
    )


def _slice(
    likelihood: Callable[[Floats], float],
    start: Floats,
    samples: int,
    random: np.random.Generator,
) -> Floats:
    """Return draws of white hyper-parameters by elliptical slice sampling."""
    at, now = start, likelihood(start)
    kept = []
    for step in range(BURN + samples * THIN):
        around = random.standard_normal(len(at))
        bar = now + np.log(random.uniform())
        angle = random.uniform(0, 2 * np.pi)
        low, high = angle - 2 * np.pi, angle
        while True:
            tried = at * np.cos(angle) + around * np.sin(angle)
            value = likelihood(tried)
            if value > bar or high - low < 1e-6:
                break
            low, high = (angle, high) if angle < 0 else (low, angle)
            angle = random.uniform(low, high)
        if value > bar:
            at, now = tried, value
        if step >= BURN and (step - BURN) % THIN == THIN - 1:
            kept.append(at)
    return np.array(kept)
