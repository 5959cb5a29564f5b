"""What an answer rests on: which cells, and how far they reach."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from espalier.errors import SpecError, choices
from espalier.recommend._asked import Asked
from espalier.recommend._candidates import NEAR, NEAR_REFERENCE, REACH, Limits
from espalier.recommend._cells import MOST, Cells, lend
from espalier.recommend._price import prices
from espalier.recommend._transfer import transfer
from espalier.recommendation import Transfer

FEW = 8
"""A model with fewer cells is helped by a smaller one, where the two agree."""
FEWEST = 4
"""Fewer cells carry nothing."""


@dataclass(frozen=True, kw_only=True)
class Ground:
    """The cells, or why there are too few."""

    cells: Cells | None
    transfers: tuple[Transfer, ...]
    refused: str = ""
    warnings: tuple[str, ...] = ()


def ground(asked: Asked) -> Ground:
    """Return the cells to rest on; of very many, those nearest to the budget."""
    found = _ground(asked)
    if found.cells is None or len(found.cells.reach) <= MOST:
        return found
    rows = asked.budget.get("rows") or float(max(sum(m.rows) for m in found.cells.reach))
    said = f"of {len(found.cells.reach):,} cells, the {MOST} nearest to {figure(rows)} rows count"
    return replace(found, cells=found.cells.nearest(rows), warnings=(*found.warnings, said))


def _ground(asked: Asked) -> Ground:
    """Return the model's own cells, helped by a smaller model's where few."""
    model, own = asked.model, asked.gather(asked.model)
    told = tuple(_transfers(asked, own))
    needed = asked.weights.keys() | asked.floors.keys()
    finished = asked.models[model][0]
    missing = sorted(needed - (own.panels.keys() if own else set())) if finished else []
    count = len(own.mixes) if own else 0
    if own and not missing and count >= FEW:
        return Ground(cells=own, transfers=told)
    if own and not missing:
        for entry in told:
            donor = asked.gather(entry.smaller)
            if donor and entry.verdict == "transfers" and len(donor.mixes) > count:
                said = (
                    f"{model} has {many(count, 'cell')}: what it lacks is taken from "
                    f"{donor.model} ({many(len(donor.mixes), 'cell')}), which ranks cells alike"
                )
                panels = {name: asked.panels[name] for name in own.panels}
                return Ground(cells=lend(panels, donor, own), transfers=told, warnings=(said,))
    because = "".join(
        f"; nothing can be carried over from {t.smaller}: {t.verdict}, {t.why}" for t in told[:1]
    )
    if own and not missing and count >= FEWEST:
        said = f"{model} has only {many(count, 'cell')}, so much is guessed{because}"
        return Ground(cells=own, transfers=told, warnings=(said,))
    if missing:
        refused = f"{model} was never measured on {missing[0]}"
    else:
        refused = (
            f"{model} has {many(count, 'finished cell')}; {FEWEST} are the fewest that carry a "
            "recommendation"
        )
    return Ground(cells=None, transfers=told, refused=refused + because)


def _transfers(asked: Asked, own: Cells | None) -> Iterable[Transfer]:
    """Compare the model with every smaller one, or of unknown size; the best measured first."""
    mine = asked.models[asked.model][1]
    needed = asked.weights.keys() | asked.floors.keys()
    found = []
    for name, (cells, parameters) in asked.models.items():
        other = asked.gather(name) if name != asked.model and cells else None
        if other is None or parameters > mine:
            continue
        if own is None:
            none = "has no finished cell" if not asked.models[asked.model][0] else ""
            why = f"{asked.model} {none or 'was not measured on what counts'}"
            found.append(_untold(other, asked.model, why))
            continue
        both = lend({name: asked.panels[name] for name in own.panels}, other, own)
        if not needed <= other.panels.keys() & own.panels.keys():
            why = "not every ability that counts was measured on both"
            found.append(_untold(other, asked.model, why, len(both.shared)))
        else:
            found.append(transfer(both, asked.signed))
    return sorted(found, key=lambda t: -asked.models[t.smaller][0])


def _untold(smaller: Cells, larger: str, why: str, shared: int = 0) -> Transfer:
    return Transfer(
        smaller=smaller.model,
        larger=larger,
        rank_agreement=None,
        interval=None,
        cells=shared,
        verdict="undecided",
        why=why,
    )


def sizes_of(asked: Asked, cells: Cells) -> dict[str, float]:
    """Return source -> rows there are, or the most that was measured."""
    available = asked.setting.available
    for name, rows in available.items():
        if name not in cells.sources:
            raise SpecError(
                f"--available: no source '{name}' in the table; {choices(name, cells.sources)}"
            )
        if rows < 0:
            raise SpecError(f"--available {name}={rows}: rows are 0 or more")
    return {name: float(available.get(name, most)) for name, (_, most) in cells.region.items()}


def limits_of(asked: Asked, cells: Cells) -> Limits:
    """Return what a recipe may be: within the budget and the reach of what was measured."""
    available, last = asked.setting.available, asked.setting.last
    most = [
        min(REACH * top, available.get(name, math.inf)) for name, (_, top) in cells.region.items()
    ]
    budget = asked.budget or {"rows": float(max(sum(mix.rows) for mix in cells.reach))}
    mixed = [sum(mix.rows) for mix in cells.reach if len(mix.support) > 1]
    return Limits(
        prices=prices(asked.table, cells, budget, asked.setting),
        least=np.array([float(low) for low, _ in cells.region.values()]),
        most=np.array(most),
        together=REACH * max(mixed, default=0),
        mixtures=_mixtures(cells),
        near={
            name: math.log2(NEAR if place else NEAR_REFERENCE)
            for place, name in enumerate(cells.strategies)
        },
        there=np.array([float(available.get(name, math.inf)) for name in cells.sources]),
        last=cells.sources.index(last) if last in cells.sources else None,
    )


def _mixtures(cells: Cells) -> dict[str, NDArray[np.float64]]:
    """Return strategy -> log2 rows of the mixtures that were trained by it."""
    found: dict[str, list[tuple[int, ...]]] = {name: [] for name in cells.strategies}
    for mix in cells.reach:
        if len(mix.support) > 1:
            found[mix.strategy].append(mix.rows)
    shape = -1, len(cells.sources)
    with np.errstate(divide="ignore"):
        return {name: np.log2(np.array(rows).reshape(shape)) for name, rows in found.items()}


def beyond_reach(asked: Asked, cells: Cells, limits: Limits) -> str:
    """Say where every budget is far beyond anything that was measured, and could be spent."""
    everything = cells.mix({name: int(n) for name, n in sizes_of(asked, cells).items()})
    known = set(cells.sources) <= asked.setting.available.keys()
    told = ""
    for price in limits.prices:
        largest = max(limits.cost(mix, price) for mix in cells.reach)
        most = REACH * largest
        if price.budget <= most * 1.001 or (known and limits.cost(everything, price) <= most):
            return ""
        told = told or (
            f"a budget of {figure(price.budget)} {price.unit} is {price.budget / largest:.1f} "
            f"times what the largest measured cell took ({figure(largest)}), and nothing measured "
            f"tells what happens there; ask for at most {figure(most)}, or measure larger cells"
        )
    return told


def too_little(cells: Cells, limits: Limits) -> str:
    """Say that a budget, or all there is, is below everything that was measured."""
    if (limits.there < limits.least).all():
        there = ", ".join(
            f"{figure(n)} of {name}" for name, n in zip(cells.sources, limits.there, strict=True)
        )
        return (
            f"the rows there are ({there}) are below the smallest amounts that were measured; "
            "measure smaller cells, or find more rows"
        )
    told = ", ".join(f"{figure(p.budget)} {p.unit}" for p in limits.prices)
    least = ", ".join(f"{low:,} of {name}" for name, (low, _) in cells.region.items())
    return (
        f"a budget of {told} is below the smallest amounts that were measured ({least} rows); "
        "measure smaller cells, or give more"
    )


def figure(amount: float) -> str:
    """Return `10,000` or `0.25`."""
    return f"{amount:,.0f}" if amount >= 1000 else f"{amount:.4g}"


def many(count: int, noun: str) -> str:
    """Return `1 cell`, `3 cells`."""
    return f"{count} {noun}{'' if count == 1 else 's'}"
