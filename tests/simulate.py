"""Simulated studies with known truth, in the format of the results table.

A study is a grid of cells; `truth` says what each cell would score without noise.  A score is the
truth, plus an effect of the run, plus binomial noise of the items.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

ABILITIES = ("math", "code", "general")
AMOUNTS = (64, 256, 1024, 4096, 16384)
KS = (1.0, 1 / 4, 1 / 16, 1 / 64, 1 / 256)


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One checkpoint to be scored."""

    model: str
    strategy: str = "multitask"
    k: float | None = None
    stage: int = 1
    stages: int = 1
    amounts: Mapping[str, int] = field(default_factory=dict)


Truth = Callable[[Cell, str], float]
"""The expected score of a cell on an ability, a share in [0, 1]."""


def grid(
    *,
    models: Sequence[str] = ("small", "large"),
    abilities: Sequence[str] = ABILITIES,
    amounts: Sequence[int] = AMOUNTS,
    full: int = 4096,
    base: bool = True,
) -> Iterator[Cell]:
    """Yield the cells of both papers' questions: alone, together, varied, strategies by stage."""
    for model in models:
        if base:
            yield Cell(model=model, stage=0, stages=0)
        for n in amounts:
            for ability in abilities:
                yield Cell(model=model, amounts={ability: n})
            yield Cell(model=model, amounts=dict.fromkeys(abilities, n))
        *special, general = abilities
        for n in amounts:
            if n != full:
                yield Cell(model=model, amounts=dict.fromkeys(special, full) | {general: n})
                yield Cell(model=model, amounts=dict.fromkeys(special, n) | {general: full})
        mixture = dict.fromkeys(abilities, full)
        stages = {"sequential": len(abilities), "mixed_sequential": 2}
        for strategy, count in stages.items():
            for stage in range(1, count + 1):
                yield Cell(
                    model=model, strategy=strategy, stage=stage, stages=count, amounts=mixture
                )
        for k in KS:
            yield Cell(model=model, strategy="dmt", k=k, stage=2, stages=2, amounts=mixture)


def table(
    cells: Sequence[Cell],
    truth: Truth,
    random: np.random.Generator,
    *,
    abilities: Sequence[str] = ABILITIES,
    seeds: int = 3,
    run_sd: float = 0.01,
    seed_sd: float = 0.0,
    items: int = 500,
    parameters: Mapping[str, float] | None = None,
    stderr: bool = True,
    leveled: bool = False,
) -> pd.DataFrame:
    """Return a study of `cells`, each trained with `seeds` seeds and scored on every ability.

    Runs scatter by `run_sd`, or where `leveled`, as shares do: so much at a half, and less near
    0 and 1.
    """
    rows = []
    parameters = parameters or {"small": 1e9, "large": 8e9}
    shared = {
        (model, ability, seed): random.normal(0, seed_sd)
        for model in dict.fromkeys(c.model for c in cells)
        for ability in abilities
        for seed in range(seeds)
    }
    for cell in cells:
        for seed in range(seeds):
            for ability in abilities:
                tuned = cell.stage > 0
                mean = truth(cell, ability)
                if tuned:
                    level = 2 * np.sqrt(mean * (1 - mean)) if leveled else 1.0
                    mean += random.normal(0, run_sd * level) + shared[cell.model, ability, seed]
                mean = min(max(mean, 0.0), 1.0)
                score = random.binomial(items, mean) / items if items else mean
                rows.append(
                    {
                        "model": cell.model,
                        "parameters": parameters.get(cell.model),
                        "strategy": cell.strategy,
                        "k": cell.k,
                        "stage": cell.stage,
                        "stages": cell.stages,
                        "amounts": json.dumps(dict(cell.amounts)),
                        "seed": seed,
                        "data_seed": seed,
                        "ability": ability,
                        "metric": "accuracy",
                        "score": score,
                        "n": items if items and stderr else None,
                    }
                )
    return pd.DataFrame(rows)


def answered(
    cells: Sequence[Cell],
    truth: Truth,
    random: np.random.Generator,
    *,
    abilities: Sequence[str] = ABILITIES,
    seeds: int = 3,
    run_sd: float = 0.01,
    seed_sd: float = 0.0,
    items: int = 500,
    hardness: float = 1.5,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return a study with its per-item scores: an item is hard or easy alike in every cell.

    An item is answered with the logistic chance of what the run can do, less how hard it is; what
    a run can do is such that over all items that could have been drawn it scores the truth.
    """
    exact = table(
        cells,
        truth,
        random,
        abilities=abilities,
        seeds=seeds,
        run_sd=run_sd,
        seed_sd=seed_sd,
        items=0,
    )
    exact = exact.assign(key=[f"e{i}" for i in range(len(exact))], n=items)
    able = np.linspace(-12, 12, 481)
    many = hardness * np.random.default_rng(0).standard_normal(4001)
    mean = (1 / (1 + np.exp(many[None, :] - able[:, None]))).mean(axis=1)
    hard = {a: random.normal(0, hardness, items) for a in abilities}
    means, parts = [], []
    for key, ability, score in zip(exact["key"], exact["ability"], exact["score"], strict=True):
        chance = 1 / (1 + np.exp(hard[ability] - np.interp(score, mean, able)))
        hits = (random.random(items) < chance).astype(np.float64)
        means.append(hits.mean())
        parts.append(pd.DataFrame({"key": key, "item": np.arange(items), "score": hits}))
    return exact.assign(score=means), pd.concat(parts, ignore_index=True)


def nothing(cell: Cell, ability: str) -> float:
    """Score the same whatever is done: no effect at all."""
    return {"math": 0.3, "code": 0.5, "general": 0.6}.get(ability, 0.4)


def from_floor(cell: Cell, ability: str) -> float:
    """Grow with the ability's own rows alone, from next to nothing."""
    own = cell.amounts.get(ability, 0) if cell.stage else 0
    return 0.003 + (0.7 / (1 + np.exp(-1.1 * (np.log2(own) - 10.5))) if own else 0.0)


def only_growth(cell: Cell, ability: str) -> float:
    """Grow with the ability's own rows alone, whatever else is trained and in what order."""
    own = cell.amounts.get(ability, 0) if cell.stage else 0
    return 0.2 + (0.04 * np.log2(own / 16) if own > 16 else 0.0)
