"""Ask whether out-of-domain abilities follow the in-domain ones.

Over the cells of one model: the rank correlation between the score of the out-of-domain ability
and that of the in-domain abilities together.  A lucky run may lift both, so with several seeds
the two are never taken from the same run: one seed gives the first, the others the second, and
the correlation is the mean over the choices.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, rankdata
from scipy.stats import t as student

from espalier.analysis import _reasons as reasons
from espalier.analysis._draft import ALPHA, Draft, Verdict, finding
from espalier.analysis._evidence import OVERALL, Block, Condition, Evidence, Panel
from espalier.finding import ITEMS_ONLY, SEEDS, Finding, Interval

FEWEST = 6
Floats = NDArray[np.float64]
Cell = tuple[Any, ...]


def ood(evidence: Evidence) -> Iterator[Draft]:
    """Yield a finding for each out-of-domain panel and model."""
    for panel in evidence.panels:
        if panel.role != "out":
            continue
        inside = _inside(panel, evidence)
        for block in panel.blocks:
            known = inside.block(block.model) if inside else None
            yield _follow(panel, block, known, evidence)


def _inside(panel: Panel, evidence: Evidence) -> Panel | None:
    """Return the panel of all in-domain abilities, or of the only one."""
    same = [p for p in evidence.panels if p.protocol == panel.protocol and p.role != "out"]
    overall = [p for p in same if p.ability == OVERALL]
    found = overall or same
    return found[0] if found else None


def _cells(block: Block) -> dict[Cell, Condition]:
    return {(c.amounts, c.strategy, c.k): c for c in block.finals}


def _follow(panel: Panel, block: Block, known: Block | None, evidence: Evidence) -> Draft:
    mine = _cells(block)
    theirs = _cells(known) if known else {}
    shared = [cell for cell in mine if cell in theirs]
    rows = block.rows_of(mine[cell] for cell in shared)
    if known is None or len(shared) < FEWEST:
        why = reasons.FEW_SHARED.format(count=len(shared), needed=FEWEST)
        plain = finding("ood", panel, block, None, evidence, rows=rows, why=why, cells=len(shared))
        return Draft(finding=plain)
    gains = [(known.mean(theirs[cell]), block.mean(mine[cell])) for cell in shared]
    rho, seeds = _correlation(
        [known.scores[theirs[c].first : theirs[c].last] for c in shared],
        [block.scores[mine[c].first : mine[c].last] * panel.better for c in shared],
    )
    interval = _interval(rho, len(shared), evidence.level)
    p = _p(rho, len(shared))
    result = Finding(
        kind="ood",
        ability=panel.ability,
        model=block.model,
        metric=panel.metric,
        suite=panel.suite,
        protocol=panel.protocol,
        higher_is_better=panel.higher_is_better,
        estimate=rho,
        interval=interval,
        verdict="undecided",
        rows=rows,
        why="" if seeds > 1 else reasons.ONE_SEED_ALIKE,
        noise=SEEDS if seeds > 1 else ITEMS_ONLY,
        seeds=seeds,
        p=p,
        facts={"cells": len(shared), "gains": gains},
    )
    tests = {"effect": p} if seeds > 1 else {}
    return Draft(finding=result, family="growth", tests=tests, verdict=_verdict(rho, interval))


def _correlation(inside: list[Floats], outside: list[Floats]) -> tuple[float, int]:
    """Return the mean rank correlation over seeds left out, and how many seeds there are."""
    seeds = min(min(len(x), len(y)) for x, y in zip(inside, outside, strict=True))
    if seeds < 2:
        return _spearman([x.mean() for x in inside], [y.mean() for y in outside]), 1
    found = []
    for left in range(seeds):
        first = [np.delete(x[:seeds], left).mean() for x in inside]
        found.append(_spearman(first, [y[left] for y in outside]))
    return float(np.mean(found)), seeds


def _spearman(x: list[Any], y: list[Any]) -> float:
    a, b = rankdata(x), rankdata(y)
    if a.std() == 0 or b.std() == 0:
        return 0.0
    return float(np.corrcoef(a, b)[0, 1])


def _interval(rho: float, cells: int, level: float) -> Interval:
    """Return Fisher's interval with Bonett and Wright's error for ranks."""
    middle = np.arctanh(np.clip(rho, -0.999, 0.999))
    half = norm.ppf(0.5 + level / 2) * np.sqrt((1 + rho**2 / 2) / (cells - 3))
    return float(np.tanh(middle - half)), float(np.tanh(middle + half))


def _p(rho: float, cells: int) -> float:
    value = abs(rho) * np.sqrt((cells - 2) / max(1 - rho**2, 1e-12))
    return float(2 * student.sf(value, cells - 2))


def _verdict(rho: float, interval: Interval) -> Verdict:
    def verdict(adjusted: Mapping[str, float]) -> str:
        if adjusted["effect"] <= ALPHA:
            return "follows" if rho > 0 else "does not follow"
        return "does not follow" if interval[1] < 0.5 else "undecided"

    return verdict
