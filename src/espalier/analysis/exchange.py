"""Ask how many synthetic rows one human row is worth.

The two sources of an ability are taken to follow one curve, the synthetic one shifted along
log2 rows: `synthetic(n) = human(n / rate)`.  The rate and its interval come from the profile of
the misfit over the shift, each shift with the best of the forms of growth.  Where one curve does
not fit both (5 %), there is no single rate; then the verdict compares the sources at equal
amounts.  The rates at stated amounts need no common curve: they read off the synthetic curve
where it reaches what so many human rows reach, or off its joined points where no form is near
them.

The ability's rows may be all that a cell trains on, or human rows of several abilities are held
against synthetic rows of the same ones, each at equal rows (as Song et al. did): the rate is then
of the ability's own rows, among as many of each other kind.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc, fdtrc

from espalier.analysis import _reasons as reasons
from espalier.analysis._curves import PRICE, Curve, Curves, basis, choose, fit, grids
from espalier.analysis._draft import Draft, finding, signed, tests_of
from espalier.analysis._evidence import Block, Condition, Effect, Evidence, Panel, quantile
from espalier.finding import ITEMS_ONLY, SEEDS, UNKNOWN, Interval, within

Floats = NDArray[np.float64]
Points = Mapping[int, Condition]

SHIFTS = np.round(np.arange(-12, 12.01, 0.1), 10)
"""Rates from 1/4096 to 4096 are looked at."""
MISFIT = 0.01
"""Forms less likely than this to have made the points are not read off."""
DRAWS = 200


def exchange(evidence: Evidence) -> Iterator[Draft]:
    """Yield a finding for each pair of a human and another source of one ability, and model."""
    for panel in evidence.panels:
        human = [n for n in panel.sources if evidence.origins[n].origin == "human"]
        other = [n for n in panel.sources if evidence.origins[n].origin != "human"]
        if not human or not other:
            continue
        for block in panel.blocks:
            series = block.layout.once("exchange", partial(_series, block, evidence))
            for pair in ((h, s) for h in human for s in other):
                for beside in _beside(series, pair, evidence):
                    first, second = (_points(series, name, beside, evidence) for name in pair)
                    yield _exchange(panel, block, pair, beside, first, second, evidence)


Series = Mapping[frozenset[str], list[Condition]]
"""The cells of one source, or of equal rows of several of one origin, by their sources."""


def _series(block: Block, evidence: Evidence) -> Series:
    series: dict[frozenset[str], list[Condition]] = defaultdict(list)
    for c in block.finals:
        written = {evidence.origins[name].origin == "human" for name in c.mixture}
        even = len(set(c.mixture.values())) == 1 and block.mixes(c) and len(written) == 1
        if len(c.mixture) == 1 or even:
            series[frozenset(c.mixture)].append(c)
    return series


def _abilities(sources: frozenset[str], source: str, evidence: Evidence) -> tuple[str, ...]:
    """Return the abilities of all sources but one."""
    return tuple(sorted(evidence.origins[name].ability for name in sources - {source}))


def _beside(series: Series, pair: tuple[str, str], evidence: Evidence) -> list[tuple[str, ...]]:
    """Return what both sources were trained beside: nothing, or the same abilities."""
    first, second = (
        dict.fromkeys(_abilities(s, name, evidence) for s in series if name in s) for name in pair
    )
    return [abilities for abilities in first if abilities in second]


def _points(
    series: Series, source: str, beside: tuple[str, ...], evidence: Evidence
) -> dict[int, Condition]:
    """Return the cells of a source beside these abilities, by its rows."""
    points: dict[int, Condition] = {}
    for sources, conditions in series.items():
        if source in sources and _abilities(sources, source, evidence) == beside:
            for c in conditions:
                if c.mixture[source] not in points or c.strategy == "multitask":
                    points[c.mixture[source]] = c
    return dict(sorted(points.items()))


def _exchange(
    panel: Panel,
    block: Block,
    pair: tuple[str, str],
    beside: tuple[str, ...],
    human: Points,
    synthetic: Points,
    evidence: Evidence,
) -> Draft:
    conditions = [*human.values(), *synthetic.values()]
    rows = block.rows_of(conditions)
    equal = _at_equal_amounts(block, human, synthetic)
    facts: dict[str, Any] = {
        "human": pair[0],
        "synthetic": pair[1],
        "beside": list(beside),
        "rates": [],
        "ceiling": None,
        "ceiling_interval": None,
        "at_equal_amounts": equal.value if equal else None,
        "at_equal_amounts_interval": equal.interval(evidence.level) if equal else None,
    }
    spreads, known = block.spreads(conditions)
    thin = (
        "" if min(len(human), len(synthetic)) > 1 and len(conditions) > 4 else reasons.RATE_AMOUNTS
    )
    if not known:
        thin = thin or reasons.UNKNOWN_SCATTER
    rate, interval, p, why = None, None, None, thin
    if not thin:
        count = len(human)
        facts["rates"] = _rates(block, human, synthetic, spreads, evidence.level)
        facts["ceiling"], facts["ceiling_interval"] = _ceiling(
            panel, block, synthetic, spreads[count:], evidence.level
        )
        rate, interval, p, why = _rate(block, human, synthetic, spreads, evidence.level)
    plain = finding("exchange", panel, block, None, evidence, rows=rows, why=why, **facts)
    seeds = min(c.seeds for c in conditions)
    repeated = block.noise.source == SEEDS
    noise = SEEDS if repeated else ITEMS_ONLY if known else UNKNOWN
    if known and not repeated and not why:
        plain = replace(plain, why=reasons.ONE_SEED)
    result = replace(plain, estimate=rate, interval=interval, noise=noise, seeds=seeds, p=p)
    if not repeated:
        return Draft(finding=result)
    if p is not None and rate is not None:
        effect = Effect(value=math.log2(rate), variance=1.0)
        verdict = signed(effect, 1, "human better", "synthetic better", "tied")
        return Draft(finding=result, family="order", tests={"effect": p}, verdict=verdict)
    if equal is None:
        return Draft(finding=result)
    verdict = signed(equal, panel.better, "human better", "synthetic better", "tied")
    return Draft(
        finding=replace(result, p=equal.p), family="order", tests=tests_of(equal), verdict=verdict
    )


def _at_equal_amounts(block: Block, human: Points, synthetic: Points) -> Effect | None:
    """Return human minus synthetic, averaged over the amounts that both have."""
    shared = sorted(human.keys() & synthetic.keys())
    if not shared:
        return None
    weights = [(human[n], 1 / len(shared)) for n in shared]
    return block.contrast(weights + [(synthetic[n], -1 / len(shared)) for n in shared])


def _rate(
    block: Block, human: Points, synthetic: Points, spreads: Floats, level: float
) -> tuple[float | None, Interval | None, float | None, str]:
    """Return the rate, its interval, the p-value of a rate of 1, and why there is none."""
    scores = np.array([block.mean(c) for c in (*human.values(), *synthetic.values())])
    misfits, parameters = _profile(human, synthetic, scores, spreads)
    best = int(misfits.argmin())
    df = block.noise.df if block.noise.source == SEEDS else math.inf
    free = len(scores) - parameters - 1
    if free > 0 and chdtrc(free, misfits[best]) < 0.05:
        return None, None, None, reasons.NO_RATE
    reach = quantile(df, level) ** 2
    inside = np.flatnonzero(misfits - misfits[best] <= reach)
    if not len(inside) or inside[0] == 0 or inside[-1] == len(SHIFTS) - 1:
        return None, None, None, reasons.FLAT_RATE
    none = float(np.interp(0.0, SHIFTS, misfits) - misfits[best])
    p = float(fdtrc(1, max(min(df, 1e6), 1.0), max(none, 0.0)))
    edges = _edges(misfits - misfits[best] - reach, int(inside[0]), int(inside[-1]))
    return float(2 ** _vertex(misfits, best)), edges, p, ""


def _profile(
    human: Points, synthetic: Points, scores: Floats, spreads: Floats
) -> tuple[Floats, int]:
    """Return the misfit at every shift, by the form that fits best with its parameters counted."""
    h = np.array(list(human), dtype=np.float64)
    s = np.array(list(synthetic), dtype=np.float64)
    root = np.sqrt(1 / spreads)
    merged = tuple(sorted({*human, *synthetic}))
    found: list[tuple[float, Floats, int]] = []
    for grid in grids(merged):
        if grid.form == "flat" or len(scores) < grid.parameters + 2:
            continue
        misfits = np.empty(len(SHIFTS))
        for place, shift in enumerate(SHIFTS):
            amounts = np.concatenate([h, s * 2**-shift])
            bases = basis(grid.form, _thinned(grid.bent), amounts, float(h[0]))
            q = np.linalg.qr(bases * root[None, :, None])[0]
            parts = np.einsum("m,gmp->gp", scores * root, q)
            whole = np.square(scores * root).sum()
            misfits[place] = max((whole - np.square(parts).sum(axis=1)).min(), 0.0)
        found.append((float(misfits.min()) + PRICE * grid.parameters, misfits, grid.parameters))
    _, misfits, parameters = min(found, key=lambda f: f[0])
    return misfits, parameters


def _thinned(bent: Floats) -> Floats:
    """Return every third place of a large grid: the profile needs no more."""
    return bent[::3] if len(bent) > 100 else bent


def _vertex(misfits: Floats, best: int) -> float:
    """Return the bottom of the parabola through the lowest place and its neighbours."""
    if not 0 < best < len(misfits) - 1:
        return float(SHIFTS[best])
    left, middle, right = misfits[best - 1 : best + 2]
    bend = left - 2 * middle + right
    step = SHIFTS[1] - SHIFTS[0]
    return float(SHIFTS[best] + (step * (left - right) / (2 * bend) if bend > 0 else 0.0))


def _edges(excess: Floats, first: int, last: int) -> Interval:
    """Return where the profile crosses the limit, between the places of the grid."""

    def crossing(outside: int, inside: int) -> float:
        a, b = excess[outside], excess[inside]
        return float(SHIFTS[outside] + (SHIFTS[inside] - SHIFTS[outside]) * a / (a - b))

    return 2 ** crossing(first - 1, first), 2 ** crossing(last + 1, last)


def _rates(
    block: Block, human: Points, synthetic: Points, spreads: Floats, level: float
) -> list[dict[str, Any]]:
    """Return the rate at each human amount, null where the synthetic curve does not get there."""
    count = len(human)
    n_h, n_s = tuple(human), tuple(synthetic)
    fine = np.geomspace(n_s[0], n_s[-1], 400)
    first, copies_h = _drawn(block, human, spreads[:count], stream=0)
    second, copies_s = _drawn(block, synthetic, spreads[count:], stream=1)
    rates = []
    for n in n_h:
        at = np.array([n], dtype=np.float64)
        rate = _reach(second(fine), float(first(at)[0]), fine) / n
        levels, curves = copies_h(at)[:, 0], copies_s(fine)
        pairs = zip(curves, levels, strict=True)
        copies = np.array([_reach(curve, float(score), fine) / n for curve, score in pairs])
        interval = None
        if math.isfinite(rate) and np.isfinite(copies).mean() >= level:
            low, high = np.nanquantile(
                copies[np.isfinite(copies)], [0.5 - level / 2, 0.5 + level / 2]
            )
            interval = (float(min(low, rate)), float(max(high, rate)))
        why = "" if math.isfinite(rate) else reasons.NOT_REACHED
        if math.isfinite(rate) and interval is None:
            why = reasons.HARDLY_REACHED
        rates.append(
            {
                "amount": n,
                "rate": rate if math.isfinite(rate) else None,
                "interval": interval,
                "why": why,
            }
        )
    return rates


def _reach(curve: Floats, score: float, amounts: Floats) -> float:
    """Return the first amount at which a curve passes a score, or infinity."""
    above = (curve - score) * (1 if curve[-1] >= curve[0] else -1)
    if above[0] > 0:
        return math.nan
    after = np.flatnonzero(above >= 0)
    if not len(after):
        return math.inf
    end = int(after[0])
    if end == 0:
        return float(amounts[0])
    share = above[end - 1] / (above[end - 1] - above[end])
    return float(amounts[end - 1] + share * (amounts[end] - amounts[end - 1]))


@dataclass(frozen=True)
class _Copies:
    """Refits to noisy copies of a source's points, each with the form that fits it best."""

    fitted: tuple[Curves, ...]
    chosen: NDArray[np.int64]

    def __call__(self, amounts: Floats) -> Floats:
        """Return every copy's score at these amounts, (copies, amounts)."""
        every = np.stack([curves(amounts) for curves in self.fitted])
        return np.asarray(every[self.chosen, np.arange(len(self.chosen))])

    @property
    def ceiling(self) -> Floats:
        """Return the scores the copies tend to."""
        every = np.stack([curves.ceiling for curves in self.fitted])
        return np.asarray(every[self.chosen, np.arange(len(self.chosen))])


def _curves(block: Block, points: Points, spreads: Floats, *, stream: int) -> tuple[Curve, _Copies]:
    """Return the chosen curve through a source's points, and refits to noisy copies of them.

    The copies are of the points and choose their own form, so that the choice is in the interval.
    """
    amounts = tuple(points)
    scores = np.array([block.mean(c) for c in points.values()])
    curve, _ = choose(amounts, scores, 1 / spreads, known=True)
    noise = np.random.default_rng(stream).standard_normal((DRAWS, len(amounts)))
    copies = scores + noise * np.sqrt(spreads)
    forms = grids(amounts)
    fitted = tuple(fit(grid, amounts, copies, 1 / spreads) for grid in forms)
    cost = np.stack([f.misfit + PRICE * g.parameters for f, g in zip(fitted, forms, strict=True)])
    return curve, _Copies(fitted, cost.argmin(axis=0))


Drawn = Callable[[Floats], Floats]


def _drawn(block: Block, points: Points, spreads: Floats, *, stream: int) -> tuple[Drawn, Drawn]:
    """Return the curve to read rates off, and noisy copies of it.

    Where no form is near the points, they are joined by straight lines over the logarithm of the
    amount: a rate read off a form that misfits would be wrong whatever its interval says.
    """
    curve, copies = _curves(block, points, spreads, stream=stream)
    spare = len(points) - len(curve.straight) - len(curve.bent)
    if spare < 1 or chdtrc(spare, curve.misfit) >= MISFIT:
        return curve, copies
    at = np.log(np.array(list(points), dtype=np.float64))
    scores = np.array([block.mean(c) for c in points.values()])
    noise = np.random.default_rng(stream).standard_normal((DRAWS, len(at)))
    noisy = scores + noise * np.sqrt(spreads)

    def joined(amounts: Floats) -> Floats:
        return np.asarray(np.interp(np.log(amounts), at, scores))

    def all_joined(amounts: Floats) -> Floats:
        return np.stack([np.interp(np.log(amounts), at, one) for one in noisy])

    return joined, all_joined


def _ceiling(
    panel: Panel, block: Block, synthetic: Points, spreads: Floats, level: float
) -> tuple[float | None, Interval | None]:
    """Return the score the synthetic curve tends to, where it bends within measured amounts.

    There is no interval where the noise allows a curve that never bends, and no bound of the
    metric ends it.
    """
    curve, copies = _curves(block, synthetic, spreads, stream=1)
    if curve.form not in ("saturating power", "logistic", "flat"):
        return None, None
    if curve.form != "flat" and curve.plateau > max(synthetic):
        return None, None
    # Copies without a bend have no ceiling: no mean of two of them is taken.
    low, high = np.quantile(
        copies.ceiling, [0.5 - level / 2, 0.5 + level / 2], method="closest_observation"
    )
    interval = within((float(low), float(high)), panel.bounds)
    known = interval is not None and all(map(math.isfinite, interval))
    return curve.ceiling, interval if known else None
