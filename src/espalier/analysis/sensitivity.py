"""Ask what predicts how fast an ability grows.

Song et al. explain the growth of abilities by *complexity* and *transference*; their definitions
could not be found, and these two are our own:

* complexity: one minus the ability's score at its smallest own amount, as a share of what lies
  between chance (or zero) and the top of the metric's scale;
* transference: the gain over the untuned base from training on the largest amounts of other
  sources alone, as a share of the gain from the largest amount of the ability's own.

A straight line in the two predicts the gain per doubling (as a share of the metric's scale) of
each ability from the others.  The verdict is a permutation test of the correlation between
predicted and measured gains.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from espalier.analysis import _reasons as reasons
from espalier.analysis._draft import ALPHA, Draft
from espalier.analysis._evidence import Block, Evidence, Panel
from espalier.finding import SEEDS, UNKNOWN, Finding, Interval

Floats = NDArray[np.float64]
Case = tuple[Panel, Block]

FEWEST = 6
SHUFFLES = 2000
DEFINITIONS = {
    "complexity": "1 - (score at the smallest own amount - chance) / (top of scale - chance); ours",
    "transference": "gain from other sources alone / gain from the own source, over the base; ours",
}


def sensitivity(evidence: Evidence) -> Iterator[Draft]:
    """Yield a finding for each protocol and model that has two or more abilities."""
    cases: dict[tuple[str, str], dict[str, Case]] = defaultdict(dict)
    for panel in evidence.panels:
        if panel.role == "in":
            for block in panel.blocks:
                cases[panel.protocol, block.model].setdefault(panel.ability, (panel, block))
    for (protocol, model), by_ability in cases.items():
        if len(by_ability) > 1:
            yield _sensitivity(protocol, model, by_ability, evidence.level)


def _sensitivity(protocol: str, model: str, cases: Mapping[str, Case], level: float) -> Draft:
    found = {name: m for name, case in cases.items() if (m := _measures(*case))}
    predicted = _left_out(list(found.values())) if len(found) >= FEWEST else None
    gains = np.array([m["gain"] for m in found.values()])
    rho = _correlation(predicted, gains) if predicted is not None else None
    why = ""
    if predicted is None:
        why = reasons.FEW_ABILITIES.format(count=len(found), needed=FEWEST)
    listed = [
        {"ability": name, **m, "predicted": None if predicted is None else float(predicted[i])}
        for i, (name, m) in enumerate(found.items())
    ]
    p = _p(list(found.values()), rho) if rho is not None else None
    plain = Finding(
        kind="sensitivity",
        ability="all",
        model=model,
        metric="gain per doubling",
        protocol=protocol,
        estimate=rho,
        interval=_interval(rho, len(found), level) if rho is not None else None,
        verdict="undecided",
        rows=tuple(row for n in found for row in cases[n][1].rows_of(cases[n][1].finals)),
        why=why,
        noise=SEEDS if rho is not None else UNKNOWN,
        p=p,
        facts={"abilities": listed, "definitions": DEFINITIONS},
    )
    repeated = all(cases[name][1].noise.source == SEEDS for name in found)
    if p is None or not repeated:
        return Draft(finding=plain)

    def verdict(adjusted: Mapping[str, float]) -> str:
        return "predicts" if adjusted["effect"] <= ALPHA else "does not predict"

    return Draft(finding=plain, family="growth", tests={"effect": p}, verdict=verdict)


def _measures(panel: Panel, block: Block) -> dict[str, float] | None:
    """Return complexity, transference and gain per doubling, or None where one is missing."""
    own = sorted(
        (c for c in block.finals if len(c.mixture) == 1 and panel.own(c.mixture)),
        key=lambda c: sum(c.mixture.values()),
    )
    others = [c for c in block.finals if c.mixture and not panel.own(c.mixture)]
    if len(own) < 2 or not others or block.base is None:
        return None
    base, first, last = (block.mean(c) * panel.better for c in (block.base, own[0], own[-1]))
    doublings = np.log2(sum(own[-1].mixture.values()) / sum(own[0].mixture.values()))
    if doublings <= 0 or last == base:
        return None
    most = max(sum(c.mixture.values()) for c in others)
    elsewhere = (
        np.mean([block.mean(c) for c in others if sum(c.mixture.values()) == most]) * panel.better
    )
    chance = (panel.chance or 0.0) * panel.better
    top = panel.scale if panel.better > 0 else 0.0
    return {
        "complexity": float(1 - (first - chance) / (top - chance)) if top != chance else 1.0,
        "transference": float((elsewhere - base) / (last - base)),
        "gain": float((last - first) / doublings / panel.scale),
    }


def _left_out(measures: Sequence[Mapping[str, float]]) -> Floats:
    """Predict each ability's gain from the others by a straight line in the two measures."""
    x = np.array([[1.0, m["complexity"], m["transference"]] for m in measures])
    y = np.array([m["gain"] for m in measures])
    return _leave_one_out(x, y)


def _leave_one_out(x: Floats, y: Floats) -> Floats:
    hat = x @ np.linalg.pinv(x)
    rest = y - hat @ y
    predictions: Floats = y - rest / np.maximum(1 - np.diag(hat), 1e-9)
    return predictions


def _correlation(predicted: Floats, gains: Floats) -> float:
    if np.std(predicted) < 1e-15 or np.std(gains) < 1e-15:
        return 0.0
    return float(np.corrcoef(predicted, gains)[0, 1])


def _p(measures: Sequence[Mapping[str, float]], rho: float) -> float:
    """Return how often gains dealt out at random are predicted as well."""
    random = np.random.default_rng(0)
    x = np.array([[1.0, m["complexity"], m["transference"]] for m in measures])
    y = np.array([m["gain"] for m in measures])
    hits = 0
    for _ in range(SHUFFLES):
        dealt = random.permutation(y)
        hits += _correlation(_leave_one_out(x, dealt), dealt) >= rho
    return (hits + 1) / (SHUFFLES + 1)


def _interval(rho: float, count: int, level: float) -> Interval:
    """Return Fisher's interval; rough, as held-out predictions are not independent."""
    middle = np.arctanh(np.clip(rho, -0.999, 0.999))
    half: Any = norm.ppf(0.5 + level / 2) / np.sqrt(count - 3)
    return float(np.tanh(middle - half)), float(np.tanh(middle + half))
