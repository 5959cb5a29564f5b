"""Which recipes are possible: mixtures within the budget, near enough to what was measured."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.stats import qmc

from espalier.recommend._cells import Cells, Mix

Floats = NDArray[np.float64]

REACH = 2.0
"""How far beyond the most measured rows of a source a recipe may go: one doubling."""
NEAR, NEAR_REFERENCE = 4.0, 8.0
"""Some measured mixture has, of every source, at most so many times more or fewer rows than one
that is recommended: by the same strategy, and by the one that the others depart from."""
DIGITS = 3
"""Amounts are told with so many digits, rounded down."""


@dataclass(frozen=True, kw_only=True)
class Price:
    """What a recipe costs in one unit, and how much of it there is."""

    unit: str
    budget: float
    fixed: float
    each: Floats
    """(sources,) per row that is trained on."""
    replays: bool
    """Whether a row that a later stage repeats costs again."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a recipe may be."""

    prices: tuple[Price, ...]
    least: Floats
    """(sources,): a source is in with at least so many rows, or not at all."""
    most: Floats
    together: float
    """The most rows of a mixture of several sources."""
    mixtures: Mapping[str, Floats]
    """Strategy -> (cells, sources) log2 rows of the measured mixtures, -inf for none of a source.

    A strategy that is not here is free."""
    near: Mapping[str, float]
    """Strategy -> how many doublings off one of them a mixture may lie."""
    there: Floats
    """(sources,): the rows there are, infinite where nobody says."""
    last: int | None
    """The source that stages of DMT end with, which is not replayed; None where unknown."""

    def cost(self, mix: Mix, price: Price) -> float:
        """Return what a recipe costs in a price's unit."""
        rows = np.array(mix.rows, dtype=np.float64)
        if price.replays and mix.k:
            again = rows * mix.k
            if self.last is not None:
                again[self.last] = 0.0
            rows = rows + again
        return float(price.fixed + rows @ price.each)

    def affordable(self, mix: Mix) -> bool:
        """Say whether every budget holds; a thousandth over is rounding."""
        return all(self.cost(mix, price) <= price.budget * 1.001 for price in self.prices)

    def feasible(self, mix: Mix) -> bool:
        """Say whether a recipe can be had: within every budget and the rows there are."""
        return self.affordable(mix) and bool((np.array(mix.rows) <= self.there).all())

    def possible(self, mix: Mix) -> bool:
        """Say whether the amounts and the replayed share are whole rows, and not too far out."""
        rows = np.array(mix.rows)
        inside = (rows == 0) | ((rows >= np.floor(self.least)) & (rows <= np.ceil(self.most)))
        replayed = [n for place, n in enumerate(mix.rows) if n and place != self.last]
        whole = not mix.k or len(mix.support) < 2 or all(int(n * mix.k) for n in replayed)
        small = len(mix.support) < 2 or sum(mix.rows) <= self.together
        return bool(inside.all()) and any(mix.rows) and whole and small and self._near(mix)

    def _near(self, mix: Mix) -> bool:
        """Say whether a mixture of several sources is like one that was trained that way."""
        if len(mix.support) < 2 or mix.strategy not in self.mixtures:
            return True
        chosen = np.array(mix.rows) > 0
        known = self.mixtures[mix.strategy]
        known = known[(np.isfinite(known) == chosen).all(axis=1)][:, chosen]
        off = np.abs(known - np.log2(np.array(mix.rows)[chosen]))
        return (
            bool((off.max(axis=1) <= self.near[mix.strategy] + 0.01).any()) if len(off) else False
        )

    def fill(self, parts: Floats, spend: float, strategy: str, k: float | None) -> Mix | None:
        """Return the mix in these proportions that spends so much of the budget, if there is one.

        A source that reaches its most, or falls below its least, stays there; the others share
        what is left.
        """
        free = parts > 0
        rows = np.zeros(len(parts))
        while free.any():
            share = np.where(free, parts, 0.0)
            wanted = rows + share * max(self._scale(rows, share, spend, k), 0.0)
            over, under = free & (wanted > self.most), free & (wanted < self.least)
            if not (over.any() or under.any()):
                rows = wanted
                break
            out = over if over.any() else under
            rows = np.where(out, np.where(over, self.most, self.least), rows)
            free = free & ~out
        mix = Mix(rows=tuple(rounded(n) for n in rows), strategy=strategy, k=k)
        return mix if self.possible(mix) and self.affordable(mix) else None

    def _scale(self, rows: Floats, parts: Floats, spend: float, k: float | None) -> float:
        """Return how often `parts` can be had beside `rows`."""
        if not parts.any():
            return 0.0
        found = []
        for price in self.prices:
            again = np.full(len(rows), 1 + (k or 0.0) if price.replays else 1.0)
            if self.last is not None:
                again[self.last] = 1.0
            left = price.budget * spend - price.fixed - float(rows * again @ price.each)
            found.append(left / max(float(parts * again @ price.each), 1e-300))
        return min(found, default=math.inf if len(self.prices) else 1e300)


def rounded(rows: float) -> int:
    """Return rows with `DIGITS` digits, rounded down."""
    whole = int(rows + 1e-6)
    unit = 10 ** max(len(str(whole)) - DIGITS, 0)
    return int(whole // unit * unit)


def ways(cells: Cells) -> list[tuple[str, float | None]]:
    """Return every strategy with each `k` that was measured, and with those halfway between."""
    found: list[tuple[str, float | None]] = []
    for strategy in cells.strategies:
        ks = cells.ks.get(strategy, [])
        between = [math.sqrt(a * b) for a, b in pairwise(ks) if a > 0]
        plain = any(m.strategy == strategy and m.k is None for m in cells.reach)
        found += [(strategy, None)] if plain else []
        found += [(strategy, k) for k in sorted({*ks, *between})]
    return found


def spread_out(cells: Cells, limits: Limits, *, draws: int = 128, seed: int = 0) -> list[Mix]:
    """Return recipes all over what is possible: on the budget's edge, and well within it."""
    found: dict[Mix, None] = {}
    allowed = {name: sorted(sets, key=sorted) for name, sets in cells.supports.items()}
    replays = any(price.replays for price in limits.prices)
    filled: dict[tuple[frozenset[int], float | None], list[Mix]] = {}
    anywhere = replace(limits, mixtures={})
    for strategy, k in ways(cells):
        for support in allowed.get(strategy, ()):
            like = support, k if replays else None
            if like not in filled:
                filled[like] = list(_spread(support, strategy, k, cells, anywhere, draws, seed))
            for mix in filled[like]:
                again = Mix(rows=mix.rows, strategy=strategy, k=k)
                if limits.possible(again):
                    found[again] = None
    return list(found)


def _spread(
    support: frozenset[int],
    strategy: str,
    k: float | None,
    cells: Cells,
    limits: Limits,
    draws: int,
    seed: int,
) -> Iterator[Mix]:
    """Yield mixes of one set of sources."""
    places = sorted(support)
    for parts in _proportions(len(places), draws if len(places) > 1 else 0, seed):
        whole = np.zeros(len(cells.sources))
        whole[places] = parts
        for spend in _spends(len(places)):
            if mix := limits.fill(whole, spend, strategy, k):
                yield mix


def _spends(size: int) -> Sequence[float]:
    return (1.0, 0.5, 0.25) if size > 1 else tuple(2.0 ** -np.arange(0, 8, 0.5))


def _proportions(size: int, count: int, seed: int) -> Iterator[Floats]:
    """Yield proportions spread evenly in their logarithms, the equal ones first."""
    yield np.ones(size)
    if size > 1:
        sobol = qmc.Sobol(size - 1, seed=seed).random(count)
        edges = np.concatenate([np.zeros((count, 1)), (sobol - 0.5) * 16], axis=1)
        yield from np.exp2(edges - edges.max(axis=1, keepdims=True))


def around(mixes: Iterable[Mix], limits: Limits, step: float) -> list[Mix]:
    """Return the neighbours of recipes: one source more or less, and the budget spent again."""
    found: dict[Mix, None] = {}
    for mix in mixes:
        rows = np.array(mix.rows, dtype=np.float64)
        spent = max((limits.cost(mix, p) / p.budget for p in limits.prices), default=1.0)
        for place in np.flatnonzero(rows):
            for factor in (2.0**step, 2.0**-step):
                moved = rows.copy()
                moved[place] *= factor
                for spend in {min(spent, 1.0), min(spent * 1.3, 1.0)}:
                    if near := limits.fill(moved, spend, mix.strategy, mix.k):
                        found[near] = None
    return list(found)


Score = Callable[[Sequence[Mix]], Floats]


def search(cells: Cells, limits: Limits, score: Score, *, keep: int = 40) -> list[Mix]:
    """Return the possible recipes, the best by `score` first, refined around the best."""
    pool = dict.fromkeys(spread_out(cells, limits))
    pool |= dict.fromkeys(m for m in cells.reach if limits.possible(m) and limits.affordable(m))
    if not pool:
        return []
    values = dict(zip(pool, score(list(pool)).tolist(), strict=True))
    for step in (0.5, 0.25, 0.125):
        best = sorted(values, key=lambda mix: -values[mix])[:keep]
        fresh = [m for m in around(best, limits, step) if m not in values]
        if fresh:
            values |= dict(zip(fresh, score(fresh).tolist(), strict=True))
    return sorted(values, key=lambda mix: -values[mix])


def uniform(cells: Cells, limits: Limits, support: frozenset[int]) -> Mix | None:
    """Return equal rows of every source, as many as the budget allows."""
    return _plain(cells, limits, dict.fromkeys(support, 1.0))


def proportional(
    cells: Cells, limits: Limits, support: frozenset[int], sizes: Mapping[str, float]
) -> Mix | None:
    """Return every source in proportion to its size, as much as the budget allows."""
    return _plain(cells, limits, {p: float(sizes[cells.sources[p]]) for p in support})


def _plain(cells: Cells, limits: Limits, parts: Mapping[int, float]) -> Mix | None:
    whole = np.zeros(len(cells.sources))
    for place, part in parts.items():
        whole[place] = part
    return limits.fill(whole, 1.0, cells.strategies[0], None)
