"""Ask whether an ability grows with the size of the model, at equal data.

The gain per doubling of parameters is the least-squares slope through the models' means over the
cells that all of them have.  Every larger model is also set against every smaller one (of more
than a dozen models, each against the next smaller alone): where it is significantly worse, that
is an inversion.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations, pairwise
from typing import Any

import numpy as np

from espalier.analysis._draft import ALPHA, Draft, finding
from espalier.analysis._evidence import (
    OVERALL,
    Block,
    Condition,
    Effect,
    Evidence,
    Panel,
    total,
)
from espalier.finding import within

RESIST = 0.1
"""A gain below this share of the metric's range, over all sizes, is none to speak of."""
Cells = Mapping[tuple[Any, ...], Condition]


def size(evidence: Evidence) -> Iterator[Draft]:
    """Yield one finding for each panel with two or more sizes."""
    for panel in evidence.panels:
        blocks = sorted(
            (b for b in panel.blocks if b.parameters), key=lambda b: (b.parameters or 0, b.model)
        )
        if panel.ability != OVERALL and len({b.parameters for b in blocks}) > 1:
            yield from _size(panel, blocks, evidence)


def _size(panel: Panel, blocks: Sequence[Block], evidence: Evidence) -> Iterator[Draft]:
    cells = [_cells(panel, block) for block in blocks]
    shared = [name for name in cells[0] if all(name in other for other in cells[1:])]
    if not shared:
        return
    levels = [
        block.contrast([(mine[name], 1 / len(shared)) for name in shared])
        for block, mine in zip(blocks, cells, strict=True)
    ]
    x = np.log2([block.parameters or 1.0 for block in blocks])
    weights = (x - x.mean()) / np.square(x - x.mean()).sum()
    slope = total(zip(weights.tolist(), levels, strict=True))
    falls = {
        (small, large): total([(1.0, levels[large]), (-1.0, levels[small])])
        for small, large in _pairs(len(blocks))
        if x[large] > x[small]
    }
    tests = {"effect": slope.p} if slope.testable and slope.p is not None else {}
    for (small, large), effect in falls.items():
        if effect.testable and effect.p is not None and effect.value * panel.better < 0:
            tests[f"{small}<{large}"] = effect.p
    rows = tuple(
        row
        for block, mine in zip(blocks, cells, strict=True)
        for row in block.rows_of(mine[name] for name in shared)
    )
    yield Draft(
        finding=finding(
            "size",
            panel,
            None,
            slope,
            evidence,
            rows=rows,
            gain_per_doubling=slope.value,
            cells=len(shared),
            models=[
                {
                    "model": block.model,
                    "parameters": block.parameters,
                    "score": level.value,
                    "interval": within(level.interval(evidence.level), panel.bounds),
                }
                for block, level in zip(blocks, levels, strict=True)
            ],
            inversions=[
                {
                    "larger": blocks[large].model,
                    "smaller": blocks[small].model,
                    "difference": effect.value,
                    "interval": effect.interval(evidence.level),
                }
                for (small, large), effect in falls.items()
                if effect.p is not None and effect.p < 0.05 and effect.value * panel.better < 0
            ],
        ),
        family="growth",
        tests=tests,
        verdict=_verdict(slope, float(x[-1] - x[0]), panel, evidence.level),
    )


def _pairs(models: int) -> Iterator[tuple[int, int]]:
    """Yield the places of a smaller and a larger model."""
    return combinations(range(models), 2) if models <= 12 else pairwise(range(models))


def _cells(panel: Panel, block: Block) -> dict[tuple[Any, ...], Condition]:
    """Return a model's final cells that hold data of the ability's own, by what was done."""
    return {
        (c.amounts, c.strategy, c.k): c
        for c in block.finals
        if panel.role == "out" or panel.own(c.mixture)
    }


def _verdict(slope: Effect, doublings: float, panel: Panel, level: float) -> Any:
    def verdict(adjusted: Mapping[str, float]) -> str:
        inverted = any(p <= ALPHA for name, p in adjusted.items() if name != "effect")
        if inverted:
            return "inverts"
        if adjusted["effect"] <= ALPHA:
            return "grows" if slope.value * panel.better > 0 else "inverts"
        interval = slope.interval(level)
        none = RESIST * panel.scale / max(doublings, math.log2(1.01))
        if interval and -none <= interval[0] and interval[1] <= none:
            return "resists"
        return "undecided"

    return verdict
