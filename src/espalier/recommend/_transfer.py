"""Whether what was measured on a small model may be carried to a larger one.

Kendall's tau between the two models' utilities over the cells that both have.  Noise alone turns
pairs of cells about that are hardly apart, and says nothing of the models; so each pair counts as
much as noise lets both models tell it apart: with d = 2 Phi(difference / its standard error) - 1
of each model, tau is sum(d d') / sum(|d| |d'|).  Its interval is a bootstrap over cells.  A pair
is ranked alike with probability (1 + tau) / 2, so the line of .5 asks that three pairs of four
are: below it, a recipe chosen on the small model is not carried over.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from espalier.recommend._cells import Cells, Mix
from espalier.recommend._scatter import known
from espalier.recommendation import Transfer

Floats = NDArray[np.float64]

LINE = 0.5
FEWEST = 5
"""Fewer common cells rank nothing."""
COPIES = 2000
BLURRED = 0.1
"""Where pairs count for less than that on average, noise hides how they rank."""


def transfer(both: Cells, weights: Mapping[str, float]) -> Transfer:
    """Return whether a larger model ranks the common cells as its donor, the smaller one, does.

    `weights` are each ability's share of the utility per unit of its metric, signed.
    """
    larger, smaller = both, both.donor
    if smaller is None:
        raise ValueError(f"{both.model} has no donor to compare with")
    ours, theirs = utilities(smaller, weights), utilities(larger, weights)
    common = sorted(ours.keys() & theirs.keys(), key=lambda m: (m.strategy, m.k or 0.0, m.rows))
    untold = Transfer(
        smaller=smaller.model,
        larger=larger.model,
        rank_agreement=None,
        interval=None,
        cells=len(common),
        verdict="undecided",
    )
    if len(common) < FEWEST:
        shared = len(both.shared)
        part = f", {len(common)} of them measured on every ability that counts"
        why = f"{shared} cells in common{part if len(common) < shared else ''}"
        return replace(untold, why=f"{why}; {FEWEST} are the fewest that rank anything")
    both_scores = [np.array([of[m] for m in common]) for of in (ours, theirs)]
    apart = [
        _apart(scores, np.array([_variance(of, mix, weights) for mix in common]))
        for scores, of in zip(both_scores, (smaller, larger), strict=True)
    ]
    count, agree = len(common), apart[0] * apart[1]
    weight = np.abs(agree)
    if weight.sum() < BLURRED * count * (count - 1):
        return replace(untold, why=f"{count} cells in common, which noise does not let tell apart")
    tau = float(agree.sum() / weight.sum())
    random = np.random.default_rng(0)
    often = random.multinomial(count, np.full(count, 1 / count), size=COPIES).astype(float)
    alike, told = (((often @ pairs) * often).sum(axis=1) for pairs in (agree, weight))
    copies = alike / (told + 1e-12)
    low, high = (float(v) for v in np.quantile(copies, [0.025, 0.975]))
    verdict, why = _verdict(tau, low, high)
    return replace(untold, rank_agreement=tau, interval=(low, high), verdict=verdict, why=why)


def _apart(scores: Floats, variances: Floats) -> Floats:
    """Return (cells, cells) how surely one is above the other: -1 to 1, and 0 for itself."""
    error = np.sqrt(np.add.outer(variances, variances) + 1e-18)
    return np.asarray(2 * ndtr(np.subtract.outer(scores, scores) / error) - 1)


def _variance(cells: Cells, mix: Mix, weights: Mapping[str, float]) -> float:
    """Return the variance of a cell's measured utility, but for what seeds do to all alike."""
    total = 0.0
    for name, w in weights.items():
        block, found = cells.blocks[name], cells.measured[name][mix]
        run = block.noise.run if known(block) else cells.assumed(name)
        items = float(block.items[found.first : found.last].mean())
        total += w**2 * (items + run) / found.seeds
    return total


def _verdict(tau: float, low: float, high: float) -> tuple[str, str]:
    pairs = f"{(1 + tau) / 2:.0%} of pairs of cells that noise lets tell apart are ranked alike"
    if tau >= LINE and low > 0:
        return "transfers", pairs
    if (tau < LINE and high < LINE) or high <= 0:
        return "does not transfer", f"only {pairs}"
    return "undecided", f"{pairs}, but the interval does not decide"


def utilities(cells: Cells, weights: Mapping[str, float]) -> dict[Mix, float]:
    """Return the measured utility of every cell on which all abilities were measured."""
    found = {}
    for mix in cells.mixes:
        if all(mix in cells.measured[name] for name in weights):
            found[mix] = sum(
                w * cells.blocks[name].mean(cells.measured[name][mix])
                for name, w in weights.items()
            )
    return found
