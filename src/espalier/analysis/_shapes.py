"""Where a smooth shape of unknown form crosses zero, or is highest: profiles of the misfit.

Neither question needs a formula.  A difference that *falls* is taken to have a slope that changes
evenly from one end of the measured range to the other, and is nowhere positive; a score that has a
*top* falls away from it like a parabola on either side, each side at its own pace.  All that is
then left to solve are two or three weights that must not be negative.  A place belongs into the
interval where the best shape through it fits about as well as the best of all.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls
from scipy.special import fdtrc

from espalier.analysis._evidence import quantile

Floats = NDArray[np.float64]

PLACES = 193
"""Places that are looked at between the first and the last measured one."""
MISFIT = 0.05
"""A shape whose misfit noise would reach less often than this is not the true one."""


@dataclass(frozen=True, kw_only=True)
class Profile:
    """The misfit of the best shape at each place."""

    places: Floats
    misfit: Floats
    before: float = math.inf
    """Misfit of the best shape whose place is before the first measured one."""
    after: float = math.inf
    spare: int = 0
    """How many more points there are than parameters."""

    @property
    def best(self) -> float:
        """Return the least misfit of all."""
        return min(float(self.misfit.min()), self.before, self.after)

    @property
    def at(self) -> float:
        """Return the place of the least misfit, the middle of them where several share it."""
        least = self.places[self.misfit <= self.misfit.min() * (1 + 1e-9) + 1e-12]
        return float((least[0] + least[-1]) / 2)

    def fits(self, df: float) -> bool:
        """Say whether noise alone, estimated with `df`, may explain the misfit."""
        if self.spare < 1:
            return True
        return bool(fdtrc(self.spare, max(min(df, 1e6), 1.0), self.best / self.spare) >= MISFIT)

    def interval(self, df: float, level: float) -> tuple[float, float, bool]:
        """Return the lowest and the highest place, and whether it may lie outside."""
        limit = self.best + quantile(df, level) ** 2
        inside = self.places[self.misfit <= limit]
        outside = min(self.before, self.after) <= limit
        if not len(inside):
            return float(self.places[0]), float(self.places[-1]), outside
        low = self.places[0] if self.before <= limit else inside[0]
        high = self.places[-1] if self.after <= limit else inside[-1]
        return float(low), float(high), outside


def fall(x: Floats, values: Floats, variances: Floats) -> Profile:
    """Return the profile of where a smooth fall through the points is zero."""
    root = 1 / np.sqrt(variances)
    places, columns, lower, upper = _falls(tuple(x.tolist()))
    misfit = _two(columns * root[None, :, None], values * root)
    before = nnls(lower * root[:, None], values * root)[1] ** 2
    after = nnls(upper * root[:, None], values * root)[1] ** 2
    return Profile(
        places=places, misfit=misfit, before=float(before), after=float(after), spare=len(x) - 3
    )


@lru_cache(maxsize=1024)
def _falls(measured: tuple[float, ...]) -> tuple[Floats, Floats, Floats, Floats]:
    """Return the places, what falls through each of them, and what falls before and after all."""
    x = np.array(measured)
    places = np.linspace(x[0], x[-1], PLACES)

    def fallen(at: Floats) -> Floats:
        """Return how far each weight has made the difference fall since the first place."""
        t = (at - x[0]) / (x[-1] - x[0])
        return np.stack([t - t**2 / 2, t**2 / 2], axis=-1)

    columns = fallen(places)[:, None, :] - fallen(x)[None, :, :]
    ones = np.ones((len(x), 1))
    lower = np.hstack([-ones, -fallen(x)])
    upper = np.hstack([ones, fallen(x[-1:]) - fallen(x)])
    return places, columns, lower, upper


def top(x: Floats, values: Floats, variances: Floats) -> Profile:
    """Return the profile of where a smooth hill through the points is highest."""
    weights = 1 / variances
    root = np.sqrt(weights)
    places, columns = _hills(tuple(x.tolist()))
    centred = columns - (weights @ columns / weights.sum())[:, None, :]
    level = values - weights @ values / weights.sum()
    misfit = _two(centred * root[None, :, None], level * root)
    return Profile(places=places, misfit=misfit, spare=len(x) - 4)


@lru_cache(maxsize=1024)
def _hills(measured: tuple[float, ...]) -> tuple[Floats, Floats]:
    """Return the places, and how far each side has fallen away from each of them."""
    x = np.array(measured)
    places = np.linspace(x[0], x[-1], PLACES)
    away = x[None, :] - places[:, None]
    return places, np.stack([-(np.minimum(away, 0) ** 2), -(np.maximum(away, 0) ** 2)], axis=-1)


def _two(columns: Floats, target: Floats) -> Floats:
    """Return the misfit of each place's two columns (places, points, 2), weights not negative."""
    squares = np.square(columns).sum(axis=1)
    dots = np.einsum("gmp,m->gp", columns, target)
    cross = (columns[..., 0] * columns[..., 1]).sum(axis=1)
    whole = float(target @ target)
    with np.errstate(divide="ignore", invalid="ignore"):
        alone = np.where(squares > 0, np.maximum(dots, 0) ** 2 / squares, 0.0).max(axis=1)
        area = squares[:, 0] * squares[:, 1] - cross**2
        first = (dots[:, 0] * squares[:, 1] - dots[:, 1] * cross) / area
        second = (dots[:, 1] * squares[:, 0] - dots[:, 0] * cross) / area
        both = first * dots[:, 0] + second * dots[:, 1]
    inside = (area > 1e-12 * squares[:, 0] * squares[:, 1]) & (first >= 0) & (second >= 0)
    explained: Floats = np.where(inside, both, alone)
    left: Floats = np.maximum(whole - explained, 0.0)
    return left
