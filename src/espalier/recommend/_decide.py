"""The decision: the surest of the good recipes, and what everything else would give.

Expected utilities are no lucky maxima: they are drawn towards what the other cells say, so the
best of thousands of recipes is not the one with the luckiest noise.  But the largest expectation
may be a gamble.  So among the recipes that keep at least half of the largest expected gain over
the best baseline, the choice is the one that is most probably better than every baseline.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.stats import qmc

from espalier.recommend._candidates import Limits, search
from espalier.recommend._cells import Cells, Mix
from espalier.recommend._surface import Surface

Floats = NDArray[np.float64]

SURE = 0.9
"""A floor counts as kept where it is with this probability."""
HOPELESS = 0.5
"""A floor that no recipe keeps with this probability cannot be had."""
QUICK = 4
"""Samples of a surface that the first look at thousands of recipes averages over."""
RIVALS = 160
"""How many recipes are looked at closely."""
LOOKED_AT = 2000
PART = 0.5
"""What part of the largest expected gain a surer recipe must keep."""
HOPE = 2.0
"""A recipe might be the best where so many standard deviations make it so."""
DRAWS = 64
"""Draws of each sample of a surface."""
INTERVAL_DRAWS = 4000
"""Draws of a recipe's utility, whose quantiles are its interval."""
NEXT = 3
"""How many runs are told to be worth it."""
SHOWN = 128
"""What a run might show, so many times."""
NOTHING = 1e-6
"""A run that saves less than that of the regret is not worth it."""
FOURFOLD = 2.0
"""In doublings: recipes whose amounts differ less are near copies."""


@dataclass(frozen=True, kw_only=True)
class Question:
    """What is asked of the surfaces: recipes in, utility out."""

    cells: Cells
    surfaces: Mapping[str, Surface]
    weights: Mapping[str, float]
    """Ability -> its part of the utility per unit of its metric, signed."""
    floors: Mapping[str, float]

    def quick(self) -> Question:
        """Return the same question for a first look at thousands of recipes."""
        surfaces = {name: surface.quick(QUICK) for name, surface in self.surfaces.items()}
        return replace(self, surfaces=surfaces)

    def means(self, mixes: Sequence[Mix]) -> Floats:
        """Return (mixes,) expected utilities."""
        points = self.cells.points(mixes)
        parts = [
            w * self.surfaces[name].means(points).mean(axis=0) for name, w in self.weights.items()
        ]
        return np.asarray(sum(parts))

    def utility(self, mixes: Sequence[Mix]) -> tuple[Floats, Floats]:
        """Return (mixes,) expected utilities and their standard deviations."""
        points = self.cells.points(mixes)
        mean, variance = np.zeros(len(mixes)), np.zeros(len(mixes))
        for name, w in self.weights.items():
            means, spreads = self.surfaces[name].spreads(points)
            mean += w * means.mean(axis=0)
            variance += w**2 * ((spreads**2).mean(axis=0) + means.var(axis=0))
        return mean, np.sqrt(variance)

    def interval(self, mix: Mix, level: float = 0.95) -> tuple[float, float, float]:
        """Return a recipe's expected utility with its interval, of all samples' mixture.

        The abilities' errors are independent, as their surfaces are.  A mean of several has
        lighter tails than each, so it holds somewhat more often than the scores' own.
        """
        points, random = self.cells.points([mix]), np.random.default_rng(0)
        drawn, expected = np.zeros(INTERVAL_DRAWS), 0.0
        for name, w in self.weights.items():
            means, spreads = (found[:, 0] for found in self.surfaces[name].spreads(points))
            which = random.integers(len(means), size=INTERVAL_DRAWS)
            drawn += w * (means[which] + spreads[which] * random.standard_normal(INTERVAL_DRAWS))
            expected += w * float(means.mean())
        low, high = np.quantile(drawn, [0.5 - level / 2, 0.5 + level / 2])
        return expected, float(low), float(high)

    def kept(self, mixes: Sequence[Mix]) -> dict[str, Floats]:
        """Return (mixes,) the probability that each floor is kept."""
        points = self.cells.points(mixes)
        found = {}
        for name, floor in self.floors.items():
            below = self.surfaces[name].below(points, floor)
            found[name] = 1 - below if self.cells.panels[name].higher_is_better else below
        return found

    def joint(self, mixes: Sequence[Mix]) -> Joint:
        """Return the joint distribution of all abilities' true scores on these recipes."""
        points = self.cells.points(mixes)
        return Joint(
            place={mix: i for i, mix in enumerate(mixes)},
            weights=self.weights,
            parts={name: self.surfaces[name].joint(points) for name in self.weights},
        )


@dataclass(frozen=True, kw_only=True)
class Joint:
    """What the surfaces know of some recipes together."""

    place: Mapping[Mix, int]
    weights: Mapping[str, float]
    parts: Mapping[str, tuple[Floats, Floats]]
    """Ability -> means (samples, recipes) and covariances."""

    def draws(self, random: np.random.Generator) -> Floats:
        """Return (draws, recipes) utilities of equally likely truths."""
        count = len(self.place)
        total = np.zeros((1, count))
        for name, w in self.weights.items():
            drawn = [
                mean + random.standard_normal((DRAWS, count)) @ _root(covariance).T
                for mean, covariance in zip(*self.parts[name], strict=True)
            ]
            total = total + w * random.permutation(np.concatenate(drawn))
        return total

    def pooled(self, name: str) -> tuple[Floats, Floats]:
        """Return the mean and the covariance of an ability over all samples."""
        means, covariances = self.parts[name]
        pooled = covariances.mean(axis=0) + np.cov(means.T, bias=True)
        return means.mean(axis=0), np.asarray(pooled)


def _root(covariance: Floats) -> Floats:
    """Return a square root of a covariance that may be all but singular."""
    jitter = 1e-9 * float(np.trace(covariance)) / len(covariance) + 1e-15
    while True:
        try:
            return np.asarray(np.linalg.cholesky(covariance + jitter * np.eye(len(covariance))))
        except np.linalg.LinAlgError:
            jitter *= 10


@dataclass(frozen=True, kw_only=True)
class Decision:
    """The choice, and the recipes that come near it."""

    choice: Mix | None
    refused: str
    rivals: tuple[Mix, ...]
    """The best by expectation and by hope, the choice first."""
    warnings: tuple[str, ...] = ()


def decide(question: Question, limits: Limits, baselines: Sequence[Mix]) -> Decision:
    """Return the surest of the good recipes that keep the floors, and its rivals."""
    quick = question.quick()
    pool = search(question.cells, limits, lambda m: quick.means(m) - _penalty(quick, m))
    if not pool:
        return Decision(choice=None, refused="", rivals=())
    near = _near(quick, pool)
    means, spreads = question.utility(near)
    allowed, refused, warnings = _floors(question, question.kept(near), len(near))
    if refused:
        return Decision(choice=None, refused=refused, rivals=tuple(near[:RIVALS]))
    hopes = np.where(allowed, means + HOPE * spreads, -np.inf)
    order = dict.fromkeys([*(-means).argsort()[: RIVALS // 2], *(-hopes).argsort()])
    rivals = [near[int(i)] for i in order if allowed[i]][:RIVALS]
    choice = _surest(question, rivals, baselines)
    return Decision(
        choice=choice,
        refused="",
        rivals=tuple(dict.fromkeys([choice, *rivals])),
        warnings=warnings,
    )


def _surest(question: Question, rivals: Sequence[Mix], baselines: Sequence[Mix]) -> Mix:
    """Return the rival that most probably beats every baseline, among those of a good gain."""
    mixes = list(dict.fromkeys([*rivals, *baselines]))
    draws = question.joint(mixes).draws(np.random.default_rng(0))
    expected = draws[:, : len(rivals)].mean(axis=0)
    if not baselines:
        return rivals[int(expected.argmax())]
    others = draws[:, [mixes.index(mix) for mix in baselines]]
    gain = expected - others.mean(axis=0).max()
    better = (draws[:, : len(rivals)] >= others.max(axis=1, keepdims=True)).mean(axis=0)
    good = gain >= (PART * gain.max() if gain.max() > 0 else gain.max())
    return rivals[int(np.where(good, better, -1.0).argmax())]


def _near(quick: Question, pool: Sequence[Mix]) -> list[Mix]:
    """Return the recipes that are good, and those that might be: the best come first."""
    hopeful = pool[:LOOKED_AT]
    means, spreads = quick.utility(hopeful)
    order = (-(means + HOPE * spreads)).argsort()[:RIVALS]
    return list(dict.fromkeys([*pool[:RIVALS], *(hopeful[int(i)] for i in order)]))


def _penalty(question: Question, mixes: Sequence[Mix]) -> Floats:
    """Return what keeps the search near recipes that keep the floors: large where they do not."""
    if not question.floors:
        return np.zeros(len(mixes))
    missing = [np.maximum(SURE - p, 0.0) for p in question.kept(mixes).values()]
    return np.asarray(10.0 * np.sum(missing, axis=0))


def _floors(
    question: Question, kept: Mapping[str, Floats], count: int
) -> tuple[NDArray[np.bool_], str, tuple[str, ...]]:
    """Return which recipes keep the floors; or why none does."""
    if not kept:
        return np.ones(count, dtype=bool), "", ()
    least = np.min(list(kept.values()), axis=0)
    top = float(least.max())
    asked = ", ".join(f"{name}={floor:g}" for name, floor in question.floors.items())
    if top < HOPELESS:
        name = min(kept, key=lambda n: float(kept[n].max()))
        return (
            least >= 2,
            f"no recipe within the budget is likely to keep the floor {asked}: "
            f"the likeliest does with probability {top:.2f}"
            + (f" ({name} is the hardest)" if len(kept) > 1 else ""),
            (),
        )
    if top < SURE:
        warning = (
            f"no recipe keeps the floor {asked} for sure: the choice is among the likeliest, "
            f"with probability {top:.2f}"
        )
        return least >= top - 0.02, "", (warning,)
    return least >= SURE, "", ()


def regret(draws: Floats, choice: int = 0) -> tuple[float, tuple[float, float]]:
    """Return what the choice is expected to lose against the best, and what at most (95 %).

    The interval begins at 0: that the choice is the best is always possible.
    """
    lost = draws.max(axis=1) - draws[:, choice]
    return float(lost.mean()), (0.0, float(np.quantile(lost, 0.95)))


def front(
    question: Question, rivals: Sequence[Mix], pool: Sequence[Mix], *, most: int
) -> list[Mix]:
    """Return up to `most` recipes that nothing beats on every ability, spread along the front."""
    mixes = list(dict.fromkeys([*rivals, *pool]))
    points = question.cells.points(mixes)
    scores = np.array(
        [
            question.cells.panels[name].better
            / question.cells.panels[name].scale
            * question.surfaces[name].means(points).mean(axis=0)
            for name in question.weights
        ]
    ).T
    kept = [
        i
        for i, mine in enumerate(scores)
        if not ((scores >= mine).all(axis=1) & (scores > mine + 1e-12).any(axis=1)).any()
    ]
    if not kept:
        return []
    values = scores[kept]
    chosen = [int(values[:, a].argmax()) for a in range(values.shape[1])]
    chosen = list(dict.fromkeys(chosen))
    while len(chosen) < min(most, len(kept)):
        gaps = np.abs(values[:, None, :] - values[None, chosen, :]).sum(axis=2).min(axis=1)
        if gaps.max() < 1e-3:
            break
        chosen.append(int(gaps.argmax()))
    return [mixes[kept[i]] for i in chosen]


@dataclass(frozen=True, kw_only=True)
class Worth:
    """A cell worth measuring."""

    mix: Mix
    saved: float
    """Of the expected regret, once the cells told before it are measured."""
    spread: float
    """The standard deviation of what is known of its utility."""


def worth_running(
    question: Question, joint: Joint, rivals: Sequence[Mix], tries: Sequence[Mix], seeds: int
) -> list[Worth]:
    """Return the cells that would take most of the expected regret away, the best first.

    The knowledge gradient: how much the best expected utility among `rivals` rises on average once
    a cell is measured with so many seeds, over what it could show.  Each next cell is worth what
    it adds to those before it, so that a near copy of one of them is worth little; and it differs
    from them all.
    """
    rows = np.array([joint.place[mix] for mix in rivals])
    columns = np.array([joint.place[mix] for mix in tries])
    parts = [
        (w, *joint.pooled(name), question.surfaces[name].noise / seeds)
        for name, w in question.weights.items()
    ]
    mean = np.asarray(sum(w * expected[rows] for w, expected, _, _ in parts))
    own = sum(w**2 * np.diag(covariance)[columns] for w, _, covariance, _ in parts)
    spreads = np.sqrt(np.maximum(own, 0.0))
    covariances = [covariance for _, _, covariance, _ in parts]
    normal = qmc.MultivariateNormalQMC(np.zeros(NEXT * len(parts)), seed=0)
    shown = normal.random(SHOWN).T.reshape(NEXT, len(parts), SHOWN)
    known = np.tile(mean, (SHOWN, 1))
    found: list[Worth] = []
    for drawn in shown:
        shifts = [
            w * c[np.ix_(rows, columns)] / np.sqrt(np.maximum(np.diag(c)[columns], 0.0) + noise)
            for (w, _, _, noise), c in zip(parts, covariances, strict=True)
        ]
        moved = sum(z[:, None, None] * shift for z, shift in zip(drawn, shifts, strict=True))
        top = (known[:, :, None] + moved).max(axis=1).mean(axis=0)
        saved = top - known.max(axis=1).mean()
        near = [not all(_differ(mix, other.mix) for other in found) for mix in tries]
        saved[near] = 0.0
        place = int(saved.argmax())
        if saved[place] <= NOTHING:
            break
        found.append(
            Worth(mix=tries[place], saved=float(saved[place]), spread=float(spreads[place]))
        )
        known = known + sum(
            z[:, None] * shift[:, place] for z, shift in zip(drawn, shifts, strict=True)
        )
        for i, (_, _, _, noise) in enumerate(parts):
            column = covariances[i][:, columns[place]]
            left = np.outer(column, column) / (max(column[columns[place]], 0.0) + noise)
            covariances[i] = covariances[i] - left
    return found


def _differ(one: Mix, other: Mix) -> bool:
    """Say whether two recipes are trained otherwise, or are of other rows.

    Of other rows: half as many as the larger one has are moved, or a source's differ fourfold.
    """
    if one.strategy != other.strategy or one.support != other.support:
        return True
    if one.k and other.k and abs(np.log2(one.k / other.k)) >= FOURFOLD:
        return True
    a, b = (np.array([m.rows[p] for p in sorted(one.support)], float) for m in (one, other))
    moved = np.abs(a - b).sum() / max(a.sum(), b.sum())
    return bool(moved >= 0.5 or np.abs(np.log2(a / b)).max() >= FOURFOLD)
