"""What runs scatter beyond their items: how much, and how well that is known.

Two or three seeds of one cell say little about their spread, so it is pooled over conditions.
Shares scatter less near 0 and 1 than in the middle: the variance is taken to go with a power of
`p (1 - p)`, none, a half or the whole (quasi-binomial, Wedderburn 1974), each weighted by how
likely it makes the scatter that was seen.  Scores that are no shares are taken to scatter alike.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from espalier.finding import SEEDS, UNKNOWN

Floats = NDArray[np.float64]

OWN_DF = 20
"""A model with so many degrees of freedom between runs has its own noise."""
POWERS = (0.0, 0.5, 1.0)
"""How the variance between runs may go with `4 p (1 - p)` of a share."""
LEAST = 0.02
"""The least `4 p (1 - p)`: one right reply of 200."""


@dataclass(frozen=True, kw_only=True)
class Noise:
    """What one run scatters beyond its items, and how well that is known."""

    run: float = 0.0
    """Variance between runs of a condition beyond its items and its seed's effect, on average."""
    square: float = 0.0
    """Mean square that was seen, which `run` was estimated from: items included."""
    expected: float = 0.0
    """What `run` and the items' own variance make of it, where there are `levels`.

    It is more where runs happen to scatter less than their items alone would: then what is
    estimated is little, and its few degrees of freedom matter little.
    """
    levels: tuple[float, ...] = ()
    """For each of `POWERS`, what it adds to `run` where a share is a half; empty: all are alike."""
    df: float = 0.0
    seed: float = 0.0
    """Variance of a seed's effect on all runs of a model."""
    seed_square: float = 0.0
    """Mean square `seed` was estimated from, at least what no effect would leave.

    It sets the degrees of freedom: two or three seeds that happen to agree prove little.
    """
    seed_df: float = 0.0
    source: str = UNKNOWN
    """`SEEDS`; `SCATTER`, from the scatter about growth curves; or `UNKNOWN`."""

    def between(self, means: Floats, items: Floats, unit: float | None) -> tuple[Floats, Floats]:
        """Return the variance between runs of conditions, beyond their items and with them."""
        if not self.levels or unit is None:
            return np.full(len(means), self.run), np.full(len(means), self.square)
        room = room_of(means, unit)
        run = np.array(self.levels) @ np.stack([room**power for power in POWERS])
        return run, (run + items) * (self.square / self.expected)

    def spread(self, load: Load) -> tuple[float, float]:
        """Return a contrast's variance and degrees of freedom."""
        own, seed = load.squares, load.seeds * self.seed_square
        between = load.runs if load.paired is None else load.squares
        variance = between + load.seeds * self.seed + load.items
        variance = max(variance, load.paired or 0.0)
        known = (own**2 / self.df if self.df else 0.0) + (
            seed**2 / self.seed_df if self.seed_df else 0.0
        )
        return variance, variance**2 / known if known > 0 else math.inf


class Load(NamedTuple):
    """How much of each part of the noise a contrast carries."""

    runs: float
    """Variance from what is left between runs."""
    squares: float
    """The same of mean squares, items included: what `runs` was estimated from."""
    seeds: float
    """Sum of squared weights."""
    items: float
    """Where items are paired, only what runs do not show again."""
    paired: float | None = None
    """Where items are paired: all their variance, and the least there can be."""


def room_of(means: Floats, unit: float) -> Floats:
    """Return `4 p (1 - p)` of shares, or of percents: how much room they have to scatter."""
    shares = means / unit
    return np.asarray(np.maximum(4 * shares * (1 - shares), LEAST), dtype=np.float64)


_NONE = np.zeros(0)


@dataclass(frozen=True, kw_only=True)
class Squares:
    """Sums of squares of one block: what is left in each condition, and between seeds."""

    rest: Floats = field(default_factory=lambda: _NONE)
    df: Floats = field(default_factory=lambda: _NONE)
    items: Floats = field(default_factory=lambda: _NONE)
    """Mean item variance of the runs that entered."""
    room: Floats | None = field(default_factory=lambda: _NONE)
    """How much room each has to scatter; None where scores are no shares."""
    seed: float = 0.0
    seed_floor: float = 0.0
    """What `seed` would be without an effect of the seed."""
    seed_df: float = 0.0

    @property
    def known(self) -> float:
        """Return the degrees of freedom of all conditions."""
        return float(self.df.sum())


def anova(runs: Mapping[str, NDArray[Any]], unit: float | None) -> Squares:
    """Split the scatter of one model's tuned runs into seeds and the rest (additive model)."""
    once = np.zeros(len(runs["measure"]), dtype=bool)
    once[np.unique(runs["measure"], return_index=True)[1]] = True
    kept = np.flatnonzero(once & (runs["stage"] > 0))
    if not len(kept):
        return Squares()
    _, cell, sizes = np.unique(runs["condition"][kept], return_inverse=True, return_counts=True)
    repeated = sizes[cell] > 1
    kept = kept[repeated]
    if not len(kept):
        return Squares()
    cell = np.unique(cell[repeated], return_inverse=True)[1]
    seed = np.unique(runs["seeds"][kept], return_inverse=True)[1]
    score = runs["score"][kept].astype(np.float64)
    cells, seeds = int(cell.max()) + 1, int(seed.max()) + 1
    per_cell, per_seed = np.bincount(cell), np.bincount(seed)
    means = np.bincount(cell, weights=score) / per_cell
    rest = score - means[cell]
    df = len(score) - cells
    effect = np.zeros(seeds)
    if cells > 1 and df > seeds - 1 > 0:
        for _ in range(30):
            step = np.bincount(seed, weights=rest) / per_seed
            effect += step
            rest = rest - step[seed]
            rest = rest - (np.bincount(cell, weights=rest) / per_cell)[cell]
            if np.abs(step).max() <= 1e-12 * (np.abs(score).max() + 1e-300):
                break
        df -= seeds - 1
    square = float(rest @ rest) / df if df else 0.0
    items = np.nan_to_num(runs["variance"][kept].astype(np.float64))
    centred = effect - effect.mean()
    # All at 0, or all at 1: nothing can scatter there, which says nothing of where it can.
    moves = np.ones(cells, dtype=bool) if unit is None else (means > 0) & (means < unit)
    return Squares(
        rest=np.bincount(cell, weights=rest**2).astype(np.float64)[moves],
        df=((per_cell - 1) * df / (len(score) - cells))[moves],
        items=(np.bincount(cell, weights=items) / per_cell)[moves],
        room=None if unit is None else room_of(means[moves], unit),
        seed=float(centred @ centred),
        seed_floor=(seeds - 1) * square * float(np.mean(1 / per_seed)),
        seed_df=seeds - 1 if effect.any() else 0,
    )


def pool(squares: Sequence[Squares]) -> Noise:
    """Pool blocks into one noise; the items' known share is taken out, never below nothing."""
    rest, df, items = (
        np.concatenate([getattr(s, name) for s in squares]) for name in ("rest", "df", "items")
    )
    known = float(df.sum())
    if not known or rest.sum() <= 0:
        return Noise()
    square = float(rest.sum()) / known
    rooms = [s.room for s in squares if s.room is not None]
    levels: tuple[float, ...] = ()
    if len(rooms) == len(squares):
        room = np.concatenate(rooms)
        levels = _levels(rest, df, items, room)
        run = sum(float(df @ room**p) * level for p, level in zip(POWERS, levels, strict=True))
        run /= known
    else:
        run = max(0.0, square - float(df @ items) / known)
    seed_df = sum(s.seed_df for s in squares)
    seed, floor = sum(s.seed for s in squares), sum(s.seed_floor for s in squares)
    return Noise(
        run=run,
        square=square,
        expected=run + float(df @ items) / known,
        levels=levels,
        df=known,
        seed=max(0.0, seed - floor) / seed_df if seed_df else 0.0,
        seed_square=max(seed, floor) / seed_df if seed_df else 0.0,
        seed_df=seed_df,
        source=SEEDS,
    )


def _levels(rest: Floats, df: Floats, items: Floats, room: Floats) -> tuple[float, ...]:
    """Return what each of `POWERS` adds to the variance between runs where `room` is 1."""
    sizes, likely = [], []
    for power in POWERS:
        shape = room**power
        size = max(0.0, float(((rest - items * df) / shape).sum() / df.sum()))
        whole = np.maximum(size * shape + items, 1e-12)
        sizes.append(size)
        likely.append(-float((df * np.log(whole) + rest / whole).sum()) / 2)
    chances = np.exp(np.array(likely) - max(likely))
    return tuple((chances / chances.sum() * sizes).tolist())
