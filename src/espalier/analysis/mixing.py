"""Ask whether data for other abilities helps or hurts, at equal amounts of the ability's own.

Mixed minus single: a one-stage cell of several sources against the cell that was trained on the
same rows of the ability's own source alone.  The crossover is where the difference changes its
sign on the way from small to large amounts: the estimate interpolates a monotone fit in log2
rows.  The interval is the profile of a smooth fall (or rise; see `_shapes`).  Where none is near
the differences, all that is assumed is that they fall: an amount is then in the interval unless
the differences below it and above it contradict, taken together, that they have the signs they
must have if the crossing were there, so that the interval ends at measured amounts.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression

from espalier.analysis import _reasons as reasons
from espalier.analysis._constructions import constructions
from espalier.analysis._draft import Draft, finding, signed, tests_of
from espalier.analysis._evidence import Block, Condition, Effect, Evidence, Panel, total
from espalier.analysis._shapes import fall
from espalier.finding import ITEMS_ONLY, SEEDS, UNKNOWN, Interval

Floats = NDArray[np.float64]

DRAWS = 4000
Pair = tuple[int, Condition, Condition]
"""Own rows, the mixed condition and the single one."""


def mixing(evidence: Evidence) -> Iterator[Draft]:
    """Yield a difference for each amount, and a crossover for each model and source."""
    for panel in evidence.panels:
        for block in panel.blocks:
            if panel.role == "in":
                for source in panel.sources:
                    yield from _source(panel, block, source, evidence)
            yield from constructions(panel, block, evidence)


def _source(panel: Panel, block: Block, source: str, evidence: Evidence) -> Iterator[Draft]:
    """Yield what mixing does to one source's ability, and the crossover of the widest series."""
    what = "mixing", panel.sources, source
    pairs = block.layout.once(what, lambda: list(_pairs(panel, block, source, evidence)))
    effects = [block.contrast([(m, 1.0), (s, -1.0)]) for _, m, s in pairs]
    for pair, effect in zip(pairs, effects, strict=True):
        yield _difference(panel, block, source, pair, effect, evidence)
    if not pairs:
        return
    series: dict[frozenset[str], list[int]] = defaultdict(list)
    for place, (_, mixed, _) in enumerate(pairs):
        series[frozenset(mixed.mixture)].append(place)
    if all(evidence.together(mixed.mixture) for _, mixed, _ in pairs):
        order = {name: place for place, name in enumerate(evidence.origins)}
        chosen = min(series, key=lambda s: (-len(series[s]), sorted(order[n] for n in s)))
        pairs = [pairs[i] for i in series[chosen]]
        effects = [effects[i] for i in series[chosen]]
    yield _crossover(panel, block, source, pairs, effects, evidence)


def _pairs(panel: Panel, block: Block, source: str, evidence: Evidence) -> Iterator[Pair]:
    """Yield mixtures with their single counterpart, by own rows.

    Where the study has mixtures in which all sources are at one share, only those are
    compared: they are one series, while other mixtures answer another question (factors).
    """
    single: dict[int, Condition] = {}
    mixed: list[Condition] = []
    for c in block.finals:
        if set(c.mixture) == {source}:
            n = c.mixture[source]
            if n not in single or c.strategy == "multitask":
                single[n] = c
        elif set(panel.own(c.mixture)) == {source} and block.mixes(c):
            mixed.append(c)
    matched = [c for c in mixed if c.mixture[source] in single]
    series = [c for c in matched if evidence.together(c.mixture)]
    widest = max((len(c.mixture) for c in series), default=0)
    chosen = [c for c in series if len(c.mixture) == widest] or matched
    for c in sorted(chosen, key=lambda c: c.mixture[source]):
        yield c.mixture[source], c, single[c.mixture[source]]


def _difference(
    panel: Panel, block: Block, source: str, pair: Pair, effect: Effect, evidence: Evidence
) -> Draft:
    amount, mixed, single = pair
    return Draft(
        finding=finding(
            "mixing",
            panel,
            block,
            effect,
            evidence,
            rows=block.rows_of([mixed, single]),
            of="difference",
            source=source,
            amount=amount,
            others=panel.others(mixed.mixture),
            mixture=dict(mixed.mixture),
            single=block.mean(single),
            mixed=block.mean(mixed),
        ),
        tests=tests_of(effect),
        verdict=signed(effect, panel.better, "helps", "hurts", "tied"),
    )


def _crossover(
    panel: Panel,
    block: Block,
    source: str,
    pairs: Sequence[Pair],
    effects: Sequence[Effect],
    evidence: Evidence,
) -> Draft:
    """Return where help turns into harm, or the other way about."""
    best = _by_amount(pairs, effects)
    noise = _noise(effects)
    at, interval, why = None, None, reasons.CROSSOVER_AMOUNTS
    if len(best) > 1:
        at, interval, why = _cross(best, evidence.level)
        if interval and noise == ITEMS_ONLY and not why:
            why = reasons.ONE_SEED
    plain = finding(
        "mixing",
        panel,
        block,
        None,
        evidence,
        rows=block.rows_of(c for _, m, s in pairs for c in (m, s)),
        why=why,
        of="crossover",
        source=source,
        amount=None,
        differences=[[n, e.value, *(e.interval(evidence.level) or (None, None))] for n, e in best],
    )
    crossing = replace(
        plain,
        estimate=at,
        interval=interval,
        noise=noise,
        seeds=min(e.seeds for e in effects),
    )
    large = [e for n, e in best if at is not None and n > at]
    if not large or not all(e.testable for e in large):
        return Draft(finding=crossing)
    above = total((1 / len(large), e) for e in large)
    return Draft(
        finding=replace(crossing, p=above.p),
        tests=tests_of(above),
        verdict=signed(above, panel.better, "helps", "hurts", "tied"),
    )


def _by_amount(pairs: Sequence[Pair], effects: Sequence[Effect]) -> list[tuple[int, Effect]]:
    """Return one effect an amount: where mixtures share one, the most precise."""
    best: dict[int, Effect] = {}
    for (amount, _, _), effect in zip(pairs, effects, strict=True):
        old = best.get(amount)
        if old is None or (effect.variance or math.inf) < (old.variance or math.inf):
            best[amount] = effect
    return sorted(best.items())


def _noise(effects: Sequence[Effect]) -> str:
    kinds = {e.noise for e in effects}
    return SEEDS if kinds == {SEEDS} else UNKNOWN if UNKNOWN in kinds else ITEMS_ONLY


def _cross(
    best: Sequence[tuple[int, Effect]], level: float
) -> tuple[float | None, Interval | None, str]:
    """Return where the differences change sign, the interval, and what is to be said of it."""
    amounts = np.array([n for n, _ in best], dtype=np.float64)
    values = np.array([e.value for _, e in best])
    known = all(e.variance for _, e in best)
    spread = np.array([e.variance if known and e.variance else 1.0 for _, e in best])
    fits = {
        rising: isotonic_regression(values, weights=1 / spread, increasing=rising).x
        for rising in (False, True)
    }
    misfit = {rising: float(((values - fit) ** 2 / spread).sum()) for rising, fit in fits.items()}
    rising = misfit[True] < misfit[False]
    at = _zero(np.log2(amounts), fits[rising])
    if at is None:
        return None, None, reasons.KEEPS_SIGN
    if not known:
        return at, None, reasons.NO_INTERVAL
    df = min(min(e.df for _, e in best), 1e4)
    falling = -values if rising else values
    smooth = fall(np.log2(amounts), falling, spread)
    if smooth.fits(df):
        low, high, outside = smooth.interval(df, level)
        interval = (min(2.0**low, at), max(2.0**high, at))
    else:
        interval, outside = _by_signs(amounts, falling / np.sqrt(spread), at, df, level)
    return at, interval, reasons.OUTSIDE if outside else ""


def _by_signs(
    amounts: Floats, scores: Floats, at: float, df: float, level: float
) -> tuple[Interval, bool]:
    """Return the measured amounts between which a fall of any shape may cross zero.

    Gap i lies below amount i: gap 0 and the last are outside of what was measured.
    """
    allowed = _allowed(scores, _critical(len(scores), df, level))
    inside = [i for i in range(1, len(scores)) if allowed[i]] or [int(np.searchsorted(amounts, at))]
    low = amounts[0] if allowed[0] else amounts[inside[0] - 1]
    high = amounts[-1] if allowed[-1] else amounts[inside[-1]]
    return (float(low), float(high)), allowed[0] or allowed[-1]


def _zero(x: Floats, values: Floats) -> float | None:
    """Return the rows at which a monotone line through the points is zero, or None."""
    signs = np.sign(values)
    if (signs >= 0).all() or (signs <= 0).all():
        return None
    zero = np.flatnonzero(signs == 0)
    if len(zero):
        return float(2 ** x[zero].mean())
    after = int(np.flatnonzero(signs != signs[0])[0])
    a, b = values[after - 1], values[after]
    return float(2 ** (x[after - 1] + (x[after] - x[after - 1]) * a / (a - b)))


def _allowed(scores: Floats, critical: float) -> list[bool]:
    """Say of each gap whether a fall through zero may lie there."""
    wrong_before = np.concatenate([[0.0], np.cumsum(np.minimum(scores, 0) ** 2)])
    wrong_after = np.concatenate([np.cumsum(np.maximum(scores[::-1], 0) ** 2)[::-1], [0.0]])
    return [bool(value <= critical) for value in wrong_before + wrong_after]


@lru_cache(maxsize=1024)
def _critical(count: int, df: float, level: float) -> float:
    """Return the quantile of the sum of squares of wrong signs where every difference is zero."""
    random: Any = np.random.default_rng(0)
    wrong = (np.maximum(random.standard_normal((DRAWS, count)), 0) ** 2).sum(axis=1)
    return float(np.quantile(wrong / (random.chisquare(df, DRAWS) / df), level))
