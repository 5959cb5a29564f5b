"""How often the analysis is right: simulated studies of known truth, put through `analyze`.

    python bench/calibration.py [--studies 500] [--seed 0]

Every scenario plants one truth in studies of drawn size and noise (2, 3 or 5 seeds, 200 to 1,319
items, noise between runs and of seeds), and counts how often 95 % intervals hold it and which
verdicts are given.  Ends with one line of JSON.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from espalier.analysis import analyze
from espalier.finding import Finding, Findings
from espalier.results import Origin, tidy
from simulate import ABILITIES, AMOUNTS, KS, Cell, Truth, grid, nothing, only_growth, table

WIDE = (16, 64, 256, 1024, 4096, 16384, 65536)
INTERFERENCE = {"helps", "hurts", "forgets", "ratio"}
EFFECTS = INTERFERENCE | {
    *("improves", "better", "worse", "grows", "plateaus", "falls", "inverts", "amount", "both"),
    *("follows", "human better", "synthetic better", "predicts"),
}


def options(random: np.random.Generator) -> dict[str, Any]:
    """Draw the size and noise of a study."""
    return {
        "seeds": int(random.choice([2, 3, 5])),
        "run_sd": float(random.uniform(0.003, 0.03)),
        "seed_sd": float(random.choice([0.0, 0.01])),
        "items": int(random.choice([200, 500, 1319])),
    }


def run(
    cells: list[Cell],
    truth: Truth,
    random: np.random.Generator,
    *,
    sources: tuple[Origin, ...] = (),
    abilities: tuple[str, ...] = ABILITIES,
    **given: Any,
) -> Findings:
    drawn = options(random) | given
    frame = table(cells, truth, random, abilities=abilities, **drawn)
    return analyze(tidy(frame, sources=sources))


class Tally:
    """Counts over the studies of one scenario."""

    def __init__(self) -> None:
        self.held: dict[str, list[bool]] = defaultdict(list)
        self.seen: Counter[str] = Counter()
        self.studies = 0

    def hold(self, name: str, interval: Any, truth: float) -> None:
        """Count whether an interval holds the truth; no interval counts for nothing."""
        if interval is not None:
            slack = 1e-9 * max(abs(truth), 1.0)
            self.held[name].append(interval[0] - slack <= truth <= interval[1] + slack)

    def study(self, findings: Findings) -> None:
        """Count a study, and whether it reports any effect."""
        self.studies += 1
        seen = {f.verdict for f in findings.findings}
        self.seen["any of helps, hurts, forgets, ratio"] += bool(seen & INTERFERENCE)
        self.seen["any effect"] += bool(seen & EFFECTS)

    def right(self, name: str, hit: bool) -> None:
        """Count whether something is as it should be."""
        self.held[name].append(hit)

    def result(self) -> dict[str, float]:
        """Return every count as a share."""
        shares = {name: round(float(np.mean(hits)), 4) for name, hits in self.held.items()}
        return shares | {name: round(n / self.studies, 4) for name, n in self.seen.items()}


def differences(tally: Tally, findings: Findings, truth: Truth) -> None:
    """Hold every difference's interval against the truth of its own two cells."""
    for f in findings.findings:
        if f.kind == "mixing" and f["of"] == "difference":
            single = truth(Cell(model=f.model, amounts={f["source"]: f["amount"]}), f.ability)
            mixed = truth(Cell(model=f.model, amounts=f["mixture"]), f.ability)
            tally.hold("mixing interval", f.interval, mixed - single)
        if f.kind == "strategy" and f.ability != "overall":
            gaps = [_gap(f, d["amounts"], truth) for d in f["differences"]]
            tally.hold("strategy interval", f.interval, float(np.mean(gaps)))
        if f.kind == "growth" and f.interval:
            points = [p["amount"] for p in f["points"]]
            first, last = (
                truth(Cell(model=f.model, amounts={f["source"]: n}), f.ability)
                for n in (points[0], points[-1])
            )
            gain = (last - first) / np.log2(points[-1] / points[0])
            tally.hold("growth interval", f.interval, gain)


def _gap(f: Finding, amounts: dict[str, int], truth: Truth) -> float:
    stages = {"sequential": 3, "mixed_sequential": 2, "dmt": 2}[f["strategy"]]
    mine = Cell(
        model=f.model,
        strategy=f["strategy"],
        k=f["k"],
        stage=stages,
        stages=stages,
        amounts=amounts,
    )
    return truth(mine, f.ability) - truth(Cell(model=f.model, amounts=amounts), f.ability)


def null(random: np.random.Generator, tally: Tally) -> None:
    findings = run(list(grid()), nothing, random)
    tally.study(findings)
    differences(tally, findings, nothing)
    for f in findings.of("forgetting"):
        tally.hold("forgetting interval", f.interval, 0.0)


def growth_alone(random: np.random.Generator, tally: Tally) -> None:
    findings = run(list(grid()), only_growth, random)
    tally.study(findings)
    differences(tally, findings, only_growth)
    for f in findings.of("forgetting"):
        tally.hold("forgetting interval", f.interval, 0.0)
    for f in findings.of("growth"):
        tally.right("grows is said", f.verdict == "grows")


FORMS: dict[str, Callable[[float], float]] = {
    "flat": lambda n: 0.4 + 0 * n,
    "log-linear": lambda n: 0.15 + 0.05 * np.log2(n / 16),
    "saturating power": lambda n: 0.7 - 0.5 * (n / 16) ** -0.6,
    "logistic": lambda n: 0.2 + 0.5 / (1 + np.exp(-1.2 * (np.log2(n) - 7))),
}
PLATEAUS = {"saturating power": 16 * 20 ** (1 / 0.6), "logistic": 2 ** (7 + np.log(19.3) / 1.2)}


def forms(random: np.random.Generator, tally: Tally) -> None:
    for name, curve in FORMS.items():

        def truth(cell: Cell, _: str, curve: Callable[[float], float] = curve) -> float:
            return curve(cell.amounts["math"])

        cells = [Cell(model="small", amounts={"math": n}) for n in WIDE]
        findings = run(cells, truth, random, abilities=("math",))
        differences(tally, findings, truth)
        (growth,) = findings.of("growth")
        tally.right(f"form of {name}", growth["form"] == name)
        if name in PLATEAUS:
            tally.right(f"plateau seen, {name}", growth.verdict == "plateaus")
            tally.hold(f"plateau interval, {name}", growth["plateau_interval"], PLATEAUS[name])


def plateau(random: np.random.Generator, tally: Tally) -> None:
    at = float(random.uniform(256, 8192))

    def truth(cell: Cell, _: str) -> float:
        return 0.2 + 0.06 * np.log2(min(cell.amounts["math"], at) / 16)

    cells = [Cell(model="small", amounts={"math": n}) for n in WIDE]
    (growth,) = run(cells, truth, random, abilities=("math",)).of("growth")
    tally.right("sharp plateau seen", growth.verdict == "plateaus")
    tally.hold("sharp plateau interval", growth["plateau_interval"], at)


def crossover(random: np.random.Generator, tally: Tally) -> None:
    at = float(2 ** random.uniform(8, 12))

    def truth(cell: Cell, ability: str) -> float:
        own = cell.amounts.get(ability, 1)
        moved = 0.03 * np.log2(at / own) if len(cell.amounts) > 1 else 0.0
        return 0.3 + 0.02 * np.log2(own / 64) + moved

    findings = run(list(grid(base=False, models=("small",))), truth, random)
    differences(tally, findings, truth)
    for f in findings.of("mixing", of="crossover"):
        tally.right("crossover found", f.estimate is not None)
        tally.hold("crossover interval", f.interval, at)


def forgetting(random: np.random.Generator, tally: Tally) -> None:
    drawn = options(random)
    loss = float(random.uniform(0.05, 0.2))

    def truth(cell: Cell, ability: str) -> float:
        lost = cell.strategy == "sequential" and cell.stage == 3 and ability == "math"
        return 0.5 - loss * lost

    for f in run(list(grid(models=("small",))), truth, random, **drawn).of("forgetting"):
        lost = f.ability == "math" and f["strategy"] == "sequential"
        tally.hold("forgetting interval", f.interval, -loss if lost else 0.0)
        tally.right(
            "forgets is right" if lost else "keeps is right", (f.verdict == "forgets") == lost
        )


def best_k(random: np.random.Generator, tally: Tally) -> None:
    at = float(random.uniform(-7, -1))

    def truth(cell: Cell, _: str) -> float:
        k = cell.k if cell.strategy == "dmt" and cell.k else 1.0
        return 0.6 - 0.005 * (np.log2(k) - at) ** 2

    findings = run(list(grid(models=("small",), amounts=(4096,))), truth, random)
    f = next(f for f in findings.of("strategy", ability="overall") if f["strategy"] == "dmt")
    tally.hold("best k interval", f["best_k_interval"], 2.0**at)
    low, high = f["best_k_interval"]
    tally.right("best k narrower than all", low > min(KS) or high < max(KS))


def exchange(random: np.random.Generator, tally: Tally) -> None:
    rate = float(2 ** random.uniform(0, 4))

    def truth(cell: Cell, _: str) -> float:
        worth = cell.amounts.get("human", 0) + cell.amounts.get("synthetic", 0) / rate
        return 0.2 + 0.04 * np.log2(worth)

    cells = [Cell(model="small", amounts={s: n}) for s in ("human", "synthetic") for n in WIDE]
    sources = (
        Origin(name="human", ability="math"),
        Origin(name="synthetic", ability="math", origin="synthetic"),
    )
    (f,) = run(cells, truth, random, sources=sources, abilities=("math",)).of("exchange")
    tally.right("rate found", f.estimate is not None)
    tally.hold("rate interval", f.interval, rate)
    for entry in f["rates"]:
        tally.hold("rate at an amount, interval", entry["interval"], rate)


def factorial() -> Iterator[Cell]:
    for own in AMOUNTS:
        yield Cell(model="small", amounts={"math": own})
        for other in AMOUNTS:
            yield Cell(model="small", amounts={"math": own, "general": other})


def factors(random: np.random.Generator, tally: Tally) -> None:
    for name in ("amount", "ratio", "neither"):

        def truth(cell: Cell, _: str, name: str = name) -> float:
            other, own = cell.amounts.get("general"), cell.amounts["math"]
            moved = {"amount": np.log2((other or 1) / 64), "ratio": np.log2((other or 1) / own)}
            return 0.5 + (0.02 * moved.get(name, 0.0) if other else 0.0)

        (f,) = run(list(factorial()), truth, random, abilities=("math",)).of("factors")
        tally.right(f"{name} is said", f.verdict == name)
        for part in ("amount", "ratio"):
            tally.hold("factor interval", f[part]["interval"], 0.02 if part == name else 0.0)


def three_errors(random: np.random.Generator, tally: Tally) -> None:
    drawn = options(random)
    variance = drawn["run_sd"] ** 2 + 0.25 / drawn["items"]
    effect = 3 * float(np.sqrt(2 * variance / drawn["seeds"]))

    def truth(cell: Cell, _: str) -> float:
        return 0.5 + effect * (len(cell.amounts) > 1 and cell.strategy == "multitask")

    findings = run(list(grid(models=("small",))), truth, random, **drawn)
    for f in findings.of("mixing", of="difference"):
        tally.right(
            "helps is said at three standard errors of its own difference", f.verdict == "helps"
        )


def single_seed(random: np.random.Generator, tally: Tally) -> None:
    findings = run(list(grid()), nothing, random, seeds=1)
    compared = [f for f in findings.findings if f.kind not in ("growth", "sensitivity")]
    tally.right("undecided with one seed", all(f.verdict == "undecided" for f in compared))


SCENARIOS = (
    *(null, growth_alone, forms, plateau, crossover, forgetting),
    *(best_k, exchange, factors, three_errors, single_seed),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="scenarios, by comma")
    given = parser.parse_args()
    results: dict[str, dict[str, float]] = {}
    for scenario in SCENARIOS:
        name = scenario.__name__
        if given.only and name not in given.only.split(","):
            continue
        tally, start = Tally(), time.perf_counter()
        for place in range(given.studies):
            scenario(np.random.default_rng([given.seed, place]), tally)
        results[name] = tally.result()
        print(f"{name}: {time.perf_counter() - start:.0f} s")
        for what, share in results[name].items():
            print(f"    {share:.4f}  {what}")
    print(json.dumps({"studies": given.studies, "seed": given.seed} | results))


if __name__ == "__main__":
    main()
