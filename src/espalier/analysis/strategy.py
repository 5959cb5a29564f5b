"""Ask which strategy is better at equal amounts: per ability, and overall.

Every strategy is compared with multitask (or, where that was not run, with the strategy that was
run on most mixtures), over the mixtures both were run on, seed by seed.  The rank counts from 1;
its probability is the share of noisy copies of the study in which the strategy has that rank.
Overall findings also say whether a strategy is on the Pareto front of the specialised abilities
(their mean) against the general one, and in what share of noisy copies it is.

The best `k` of a strategy is the top of a hill in log2 k that falls like a parabola on either side,
each at its own pace; its interval is the profile of that top (see `_shapes`).  Where no such hill
is near the scores, the interval is the hull of all `k` that cannot be told from the best one
(multiple comparisons with the best), each reaching halfway to its neighbours.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from espalier.analysis._draft import Draft, finding, signed, tests_of
from espalier.analysis._evidence import (
    OVERALL,
    Block,
    Condition,
    Effect,
    Evidence,
    Panel,
    label,
    quantile,
    told,
)
from espalier.analysis._shapes import top
from espalier.finding import Interval

Floats = NDArray[np.float64]
Name = tuple[str, float | None]
"""A strategy and its `k`."""
Mixture = tuple[tuple[str, int], ...]
Place = Mapping[str, Any]
"""`specialised`, `general` (shares of range, better upwards), `on_front`, `front_probability`."""

GENERAL = "general"
DRAWS = 400
MANY = 16
"""Of more strategies not every pair is told."""


@dataclass(frozen=True, kw_only=True)
class Field:
    """The strategies of one block, side by side."""

    by_name: Mapping[Name, Mapping[Mixture, Condition]]
    against: Name
    common: tuple[Mixture, ...]
    """The mixtures that every strategy was run on."""


def strategy(evidence: Evidence) -> Iterator[Draft]:
    """Yield one finding for each strategy but the one all are compared with."""
    fields: list[dict[str, Field | None]] = [
        {block.model: block.layout.once("field", partial(_field, block)) for block in panel.blocks}
        for panel in evidence.panels
    ]
    for panel, mine in zip(evidence.panels, fields, strict=True):
        for block in panel.blocks:
            field = mine[block.model]
            if field is None:
                continue
            ranks = _ranks(panel, block, field)
            best = _best_ks(panel, block, field, evidence.level)
            overall = panel.ability == OVERALL
            places = _places(panel, block, field, fields, evidence) if overall else {}
            pairs = _all_pairs(block, field, evidence.level)
            for name in field.by_name:
                if name != field.against:
                    yield _compare(panel, block, field, name, ranks, best, places, pairs, evidence)


def _field(block: Block) -> Field | None:
    """Return the strategies that share a mixture of several sources, or None."""
    by_name: dict[Name, dict[Mixture, Condition]] = defaultdict(dict)
    for c in block.finals:
        if len(c.mixture) > 1:
            by_name[c.strategy, c.k][c.amounts] = c
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
    places: Mapping[Name, Place],
    pairs: Mapping[Name, list[dict[str, Any]]],
    evidence: Evidence,
) -> Draft:
    mine, theirs = field.by_name[name], field.by_name[field.against]
    shared = sorted(mine.keys() & theirs.keys())
    effect = _paired(block, mine, theirs)
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
        "score": sum(block.mean(mine[m]) for m in shared) / len(shared),
        "against_score": sum(block.mean(theirs[m]) for m in shared) / len(shared),
        "rank": rank,
        "rank_probability": probability,
        "of_strategies": len(field.by_name),
        "best_k": best[name[0]][0] if name[0] in best else None,
        "best_k_interval": best[name[0]][1] if name[0] in best else None,
        "differences": [
            {"amounts": dict(m), "difference": e.value, "interval": e.interval(evidence.level)}
            for m, e in each
        ],
        "pairs": pairs[name],
    }
    if panel.ability == OVERALL:
        facts |= {"place": places.get(name), "against_place": places.get(field.against)}
    rows = block.rows_of(c for m in shared for c in (mine[m], theirs[m]))
    return Draft(
        finding=finding("strategy", panel, block, effect, evidence, rows=rows, **facts),
        family="order",
        tests=tests_of(effect),
        verdict=signed(effect, panel.better, "better", "worse", "tied"),
    )


def _paired(
    block: Block, mine: Mapping[Mixture, Condition], theirs: Mapping[Mixture, Condition]
) -> Effect:
    """Return the mean difference over the mixtures that both were run on."""
    shared = sorted(mine.keys() & theirs.keys())
    weights = [(mine[m], 1 / len(shared)) for m in shared]
    return block.contrast(weights + [(theirs[m], -1 / len(shared)) for m in shared])


def _all_pairs(block: Block, field: Field, level: float) -> dict[Name, list[dict[str, Any]]]:
    """Return each strategy's differences from those that it is not measured against."""
    found: dict[Name, list[dict[str, Any]]] = {name: [] for name in field.by_name}
    if len(field.by_name) > MANY:
        return found
    pairs = [
        (one, other)
        for one, other in combinations((n for n in field.by_name if n != field.against), 2)
        if field.by_name[one].keys() & field.by_name[other].keys()
    ]
    effects = [_paired(block, field.by_name[one], field.by_name[other]) for one, other in pairs]
    for (one, other), effect, (interval, p) in zip(
        pairs, effects, told(effects, level), strict=True
    ):
        back = (-interval[1], -interval[0]) if interval else None
        for name, against, value, ends in (
            (one, other, effect.value, interval),
            (other, one, -effect.value, back),
        ):
            found[name].append(
                {"against": label(*against), "difference": value, "interval": ends, "p": p}
            )
    return found


def _places(
    panel: Panel,
    block: Block,
    field: Field,
    fields: Sequence[Mapping[str, Field | None]],
    evidence: Evidence,
) -> dict[Name, Place]:
    """Return where each strategy stands between the specialised abilities and the general one.

    A strategy is on the Pareto front where none is as good at both and better at one.
    """
    names = list(field.by_name)
    means: dict[str, Floats] = {}
    copies: dict[str, Floats] = {}
    for other, there in zip(evidence.panels, fields, strict=True):
        if other.role != "in" or other.protocol != panel.protocol or other.ability in means:
            continue
        mine = other.block(block.model)
        found = there.get(block.model)
        if mine is None or found is None or set(found.by_name) != set(names):
            return {}
        known = _means(other, mine, names, replace(found, common=field.common))
        if known is None:
            return {}
        means[other.ability] = known[0] / other.scale
        copies[other.ability] = _copies(*known, mine, stream=len(means)) / other.scale
    if GENERAL not in means or len(means) < 2:
        return {}
    special = [ability for ability in means if ability != GENERAL]
    both = np.stack([np.mean([means[a] for a in special], axis=0), means[GENERAL]])
    noisy = np.stack([np.mean([copies[a] for a in special], axis=0), copies[GENERAL]])
    front = _front(both[:, None])[0]
    often = _front(noisy).mean(axis=0)
    return {
        name: {
            "specialised": float(both[0, i]),
            "general": float(both[1, i]),
            "on_front": bool(front[i]),
            "front_probability": float(often[i]),
        }
        for i, name in enumerate(names)
    }


def _front(scores: Floats) -> NDArray[np.bool_]:
    """Say of (2, copies, strategies) which strategies no other one dominates."""
    mine, theirs = scores[..., :, None], scores[..., None, :]
    beaten = (theirs >= mine).all(axis=0) & (theirs > mine).any(axis=0)
    return np.asarray(~beaten.any(axis=-1))


def _means(
    panel: Panel, block: Block, names: Sequence[Name], field: Field
) -> tuple[Floats, Floats] | None:
    """Return, better upwards, each strategy's mean over the common mixtures and its variance."""
    if not field.common:
        return None
    conditions = [field.by_name[name][m] for name in names for m in field.common]
    spread, known = block.spreads(conditions)
    if not known:
        return None
    each, mixtures = len(names), len(field.common)
    means = np.array([block.mean(c) for c in conditions]).reshape(each, mixtures).mean(axis=1)
    return means * panel.better, spread.reshape(each, mixtures).sum(axis=1) / mixtures**2


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
    order = (-means).argsort(axis=1, kind="stable")
    ranks = np.empty_like(order)
    np.put_along_axis(ranks, order, np.arange(1, order.shape[1] + 1)[None], axis=1)
    return ranks


def _copies(means: Floats, variances: Floats, block: Block, *, stream: int = 0) -> Floats:
    """Return noisy copies of the means, with heavier tails where the noise is itself estimated."""
    return means + _draws(len(means), block.noise.df, stream) * np.sqrt(variances)


@lru_cache(maxsize=256)
def _draws(count: int, df: float, stream: int) -> Floats:
    """Return Student's noise, (copies, count), the same in every process; normal where df is 0."""
    random = np.random.default_rng(stream)
    noise = random.standard_normal((DRAWS, count))
    return noise / np.sqrt(random.chisquare(df, (DRAWS, 1)) / df) if df > 0 else noise


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
    order = np.argsort(x)
    x, means, variances = x[order], means[order], variances[order]
    df = block.noise.df or math.inf
    hill = top(x, means, variances)
    if hill.fits(df):
        low, high, _ = hill.interval(df, level)
    else:
        low, high = _near_best(x, means, variances, df, level)
    at = min(max(hill.at, low), high)
    return 2.0**at, (2.0**low, 2.0**high)


def _near_best(
    x: Floats, means: Floats, variances: Floats, df: float, level: float
) -> tuple[float, float]:
    """Return the hull of the x that cannot be told from the best, halfway to their neighbours."""
    one_sided = 1 - 2 * (1 - level) / (len(x) - 1)
    reach = quantile(df, one_sided) * np.sqrt(variances[:, None] + variances[None, :])
    inside = np.flatnonzero(((means[None, :] - means[:, None]) <= reach).all(axis=1))
    first, last = int(inside.min()), int(inside.max())
    low = (x[first] + x[max(first - 1, 0)]) / 2
    high = (x[last] + x[min(last + 1, len(x) - 1)]) / 2
    return float(low), float(high)
