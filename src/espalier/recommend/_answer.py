"""Putting the answer into words and numbers: recipes with what is expected of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np

from espalier.analysis._evidence import label
from espalier.errors import EspalierError
from espalier.finding import within
from espalier.mixture import Mixture
from espalier.recommend._asked import Asked
from espalier.recommend._candidates import Limits, proportional, spread_out, uniform
from espalier.recommend._cells import Cells, Mix
from espalier.recommend._decide import Question, front, regret, worth_running
from espalier.recommend._ground import sizes_of
from espalier.recommend._surface import Surface
from espalier.recommend._transfer import utilities
from espalier.recommendation import Choice, Expected, NextRun
from espalier.strategy import strategies

FRONT = 8
"""Most recipes that are told of the Pareto front."""
MISSED = 1.5
"""Left-out cells that are missed by so many expected errors make a surface suspect."""


@dataclass(frozen=True, kw_only=True)
class Teller:
    """Tells of recipes, given the surfaces and what is possible."""

    asked: Asked
    cells: Cells
    limits: Limits
    question: Question

    def chosen(
        self, choice: Mix, rivals: Sequence[Mix], baselines: Sequence[Mix]
    ) -> dict[str, Any]:
        """Return what is told of the choice: how good, how sure, what lies near, what next.

        The baselines are those that can be had.
        """
        mixes = list(dict.fromkeys([choice, *baselines, *rivals]))
        elsewhere = [mix for mix in self._elsewhere() if mix not in mixes]
        joint = self.question.joint([*mixes, *elsewhere])
        draws = joint.draws(np.random.default_rng(0))[:, : len(mixes)]
        lost, interval = regret(draws)
        best = [mixes.index(mix) for mix in baselines]
        sure = float((draws[:, :1] >= draws[:, best]).all(axis=1).mean()) if best else None
        # two seeds are the fewest that tell how much runs scatter
        seeds = max(_typical_seeds(self.cells), 2 if self.cells.unrepeated else 1)
        tries = [*mixes[:: max(1, len(mixes) // 40)], *elsewhere]
        around = front(self.question, rivals, elsewhere, most=FRONT)
        return {
            "choice": self.choice(choice, "recommended", self._unspent(choice)),
            "regret": lost,
            "regret_interval": interval,
            "best_probability": sure,
            "assumed": self._assumed(),
            "front": tuple(self.choice(m, f"front {i}", "") for i, m in enumerate(around, 1)),
            "beyond": tuple(self._outside(choice)),
            "next_runs": tuple(
                NextRun(
                    model=self.cells.model,
                    amounts=self.cells.amounts(entry.mix),
                    strategy=entry.mix.strategy,
                    k=entry.mix.k,
                    seeds=seeds,
                    regret_saved=entry.saved,
                    why=self._why(entry.mix, choice, entry.spread),
                )
                for entry in worth_running(self.question, joint, rivals, tries, seeds)
            ),
        }

    def given_up(self, choice: Mix, free: Mix) -> dict[str, Any]:
        """Return what the floors cost, against the recipe that is chosen without them."""
        mixes = list(dict.fromkeys([choice, free]))
        draws = self.question.joint(mixes).draws(np.random.default_rng(0))
        lost = draws[:, -1] - draws[:, 0]
        low, high = (float(v) for v in np.quantile(lost, [0.025, 0.975]))
        return {
            "without_floors": self.choice(free, "without floors", ""),
            "floor_cost": float(lost.mean()),
            "floor_cost_interval": (low, high),
        }

    def _assumed(self) -> str:
        names = self.cells.unrepeated
        return self.cells.scatter.said(names) if names else ""

    def _elsewhere(self) -> list[Mix]:
        found = spread_out(self.cells, self.limits, draws=32, seed=1)
        return found[:: max(1, len(found) // 60)]

    def baselines(self) -> tuple[list[tuple[Mix, str, str]], list[str]]:
        """Return (mix, label, note) of what else could be done, and warnings of what could not."""
        cells, limits = self.cells, replace(self.limits, mixtures={})
        sizes = sizes_of(self.asked, cells)
        widest = max((m.support for m in cells.reach), key=lambda s: (len(s), sorted(s)))
        names = [cells.sources[place] for place in sorted(widest)]
        left = [name for name in cells.sources if name not in names]
        warnings = []
        if left:
            warnings.append(
                f"no cell trains all sources together: {', '.join(left)} and {', '.join(names)} "
                "are not mixed here"
            )
        told = "" if self.asked.setting.available else "sizes: the most rows that were measured"
        found: list[tuple[Mix, str, str]] = []
        even, by_size = uniform(cells, limits, widest), proportional(cells, limits, widest, sizes)
        found += [(even, "uniform", "")] if even else []
        found += [(by_size, "proportional", told)] if by_size else []
        everything = cells.mix({name: sizes[name] for name in names})
        if limits.possible(everything):
            over = "" if limits.affordable(everything) else "over the budget"
            found.append((everything, "everything", over or told))
        else:
            warnings.append(
                "training on all there is lies too far beyond what was measured to be told of"
            )
        measured = utilities(cells, self.asked.signed)
        inside = [mix for mix in measured if self.limits.feasible(mix)]
        if inside:
            best = max(inside, key=lambda mix: measured[mix])
            found.append((best, "best measured", f"measured utility {measured[best]:.4f}"))
        else:
            warnings.append("no measured cell is within the budget and the rows there are")
        absent = [n for n, mix in (("uniform", even), ("proportional", by_size)) if mix is None]
        if absent:
            warnings.append(f"{' and '.join(absent)}: not within the budget and the rows there are")
        return found, warnings

    def choice(self, mix: Mix, name: str, note: str) -> Choice:
        """Return a recipe with what is expected of it."""
        mean, low, high = self.question.interval(mix)
        stages = self._stages(mix)
        return Choice(
            label=name,
            amounts=self.cells.amounts(mix),
            strategy=mix.strategy,
            k=mix.k,
            stages=stages,
            expected=tuple(self._expected(mix)),
            utility=mean,
            utility_interval=(low, high),
            measured=mix in self.cells.mixes,
            cost={"rows": float(sum(mix.rows))}
            | {p.unit: self.limits.cost(mix, p) for p in self.limits.prices},
            note=note,
            feasible=self.limits.feasible(mix),
        )

    def _expected(self, mix: Mix) -> list[Expected]:
        points = self.cells.points([mix])
        kept = self.question.kept([mix])
        found = []
        for name, surface in self.question.surfaces.items():
            panel = self.cells.panels[name]
            mean, low, high = (float(v[0]) for v in surface.interval(points))
            interval = within((low, high), panel.bounds)
            least, most = within((mean, mean), panel.bounds) or (mean, mean)
            found.append(
                Expected(
                    ability=name,
                    metric=panel.metric,
                    score=min(max(mean, least), most),
                    interval=interval,
                    higher_is_better=panel.higher_is_better,
                    floor=self.asked.floors.get(name),
                    floor_probability=float(kept[name][0]) if name in kept else None,
                )
            )
        return found

    def _stages(self, mix: Mix) -> tuple[Mapping[str, int], ...]:
        """Return what each stage trains on; empty where the order is not known."""
        amounts = self.cells.amounts(mix)
        if mix.strategy in self.cells.in_one_stage:
            return (amounts,)
        return stages_of(amounts, mix.strategy, mix.k, self.asked.setting.orders)

    def _unspent(self, choice: Mix) -> str:
        share = max(self.limits.cost(choice, p) / p.budget for p in self.limits.prices)
        if share > 0.95:
            return ""
        return f"leaves {1 - share:.0%} of the budget: more within reach is not expected to help"

    def remarks(self, choice: Mix) -> list[str]:
        """Return what a reader should know before trusting the choice."""
        cells, found = self.cells, []
        if not self._stages(choice):
            found.append(
                f"the table does not say in which order {choice.strategy} trains; --order does"
            )
        if assumed := self._assumed():
            found.append(assumed)
        for name, surface in self.question.surfaces.items():
            missed = surface.left_out[1]
            if missed > MISSED:
                found.append(
                    f"{name}: cells left out are missed by {missed:.1f} times what the surface "
                    "expects, so its intervals are too narrow"
                )
        weights = self.asked.signed
        base = {n: b.mean(b.base) for n, b in cells.blocks.items() if b.base and n in weights}
        untuned = sum(weights[name] * score for name, score in base.items())
        if base.keys() == weights.keys() and untuned > self.question.means([choice])[0]:
            found.append("the untuned model is expected to be better than any recipe")
        return found

    def _outside(self, choice: Mix) -> list[str]:
        """Say how far the choice lies outside what was measured."""
        cells, found = self.cells, []
        for name, rows in cells.amounts(choice).items():
            most = cells.region[name][1]
            if rows > most:
                found.append(
                    f"{rows:,} rows of {name}: at most {most:,} were measured "
                    f"({rows / most:.2f} times)"
                )
        alike = [sum(m.rows) for m in cells.reach if len(m.support) > 1]
        if len(choice.support) > 1 and sum(choice.rows) > max(alike):
            found.append(
                f"{sum(choice.rows):,} rows in a mixture: at most {max(alike):,} were measured"
            )
        own = [sum(m.rows) for m in cells.reach if m.strategy == choice.strategy]
        total = sum(choice.rows)
        if choice.strategy != cells.strategies[0] and not (
            min(own) / 1.5 <= total <= max(own) * 1.5
        ):
            found.append(
                f"{choice.strategy} was run on {_range(own)} rows only, and here on {total:,}"
            )
        known = cells.ks.get(choice.strategy, [])
        if choice.k is not None and choice.k not in known:
            between = label(choice.strategy, choice.k)
            found.append(f"{between} lies between measured ones")
        return found

    def _why(self, mix: Mix, choice: Mix, spread: float) -> str:
        """Say in a few words what a run would tell."""
        known = f"its utility is known to ±{1.96 * spread:.3f}"
        if mix == choice:
            return f"the recommended recipe itself; {known}"
        one, other = label(mix.strategy, mix.k), label(choice.strategy, choice.k)
        if one != other:
            return f"whether {one} beats {other}; {known}"
        pairs = zip(self.cells.sources, mix.rows, choice.rows, strict=True)
        more = [name for name, a, b in pairs if a > 1.2 * b]
        told = f"whether more {' and '.join(more)} is better" if more else "near the choice"
        return f"{told}; {known}"


def stages_of(
    amounts: Mapping[str, int],
    strategy: str,
    k: float | None,
    orders: Mapping[str, Mapping[str, Any]],
) -> tuple[Mapping[str, int], ...]:
    """Return what each stage of a recipe trains on; empty where the order is not known."""
    if len(amounts) == 1 or strategy == "multitask":
        return (dict(amounts),)
    if strategy not in strategies or strategy not in orders:
        return ()
    share = {} if k is None else {"k": Fraction(k).limit_denominator(4096)}
    try:
        stages = strategies[strategy](Mixture(amounts), **{**orders[strategy], **share})
    except (EspalierError, TypeError):
        return ()
    return tuple(dict(stage) for stage in stages if stage)


def _range(values: Sequence[int]) -> str:
    low, high = min(values), max(values)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def rests_on(cells: Cells) -> dict[str, int]:
    """Count the cells, runs and rows of the table that the surfaces are fitted to."""
    runs = 0
    rows: set[tuple[str, int | str]] = set()
    for each in (cells, cells.donor):
        if each is not None:
            for name, found in each.measured.items():
                runs = max(runs, sum(c.seeds for c in found.values()))
                rows |= {(name, row) for row in each.blocks[name].rows_of(found.values())}
    return {"cells": len(cells.reach), "runs": runs, "rows": len(rows)}


def fit_of(surface: Surface, cells: Cells, weight: float) -> dict[str, Any]:
    """Return what is told of one surface."""
    error, scaled = surface.left_out
    return {
        "form": "Gaussian process on log rows (ours)",
        "error_left_out": error,
        "error_left_out_in_its_own_sd": scaled,
        "noise_of_a_run": math.sqrt(surface.noise),
        "utility_per_unit": weight,
        "worth": dict(zip(cells.sources, (float(w) for w in surface.worth), strict=True)),
    }


def _typical_seeds(cells: Cells) -> int:
    seeds = [c.seeds for found in cells.measured.values() for c in found.values()]
    return max(1, int(np.median(seeds))) if seeds else 1
