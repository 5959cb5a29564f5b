"""The table as the charts see it: one point per measured checkpoint, with its interval.

    rows of seeds --> points: mean over seeds, 95% interval, n, keys

The interval of a point is ours, for drawing only (effects and their intervals come from the
findings).  Item noise: Wilson's interval for shares, 1.96 standard errors otherwise.  Seed noise:
the standard deviation between seeds, pooled over the cells of one model and metric, with
Student's t at the pooled degrees of freedom.  Every seed meets the same items, so item noise does
not shrink with seeds; the two half-widths are added in quadrature, which errs on the wide side.
No interval reaches where the metric cannot: shares end at 0 and 1, losses at 0.
"""

from __future__ import annotations

import json
import math
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import pandas as pd

from espalier.analysis import chosen_epochs
from espalier.finding import Interval, bounds, within
from espalier.report.numbers import decimals, fraction
from espalier.results import Table, is_share

_Z = 1.959964


@dataclass(frozen=True, kw_only=True)
class Measure:
    """One panel's worth of scores: never averaged, and never compared, across any of these."""

    ability: str
    suite: str
    metric: str
    protocol: str
    role: str = field(compare=False)
    higher: bool = field(compare=False)
    share: bool = field(compare=False)
    """Scores are shares of 1, and are shown as percentages."""
    percent: bool = field(compare=False)
    """Scores are percentages already."""
    digits: int = field(compare=False)
    """Decimals that a score in the metric's own unit is written with."""
    chance: float | None = field(compare=False)
    bounds: Interval = field(compare=False)
    """Where scores can lie; no interval reaches beyond."""


@dataclass(frozen=True, kw_only=True)
class Point:
    """The mean over seeds of one measurement of one cell after one stage."""

    measure: Measure
    model: str
    strategy: str
    k: float | None
    designs: frozenset[str]
    stage: int
    stages: int
    amounts: Mapping[str, int]
    score: float
    low: float | None
    high: float | None
    basis: str
    """What the interval is made of: `items and seeds`, `items`, `seeds` or ``."""
    n: int | None
    seeds: int
    keys: tuple[str, ...]

    @property
    def interval(self) -> tuple[float, float] | None:
        """Return both ends, or None."""
        return None if self.low is None or self.high is None else (self.low, self.high)

    @property
    def last(self) -> bool:
        """Say whether the cell has no later stage."""
        return self.stage == self.stages

    @property
    def total(self) -> int:
        """Count the rows of the whole cell."""
        return sum(self.amounts.values())

    @property
    def method(self) -> str:
        """Name the strategy with its `k`."""
        return self.strategy if self.k is None else f"{self.strategy} k={fraction(self.k)}"


@dataclass(frozen=True)
class View:
    """Every point of a table, and the orders in which models, abilities and methods are shown."""

    points: tuple[Point, ...]
    models: tuple[str, ...]
    """Smallest first where parameter counts are known, else as they come."""
    sized: bool
    """Whether the models have an order, and so an ordered colour scale."""
    sources: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def measures(self) -> tuple[Measure, ...]:
        """Return every measure, in-domain first, in the table's order."""
        seen = dict.fromkeys(p.measure for p in self.points)
        return tuple(sorted(seen, key=lambda m: m.role != "in"))

    @property
    def untuned(self) -> bool:
        """Say whether nothing was tuned, so that the scores are all there is to show."""
        return bool(self.points) and not any(p.stage for p in self.points)

    @cached_property
    def seeds(self) -> int:
        """Return the most seeds any tuned point has."""
        return max((p.seeds for p in self.points if p.stage), default=0)

    def own_sources(self, point: Point) -> tuple[str, ...]:
        """Return the cell's sources that train the measured ability."""
        ability = point.measure.ability
        return tuple(s for s in point.amounts if self.sources.get(s, s) == ability)

    def own(self, point: Point) -> int:
        """Count the cell's rows that train the measured ability."""
        return sum(point.amounts[source] for source in self.own_sources(point))

    def base(self, measure: Measure, model: str) -> Point | None:
        """Return the untuned model's point, if it was measured."""
        return next(
            (p for p in self.points if p.stage == 0 and p.model == model and p.measure == measure),
            None,
        )


def view(table: Table) -> View:
    """Average a results table over seeds."""
    frame = _scored(table)
    models = frame.drop_duplicates("model").sort_values("parameters", kind="stable")
    sized = bool(models["parameters"].notna().all()) and len(models) > 1
    sources = {name: origin.ability for name, origin in table.sources.items()}
    return View(tuple(_points(frame)), tuple(models["model"]), sized, sources)


_MEASURE = ("ability", "suite", "metric", "protocol")


def _scored(table: Table) -> pd.DataFrame:
    """Return the scored test rows of the epochs that are compared.

    Whatever cell asked for it, an untuned model is one cell.
    """
    spelt = [json.dumps(mixture) for mixture in table.mixtures]
    frame = chosen_epochs(table.frame[table.frame["score"].notna()])
    frame = frame.assign(amounts=frame["mixture"].map(dict(enumerate(spelt))))
    untuned = frame["stage"] == 0
    for name, value in (("strategy", ""), ("amounts", "{}"), ("k", math.nan), ("stages", 0)):
        frame.loc[untuned, name] = value
    return frame


def _measures(frame: pd.DataFrame) -> dict[tuple[str, ...], Measure]:
    """Describe every (ability, suite, metric, protocol)."""
    found: dict[tuple[str, ...], Measure] = {}
    for _, rows in frame.groupby(list(_MEASURE), sort=False):
        name = tuple(str(rows[part].iloc[0]) for part in _MEASURE)
        higher = bool(rows["higher_is_better"].iloc[0])
        chance = rows["chance"].dropna()
        low, high = float(rows["score"].min()), float(rows["score"].max())
        limits = bounds(low, high, higher_is_better=higher)
        found[name] = Measure(
            ability=name[0],
            suite=name[1],
            metric=name[2],
            protocol=name[3],
            role=str(rows["role"].iloc[0]),
            higher=higher,
            share=limits == (0.0, 1.0),
            percent=higher and low >= 0 and 1 < high <= 100 and is_share(name[2]),
            digits=decimals(low, high),
            chance=float(chance.mean()) if higher and len(chance) else None,
            bounds=limits,
        )
    return found


def _seed_noise(frame: pd.DataFrame) -> dict[tuple[Any, ...], tuple[float, float]]:
    """Pool the standard deviation between seeds: (model, measure) -> (deviation, t quantile)."""
    from scipy.stats import t

    tuned = frame[frame["stage"] > 0]
    cell = ["strategy", "k", "stage", "amounts"]
    found = {}
    for name, rows in tuned.groupby(["model", *_MEASURE], sort=False):
        runs = rows.drop_duplicates([*cell, "seed", "data_seed"])
        cells = runs.groupby(cell, dropna=False)["score"].agg(["var", "count"])
        cells = cells[cells["count"] > 1]
        if freedom := int((cells["count"] - 1).sum()):
            pooled = float((cells["var"] * (cells["count"] - 1)).sum()) / freedom
            found[tuple(name)] = math.sqrt(pooled), float(t.ppf(0.975, freedom))
    return found


def _points(frame: pd.DataFrame) -> Iterator[Point]:
    """Average every cell over its seeds; rows with one key are one measurement."""
    cell = ["model", "strategy", "k", "stage", "stages", "amounts", *_MEASURE]
    measures, noise = _measures(frame), _seed_noise(frame)
    seed = frame["seed"].astype(str) + "/" + frame["data_seed"].astype(str)
    frame = frame.assign(
        cell=frame.groupby(cell, dropna=False, sort=False).ngroup(),
        run=frame["key"].mask(frame["key"].str.startswith("#"), seed),
        square=frame["stderr"] ** 2,
    )
    runs = frame.drop_duplicates(["cell", "run"])
    groups = runs.groupby("cell")
    cells = (
        runs.drop_duplicates("cell")
        .set_index("cell")[cell]
        .assign(
            score=groups["score"].mean(),
            stderr=groups["square"].mean() ** 0.5,
            n=groups["n"].min(),
            seeds=groups.size(),
            keys=groups["key"].agg(tuple),
            designs=frame.groupby("cell")["design"].agg(frozenset),
        )
    )
    for row in cells.to_dict("records"):
        measure = measures[tuple(row[name] for name in _MEASURE)]
        yield _point(row, measure, noise.get((row["model"], *(row[n] for n in _MEASURE))))


def _point(
    row: Mapping[Hashable, Any], measure: Measure, noise: tuple[float, float] | None
) -> Point:
    """Give one cell's mean its interval."""
    score, n = float(row["score"]), None if math.isnan(row["n"]) else int(row["n"])
    below, above = _item_noise(score, n, row["stderr"], share=measure.share)
    between = noise[0] * noise[1] / math.sqrt(row["seeds"]) if noise and row["stage"] else 0.0
    parts = [name for name, width in (("items", below + above), ("seeds", between)) if width]
    whole = score - math.hypot(below, between), score + math.hypot(above, between)
    low, high = (parts and within(whole, measure.bounds)) or (None, None)
    return Point(
        measure=measure,
        model=row["model"],
        strategy=row["strategy"],
        k=None if math.isnan(row["k"]) else float(row["k"]),
        designs=row["designs"],
        stage=int(row["stage"]),
        stages=int(row["stages"]),
        amounts=json.loads(row["amounts"]),
        score=score,
        low=low,
        high=high,
        basis=" and ".join(parts),
        n=n,
        seeds=int(row["seeds"]),
        keys=tuple(row["keys"]),
    )


def _item_noise(score: float, n: int | None, stderr: float, *, share: bool) -> tuple[float, float]:
    """Return how far the items' noise reaches below and above `score`."""
    if share and n:
        spread = _Z * math.sqrt(score * (1 - score) / n + _Z**2 / (4 * n**2))
        middle, scale = score + _Z**2 / (2 * n), 1 + _Z**2 / n
        return score - (middle - spread) / scale, (middle + spread) / scale - score
    return (0.0, 0.0) if math.isnan(stderr) else (_Z * stderr, _Z * stderr)
