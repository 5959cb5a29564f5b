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

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import ndtr, ndtri

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

KEPT = 3
"""Draws of each chain of hyper-parameters that predictions average over."""
BURN, THIN = 12, 8
"""Steps of a chain before the first draw, and between two."""
ENOUGH = 36
"""So many cells are enough to find where the chains begin."""
DEAR = 48**2 * 4.0
"""Squared cells times parts of the covariance, from which on there are fewer than 8 chains."""
NUDGE = 1e-4
"""Step of finite differences."""
JITTER = 1e-6
FLAT = 2.0
"""Prior standard deviation of the overall level, in standard deviations of the cells."""
ABSENT = 4.0

PRIORS: Mapping[str, tuple[float, float]] = {
    "line": (0.12, 0.8),
    "growth": (0.4, 0.8),
    "slope": (0.03, 1.0),
    "other": (0.15, 1.0),
    "cross": (0.15, 1.0),
    "shift": (0.1, 1.0),
    "bend": (0.25, 0.8),
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

    def __getitem__(self, part: slice | Ints) -> Points:
        return Points(
            rows=self.rows[part], label=self.label[part], k=self.k[part], apart=self.apart[part]
        )


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

    def thinned(self, most: int) -> Measured:
        """Return at most so many of the conditions, evenly picked."""
        count = len(self.points)
        if count <= most:
            return self
        kept = np.unique(np.linspace(0, count - 1, most).astype(np.int64))
        return replace(
            self,
            points=self.points[kept],
            scores=self.scores[kept],
            items=self.items[kept],
            seeds=self.seeds[kept],
            overlap=self.overlap[np.ix_(kept, kept)],
        )

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
        """Return (samples, cells) doublings of the effective rows; tau is (samples, sources)."""
        unit = self.smallest[self.own].min() if self.own.any() else self.smallest.min()
        return np.asarray(np.log2(1 + ABSENT * (tau @ points.rows.T) / unit))


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
    polynomial = scaled / 3
    polynomial += 1
    polynomial *= scaled
    polynomial += 1
    polynomial *= np.exp(-scaled)
    return np.asarray(polynomial)


def _parts(thetas: Floats) -> tuple[Floats, Floats, Floats]:
    """Return variances (parts, samples, 1, 1), lengths likewise, and tau (samples, sources)."""
    variances = np.exp(2 * thetas[:, STRENGTHS]).T[:, :, None, None]
    lengths = np.exp(thetas[:, LENGTHS]).T[:, :, None, None]
    return variances, lengths, np.exp(thetas[:, TAU])


def _covariance(thetas: Floats, apart: _Apart) -> Floats:
    """Return (samples, a, b) prior covariances of scores, in units of the cells' variance."""
    variances, lengths, tau = _parts(thetas)
    line, growth, slope, other, cross, shift, bend, model_line, model_bend = variances
    one = apart.space.effective(apart.a, tau)[:, :, None]
    two = apart.space.effective(apart.b, tau)[:, None, :]
    gap = np.abs(one - two)
    near = np.exp(-0.5 * (gap**2 + apart.square) / lengths[2] ** 2)
    total = FLAT**2 + line * one * two + growth * _matern(gap / lengths[0]) + cross * near
    for distance in apart.each:
        total += other * _matern(distance / lengths[1])
    total += slope * apart.product
    if apart.same.any():
        alike = apart.same * np.exp(-0.5 * apart.octaves / lengths[3] ** 2)
        total += alike * (shift + bend * near)
    if apart.moved.any():
        total += apart.moved * (FLAT**2 + model_line * one * two + model_bend * near)
    return np.asarray(total)


def _variance(thetas: Floats, space: Space, points: Points) -> Floats:
    """Return (samples, points) prior variances: the diagonals of `_covariance`."""
    variances, _, tau = _parts(thetas)
    line, growth, slope, other, cross, shift, bend, model_line, model_bend = variances[..., 0]
    z, logs = space.effective(points, tau), space.logs(points)
    total = FLAT**2 + line * z**2 + growth + cross
    total = total + slope * (logs**2).sum(axis=1) + other * logs.shape[1]
    total = total + points.apart * (FLAT**2 + model_line * z**2 + model_bend)
    return np.asarray(total + (points.label > 0) * (shift + bend))


def _noise(thetas: Floats, measured: Measured, unit: float) -> Floats:
    """Return (samples, cells, cells) covariances of the errors of the condition means."""
    run, seed = (np.exp(2 * thetas[:, which])[:, None] for which in (RUN, SEED))
    own = measured.items / unit**2 + run / measured.seeds + JITTER
    apart = own[:, :, None] * np.eye(len(measured.seeds))
    return np.asarray(apart + seed[..., None] * measured.overlap)


def _between(thetas: Floats, measured: Measured, unit: float) -> Floats:
    """Return (samples,) log likelihoods of what runs of one condition scatter."""
    found = np.zeros(len(thetas))
    run, seed = np.exp(2 * thetas[:, RUN]), np.exp(2 * thetas[:, SEED])
    for df, square, expected in (
        (measured.df, measured.square, run + measured.mean_items / unit**2),
        (measured.seed_df, measured.seed_square, seed + measured.seed_floor / unit**2),
    ):
        if df:
            ratio = square / unit**2 / expected
            found += 0.5 * df * (np.log(ratio + 1e-300) - ratio)
    return found


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
    def _solved(self) -> tuple[Floats, Floats]:
        """Return of each sample the inverse Cholesky factor of the data, and its weights."""
        y = (self.measured.scores - self.level) / self.unit
        apart = _Apart(self.space, self.measured.points, self.measured.points)
        total = _covariance(self.thetas, apart) + _noise(self.thetas, self.measured, self.unit)
        inverse = np.linalg.inv(np.linalg.cholesky(total))
        weights = np.swapaxes(inverse, 1, 2) @ (inverse @ y)[..., None]
        return inverse, weights[..., 0]

    def quick(self, samples: int) -> Surface:
        """Return the same surface with only so many samples, spread over all: for a first look."""
        return replace(self, thetas=self.thetas[:: max(1, len(self.thetas) // samples)])

    def means(self, points: Points) -> Floats:
        """Return (samples, points) expected scores."""
        weights = self._solved[1][..., None]
        found = [
            (_covariance(self.thetas, apart) @ weights)[..., 0] for apart in self._apart(points)
        ]
        return np.asarray(self.level + self.unit * np.concatenate(found, axis=1))

    def _apart(self, points: Points, *, size: int = 1000) -> Iterator[_Apart]:
        """Yield the distances between the measured cells and so many points at a time."""
        for start in range(0, len(points), size):
            yield _Apart(self.space, points[start : start + size], self.measured.points)

    def spreads(self, points: Points) -> tuple[Floats, Floats]:
        """Return (samples, points) means and standard deviations of the true scores."""
        inverse, weights = self._solved
        means, known = [], []
        for apart in self._apart(points):
            across = _covariance(self.thetas, apart)
            means.append((across @ weights[..., None])[..., 0])
            known.append(((inverse @ np.swapaxes(across, 1, 2)) ** 2).sum(axis=1))
        left = _variance(self.thetas, self.space, points) - np.concatenate(known, axis=1)
        spreads = np.sqrt(np.maximum(left, 1e-12))
        mean: Floats = self.level + self.unit * np.concatenate(means, axis=1)
        return mean, self.unit * spreads

    def joint(self, points: Points) -> tuple[Floats, Floats]:
        """Return means (samples, points) and covariances of the true scores at `points`.

        Of every third sample: the chains' own draws are alike.
        """
        thetas = self.thetas[::KEPT]
        inverse, weights = (part[::KEPT] for part in self._solved)
        across = _covariance(thetas, _Apart(self.space, points, self.measured.points))
        left = inverse @ np.swapaxes(across, 1, 2)
        prior = _covariance(thetas, _Apart(self.space, points, points))
        mean: Floats = self.level + self.unit * (across @ weights[..., None])[..., 0]
        return mean, np.asarray(self.unit**2 * (prior - np.swapaxes(left, 1, 2) @ left))

    def interval(self, points: Points, level: float = 0.95) -> tuple[Floats, Floats, Floats]:
        """Return expected true scores with their intervals, over all samples."""
        means, spreads = self.spreads(points)
        low, high = mixed(means, spreads, level)
        return means.mean(axis=0), low, high

    def below(self, points: Points, floor: float) -> Floats:
        """Return (points,) the probability that a true score lies below `floor`."""
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
        inverse, weights = self._solved
        precision = (inverse**2).sum(axis=1)
        errors = (self.unit * weights / precision).mean(axis=0)
        scaled = weights / np.sqrt(precision)
        return float(np.sqrt((errors**2).mean())), float(np.sqrt((scaled**2).mean()))

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


def fit(measured: Measured, space: Space, *, seed: int = 0) -> Surface:
    """Fit a surface to the measured cells of one ability.

    Deterministic for a given `seed`.  Works from a single cell up; with few cells the priors
    speak, and the intervals are as wide as they say.
    """
    scores = measured.scores
    level = float(scores.mean())
    unit = max(float(scores.std()), float(np.sqrt(measured.items.mean())), 1e-6)
    centre = np.concatenate([CENTRES, space.worth[0]])
    spread = np.concatenate([SPREADS, space.worth[1]])

    def likelihood(some: Measured) -> Likelihood:
        y = (some.scores - level) / unit
        apart = _Apart(space, some.points, some.points)

        def value(whites: Floats) -> Floats:
            thetas = centre + spread * np.clip(whites, -6, 6)
            total = _covariance(thetas, apart) + _noise(thetas, some, unit)
            factor = np.linalg.cholesky(total)
            half = np.linalg.solve(factor, y[:, None])[..., 0]
            logs = np.log(np.diagonal(factor, axis1=1, axis2=2)).sum(axis=1)
            return np.asarray(_between(thetas, some, unit) - 0.5 * (half**2).sum(axis=1) - logs)

        return value

    start = _summit(likelihood(measured.thinned(ENOUGH)), len(centre))
    chains = _chains(len(scores), int(space.others.sum()))
    whites = _slice(likelihood(measured), start, chains, np.random.default_rng(seed))
    return Surface(
        space=space,
        measured=measured,
        thetas=centre + spread * np.clip(whites, -6, 6),
        level=level,
        unit=unit,
    )


Likelihood = Callable[[Floats], Floats]
"""(samples, white hyper-parameters) -> (samples,); the prior of each is standard normal."""


def _summit(likelihood: Likelihood, count: int) -> Floats:
    """Return the likeliest white hyper-parameters, prior included."""
    nudges = np.concatenate([np.zeros((1, count)), NUDGE * np.eye(count)])

    def cost(white: Floats) -> tuple[float, Floats]:
        tried = white + nudges
        values = 0.5 * (tried**2).sum(axis=1) - likelihood(tried)
        return float(values[0]), np.asarray((values[1:] - values[0]) / NUDGE)

    found = minimize(
        cost,
        np.zeros(count),
        jac=True,
        method="L-BFGS-B",
        bounds=[(-4.0, 4.0)] * count,
        options={"maxiter": 20},
    )
    return np.asarray(found.x)


def _chains(cells: int, others: int) -> int:
    """Return how many chains: where many cells make a step dear, they also leave less open."""
    return max(2, min(8, int(8 * DEAR / (cells**2 * (2 + others)))))


def _slice(
    likelihood: Likelihood, start: Floats, chains: int, random: np.random.Generator
) -> Floats:
    """Return draws of white hyper-parameters by elliptical slice sampling, chains side by side.

    Each chain takes its own time for a step; one evaluation serves all that are under way.
    """
    at, now = np.tile(start, (chains, 1)), likelihood(np.tile(start, (chains, 1)))
    around, bar = np.empty_like(at), np.empty(chains)
    angle, low, high = np.empty(chains), np.empty(chains), np.empty(chains)
    steps, fresh = np.zeros(chains, dtype=np.int64), np.arange(chains)
    kept = np.empty((chains, KEPT, len(start)))
    while len(under_way := np.flatnonzero(steps < BURN + KEPT * THIN)):
        around[fresh] = random.standard_normal((len(fresh), len(start)))
        bar[fresh] = now[fresh] + np.log(random.uniform(size=len(fresh)))
        high[fresh] = angle[fresh] = random.uniform(0, 2 * np.pi, len(fresh))
        low[fresh] = angle[fresh] - 2 * np.pi
        turn = angle[under_way, None]
        tried = at[under_way] * np.cos(turn) + around[under_way] * np.sin(turn)
        values = likelihood(tried)
        done = (values > bar[under_way]) | (high[under_way] - low[under_way] < 1e-9)
        fresh, open_ = under_way[done], under_way[~done]
        at[fresh], now[fresh] = tried[done], values[done]
        steps[fresh] += 1
        for chain in fresh[(steps[fresh] > BURN) & ((steps[fresh] - BURN) % THIN == 0)]:
            kept[chain, (steps[chain] - BURN) // THIN - 1] = at[chain]
        fresh = fresh[steps[fresh] < BURN + KEPT * THIN]
        low[open_] = np.where(angle[open_] < 0, angle[open_], low[open_])
        high[open_] = np.where(angle[open_] < 0, high[open_], angle[open_])
        angle[open_] = random.uniform(low[open_], high[open_])
    return kept.reshape(chains * KEPT, -1)
