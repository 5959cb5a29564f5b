"""The table as analysis sees it: panels of comparable scores, and what their noise is.

A *panel* is all that may be compared: one ability, suite, metric and protocol, test split only.
In it a *block* is one model, a *condition* one checkpoint of one cell whatever the seed, and a
*run* one seed of a condition.  Every effect is a *contrast*: a weighted sum of runs.

The noise of a run has three parts, and every contrast adds up what of each it does not cancel:

* items: the row's `stderr` squared, known;
* the seed's own effect, shared by all runs of a model with that seed, which cancels in a
  difference of conditions that have the same seeds;
* what is left between runs, pooled over all conditions of a panel (a model with 20 degrees of
  freedom of its own is pooled alone), because two or three seeds of one cell say little about
  their spread, and shares scatter less near 0 and 1 (see `_noise`).

The last two are estimated by analysis of variance, and the interval uses Student's t with
Satterthwaite's degrees of freedom.  Rows with one key are one run, whatever cells show them.
Where per-item scores are given, the item part of a contrast is the spread of its per-item
differences, by cluster.  Where they are not, items are taken as independent between rows.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from itertools import chain
from typing import Any, NamedTuple, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import stdtr, stdtrit

from espalier.analysis import _reasons as reasons
from espalier.analysis._noise import OWN_DF, Load, Noise, anova, pool
from espalier.finding import ITEMS_ONLY, SCATTER, SEEDS, UNKNOWN, Interval, bounds
from espalier.results import Origin, Table, together

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Amounts = tuple[tuple[str, int], ...]
T = TypeVar("T")

OVERALL, OVERALL_METRIC = "overall", "share of range"
OURS = ("base", "single", "together")
"""Designs that any study has; `vary` and what is varied is another."""
MULTITASK = "multitask"
STAGED = ("sequential", "mixed_sequential", "dmt")
"""Strategies that train one stage after the other by their name, whatever the table counts."""


@dataclass(frozen=True, kw_only=True)
class Effect:
    """An estimate with what is known of its error."""

    value: float
    variance: float | None
    """None where the data say nothing about it."""
    df: float = math.inf
    noise: str = SEEDS
    cautious: float | None = None
    """Variance with the scatter about growth curves, where one seed leaves nothing better."""
    cautious_df: float = math.inf
    seeds: int = 0

    def interval(self, level: float) -> Interval | None:
        """Return the interval at `level` for this one effect, unadjusted."""
        if self.variance is None:
            return None
        half = quantile(self.df, level) * math.sqrt(self.variance)
        return self.value - half, self.value + half

    @cached_property
    def p(self) -> float | None:
        """Return the two-sided p-value of no effect; None where one seed allows no test."""
        if self.noise == SEEDS and self.variance is not None:
            return _p(self.value, self.variance, self.df)
        if self.cautious is not None:
            return _p(self.value, self.cautious, self.cautious_df)
        return None

    @property
    def testable(self) -> bool:
        """Say whether runs were repeated, so that a verdict is more than a guess."""
        return self.noise == SEEDS and self.variance is not None

    @property
    def why(self) -> str:
        """Say why there is no interval, or what it leaves out."""
        if self.variance is None:
            return reasons.ALL_ALIKE if self.seeds > 1 else reasons.NO_NOISE
        if self.noise == ITEMS_ONLY:
            return reasons.ALIKE if self.seeds > 1 else reasons.ONE_SEED
        return ""


def told(effects: Sequence[Effect], level: float) -> list[tuple[Interval | None, float | None]]:
    """Return the interval and the p-value of many effects at once, as each would tell them."""
    if not all(e.testable and e.variance for e in effects):
        return [(e.interval(level), e.p) for e in effects]
    values = np.array([e.value for e in effects])
    spreads = np.sqrt([e.variance or 0.0 for e in effects])
    df = np.clip([e.df for e in effects], 1.0, 1e6)
    half = stdtrit(df, 0.5 + level / 2) * spreads
    low, high, p = values - half, values + half, 2 * stdtr(df, -np.abs(values) / spreads)
    return list(zip(zip(low.tolist(), high.tolist(), strict=True), p.tolist(), strict=True))


def total(parts: Iterable[tuple[float, Effect]]) -> Effect:
    """Return the weighted sum of independent effects, with Satterthwaite's degrees of freedom."""
    weighted = list(parts)
    value = sum(w * e.value for w, e in weighted)
    seeds = min((e.seeds for _, e in weighted), default=0)
    variance, df, noise = None, math.inf, UNKNOWN
    if all(e.variance is not None for _, e in weighted):
        variance, df = _satterthwaite((w**2 * (e.variance or 0.0), e.df) for w, e in weighted)
        noise = SEEDS if all(e.noise == SEEDS for _, e in weighted) else ITEMS_ONLY
    cautious, cautious_df = None, math.inf
    if noise != SEEDS and all(e.testable or e.cautious is not None for _, e in weighted):
        cautious, cautious_df = _satterthwaite(
            (w**2 * (e.cautious or 0.0), e.cautious_df)
            if e.cautious is not None
            else (w**2 * (e.variance or 0.0), e.df)
            for w, e in weighted
        )
    return Effect(
        value=value,
        variance=variance,
        df=df,
        noise=noise,
        cautious=cautious,
        cautious_df=cautious_df,
        seeds=seeds,
    )


def _satterthwaite(pieces: Iterable[tuple[float, float]]) -> tuple[float, float]:
    variances = list(pieces)
    variance = sum(v for v, _ in variances)
    known = sum(v**2 / df for v, df in variances if df and math.isfinite(df))
    return variance, variance**2 / known if known > 0 else math.inf


@lru_cache(maxsize=65536)
def quantile(df: float, level: float) -> float:
    """Return Student's two-sided quantile."""
    return float(stdtrit(max(min(df, 1e6), 1.0), 0.5 + level / 2))


def middle(copies: Floats, level: float) -> tuple[Floats, Floats]:
    """Return where the middle `level` of the copies (rows) begins and ends, column by column.

    As `numpy.quantile` has it, which takes five times as long on few copies.
    """
    ordered = np.sort(copies, axis=0)
    ends = []
    for share in (0.5 - level / 2, 0.5 + level / 2):
        place, part = divmod(share * (len(copies) - 1), 1)
        below, above = ordered[int(place)], ordered[min(int(place) + 1, len(copies) - 1)]
        ends.append(below + (above - below) * part)
    return ends[0], ends[1]


def _p(value: float, variance: float, df: float) -> float:
    if variance <= 0:
        return 1.0
    return float(2 * stdtr(max(min(df, 1e6), 1.0), -abs(value) / math.sqrt(variance)))


@dataclass(frozen=True, kw_only=True)
class Condition:
    """One checkpoint of one cell, whatever the seed; its runs are `first` up to `last`."""

    mixture: Mapping[str, int]
    amounts: Amounts
    """The mixture in order of its sources: what tells cells apart."""
    strategy: str
    k: float | None
    stage: int
    stages: int
    first: int
    last: int

    @property
    def seeds(self) -> int:
        """Return how many runs there are."""
        return self.last - self.first

    @property
    def final(self) -> bool:
        """Say whether it is the end of its cell, and not the untuned base."""
        return self.stage == self.stages and self.stage > 0

    @property
    def label(self) -> str:
        """Return the strategy, with its `k` where it has one."""
        return label(self.strategy, self.k)


@lru_cache(maxsize=4096)
def label(strategy: str, k: float | None) -> str:
    """Return `dmt k=1/16`, the way the papers write a share."""
    if k is None:
        return strategy
    near = round(1 / k) if k else 0
    share = f"1/{near}" if near > 1 and abs(near * k - 1) < 1e-6 else f"{k:g}"
    return f"{strategy} k={share}"


@dataclass(frozen=True, eq=False)
class Layout:
    """The conditions of a block: models that were trained alike share one."""

    conditions: tuple[Condition, ...]
    made: dict[Any, Any] = field(default_factory=dict)

    def once(self, what: Any, make: Callable[[], T]) -> T:
        """Return what depends on the layout alone and is called `what`, made once."""
        if what not in self.made:
            self.made[what] = make()
        found: T = self.made[what]
        return found

    @cached_property
    def finals(self) -> tuple[Condition, ...]:
        """Return the conditions that end their cell."""
        return tuple(c for c in self.conditions if c.final)

    @cached_property
    def plain(self) -> str:
        """Return the strategy that mixes in one stage: multitask, else that of most mixtures.

        A table made elsewhere may call it anything but what trains in stages by its name.
        """
        mixed = [c for c in self.finals if len(c.mixture) > 1]
        if any(c.strategy == MULTITASK for c in mixed):
            return MULTITASK
        named = [c.strategy for c in mixed if c.stages == 1 and c.strategy not in STAGED]
        return max(named, key=named.count, default=MULTITASK)

    @cached_property
    def first(self) -> Ints:
        """Return where each condition's runs begin."""
        return np.array([c.first for c in self.conditions], dtype=np.int64)

    @cached_property
    def sizes(self) -> Ints:
        """Return how many runs each condition has."""
        return np.array([c.seeds for c in self.conditions], dtype=np.int64)


class _Part(NamedTuple):
    """What contrasts need of a condition."""

    mean: float
    items: float
    """Variance of its mean from its items."""
    between: float
    """Variance between its runs beyond items, and with them."""
    square: float
    tuned: bool
    seeds: tuple[int, ...] | None
    """Its seeds in order; None where one is there twice."""


@dataclass(frozen=True, kw_only=True)
class Block:
    """The runs of one model in one panel, by condition."""

    model: str
    parameters: float | None
    layout: Layout
    scores: Floats
    items: Floats
    """Variance of each run from its items; 0 where unknown."""
    seeds: Ints
    measures: Ints
    """Runs with one measure are one evaluation shown twice."""
    rows: Sequence[tuple[int | str, ...]]
    noise: Noise
    items_known: bool
    unit: float | None = None
    """1 where scores are shares, 100 where percents."""
    answers: Answers | None = None

    def mean(self, condition: Condition) -> float:
        """Return a condition's score over its runs."""
        return self._means[condition.first]

    @cached_property
    def _means(self) -> dict[int, float]:
        """Return every condition's mean by its first run; they lie one after the other."""
        first = self.layout.first
        means = np.add.reduceat(self.scores, first) / self.layout.sizes
        return dict(zip(first.tolist(), means.tolist(), strict=True))

    @cached_property
    def _item_sums(self) -> dict[int, float]:
        """Return the sum of every condition's item variances, by its first run."""
        first = self.layout.first
        return dict(zip(first.tolist(), np.add.reduceat(self.items, first).tolist(), strict=True))

    @cached_property
    def _between(self) -> tuple[Floats, Floats]:
        """Return the variance between runs of every condition, beyond items and with them."""
        means, sums = (np.array([*of.values()]) for of in (self._means, self._item_sums))
        return self.noise.between(means, sums / self.layout.sizes, self.unit)

    def contrast(self, weights: Sequence[tuple[Condition, float]]) -> Effect:
        """Return the weighted sum of condition means with its error."""
        if (quick := self._quick(weights)) is not None:
            return quick
        index = np.concatenate([np.arange(c.first, c.last) for c, _ in weights])
        weight = np.concatenate([np.full(c.seeds, w / c.seeds) for c, w in weights])
        tuned = np.concatenate([np.full(c.seeds, c.stage > 0) for c, _ in weights])
        seeds = min((c.seeds for c, _ in weights if c.stage > 0), default=1)
        return self._combine(index, weight, tuned, seeds)

    def _quick(self, weights: Sequence[tuple[Condition, float]]) -> Effect | None:
        """Return the contrast where every run counts once and all conditions have the same seeds.

        Then nothing but the weights matters: most contrasts of most tables are such.
        """
        parts = self._parts
        if parts is None:
            return None
        merged: dict[int, float] = {}
        for c, w in weights:
            merged[c.first] = merged.get(c.first, 0.0) + w
        value = runs = squares = moving = items = 0.0
        shared: tuple[int, ...] | None = None
        for first, weight in merged.items():
            part = parts[first]
            value += weight * part.mean
            items += weight * weight * part.items
            if part.tuned:
                if part.seeds is None or (shared is not None and shared != part.seeds):
                    return None
                shared = part.seeds
                runs += weight * weight * part.between
                squares += weight * weight * part.square
                moving += weight
        count = len(shared) if shared else 1
        load = Load(
            runs=runs / count, squares=squares / count, seeds=moving * moving / count, items=items
        )
        return self._judge(value, load, count)

    @cached_property
    def _parts(self) -> dict[int, _Part] | None:
        """Return what contrasts need of each condition, by its first run; None with pairing."""
        if self.answers is not None or len(np.unique(self.measures)) < len(self.measures):
            return None
        seeds, sums, means = self.seeds.tolist(), self._item_sums, self._means
        known: dict[tuple[int, ...], tuple[int, ...] | None] = {}
        parts: dict[int, _Part] = {}
        between, squares = (values.tolist() for values in self._between)
        for place, c in enumerate(self.layout.conditions):
            first = c.first
            mine = tuple(seeds[first : c.last])
            if mine not in known:
                known[mine] = tuple(sorted(mine)) if len(set(mine)) == len(mine) else None
            items = sums[first] / len(mine) ** 2
            parts[first] = _Part(
                means[first], items, between[place], squares[place], c.stage > 0, known[mine]
            )
        return parts

    def weigh(self, weights: Sequence[tuple[int, float]]) -> Effect:
        """Return the weighted sum of single tuned runs, given by place, with its error."""
        index = np.array([run for run, _ in weights], dtype=np.int64)
        weight = np.array([w for _, w in weights], dtype=np.float64)
        seeds = len(np.unique(self.seeds[index]))
        return self._combine(index, weight, np.ones(len(index), dtype=bool), seeds)

    def _combine(self, index: Ints, weight: Floats, tuned: Any, seeds: int) -> Effect:
        value = float(weight @ self.scores[index])
        measures = self.measures[index]
        if len(np.unique(measures)) < len(measures):
            _, first, inverse = np.unique(measures, return_index=True, return_inverse=True)
            weight = np.bincount(inverse, weights=weight).astype(np.float64)
            index, tuned = index[first], tuned[first]
        return self._effect(value, index, weight, tuned, seeds)

    def _effect(self, value: float, index: Ints, weight: Floats, tuned: Any, seeds: int) -> Effect:
        moving = weight * tuned
        by_seed = np.bincount(self.seeds[index], weights=moving)
        items = float(weight**2 @ self.items[index])
        paired = self.answers.spread(index, weight) if self.answers else None
        if paired is not None and self.answers is not None:
            items = max(paired - float(weight**2 @ self.answers.repeats[index]), 0.0)
        place = np.searchsorted(self.layout.first, index, side="right") - 1
        runs, squares = (float(moving**2 @ values[place]) for values in self._between)
        load = Load(
            runs=runs, squares=squares, seeds=float(by_seed @ by_seed), items=items, paired=paired
        )
        return self._judge(value, load, seeds)

    def _judge(self, value: float, load: Load, seeds: int) -> Effect:
        """Return a contrast of this value that carries so much noise."""
        noise = self.noise
        if noise.source == SEEDS:
            variance, df = noise.spread(load)
            return Effect(value=value, variance=variance, df=df, seeds=seeds)
        known = self.items_known or load.paired is not None
        items = load.items if load.paired is None else load.paired
        cautious, df = noise.spread(load) if noise.source == SCATTER else (None, math.inf)
        return Effect(
            value=value,
            variance=items if known and items > 0 else None,
            noise=ITEMS_ONLY if known else UNKNOWN,
            cautious=cautious,
            cautious_df=df,
            seeds=seeds,
        )

    def spreads(self, conditions: Sequence[Condition]) -> tuple[Floats, bool]:
        """Return the variance of each condition's mean, and whether it is known (else ones).

        It is that about a curve through conditions, or between them: a seed's own effect moves
        all of them alike and is no part of it.
        """
        counts = np.array([c.seeds for c in conditions], dtype=np.float64)
        items = np.array([self._item_sums[c.first] for c in conditions]) / counts
        places = np.searchsorted(self.layout.first, [c.first for c in conditions])
        variances = (items + self._between[0][places]) / counts
        if not (variances > 0).all() or (self.noise.source == UNKNOWN and not self.items_known):
            return np.ones(len(conditions)), False
        return variances, True

    def rows_of(self, conditions: Iterable[Condition]) -> tuple[int | str, ...]:
        """Return the keys or row numbers of these conditions."""
        runs = chain.from_iterable(self.rows[c.first : c.last] for c in conditions)
        return tuple(dict.fromkeys(chain.from_iterable(runs)))

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """Return the checkpoints of the block, whatever the seed."""
        return self.layout.conditions

    @property
    def finals(self) -> tuple[Condition, ...]:
        """Return the conditions that end their cell."""
        return self.layout.finals

    def mixes(self, condition: Condition) -> bool:
        """Say whether a cell of several sources mixes them in one stage."""
        return condition.strategy == self.layout.plain and len(condition.mixture) > 1

    @cached_property
    def base(self) -> Condition | None:
        """Return the untuned model, where it was measured."""
        return next((c for c in self.conditions if c.stage == 0), None)


@dataclass(frozen=True, kw_only=True)
class Panel:
    """All that may be compared: one ability, suite, metric and protocol."""

    ability: str
    suite: str
    metric: str
    protocol: str
    role: str
    higher_is_better: bool
    chance: float | None
    bounds: Interval
    """Where its scores can lie."""
    scale: float
    """1 for shares, 100 for percents, else the range that was seen: what is large is so of it."""
    blocks: tuple[Block, ...]
    sources: tuple[str, ...]
    """The sources that teach the ability."""

    def block(self, model: str) -> Block | None:
        """Return the block of a model, where it was measured."""
        return self._blocks.get(model)

    @cached_property
    def _blocks(self) -> dict[str, Block]:
        return {block.model: block for block in self.blocks}

    @property
    def better(self) -> int:
        """Return 1 where a higher score is better, else -1."""
        return 1 if self.higher_is_better else -1

    def own(self, mixture: Mapping[str, int]) -> dict[str, int]:
        """Return the part of a mixture that teaches the ability."""
        return {name: mixture[name] for name in self.sources if name in mixture}

    def others(self, mixture: Mapping[str, int]) -> int:
        """Return how many rows of a mixture teach something else."""
        return sum(rows for name, rows in mixture.items() if name not in self.sources)


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """Everything a question may look at."""

    panels: tuple[Panel, ...]
    origins: Mapping[str, Origin]
    level: float
    most: Mapping[str, int] = field(default_factory=dict)
    """The largest amount of each source anywhere in the table."""
    named: Mapping[frozenset[tuple[str, int]], str] = field(default_factory=dict)
    """Mixtures by the name of their design, where the table gives one that is none of ours."""

    def together(self, mixture: Mapping[str, int]) -> bool:
        """Say whether all sources of a mixture are at equal rows or an equal share of the most."""
        return together(mixture, self.most)


def collect(table: Table, level: float) -> Evidence:
    """Turn the table into panels: test rows with a score, one epoch a checkpoint."""
    frame = table.frame
    frame = frame[frame["score"].notna()]
    frame = chosen_epochs(frame)
    most: dict[str, int] = {}
    for mixture in table.mixtures:
        for name, rows in mixture.items():
            most[name] = max(rows, most.get(name, 0))
    panels = tuple(_panels(frame, table, most)) if len(frame) else ()
    return Evidence(
        panels=panels, origins=table.sources, level=level, most=most, named=_named(table)
    )


def unasked(evidence: Evidence) -> Iterator[Mapping[str, Any]]:
    """Yield, as an entry of `left_out`, the mixtures of models that never mixed in one stage.

    Nothing is asked of what mixing them does.
    """
    rows: dict[int | str, None] = {}
    for block in (block for panel in evidence.panels for block in panel.blocks):
        mixed = [c for c in block.finals if len(c.mixture) > 1]
        if not any(block.mixes(c) for c in mixed):
            rows |= dict.fromkeys(block.rows_of(mixed))
    if rows:
        yield {"what": reasons.IN_STAGES, "why": reasons.NOT_MIXED, "rows": list(rows)}


def _named(table: Table) -> dict[frozenset[tuple[str, int]], str]:
    """Return the mixtures whose design the table names itself, in its order.

    One name is enough: another model may have trained the same mixture for another design.
    """
    pairs = table.frame[["mixture", "design"]].drop_duplicates()
    names: dict[frozenset[tuple[str, int]], str] = {}
    for mixture, design in zip(pairs["mixture"], pairs["design"].astype(str), strict=True):
        if design not in OURS and not design.startswith("vary"):
            names.setdefault(frozenset(table.mixtures[mixture].items()), design)
    return names


_Columns = Mapping[str, NDArray[Any]]
"""The runs of one model, column by column."""
_Layouts = dict[tuple[bytes, bytes, int], Layout]
"""By where each condition begins, what it is, and where the last ends."""
RUNS = (
    *("block", "condition", "cell", "measure", "seeds", "score", "variance", "key"),
    *("model", "parameters", "mixture", "strategy", "k", "stage", "stages"),
)
"""What is kept of a run."""
PANEL = ("ability", "suite", "metric", "protocol")
CONDITION = ("model", "mixture", "strategy", "k", "stage", "stages")


def _codes(frame: pd.DataFrame, names: Sequence[Any]) -> Ints:
    """Return a number for each distinct combination of columns, in order of appearance."""
    code = np.zeros(len(frame), dtype=np.int64)
    for name in names:
        part, values = pd.factorize(frame[name], use_na_sentinel=False)
        code = code * (len(values) + 1) + part
        code = pd.factorize(code)[0].astype(np.int64)
    return code


def chosen_epochs(frame: pd.DataFrame) -> pd.DataFrame:
    """Keep one epoch of each checkpoint: the best on `valid` where measured, else the last."""
    test = frame[frame["split"] == "test"]
    if test["epoch"].nunique(dropna=False) <= 1:
        return test
    names = [*PANEL, *CONDITION, "seed", "data_seed"]
    frame = frame.assign(epoch=frame["epoch"].fillna(math.inf), checkpoint=_codes(frame, names))
    test, valid = frame[frame["split"] == "test"], frame[frame["split"] == "valid"]
    last = test.groupby("checkpoint")["epoch"].max()
    chosen = last
    if len(valid):
        sign = np.where(valid["higher_is_better"], 1.0, -1.0)
        ranked = valid.assign(rank=valid["score"] * sign)
        ranked = ranked.sort_values(["rank", "epoch"], ascending=[False, True])
        there = test.set_index(["checkpoint", "epoch"]).index
        both = pd.MultiIndex.from_frame(ranked[["checkpoint", "epoch"]])
        best = ranked[both.isin(there)].drop_duplicates("checkpoint")
        chosen = best.set_index("checkpoint")["epoch"].combine_first(last)
    return test[test["epoch"] == test["checkpoint"].map(chosen)]


def _panels(frame: pd.DataFrame, table: Table, most: Mapping[str, int]) -> Iterator[Panel]:
    untuned = frame["stage"] == 0
    frame = frame.assign(
        mixture=frame["mixture"].mask(untuned, -1),
        strategy=frame["strategy"].mask(untuned, ""),
        k=frame["k"].mask(untuned),
        stages=frame["stages"].mask(untuned, 0),
    )
    frame = frame.assign(
        panel=_codes(frame, PANEL),
        block=_codes(frame, [*PANEL, "model"]),
        condition=_codes(frame, [*PANEL, *CONDITION]),
        run=_codes(frame, [*PANEL, *CONDITION, "seed", "data_seed"]),
        cell=_codes(frame, CONDITION[1:]),
        measure=pd.factorize(frame["key"])[0],
        seeds=_codes(frame, ["seed", "data_seed"]),
        checkpoint=_codes(frame, ["protocol", *CONDITION, "seed", "data_seed"]),
        variance=_item_variance(frame),
    )
    frame = frame.drop_duplicates(["run", "measure"])
    frame = frame.sort_values(["panel", "block", "condition", "run"], kind="stable")
    runs = _runs(frame)
    answers = _all_answers(table.items, frame)
    layouts: _Layouts = {}
    panels = []
    for _, part in runs.groupby("panel", sort=False):
        panels.append(_panel(part, table, most, answers, layouts))
        yield panels[-1]
    for part in _overall(runs, panels):
        yield _panel(part, table, most, None, layouts)


def _overall(runs: pd.DataFrame, panels: Sequence[Panel]) -> Iterator[pd.DataFrame]:
    """Yield, for each protocol, the runs of all in-domain abilities together.

    A checkpoint's overall score is our own: the mean over abilities of the score as a share of
    its metric's range, less being better turned about.  Each ability enters by the metric that
    the table names first.  Averaging within runs keeps what abilities share of a run's noise.
    """
    headline: dict[tuple[str, str], tuple[int, Panel]] = {}
    for code, panel in zip(runs["panel"].unique(), panels, strict=True):
        if panel.role == "in":
            headline.setdefault((panel.protocol, panel.ability), (int(code), panel))
    for protocol in dict.fromkeys(protocol for protocol, _ in headline):
        chosen = {c: p for (name, _), (c, p) in headline.items() if name == protocol}
        if len(chosen) < 2:
            continue
        part = runs[runs["panel"].isin(chosen)]
        unit = part["panel"].map({c: p.better / p.scale / len(chosen) for c, p in chosen.items()})
        part = part.assign(score=part["score"] * unit, variance=part["variance"] * unit**2)
        part = part[part.groupby("checkpoint")["panel"].transform("size") == len(chosen)]
        if not len(part):
            continue
        by_checkpoint = part.groupby("checkpoint", sort=False)
        first = by_checkpoint.head(1).set_index("checkpoint")
        first["score"] = by_checkpoint["score"].sum()
        first["variance"] = by_checkpoint["variance"].sum(min_count=len(chosen))
        first["labels"] = by_checkpoint["labels"].sum()
        columns = [part.loc[part["panel"] == c].set_index("checkpoint")["measure"] for c in chosen]
        measures = pd.concat(columns, axis=1, keys=range(len(columns))).reindex(first.index)
        first["measure"] = _codes(measures, list(measures.columns))
        first["higher_is_better"], first["chance"] = True, math.nan
        yield first.assign(ability=OVERALL, suite=OVERALL, metric=OVERALL_METRIC, role=OVERALL)


def _item_variance(frame: pd.DataFrame) -> pd.Series:
    """Return `stderr` squared; a score of exactly 0 or 1 has noise too, by Jeffreys' prior."""
    variance = frame["stderr"] ** 2
    edge = (variance == 0) & (frame["n"] > 0)
    smooth = (frame["score"] * frame["n"] + 0.5) / (frame["n"] + 1)
    return variance.mask(edge, (smooth * (1 - smooth) / frame["n"]).clip(lower=0))


def _runs(frame: pd.DataFrame) -> pd.DataFrame:
    """Return one row a run: means over repeated measurements, and the rows it rests on."""
    starts = np.flatnonzero(np.diff(frame["run"].to_numpy(), prepend=-1))
    counts = np.diff(np.append(starts, len(frame)))
    runs = frame.iloc[starts].copy()
    score = frame["score"].to_numpy()
    variance = frame["variance"].to_numpy()
    runs["score"] = np.add.reduceat(score, starts) / counts
    # Asked again, a run meets the same items: their noise stays.
    runs["variance"] = np.add.reduceat(variance, starts) / counts
    named = frame["key"].str.startswith("#").to_numpy()
    labels = np.where(named, frame["row"].to_numpy().astype(object), frame["key"].to_numpy())
    runs["labels"] = [tuple(labels[a : a + n]) for a, n in zip(starts, counts, strict=True)]
    return runs


def _panel(
    runs: pd.DataFrame,
    table: Table,
    most: Mapping[str, int],
    answers: _AllAnswers | None,
    layouts: _Layouts,
) -> Panel:
    first = runs.iloc[0]
    ability = str(first["ability"])
    columns = {name: runs[name].to_numpy() for name in RUNS}
    columns["labels"] = runs["labels"].to_numpy(dtype=object)
    starts = np.flatnonzero(np.diff(columns["block"], prepend=-1))
    parts = [
        {name: column[a:b] for name, column in columns.items()}
        for a, b in zip(starts, np.append(starts[1:], len(runs)), strict=True)
    ]
    low, high = float(runs["score"].min()), float(runs["score"].max())
    unit = 1.0 if low >= 0 and high <= 1 else 100.0 if _percents(runs) else None
    scale = unit or max(high - low, 1e-12)
    squares = [anova(part, unit) for part in parts]
    pooled = pool(squares)
    blocks = tuple(
        _block(part, unit, pool([own]) if own.known >= OWN_DF else pooled, table, answers, layouts)
        for part, own in zip(parts, squares, strict=True)
    )
    chance = runs["chance"].dropna()
    sources = tuple(sorted(n for n, o in table.sources.items() if o.ability == ability))
    if all(block.noise.source == UNKNOWN for block in blocks):
        noise = _scatter(blocks, sources, most)
        blocks = tuple(replace(block, noise=noise) for block in blocks)
    return Panel(
        ability=ability,
        suite=str(first["suite"]),
        metric=str(first["metric"]),
        protocol=str(first["protocol"]),
        role=str(first["role"]),
        higher_is_better=bool(first["higher_is_better"]),
        chance=float(chance.mean()) if len(chance) else None,
        bounds=bounds(low, high, higher_is_better=bool(first["higher_is_better"])),
        scale=scale,
        blocks=blocks,
        sources=sources,
    )


def _percents(runs: pd.DataFrame) -> bool:
    """Say whether the scores look like percents: their binomial error, or their range, says so."""
    low, high = runs["score"].min(), runs["score"].max()
    return bool(low >= 0 and 10 < high <= 100 and runs["higher_is_better"].iloc[0])


def _layout(runs: _Columns, table: Table, layouts: _Layouts) -> Layout:
    """Return the layout of a block, the one that was made for a block like it where there is."""
    places = np.flatnonzero(np.diff(runs["condition"], prepend=-1))
    key = places.tobytes(), runs["cell"][places].tobytes(), len(runs["cell"])
    if key in layouts:
        return layouts[key]
    starts = places.tolist()
    ends = [*starts[1:], len(runs["condition"])]
    columns = {name: runs[name][starts].tolist() for name in CONDITION}
    conditions = tuple(
        Condition(
            mixture=table.mixtures[mixture] if mixture >= 0 else {},
            amounts=table.amounts[mixture] if mixture >= 0 else (),
            strategy=str(strategy),
            k=None if math.isnan(k) else float(k),
            stage=int(stage),
            stages=int(stages),
            first=first,
            last=last,
        )
        for first, last, _, mixture, strategy, k, stage, stages in zip(
            starts, ends, *columns.values(), strict=True
        )
    )
    return layouts.setdefault(key, Layout(conditions))


def _block(
    runs: _Columns,
    unit: float | None,
    noise: Noise,
    table: Table,
    answers: _AllAnswers | None,
    layouts: _Layouts,
) -> Block:
    variance = runs["variance"].astype(np.float64)
    parameters = float(runs["parameters"][0])
    return Block(
        model=str(runs["model"][0]),
        parameters=None if math.isnan(parameters) else parameters,
        layout=_layout(runs, table, layouts),
        scores=runs["score"].astype(np.float64),
        items=np.nan_to_num(variance),
        seeds=np.unique(runs["seeds"], return_inverse=True)[1].astype(np.int64),
        measures=runs["measure"].astype(np.int64),
        rows=list(runs["labels"]),
        noise=noise,
        items_known=bool(np.isfinite(variance).all()),
        unit=unit,
        answers=answers.of(runs) if answers else None,
    )


# --- noise between runs ----------------------------------------------------------------------


def _scatter(blocks: Sequence[Block], sources: Sequence[str], most: Mapping[str, int]) -> Noise:
    """Estimate the noise of single seeds from the scatter about smooth growth curves.

    A parabola in the logarithm of the ability's own rows goes through each series of four or
    more amounts; what is left is noise or misfit, so this errs on the side of caution.
    """
    rest, df, items = 0.0, 0, 0.0
    for block in blocks:
        series: dict[tuple[Any, ...], dict[int, Condition]] = {}
        for condition in block.finals:
            own = sum(condition.mixture.get(name, 0) for name in sources)
            alone = len(condition.mixture) == 1
            if own and (alone or together(condition.mixture, most)):
                name = (frozenset(condition.mixture), condition.strategy, condition.k)
                series.setdefault(name, {})[own] = condition
        for points in series.values():
            if len(points) < 4:
                continue
            x = np.log2(np.array(sorted(points), dtype=np.float64))
            y = np.array([block.mean(points[n]) for n in sorted(points)])
            design = np.vander(x - x.mean(), 3)
            left = y - design @ np.linalg.lstsq(design, y, rcond=None)[0]
            rest += float(left @ left)
            df += len(x) - 3
            mean = np.mean([block.items[points[n].first] for n in points])
            items += float(mean) * (len(x) - 3)
    if not df or rest <= 0:
        return Noise()
    square = rest / df
    return Noise(run=max(0.0, square - items / df), square=square, df=df, source=SCATTER)


# --- items -----------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Answers:
    """The per-item scores of a block's runs; a run without them is a row of NaN."""

    scores: Floats
    """(runs, items)."""
    clusters: Ints
    repeats: Floats
    """Of each run, the variance of its mean that items and runs share, counted in both."""

    def spread(self, index: Ints, weight: Floats) -> float | None:
        """Return the variance of a contrast from its items: of the per-item weighted sums."""
        matrix = self.scores[index]
        shared = ~np.isnan(matrix).any(axis=0)
        count = int(shared.sum())
        if count < 2:
            return None
        sums = weight @ matrix[:, shared]
        centred = sums - sums.mean()
        by_cluster = np.bincount(self.clusters[shared], weights=centred)
        clusters = len(np.unique(self.clusters[shared]))
        if clusters < 2:
            return None
        squares = float(np.square(by_cluster).sum())
        return squares / count**2 * clusters / (clusters - 1)


@dataclass(frozen=True, kw_only=True)
class _AllAnswers:
    by_key: Mapping[str, tuple[Ints, Floats]]
    cluster: Ints

    def of(self, runs: _Columns) -> Answers | None:
        """Return the matrix of a block, or None where no run has items."""
        found = [self.by_key.get(str(key)) for key in runs["key"]]
        there = [pair for pair in found if pair is not None]
        if not there:
            return None
        columns = np.unique(np.concatenate([items for items, _ in there]))
        matrix = np.full((len(found), len(columns)), np.nan)
        for row, pair in enumerate(found):
            if pair is not None:
                matrix[row, np.searchsorted(columns, pair[0])] = pair[1]
        condition = runs["condition"]
        repeats = np.zeros(len(found))
        for code in np.unique(condition):
            same = condition == code
            repeats[same] = _repeat(matrix[same])
        clusters = np.unique(self.cluster[columns], return_inverse=True)[1]
        return Answers(scores=matrix, clusters=clusters.astype(np.int64), repeats=repeats)


def _repeat(matrix: Floats) -> float:
    """Return what items scatter from run to run of one condition, per run's mean."""
    matrix = matrix[:, ~np.isnan(matrix).any(axis=0)]
    runs, items = int(matrix.shape[0]), int(matrix.shape[1])
    if runs < 2 or items < 2:
        return 0.0
    rest = matrix - matrix.mean(axis=0) - matrix.mean(axis=1, keepdims=True) + matrix.mean()
    square = float(np.square(rest).sum()) / ((runs - 1) * (items - 1))
    return square / items


def _all_answers(items: pd.DataFrame | None, frame: pd.DataFrame) -> _AllAnswers | None:
    if items is None or not len(items):
        return None
    items = items[items["key"].isin(set(frame["key"]))]
    if not len(items):
        return None
    code, names = pd.factorize(items["item"])
    cluster = np.arange(len(names), dtype=np.int64)
    if "cluster" in items:
        first = items.drop_duplicates("item")
        cluster = pd.factorize(first["cluster"])[0].astype(np.int64)
    by_key: dict[str, tuple[Ints, Floats]] = {}
    scores = items["score"].to_numpy(dtype=np.float64)
    for key, places in items.groupby("key", sort=False).indices.items():
        order = places[np.argsort(code[places], kind="stable")]
        by_key[str(key)] = (code[order].astype(np.int64), scores[order])
    return _AllAnswers(by_key=by_key, cluster=cluster)
