"""Verify a recommendation: train it and its baselines, and hold what was measured against it.

    recommendation --cells_of--> cells --plan--> steps --run--> store --compare--> verify.json

The recommendation rests on the study's own cells alone, so what is trained here was never seen by
it.  The cells are steps like any others: in the same store, with the study's seeds, made once.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import Any

from espalier.analysis import chosen_epochs
from espalier.errors import SpecError, choices
from espalier.mixture import Mixture
from espalier.plan import Plan
from espalier.plan import plan as plan_study
from espalier.recommend import Setting, check_budget, stages_of
from espalier.recommendation import Choice, Expected, Recommendation
from espalier.results import Table
from espalier.steps.train import Train
from espalier.store import Store
from espalier.study import Cell, Study
from espalier.work import rates

Interval = tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class Check:
    """One expected score, and what was measured."""

    label: str
    """Of the choice: `recommended`, `uniform`, ..."""
    ability: str
    metric: str
    predicted: float
    interval: Interval | None
    """Of the score that was predicted, free of noise."""
    prediction_interval: Interval | None
    """Of the mean that was measured: the same, with the noise of its items and seeds."""
    measured: float | None
    stderr: float | None
    """Of the measured mean over items and seeds; None where one seed does not tell."""
    seeds: int
    inside: bool | None
    """Whether the measured mean lies in its prediction interval; None where unmeasured."""


@dataclass(frozen=True, kw_only=True)
class Verification:
    """What was predicted, and what came."""

    recommendation: Recommendation
    checks: tuple[Check, ...]
    utilities: Mapping[str, tuple[float, float | None]]
    """Label -> predicted and measured utility."""

    @property
    def inside(self) -> int:
        """Return how many measured scores lie in their prediction intervals."""
        return sum(1 for check in self.checks if check.inside)

    @property
    def measured(self) -> int:
        """Return how many were measured."""
        return sum(1 for check in self.checks if check.inside is not None)

    def to_dict(self) -> dict[str, Any]:
        """Return the verification as JSON values."""
        return {
            "version": 1,
            "model": self.recommendation.model,
            "budget": dict(self.recommendation.budget),
            "inside": self.inside,
            "of": self.measured,
            "utilities": {
                label: {"predicted": predicted, "measured": measured}
                for label, (predicted, measured) in self.utilities.items()
            },
            "checks": [asdict(check) for check in self.checks],
            "recommendation": self.recommendation.to_dict(),
        }

    def to_json(self) -> str:
        """Return `to_dict` as text."""
        return json.dumps(self.to_dict(), indent=1, ensure_ascii=False, default=float) + "\n"


def check(plan: Plan, budget: Mapping[str, float], names: Iterable[str]) -> None:
    """Refuse a budget's unit or an ability that the study does not have, before it is run."""
    check_budget(budget)
    known = {use.name for use in plan.study.abilities}
    for name in names:
        if name.split(":")[0] not in known:
            raise SpecError(f"no ability '{name}' in the study; {choices(name, known)}")


def setting_of(plan: Plan, store: Store) -> Setting:
    """Return what a study knows beyond its table: rows there are, orders, hours of its cells."""
    return Setting(
        available={name: plan.catalog.available(name) for name in plan.study.source_names},
        orders=orders_of(plan),
        hours=tuple(_hours(plan, store)),
    )


def _hours(plan: Plan, store: Store) -> Iterator[tuple[str, Mapping[str, int], str, Any, float]]:
    """Yield what training each cell took on one worker; where the store has no time, a guess.

    Of two protocols it is that of most cells, which is the one that is recommended from.
    """
    learnt = rates(plan.steps, plan.work, store)
    protocol = Counter(cell.protocol for cell in plan.cells).most_common(1)[0][0]
    ends = {
        id(m.cell): m
        for m in plan.measurements
        if m.cell and m.stage == len(m.cell.stages) and m.protocol == protocol
    }
    for m in ends.values():
        seconds, step = 0.0, m.score.answer.checkpoint
        while isinstance(step, Train):
            took = store.cost(step).get("wall_seconds") if store.has(step) else None
            seconds += float(took or learnt.seconds(step, plan.work[step.key]))
            step = step.start
        if m.cell:
            cell = m.cell
            yield cell.model.name, dict(cell.mixture), cell.strategy, cell.k, seconds / 3600


def orders_of(plan: Plan) -> dict[str, dict[str, Any]]:
    """Return strategy -> its options but `k`; a strategy with several orders has none to tell."""
    found: dict[str, list[dict[str, Any]]] = {}
    for cell in plan.cells:
        options = {name: value for name, value in cell.options.items() if name != "k"}
        if len(cell.mixture) > 1 and options not in found.setdefault(cell.strategy, []):
            found[cell.strategy].append(options)
    return {name: options[0] for name, options in found.items() if len(options) == 1}


def plan_of(plan: Plan, recommendation: Recommendation) -> Plan:
    """Return the plan that trains the recommended recipe and its baselines, for every seed.

    Raises `SpecError` where there is nothing to train.
    """
    if recommendation.choice is None:
        raise SpecError(f"nothing to verify: {recommendation.refused}")
    orders = orders_of(plan)
    found: dict[Any, Cell] = {}
    for choice in (recommendation.choice, *recommendation.baselines):
        for cell in _cells(
            choice, plan.study, recommendation.model, recommendation.protocol, orders
        ):
            where = (cell.mixture, cell.strategy, cell.k, cell.seed, cell.data_seed)
            known = found.get(where)
            found[where] = known.asked_by(cell.designs[0]) if known else cell
    return plan_study(plan.study.model_copy(update={"base": False}), tuple(found.values()))


def _cells(
    choice: Choice,
    study: Study,
    model: str,
    protocol: str,
    orders: Mapping[str, Mapping[str, Any]],
) -> Iterator[Cell]:
    """Yield a choice's cells, one a seed."""
    mixture = Mixture({name: choice.amounts.get(name, 0) for name in study.source_names})
    stages = stages_of(mixture, choice.strategy, choice.k, orders)
    if not stages:
        raise SpecError(
            f"{choice.label}: the study trains {choice.strategy} in several orders, and its table "
            "does not say which is meant; keep one order"
        )
    options = dict(orders.get(choice.strategy, {})) if len(mixture) > 1 else {}
    if choice.k is not None:
        options["k"] = Fraction(choice.k).limit_denominator(4096)
    for data_seed, seed in study.seeds.pairs:
        yield Cell(
            model=next(m for m in study.models if m.name == model),
            mixture=mixture,
            strategy=choice.strategy,
            options=options,
            stages=tuple(Mixture(stage) for stage in stages),
            seed=seed,
            data_seed=data_seed,
            protocol=protocol,
            designs=(f"verify:{choice.label}",),
        )


def compare(recommendation: Recommendation, table: Table) -> Verification:
    """Hold the measured scores, `table`, against what was expected.

    A choice is found by its design, `verify:LABEL`.  What is not measured is told as such.
    """
    frame = chosen_epochs(table.frame)
    final = frame[(frame["stage"] == frame["stages"]) & (frame["stage"] > 0)]
    checks: list[Check] = []
    utilities: dict[str, tuple[float, float | None]] = {}
    choices = [c for c in (recommendation.choice, *recommendation.baselines) if c is not None]
    for choice in choices:
        rows = final[final["design"] == f"verify:{choice.label}"]
        found = [_check(choice.label, each, rows, recommendation) for each in choice.expected]
        checks += found
        utilities[choice.label] = choice.utility, _utility(found, recommendation)
    return Verification(recommendation=recommendation, checks=tuple(checks), utilities=utilities)


def _check(label: str, expected: Expected, rows: Any, recommendation: Recommendation) -> Check:
    """Return one check: the mean over the runs of one ability's metric."""
    ability = expected.ability.split(":")[0]
    mine = rows[(rows["ability"] == ability) & (rows["metric"] == expected.metric)]
    scores = mine["score"].dropna()
    seeds = len(scores)
    known = recommendation.fit.get(expected.ability, {}).get("noise_of_a_run")
    around = None
    if expected.interval and known is not None and seeds:
        half = 1.96 * float(known) / math.sqrt(seeds)
        low, high = (abs(end - expected.score) for end in expected.interval)
        around = expected.score - math.hypot(low, half), expected.score + math.hypot(high, half)
    measured = float(scores.mean()) if seeds else None
    stderr = float(scores.std(ddof=1) / math.sqrt(seeds)) if seeds > 1 else None
    inside = None
    if measured is not None and around is not None:
        inside = around[0] <= measured <= around[1]
    return Check(
        label=label,
        ability=expected.ability,
        metric=expected.metric,
        predicted=expected.score,
        interval=expected.interval,
        prediction_interval=around,
        measured=measured,
        stderr=stderr,
        seeds=seeds,
        inside=inside,
    )


def _utility(checks: Sequence[Check], recommendation: Recommendation) -> float | None:
    """Return the measured utility, None where an ability that counts was not measured."""
    total = 0.0
    for check in checks:
        weight = recommendation.fit[check.ability]["utility_per_unit"]
        if weight and check.measured is None:
            return None
        total += weight * (check.measured or 0.0)
    return total
