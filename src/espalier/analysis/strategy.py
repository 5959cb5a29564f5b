"""Ask which strategy is better at equal amounts: per ability, and overall.

Every strategy is compared with multitask (or, where that was not run, with the strategy that was
run on most mixtures), over the mixtures both were run on, seed by seed.  The rank counts from 1;
its probability is the share of noisy copies of the study in which the strategy has that rank.

The best `k` of a strategy is the top of a parabola in log2 k.  Its interval is the hull of that
top in noisy copies, and of all `k` that cannot be told from the best one (multiple comparisons
with the best), each reaching halfway to its neighbours: it holds whatever the curve's true form.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from espalier.analysis._draft import Draft, finding, signed, tests_of
from espalier.analysis._evidence import (
    Block,
    Condition,
    Evidence,
    Panel,
    label,
    quantile,
)
from espalier.finding import Interval

Floats = NDArray[np.float64]
Name = tuple[str, float | None]
"""A strategy and its `k`."""
Mixture = tuple[tuple[str, int], ...]

DRAWS = 1000


@dataclass(frozen=True, kw_only=True)
class Field:
    """The strategies of one block, side by side."""

    by_name: Mapping[Name, Mapping[Mixture, Condition]]
    against: Name
    common: tuple[Mixture, ...]
    """The mixtures that every strategy was run on."""


def strategy(evidence: Evidence) -> Iterator[Draft]:
    """Yield one finding for each strategy but the one all are compared with."""
    for panel in evidence.panels:
        for block in panel.blocks:
            field = _field(block)
            if field is None:
                continue
            ranks = _ranks(panel, block, field)
            best = _best_ks(panel, block, field, evidence.level)
            for name in field.by_name:
                if name != field.against:
                    yield _compare(panel, block, field, name, ranks, best, evidence)


def _field(block: Block) -> Field | None:
    """Return the strategies that share a mixture of several sources, or None."""
    by_name: dict[Name, dict[Mixture, Condition]] = defaultdict(dict)
    for c in block.finals:
        if len(c.mixture) > 1:
            by_name[c.strategy, c.k][tuple(sorted(c.mixture.items()))] = c
    if len(by_name) < 2:
        return None
    names = sorted(by_name, key=lambda n: (n[0], n[1] if n[1] is not None else -1.0))
    against = min(names, key=lambda n: (n[0] != "multitask", -len(by_name[n])))
    reference = by_name[against]
    kept = {n: by_name[n] for n in names if by_name[n].keys() & reference.keys()}
    if len(kept) < 2:
        return None
    common = set.intersection(*(set(mixtures) for mixtures in kept.values()))
    return Field(by_name=kept, against=against, common=tuple(sorted(common)))


def _compare(
    panel: Panel,
    block: Block,
    field: Field,
    name: Name,
    ranks: Mapping[Name, tuple[int, float]],
    best: Mapping[str, tuple[float, Interval]],
    evidence: Evidence,
) -> Draft:
    mine, theirs = field.by_name[name], field.by_name[field.against]
    shared = sorted(mine.keys() & theirs.keys())
    weights = [(mine[m], 1 / len(shared)) for m in shared]
    weights += [(theirs[m], -1 / len(shared)) for m in shared]
    effect = block.contrast(weights)
    each = [(shared[0], effect)]
    if len(shared) > 1:
        each = [(m, block.contrast([(mine[m], 1.0), (theirs[m], -1.0)])) for m in shared]
    rank, probability = ranks.get(name, (None, None))
    facts: dict[str, Any] = {
        "strategy": name[0],
        "k": name[1],
        "label": label(*name),
        "against": label(*field.against),
        "mixtures": len(shared),
        "score": float(np.mean([block.mean(mine[m]) for m in shared])),
        "against_score": float(np.mean([block.mean(theirs[m]) for m in shared])),
        "rank": rank,
        "rank_probability": probability,
        "of_strategies": len(field.by_name),
        "best_k": best[name[0]][0] if name[0] in best else None,
        "best_k_interval": best[name[0]][1] if name[0] in best else None,
        "differences": [
            {"amounts": dict(m), "difference": e.value, "interval": e.interval(evidence.level)}
            for m, e in each
        ],
    }
    rows = block.rows_of(c for c, _ in weights)
    return Draft(
        finding=finding("strategy", panel, block, effect, evidence, rows=rows, **facts),
        family="order",
        tests=tests_of(effect),
        verdict=signed(effect, panel.better, "better", "worse", "tied"),
    )


def _means(
    panel: Panel, block: Block, names: Sequence[Name], field: Field
) -> tuple[Floats, Floats] | None:
    """Return, better upwards, each strategy's mean over the common mixtures and its variance."""
    if not field.common:
        return None
    means, variances = [], []
    for name in names:
        conditions = [field.by_name[name][m] for m in field.common]
        spread, known = block.spreads(conditions)
        if not known:
            return None
        means.append(np.mean([block.mean(c) for c in conditions]) * panel.better)
        variances.append(spread.sum() / len(conditions) ** 2)
    return np.array(means), np.array(variances)


def _ranks(panel: Panel, block: Block, field: Field) -> dict[Name, tuple[int, float]]:
    """Return each strategy's rank and the probability of that rank."""
    names = list(field.by_name)
    found = _means(panel, block, names, field)
    if found is None:
        return {}
    means, variances = found
    copies = _copies(means, variances, block)
    ranks = _rank(means[None])[0]
    often = (_rank(copies) == ranks).mean(axis=0)
    return {n: (int(r), float(p)) for n, r, p in zip(names, ranks, often, strict=True)}


def _rank(means: Floats) -> NDArray[np.int64]:
    return (-means).argsort(axis=1, kind="stable").argsort(axis=1, kind="stable") + 1


def _copies(means: Floats, variances: Floats, block: Block) -> Floats:
    """Return noisy copies of the means, with heavier tails where the noise is itself estimated."""
    random = np.random.default_rng(0)
    noise = random.standard_normal((DRAWS, len(means))) * np.sqrt(variances)
    df = block.noise.df
    if df > 0:
        noise /= np.sqrt(random.chisquare(df, (DRAWS, 1)) / df)
    return means + noise


def _best_ks(
    panel: Panel, block: Block, field: Field, level: float
) -> dict[str, tuple[float, Interval]]:
    """Return the best `k` with its interval for each strategy that ran three or more."""
    by_strategy: dict[str, list[float]] = defaultdict(list)
    for name, k in field.by_name:
        if k:
            by_strategy[name].append(k)
    best = {}
    for name, ks in by_strategy.items():
        found = _means(panel, block, [(name, k) for k in ks], field)
        if len(ks) > 2 and found:
            best[name] = _best_k(np.log2(ks), *found, block, level)
    return best


def _best_k(
    x: Floats, means: Floats, variances: Floats, block: Block, level: float
) -> tuple[float, Interval]:
    at = float(_tops(x, means[None], variances)[0])
    tops = _tops(x, _copies(means, variances, block), variances)
    low, high = np.quantile(tops, [0.5 - level / 2, 0.5 + level / 2])
    near = _near_best(x, means, variances, block, level)
    low, high = min(low, near[0], at), max(high, near[1], at)
    return 2.0**at, (float(2**low), float(2**high))


def _tops(x: Floats, means: Floats, variances: Floats) -> Floats:
    """Return where the parabola through each row of `means` is highest, within the measured x."""
    centred = x - x.mean()
    design = np.vander(centred, 3)
    root = np.sqrt(1 / variances)
    a, b, _ = np.linalg.pinv(design * root[:, None]) @ (means * root).T
    ends = a * centred[-1] ** 2 + b * centred[-1] > a * centred[0] ** 2 + b * centred[0]
    with np.errstate(divide="ignore", invalid="ignore"):
        vertex = np.clip(-b / (2 * a), centred[0], centred[-1])
    top = np.where(a < 0, vertex, np.where(ends, centred[-1], centred[0]))
    return np.asarray(top + x.mean(), dtype=np.float64)


def _near_best(
    x: Floats, means: Floats, variances: Floats, block: Block, level: float
) -> tuple[float, float]:
    """Return the hull of the x that cannot be told from the best, halfway to their neighbours."""
    df = block.noise.df or math.inf
    one_sided = 1 - 2 * (1 - level) / (len(x) - 1)
    reach = quantile(df, one_sided) * np.sqrt(variances[:, None] + variances[None, :])
    inside = np.flatnonzero(((means[None, :] - means[:, None]) <= reach).all(axis=1))
    first, last = int(inside.min()), int(inside.max())
    low = (x[first] + x[max(first - 1, 0)]) / 2
    high = (x[last] + x[min(last + 1, len(x) - 1)]) / 2
    return float(low), float(high)
