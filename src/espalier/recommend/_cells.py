"""What was measured, as the surfaces need it: one model's cells, by ability, with their noise."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from espalier.analysis._evidence import Block, Condition, Evidence, Panel
from espalier.recommend._scatter import SHARED, WEIGHT, Scatter, known
from espalier.recommend._surface import Measured, Points, Space
from espalier.strategy import strategies as shelf

REFERENCE = "multitask"
LEAST_K = 2.0**-12
MOST = 150
"""A surface rests on no more cells: its cost grows with their cube."""


@dataclass(frozen=True, kw_only=True)
class Mix:
    """A recipe of data: rows of each source in the order of the cells' sources, and how."""

    rows: tuple[int, ...]
    strategy: str
    k: float | None = None

    @property
    def support(self) -> frozenset[int]:
        """Return which sources are in it, by place."""
        return frozenset(place for place, n in enumerate(self.rows) if n)


@dataclass(frozen=True, kw_only=True)
class Cells:
    """One model's finished cells under one protocol."""

    model: str
    protocol: str
    sources: tuple[str, ...]
    strategies: tuple[str, ...]
    """The reference first."""
    panels: Mapping[str, Panel]
    """By the name of the ability: its headline metric; others as `ability:metric`."""
    blocks: Mapping[str, Block]
    measured: Mapping[str, Mapping[Mix, Condition]]
    """Ability -> what was measured of each mix."""
    scatter: Scatter
    """Of runs, where an ability was measured with one seed."""
    donor: Cells | None = None
    """A smaller model that this one's surfaces rest on, too."""

    @property
    def reach(self) -> tuple[Mix, ...]:
        """Return the mixes that the surfaces rest on: this model's, and its donor's."""
        return tuple(dict.fromkeys([*self.mixes, *(self.donor.mixes if self.donor else ())]))

    @property
    def mixes(self) -> tuple[Mix, ...]:
        """Return every mix that some ability was measured on."""
        return tuple(dict.fromkeys(mix for found in self.measured.values() for mix in found))

    @property
    def shared(self) -> tuple[Mix, ...]:
        """Return the mixes that both this model and its donor were measured on."""
        theirs = set(self.donor.mixes) if self.donor else set()
        return tuple(mix for mix in self.mixes if mix in theirs)

    def amounts(self, mix: Mix) -> dict[str, int]:
        """Return source -> rows, without the zeros."""
        return {name: n for name, n in zip(self.sources, mix.rows, strict=True) if n}

    def mix(self, amounts: Mapping[str, float], strategy: str = "", k: float | None = None) -> Mix:
        """Return the mix of these amounts; a single source has one order, so one strategy."""
        rows = tuple(int(amounts.get(name, 0)) for name in self.sources)
        alone = sum(1 for n in rows if n) < 2
        if alone or not strategy:
            strategy, k = self.strategies[0], None
        return Mix(rows=rows, strategy=strategy, k=k)

    def points(self, mixes: Sequence[Mix]) -> Points:
        """Return mixes as the surfaces' points."""
        place = {name: i for i, name in enumerate(self.strategies)}
        return Points(
            rows=np.array([m.rows for m in mixes], dtype=np.float64).reshape(
                len(mixes), len(self.sources)
            ),
            label=np.array([place[m.strategy] for m in mixes], dtype=np.int64),
            k=np.array([0.0 if m.k is None else math.log2(max(m.k, LEAST_K)) for m in mixes]),
            apart=np.full(len(mixes), 1.0 if self.donor else 0.0),
        )

    def measurements(self, ability: str) -> Measured:
        """Return what is known of one ability, from the donor too."""
        if self.donor is None:
            return self._measurements(ability)
        lent = self.donor._measurements(ability)
        own = ability in self.measured and self.measured[ability]
        return self._measurements(ability).beside(lent) if own else lent

    def _measurements(self, ability: str) -> Measured:
        block, found = self.blocks[ability], self.measured[ability]
        conditions = list(found.values())
        seeds = np.array([c.seeds for c in conditions], dtype=np.float64)
        items = np.array([block.items[c.first : c.last].mean() for c in conditions])
        noise = block.noise
        measured = Measured(
            points=self.points(list(found)),
            scores=np.array([block.mean(c) for c in conditions]),
            items=items / seeds,
            seeds=seeds,
            overlap=_overlap(block, conditions),
        )
        if not known(block):
            run = self.assumed(ability)
            return replace(
                measured, square=run, df=WEIGHT, seed_square=run * SHARED**2, seed_df=WEIGHT
            )
        return replace(
            measured,
            square=noise.square,
            df=noise.df,
            mean_items=max(noise.square - noise.run, 0.0),
            seed_square=noise.seed_square,
            seed_floor=noise.seed_square - noise.seed,
            seed_df=noise.seed_df,
        )

    def assumed(self, ability: str) -> float:
        """Return the variance between runs that is taken for granted of one seed."""
        return (self.scatter.share * self.panels[ability].scale) ** 2

    @property
    def unrepeated(self) -> tuple[str, ...]:
        """Return the abilities whose scatter between runs nobody measured."""
        return tuple(name for name, block in self.blocks.items() if not known(block))

    def space(self, ability: str) -> Space:
        """Return how rows become coordinates for one ability."""
        own = np.array([name in self.panels[ability].sources for name in self.sources])
        return Space(smallest=np.array([float(n) for n, _ in self.region.values()]), own=own)

    def nearest(self, rows: float) -> Cells:
        """Return at most `MOST` cells, those whose rows are nearest to so many."""
        near = set(sorted(self.reach, key=lambda m: abs(math.log(sum(m.rows) / rows)))[:MOST])
        measured = {
            name: {mix: c for mix, c in found.items() if mix in near}
            for name, found in self.measured.items()
        }
        donor = self.donor.nearest(rows) if self.donor else None
        return replace(self, measured=measured, donor=donor)

    @property
    def region(self) -> dict[str, tuple[int, int]]:
        """Return source -> the fewest and the most rows that were measured, zero apart."""
        rows = np.array([mix.rows for mix in self.reach])
        return {
            name: (int(column[column > 0].min()), int(column.max()))
            for name, column in zip(self.sources, rows.T, strict=True)
        }

    @property
    def supports(self) -> dict[str, set[frozenset[int]]]:
        """Return strategy -> the sets of sources that were trained by it."""
        found: dict[str, set[frozenset[int]]] = {name: set() for name in self.strategies}
        for mix in self.reach:
            found[mix.strategy].add(mix.support)
        return found

    @property
    def in_one_stage(self) -> frozenset[str]:
        """Return the strategies of the table's own that train everything at once."""
        staged = {
            mix.strategy
            for found in self.measured.values()
            for mix, c in found.items()
            if c.stages > 1
        }
        return frozenset(self.strategies) - staged - set(shelf)

    @property
    def ks(self) -> dict[str, list[float]]:
        """Return strategy -> the `k` it was run with, from the smallest."""
        found: dict[str, set[float]] = {}
        for mix in self.reach:
            if mix.k is not None:
                found.setdefault(mix.strategy, set()).add(mix.k)
        return {name: sorted(ks) for name, ks in found.items()}


def _overlap(block: Block, conditions: Sequence[Condition]) -> np.ndarray:
    """Return how much of a seed's own effect each two means share."""
    weight = np.zeros((len(conditions), int(block.seeds.max()) + 1))
    for place, c in enumerate(conditions):
        np.add.at(weight[place], block.seeds[c.first : c.last], 1 / c.seeds)
    return np.asarray(weight @ weight.T)


def panels_of(evidence: Evidence, protocol: str) -> dict[str, Panel]:
    """Return the abilities' panels by name: the first metric of each by the ability's own."""
    found: dict[str, Panel] = {}
    for panel in evidence.panels:
        if panel.protocol == protocol and panel.role in ("in", "out"):
            if panel.ability not in found:
                found[panel.ability] = panel
            found.setdefault(f"{panel.ability}:{panel.metric}", panel)
    return found


def gather(
    panels: Mapping[str, Panel],
    model: str,
    protocol: str,
    *,
    scatter: Scatter,
    beside: Cells | None = None,
) -> Cells | None:
    """Return the finished cells of a model, or None where there are none.

    `beside` is a donor, whose sources and strategies are ours as well.
    """
    blocks = {
        name: block for name, p in panels.items() for block in p.blocks if block.model == model
    }
    finals = {name: block.finals for name, block in blocks.items() if block.finals}
    if not finals:
        return None
    everything = [c for conditions in finals.values() for c in conditions]
    sources = {name for c in everything for name in c.mixture}
    named = _strategies(everything)
    if beside:
        sources |= set(beside.sources)
        named = (*beside.strategies, *(n for n in named if n not in beside.strategies))
    cells = Cells(
        model=model,
        protocol=protocol,
        sources=tuple(sorted(sources)),
        strategies=named,
        panels={name: panels[name] for name in finals},
        blocks={name: blocks[name] for name in finals},
        measured={},
        scatter=scatter,
    )
    measured = {name: _once(cells, finals[name]) for name in finals}
    return replace(cells, measured=measured)


def lend(panels: Mapping[str, Panel], donor: Cells, own: Cells) -> Cells:
    """Return `own` resting on `donor`, both with the same sources and strategies."""
    ours = gather(panels, own.model, own.protocol, scatter=own.scatter, beside=donor) or own
    theirs = gather(panels, donor.model, donor.protocol, scatter=own.scatter, beside=ours)
    return replace(ours, donor=theirs)


def _once(cells: Cells, finals: Iterable[Condition]) -> dict[Mix, Condition]:
    """Return each mix with its condition; one measurement shown twice counts once."""
    found: dict[Mix, Condition] = {}
    for c in finals:
        mix = cells.mix(c.mixture, c.strategy, c.k)
        if mix not in found or c.seeds > found[mix].seeds:
            found[mix] = c
    return found


def _strategies(conditions: Sequence[Condition]) -> tuple[str, ...]:
    """Return the strategies, first the one that the others depart from."""
    mixed = [c for c in conditions if len(c.mixture) > 1] or list(conditions)
    names = sorted({c.strategy for c in mixed})
    often = {name: sum(1 for c in mixed if c.strategy == name) for name in names}
    first = min(names, key=lambda name: (name != REFERENCE, -often[name], name))
    return first, *(name for name in names if name != first)
