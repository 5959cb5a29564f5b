"""Whether what was measured on a small model may be carried to a larger one.

Kendall's tau between the two models' utilities over the cells that both have, with a bootstrap
over cells.  A pair of cells is ranked alike with probability (1 + tau) / 2, so the line of .5 asks
that three pairs of four are: below it, a recipe chosen on the small model is not carried over.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from espalier.recommend._cells import Cells, Mix
from espalier.recommendation import Transfer

LINE = 0.5
FEWEST = 5
"""Fewer common cells rank nothing."""
COPIES = 2000


def transfer(smaller: Cells, larger: Cells, weights: Mapping[str, float]) -> Transfer:
    """Return whether the larger model ranks the common cells as the smaller does.

    `weights` are each ability's share of the utility per unit of its metric, signed.
    """
    ours, theirs = utilities(smaller, weights), utilities(larger, weights)
    common = sorted(ours.keys() & theirs.keys(), key=lambda m: (m.strategy, m.k or 0.0, m.rows))
    if len(common) < FEWEST:
        return Transfer(
            smaller=smaller.model,
            larger=larger.model,
            rank_agreement=None,
            interval=None,
            cells=len(common),
            verdict="undecided",
            why=f"{len(common)} cells in common; {FEWEST} are the fewest that rank anything",
        )
    x, y = (np.array([of[m] for m in common]) for of in (ours, theirs))
    agree = np.sign(np.subtract.outer(x, x)) * np.sign(np.subtract.outer(y, y))
    count = len(common)
    tau = float(agree.sum() / (count * (count - 1)))
    random = np.random.default_rng(0)
    often = random.multinomial(count, np.full(count, 1 / count), size=COPIES).astype(float)
    pairs = np.einsum("ci,cj->cij", often, often)
    pairs[:, np.arange(count), np.arange(count)] = 0.0
    copies = (pairs * agree).sum(axis=(1, 2)) / np.maximum(pairs.sum(axis=(1, 2)), 1.0)
    low, high = (float(v) for v in np.quantile(copies, [0.025, 0.975]))
    verdict, why = _verdict(tau, low, high)
    return Transfer(
        smaller=smaller.model,
        larger=larger.model,
        rank_agreement=tau,
        interval=(low, high),
        cells=count,
        verdict=verdict,
        why=why,
    )


def _verdict(tau: float, low: float, high: float) -> tuple[str, str]:
    pairs = f"{(1 + tau) / 2:.0%} of pairs of cells are ranked alike"
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
