"""Ask what a later stage unlearns.

The last stage of a cell minus the best earlier one, seed by seed.  The best of several noisy
scores looks better than it is, so the earlier stage is chosen, for each seed, by the other seeds:
where nothing is forgotten the difference is then zero on average.  With a single seed the choice
cannot be made honestly, and with one earlier stage there is none to make.

The test needs no choice, so it sees more than the interval: the ability is forgotten where the
last stage is worse than any one of the earlier ones (the least of their one-sided p-values, by
Bonferroni), and improved where it is better than every one (the largest of them: an
intersection-union test, Berger 1982, which needs no adjustment).
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from espalier.analysis._draft import ALPHA, Draft, finding
from espalier.analysis._evidence import OVERALL, Amounts, Block, Condition, Effect, Evidence, Panel

CLEAR, ADDED = 2.5, 0.4
Cell = tuple[str, float | None, int, Amounts]


def forgetting(evidence: Evidence) -> Iterator[Draft]:
    """Yield a finding for each cell of two or more measured stages, ability and model."""
    for panel in evidence.panels:
        if panel.ability == OVERALL:
            continue
        for block in panel.blocks:
            for stages in _cells(block):
                yield _forget(panel, block, stages, evidence)


def _cells(block: Block) -> Iterator[list[Condition]]:
    """Yield the measured stages of each cell, first to last, where the last is among them."""
    cells: dict[Cell, list[Condition]] = defaultdict(list)
    for c in block.conditions:
        if c.stage > 0 and c.stages > 1:
            cells[c.strategy, c.k, c.stages, c.amounts].append(c)
    for conditions in cells.values():
        ordered = sorted(conditions, key=lambda c: c.stage)
        if len(ordered) > 1 and ordered[-1].final:
            yield ordered


def _forget(panel: Panel, block: Block, stages: Sequence[Condition], evidence: Evidence) -> Draft:
    *earlier, last = stages
    best = max(earlier, key=lambda c: block.mean(c) * panel.better)
    effect = _transfer(panel, block, earlier, last)
    test, worse = _test(panel, block, earlier, last, effect)

    def verdict(adjusted: Mapping[str, float]) -> str:
        if adjusted["effect"] > ALPHA:
            return "keeps"
        return "forgets" if worse else "improves"

    told = finding(
        "forgetting",
        panel,
        block,
        effect,
        evidence,
        rows=block.rows_of(stages),
        backward_transfer=effect.value,
        strategy=last.strategy,
        k=last.k,
        label=last.label,
        amounts=dict(last.mixture),
        stages=last.stages,
        best_stage=best.stage,
        scores=[[c.stage, block.mean(c)] for c in stages],
    )
    return Draft(
        finding=told if test is None else replace(told, p=test),
        tests={} if test is None else {"effect": test},
        verdict=verdict,
    )


def _test(
    panel: Panel, block: Block, earlier: Sequence[Condition], last: Condition, effect: Effect
) -> tuple[float | None, bool]:
    """Return the two-sided p-value of no change, and whether the change is for the worse.

    None where runs were not repeated; the p-value of the effect where there is nothing to choose.
    """
    if not effect.testable:
        return None, effect.value * panel.better < 0
    steps = [block.contrast([(last, 1.0), (c, -1.0)]) for c in earlier]
    falls = [_one_sided(step, panel.better) for step in steps]
    forgets = min(1.0, min(falls) * len(steps))
    improves = max(1.0 - p for p in falls)
    return min(1.0, 2 * min(forgets, improves)), forgets < improves


def _one_sided(step: Effect, better: int) -> float:
    """Return the p-value of a step being no fall."""
    if step.p is None or step.value == 0:
        return 0.5
    return step.p / 2 if step.value * better < 0 else 1 - step.p / 2


def _transfer(panel: Panel, block: Block, earlier: Sequence[Condition], last: Condition) -> Effect:
    """Return last minus best earlier, the best chosen for each seed by the other seeds."""
    by_seed = [
        {int(block.seeds[run]): run for run in range(c.first, c.last)} for c in (*earlier, last)
    ]
    shared = sorted(set.intersection(*(set(runs) for runs in by_seed)))
    if len(earlier) == 1 or len(shared) < 2:
        best = max(earlier, key=lambda c: block.mean(c) * panel.better)
        return block.contrast([(last, 1.0), (best, -1.0)])
    scores = np.array([[block.scores[runs[s]] for s in shared] for runs in by_seed])
    before = scores[:-1] * panel.better
    others = before.sum(axis=1, keepdims=True) - before
    chosen = others.argmax(axis=0)
    share = 1 / len(shared)
    weights = [(by_seed[-1][s], share) for s in shared]
    weights += [(by_seed[b][s], -share) for b, s in zip(chosen, shared, strict=True)]
    return _widened(block, earlier, block.weigh(weights), panel.better)


def _widened(block: Block, earlier: Sequence[Condition], effect: Effect, better: int) -> Effect:
    """Return the effect with the scatter that choosing adds while the choice is not clear.

    Seeds that choose for each other make their terms alike.  Where all stages are equal, that
    raises the variance of the earlier part by a third to a half, by simulation.
    """
    spread, known = block.spreads(earlier)
    if not known or effect.variance is None:
        return effect
    order = sorted(range(len(earlier)), key=lambda i: -block.mean(earlier[i]) * better)
    first, second = order[:2]
    gap = abs(block.mean(earlier[first]) - block.mean(earlier[second]))
    if gap > CLEAR * math.sqrt(spread[first] + spread[second]):
        return effect
    return replace(effect, variance=effect.variance + ADDED * float(spread[first]))
