"""Ask what moves an ability when other data is mixed in: the amount of it, or the ratio.

With `own` rows of the ability and `other` rows of the rest, multitask cells are fitted by

    score = single(own) + c + A log2(other) + R log2(other / own)

where `single(own)` is free for every own amount and pinned by the cells without other data.  If
the amount matters alone, R is zero; if the ratio does, A is.  Where the own amount is fixed, or
moves in step with the other, amount and ratio are one number under two names, and the question is
refused.  So it is without single-source cells: then the ratio cannot be told from the own amount.

The share of variance of each is what it explains of mixing's effect over the cells, averaged over
the two orders of entering the fit (Lindeman, Merenda and Gold); noise and misfit keep the rest.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import fdtrc

from espalier.analysis import _reasons as reasons
from espalier.analysis._draft import ALPHA, Draft, finding
from espalier.analysis._evidence import (
    OVERALL,
    Amounts,
    Block,
    Condition,
    Effect,
    Evidence,
    Panel,
    middle,
)
from espalier.finding import Interval

Floats = NDArray[np.float64]
Columns = tuple[tuple[float, ...], tuple[float, ...]]
"""Of each mixed cell log2 of the other data's amount, and of its ratio to the own."""

DRAWS = 300
STEADY = 0.1
"""Where log2 of amount or ratio moves by less than this over the cells, it does not move."""
CONFOUNDED = 0.95
"""Amount and ratio are taken as one where their squared correlation over the cells is above it."""


def factors(evidence: Evidence) -> Iterator[Draft]:
    """Yield one finding for each in-domain panel and model that has mixtures."""
    for panel in evidence.panels:
        if panel.role != "in" or panel.ability == OVERALL:
            continue
        for block in panel.blocks:
            what = "factors", panel.sources
            design = block.layout.once(what, partial(_design, panel, block))
            if design is not None:
                yield _factors(panel, block, design, evidence)


@dataclass(frozen=True, kw_only=True)
class Design:
    """The cells of a layout that the question is put to."""

    cells: Sequence[Condition]
    mixed: Sequence[Condition]
    """Those with other data, whose own rows were also trained alone."""
    singles: Sequence[Condition]
    """What was trained on the own rows of those alone."""
    place: NDArray[np.int64]
    """Of each mixed cell, its place among `singles`."""
    columns: Columns


def _design(panel: Panel, block: Block) -> Design | None:
    """Return the cells that bear on the question; None where nothing was mixed."""
    cells = [c for c in block.finals if panel.own(c.mixture) and _plain(block, c)]
    if not any(panel.others(c.mixture) for c in cells):
        return None
    alone = {_own(panel, c): c for c in cells if not panel.others(c.mixture)}
    mixed = [c for c in cells if panel.others(c.mixture) and _own(panel, c) in alone]
    order = {own: i for i, own in enumerate(dict.fromkeys(_own(panel, c) for c in mixed))}
    return Design(
        cells=cells,
        mixed=mixed,
        singles=[alone[own] for own in order],
        place=np.array([order[_own(panel, c)] for c in mixed], dtype=np.int64),
        columns=_columns(panel, mixed),
    )


def _plain(block: Block, condition: Condition) -> bool:
    """Say whether a cell is one stage of everything: strategies are another question."""
    return block.mixes(condition) or len(condition.mixture) == 1


def _own(panel: Panel, condition: Condition) -> Amounts:
    return tuple(pair for pair in condition.amounts if pair[0] in panel.sources)


def _factors(panel: Panel, block: Block, design: Design, evidence: Evidence) -> Draft:
    mixed = design.mixed
    why = _refusal(design.columns)
    rows = block.rows_of(design.cells)
    if why:
        empty = {"effect": None, "interval": None, "share": None, "share_interval": None}
        plain = finding(
            "factors", panel, block, None, evidence, rows=rows, why=why, cells=len(mixed)
        )
        facts = dict(plain.facts) | {"amount": empty, "ratio": empty}
        return Draft(finding=replace(plain, facts=facts))
    levels = tuple(range(len(design.singles)))
    maps = _weights((*levels, *design.place.tolist()), *design.columns)
    used = [*design.singles, *mixed]
    amount, ratio, both = (
        block.contrast(list(zip(used, weights.tolist(), strict=True)))
        for weights in (maps[0], maps[1], maps[0] + maps[1])
    )
    shares, intervals = _shares(block, design, evidence.level)
    facts = {
        "cells": len(mixed),
        "amount": _part(amount, shares[0], intervals[0], evidence.level),
        "ratio": _part(ratio, shares[1], intervals[1], evidence.level),
    }
    tests = {}
    if amount.testable and amount.p is not None and ratio.p is not None:
        tests = {"joint": _joint(amount, ratio, both), "amount": amount.p, "ratio": ratio.p}
    found = finding("factors", panel, block, amount, evidence, rows=rows, **facts)
    return Draft(
        finding=replace(found, p=tests.get("joint", found.p)),
        tests=tests,
        verdict=_verdict,
    )


@lru_cache(maxsize=256)
def _refusal(columns: Columns) -> str:
    """Say why the two cannot be told apart, or nothing where they can."""
    amount, ratio = np.array(columns[0]), np.array(columns[1])
    if not len(amount):
        return reasons.ALONE_MISSING
    if min(amount.std(), ratio.std()) < STEADY:
        which = "amount" if amount.std() < STEADY else "ratio"
        return reasons.STEADY.format(which=which)
    if np.corrcoef(amount, ratio)[0, 1] ** 2 > CONFOUNDED:
        return reasons.TOGETHER
    if len(amount) < 4:
        return reasons.FEW_MIXTURES.format(count=len(amount))
    return ""


def _columns(panel: Panel, mixed: Sequence[Condition]) -> Columns:
    """Return log2 of amount and of ratio, cell by cell."""
    other = np.array([panel.others(c.mixture) for c in mixed], dtype=np.float64)
    own = np.array([sum(panel.own(c.mixture).values()) for c in mixed], dtype=np.float64)
    return tuple(np.log2(other).tolist()), tuple(np.log2(other / own).tolist())


@lru_cache(maxsize=256)
def _weights(
    places: tuple[int, ...], amount: tuple[float, ...], ratio: tuple[float, ...]
) -> Floats:
    """Return the least-squares weights of every cell in A and in R.

    `places` says of every cell, singles first, which single is its level.
    """
    count, levels = len(places), len(places) - len(amount)
    design = np.zeros((count, levels + 3))
    design[np.arange(count), places] = 1
    design[levels:, levels] = 1
    for i, column in enumerate((amount, ratio)):
        design[levels:, levels + 1 + i] = np.array(column) - np.mean(column)
    return np.asarray(np.linalg.pinv(design)[-2:], dtype=np.float64)


def _joint(amount: Effect, ratio: Effect, both: Effect) -> float:
    """Return the p-value of no effect of either: an F test on the two together."""
    a, r, s = amount.variance or 0.0, ratio.variance or 0.0, both.variance or 0.0
    covariance = (s - a - r) / 2
    values = np.array([amount.value, ratio.value])
    matrix = np.array([[a, covariance], [covariance, r]])
    if np.linalg.det(matrix) <= 1e-12 * a * r:
        return min(amount.p or 1.0, ratio.p or 1.0)
    statistic = float(values @ np.linalg.solve(matrix, values)) / 2
    return float(fdtrc(2, max(min(amount.df, 1e6), 1.0), max(statistic, 0.0)))


def _shares(block: Block, design: Design, level: float) -> tuple[Floats, tuple[Interval, Interval]]:
    singles, mixed, place, columns = design.singles, design.mixed, design.place, design.columns
    alone = np.array([block.mean(c) for c in singles])
    together = np.array([block.mean(c) for c in mixed])
    shares = _split((together - alone[place])[None], columns)[0]
    spread_alone, _ = block.spreads(singles)
    spread_mixed, _ = block.spreads(mixed)
    noisy = together + _draws(len(mixed), 0) * np.sqrt(spread_mixed)
    below = alone + _draws(len(singles), 1) * np.sqrt(spread_alone)
    copies = _split(noisy - below[:, place], columns)
    low, high = middle(copies, level)
    low, high = np.minimum(low, shares), np.maximum(high, shares)
    return shares, ((float(low[0]), float(high[0])), (float(low[1]), float(high[1])))


@lru_cache(maxsize=64)
def _draws(count: int, stream: int) -> Floats:
    """Return normal noise, (copies, cells), the same in every process."""
    return np.random.default_rng(stream).standard_normal((DRAWS, count))


def _split(effects: Floats, columns: Columns) -> Floats:
    """Return, for each row of effects, the shares of variance of the two columns."""
    centred = effects - effects.mean(axis=1, keepdims=True)
    whole = np.square(centred).sum(axis=1)
    whole = np.where(whole > 0, whole, 1.0)
    both, first, second = (
        np.square(centred @ basis).sum(axis=1) / whole for basis in _bases(*columns)
    )
    return np.column_stack([(first + both - second) / 2, (second + both - first) / 2])


@lru_cache(maxsize=256)
def _bases(amount: tuple[float, ...], ratio: tuple[float, ...]) -> tuple[Floats, Floats, Floats]:
    """Return orthogonal bases of both columns together, and of each alone."""
    x = np.column_stack([np.array(column) - np.mean(column) for column in (amount, ratio)])
    both, first, second = (np.linalg.qr(part)[0] for part in (x, x[:, :1], x[:, 1:]))
    return both, first, second


def _part(effect: Effect, share: Any, interval: Interval, level: float) -> dict[str, Any]:
    return {
        "effect": effect.value,
        "interval": effect.interval(level),
        "p": effect.p,
        "share": float(share),
        "share_interval": interval,
    }


def _verdict(adjusted: Mapping[str, float]) -> str:
    """Name what is significant where the two together are; else say that neither is."""
    if adjusted["joint"] > ALPHA:
        return "neither"
    seen = [name for name in ("amount", "ratio") if adjusted[name] <= ALPHA]
    return "both" if len(seen) == 2 else seen[0] if seen else "undecided"
