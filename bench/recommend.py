"""How good a recommendation is: simulated studies of surfaces whose optimum is known.

    python bench/recommend.py [--surfaces 250] [--seed 0] [--processes 2]

Every surface (`tests/surfaces.py`: five families of truth, four forms of growth) is measured by a
study of drawn design, size and noise (2, 3 or 5 seeds, 200 to 1,319 items), asked for a recipe
within a drawn budget, and the true utility of the answer is held against that of the true optimum
(any strategy at any amounts, so also where the recommendation does not go), of uniform and
proportional mixtures and of the best measured cell.  Utilities are in shares of the metrics'
range.  Refusals are asked for where they are right and where they are not.  Ends with one line
of JSON.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from espalier.recommend import Setting, recommend
from espalier.recommendation import Choice, Recommendation
from espalier.results import Table, tidy
from simulate import ABILITIES, Cell, table
from surfaces import Surface, best, draw, study, utility

HAIR = 0.001
"""Less than a thousandth of the range is no difference to a user."""
ORDER = Setting(
    orders={
        "dmt": {"general": "general"},
        "mixed_sequential": {"general": "general"},
        "sequential": {"order": ABILITIES},
    }
)
BASELINES = ("uniform", "proportional", "best measured")


def options(random: np.random.Generator) -> dict[str, Any]:
    """Draw the size and noise of a study."""
    return {
        "seeds": int(random.choice([2, 3, 5])),
        "run_sd": float(random.uniform(0.003, 0.03)),
        "seed_sd": float(random.choice([0.0, 0.01])),
        "items": int(random.choice([200, 500, 1319])),
    }


def one(place: int, *, seed: int) -> dict[str, Any]:
    """Ask for one recommendation, and tell how right it was."""
    random = np.random.default_rng([seed, place])
    surface, cells = draw(random), study(random)
    weights = np.ones(3) / 3 if random.uniform() < 0.5 else random.dirichlet(np.full(3, 3.0))
    utilities = {a: float(w) for a, w in zip(ABILITIES, weights, strict=True)}
    drawn = options(random)
    measured = tidy(table(cells, surface, random, **drawn))
    sums = [sum(c.amounts.values()) for c in cells if c.stage]
    budget = float(np.exp(random.uniform(np.log(4 * min(sums)), np.log(max(sums)))))
    most = max(n for c in cells for n in c.amounts.values())
    sizes = {a: int(most * 2 ** random.uniform(-1, 1)) for a in ABILITIES}
    setting = replace(ORDER, available=sizes)
    begun = time.perf_counter()
    found = recommend(measured, budget={"rows": budget}, utility=utilities, setting=setting)
    took = time.perf_counter() - begun
    if found.choice is None:
        return {"place": place, "refused": found.refused}
    score = partial(_utility, surface, utilities)
    truths = {c.label: score(c) for c in (found.choice, *found.baselines)}
    known = [c for c in cells if c.stage]
    optimum = partial(
        best,
        surface,
        utilities,
        budget=budget,
        most={name: min(2.0 * most, sizes[name]) for name in found.region},
        least={name: float(least) for name, (least, _) in found.region.items()},
        strategies=list(dict.fromkeys((c.strategy, c.k) for c in known)),
    )
    mine = [truths["recommended"], *(truths[b] for b in BASELINES if b in truths)]
    top = max(optimum()[0], *mine)
    reached = max(optimum(allowed=_near(known))[0], *mine)
    within = [c for c in cells if c.stage and sum(c.amounts.values()) <= budget]
    spread = np.ptp([sum(w * surface(c, a) for a, w in utilities.items()) for c in within])
    return {
        "place": place,
        "family": surface.family,
        "seeds": drawn["seeds"],
        "budget": budget,
        "strategy": found.choice.strategy,
        "regret": top - truths["recommended"],
        "relative": (top - truths["recommended"]) / max(float(spread), 0.02),
        "gains": {b: truths["recommended"] - truths[b] for b in BASELINES if b in truths},
        "held": _held(surface, found, truths, reached),
        "stated": found.best_probability,
        "best": all(
            truths["recommended"] >= truths[c.label] for c in found.baselines if c.feasible
        ),
        "seconds": took,
        "refusals": _refusals(measured, surface, utilities, budget, random, drawn)
        if place % 8 == 0
        else {},
    }


def _near(known: Sequence[Cell]) -> Callable[[Mapping[str, float], str], bool]:
    """Return what the recommendation may consider, as its module says it; worked out anew here."""
    cells: dict[bool, list[Any]] = {True: [], False: []}
    for c in known:
        if len(c.amounts) > 1:
            rows = [c.amounts[a] for a in ABILITIES]
            cells[c.strategy == "multitask"].append(np.log2(rows))

    @cache
    def near(rows: tuple[float, ...], plain: bool) -> bool:
        off = np.abs(np.array(cells[plain]) - np.log2(rows)).max(axis=1)
        return bool(off.min() <= np.log2(8 if plain else 4))

    def allowed(amounts: Mapping[str, float], strategy: str) -> bool:
        if len(amounts) < len(ABILITIES):
            return len(amounts) == 1
        return near(tuple(amounts[a] for a in ABILITIES), strategy == "multitask")

    return allowed


def _utility(surface: Surface, weights: Mapping[str, float], choice: Choice) -> float:
    return utility(surface, choice.amounts, choice.strategy, choice.k, weights)


def _held(
    surface: Surface, found: Recommendation, truths: Mapping[str, float], top: float
) -> dict[str, list[bool]]:
    """Return which stated intervals hold their truth."""
    held: dict[str, list[bool]] = defaultdict(list)
    for choice in (found.choice, *found.baselines):
        assert choice is not None
        name = "recommended" if choice.label == "recommended" else "baselines"
        for e in choice.expected:
            true = surface.score(choice.amounts, choice.strategy, choice.k, e.ability)
            held[f"score, {name}"].append(_in(true, e.interval))
        held[f"utility, {name}"].append(_in(truths[choice.label], choice.utility_interval))
    held["regret"].append(_in(top - truths["recommended"], found.regret_interval))
    return dict(held)


def _in(true: float, interval: tuple[float, float] | None) -> bool:
    return interval is not None and interval[0] - 1e-9 <= true <= interval[1] + 1e-9


def _refusals(
    measured: Table,
    surface: Surface,
    weights: Mapping[str, float],
    budget: float,
    random: np.random.Generator,
    drawn: Mapping[str, Any],
) -> dict[str, bool]:
    """Ask for what must be refused and for what must not; return which answers were right."""
    ask = partial(recommend, measured, utility=weights, setting=ORDER)
    largest = max(sum(m.values()) for m in measured.mixtures)
    right = {
        "a budget far beyond what was measured": bool(ask(budget={"rows": 5.0 * largest}).refused),
        "a budget below the smallest amount": bool(ask(budget={"rows": 20.0}).refused),
    }
    floors = {"a floor that nothing keeps": 0.97, "a floor that is kept": 0.05}
    name = ABILITIES[int(random.integers(3))]
    for what, floor in floors.items():
        limits = {name: floor}
        answer = ask(budget={"rows": budget}, floors=limits)
        if floor > 0.5:
            right[what] = bool(answer.refused)
        elif answer.choice is not None:
            c = answer.choice
            right[what] = surface.score(c.amounts, c.strategy, c.k, name) >= floor
    return right | _transfers(surface, random, drawn)


def _transfers(
    surface: Surface, random: np.random.Generator, drawn: Mapping[str, Any]
) -> dict[str, bool]:
    """Ask for a large model with six cells: one ranks alike, one the opposite."""
    right = {}
    cells = study(random)
    plain = [c for c in cells if c.strategy == "multitask" and c.stage]
    few = [plain[int(i)] for i in random.choice(len(plain), 6, replace=False)]
    few = [Cell(model="large", amounts=c.amounts) for c in few]

    for name, sign in (("carried over where ranks agree", 1), ("not where they are reversed", -1)):

        def truth(cell: Cell, ability: str, sign: int = sign) -> float:
            score = surface(cell, ability)
            if cell.model == "small":
                return score
            return min(0.15 + 0.8 * score, 0.99) if sign > 0 else 0.95 - 0.9 * score

        frame = tidy(table([*cells, *few], truth, random, **drawn))
        answer = recommend(frame, model="large", setting=ORDER)
        carried = any("is taken from" in told for told in answer.warnings)
        right[name] = carried == (sign > 0)
    return right


def summary(results: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return what all surfaces together show."""
    answered = [r for r in results if "regret" in r]
    regrets = np.array([r["regret"] for r in answered])
    gains = {b: np.array([r["gains"][b] for r in answered if b in r["gains"]]) for b in BASELINES}
    every = np.array([min(r["gains"].values()) for r in answered])
    held: dict[str, list[bool]] = defaultdict(list)
    right: dict[str, list[bool]] = defaultdict(list)
    for r in answered:
        for name, hits in r["held"].items():
            held[name] += hits
        for name, hit in r["refusals"].items():
            right[name].append(hit)
    return {
        "surfaces": len(results),
        "answered": len(answered),
        "median regret": _round(np.median(regrets)),
        "mean regret": _round(regrets.mean()),
        "90th regret": _round(np.quantile(regrets, 0.9)),
        "median regret, share of the measured spread": _round(
            np.median([r["relative"] for r in answered])
        ),
        "median gain": {b: _round(np.median(g)) for b, g in gains.items()},
        "strictly better": {b: _round((g > 0).mean()) for b, g in gains.items()}
        | {"all": _round((every > 0).mean())},
        "not worse by a hair": {b: _round((g > -HAIR).mean()) for b, g in gains.items()}
        | {"all": _round((every > -HAIR).mean())},
        "intervals hold": {name: _round(np.mean(hits)) for name, hits in sorted(held.items())},
        "no baseline is better": {
            "stated": _round(np.mean([r["stated"] for r in answered if r["stated"] is not None])),
            "true": _round(np.mean([r["best"] for r in answered if r["stated"] is not None])),
        },
        "refusals right": {name: _round(np.mean(hits)) for name, hits in sorted(right.items())},
        "median seconds": _round(np.median([r["seconds"] for r in answered])),
    }


def _round(value: Any) -> float:
    return round(float(value), 4)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--surfaces", type=int, default=250)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--processes", type=int, default=2)
    given = parser.parse_args()
    begun, results = time.perf_counter(), []
    with ProcessPoolExecutor(given.processes) as pool:
        for r in pool.map(partial(one, seed=given.seed), range(given.surfaces)):
            results.append(r)
            gains = " ".join(f"{name} {gain:+.4f}" for name, gain in r.get("gains", {}).items())
            told = f"regret {r['regret']:.4f}  {gains}" if "regret" in r else r["refused"]
            print(f"{r['place']:4} {r.get('family', ''):10} {told}", flush=True)
    found = summary(results)
    for name, value in found.items():
        print(f"{name}: {value}")
    print(f"{time.perf_counter() - begun:.0f} s")
    print(json.dumps({"seed": given.seed} | found))


if __name__ == "__main__":
    main()
