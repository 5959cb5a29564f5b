"""What a recipe costs: rows as they are, tokens, updates and hours by what cells have cost."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from espalier.errors import SpecError, choices
from espalier.recommend._candidates import Price
from espalier.recommend._cells import Cells, Mix
from espalier.results import Table

Floats = NDArray[np.float64]

UNITS: Mapping[str, str] = {
    "rows": "distinct rows of all sources",
    "tokens": "supervised tokens trained on, repeats and replays too",
    "updates": "optimiser updates of all stages",
    "gpu_hours": "hours of one worker, as the study's own trainings took",
}
LOOSE = 0.25
"""A price that misses the measured cells by more than this share, in the median, is none."""


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What a study knows beyond its table; all of it is optional."""

    available: Mapping[str, int] = field(default_factory=dict)
    """Source -> rows there are.  Default: the most that was measured."""
    orders: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Strategy -> its options but `k`, as the study file gives them."""
    hours: Sequence[tuple[str, Mapping[str, int], str, float | None, float]] = ()
    """(model, amounts, strategy, k, hours) of cells that were trained."""

    @property
    def last(self) -> str | None:
        """Return the source that DMT ends with, where that is known."""
        general = self.orders.get("dmt", {}).get("general")
        return None if general is None else str(general)


def check_budget(budget: Mapping[str, float]) -> None:
    """Refuse units that are none and amounts that are nothing."""
    for unit, amount in budget.items():
        if unit not in UNITS:
            raise SpecError(f"--budget {unit}: no such unit; {choices(unit, UNITS)}")
        if not (math.isfinite(amount) and amount > 0):
            raise SpecError(
                f"--budget {unit}={amount:g}: nothing can be trained on that; give more than 0"
            )


def prices(
    table: Table, cells: Cells, budget: Mapping[str, float], setting: Setting
) -> tuple[Price, ...]:
    """Return a price for each unit of the budget, learnt from the cells where it is not rows."""
    return tuple(_price(unit, amount, table, cells, setting) for unit, amount in budget.items())


def _price(unit: str, amount: float, table: Table, cells: Cells, setting: Setting) -> Price:
    if unit == "rows":
        each = np.ones(len(cells.sources))
        return Price(unit=unit, budget=amount, fixed=0.0, each=each, replays=False)
    spent = _hours(cells, setting) if unit == "gpu_hours" else _spent(unit, table, cells)
    if len(spent) < 2:
        raise SpecError(f"--budget {unit}: {_missing(unit, cells)}")
    last = cells.sources.index(setting.last) if setting.last in cells.sources else None
    rows = np.array([_trained(mix, last) for mix in spent])
    values = np.array(list(spent.values()))
    design = np.column_stack([np.ones(len(rows)), rows])
    found = nnls(design / values[:, None], np.ones(len(values)))[0]
    misses = float(np.median(np.abs(design @ found / values - 1)))
    if misses > LOOSE:
        raise SpecError(
            f"--budget {unit}: what cells cost in {unit} does not follow from their rows (off by "
            f"{misses:.0%} in the median); give the budget in rows"
        )
    return Price(unit=unit, budget=amount, fixed=float(found[0]), each=found[1:], replays=True)


def _missing(unit: str, cells: Cells) -> str:
    if unit == "gpu_hours":
        return (
            f"no training time of {cells.model} is known; name the study rather than a table, or "
            "give the budget in rows, tokens or updates"
        )
    return (
        f"column '{unit}' of the table is empty for {cells.model}; fill it, or give the budget "
        "in rows"
    )


def _trained(mix: Mix, last: int | None) -> Floats:
    """Return rows of each source over all stages, replayed ones again."""
    rows = np.array(mix.rows, dtype=np.float64)
    again = rows * (mix.k or 0.0)
    if last is not None:
        again[last] = 0.0
    return rows + again


def _spent(unit: str, table: Table, cells: Cells) -> dict[Mix, float]:
    """Return what each finished cell of the model has spent, by the table's own column."""
    frame = table.frame
    frame = frame[
        (frame["model"] == cells.model)
        & (frame["protocol"] == cells.protocol)
        & (frame["stage"] == frame["stages"])
        & (frame["stage"] > 0)
        & (frame[unit] > 0)
    ]
    run = [frame[name] for name in ("mixture", "strategy", "k", "seed", "data_seed")]
    epoch = frame["epoch"].fillna(math.inf)  # the whole training, whichever epoch is chosen
    frame = frame[epoch == epoch.groupby(run, dropna=False).transform("max")]
    found: dict[Mix, list[float]] = {}
    columns = zip(frame["mixture"], frame["strategy"], frame["k"], frame[unit], strict=True)
    for mixture, strategy, k, spent in columns:
        mix = _known(cells, table.mixtures[mixture], strategy, None if math.isnan(k) else float(k))
        if mix is not None:
            found.setdefault(mix, []).append(float(spent))
    return {mix: float(np.mean(values)) for mix, values in found.items()}


def _hours(cells: Cells, setting: Setting) -> dict[Mix, float]:
    found: dict[Mix, list[float]] = {}
    for model, amounts, strategy, k, hours in setting.hours:
        mix = _known(cells, amounts, strategy, k) if model == cells.model else None
        if mix is not None and hours > 0:
            found.setdefault(mix, []).append(hours)
    return {mix: float(np.mean(values)) for mix, values in found.items()}


def _known(cells: Cells, amounts: Mapping[str, int], strategy: str, k: float | None) -> Mix | None:
    if not set(amounts) <= set(cells.sources):
        return None
    mix = cells.mix(amounts, strategy, k)
    return mix if mix.strategy in cells.strategies else None
