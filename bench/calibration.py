"""How often the analysis is right: simulated studies of known truth, put through `analyze`.

    python bench/calibration.py [--studies 500] [--seed 0] [--processes 2] [--only null,forms]

Every scenario plants one truth in studies of drawn size and noise (2, 3 or 5 seeds, 200 to 1,319
items, noise between runs and of seeds), and counts how often 95 % intervals hold it and which
verdicts are given.  The error behind a share is its Monte-Carlo error, with a study's intervals
taken as one draw.  Ends with a table of what is promised, and one line of JSON.

**What three standard errors are.**  A difference of two cells that is exactly three of its *own*
standard errors is found by a plain two-sided test at 5 % in 85 of 100 studies, and in fewer where
many are tested; no honest test does better.  So the promise, a right verdict in 90 of 100, is read
as three standard errors of one *score*: of a row of the table, items and run together, in studies
of three seeds or more, whose cells know their means better than that.  Studies of two seeds, where
both readings are one, and the other reading are measured beside it.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from espalier.analysis import analyze
from espalier.finding import Finding, Findings
from espalier.results import Origin, tidy
from simulate import (
    ABILITIES,
    AMOUNTS,
    KS,
    Cell,
    Truth,
    answered,
    from_floor,
    grid,
    nothing,
    only_growth,
    table,
)

WIDE = (16, 64, 256, 1024, 4096, 16384, 65536)
INTERFERENCE = {"helps", "hurts", "forgets", "ratio"}
EFFECTS = INTERFERENCE | {
    *("improves", "better", "worse", "grows", "plateaus", "falls", "inverts", "amount", "both"),
    *("follows", "human better", "synthetic better", "predicts"),
}
STAGED = ("sequential", "mixed_sequential")
CHUNK = 10
"""Studies that a process simulates at a time."""


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
    """What one study showed: for each thing that is counted, how often of how many."""

    def __init__(self) -> None:
        self.counts: dict[str, list[int]] = defaultdict(lambda: [0, 0])

    def right(self, name: str, hit: bool) -> None:
        """Count whether something is as it should be."""
        self.counts[name][0] += bool(hit)
        self.counts[name][1] += 1

    def hold(self, name: str, interval: Any, truth: float) -> None:
        """Count whether an interval holds the truth; no interval counts for nothing."""
        if interval is not None:
            slack = 1e-9 * max(abs(truth), 1.0)
            self.right(name, interval[0] - slack <= truth <= interval[1] + slack)

    def study(self, findings: Findings) -> None:
        """Count whether a study reports any effect."""
        seen = {f.verdict for f in findings.findings}
        self.right("any of helps, hurts, forgets, ratio", bool(seen & INTERFERENCE))
        self.right("any effect", bool(seen & EFFECTS))


Share = tuple[float, float, int]
"""A share, its Monte-Carlo error, and how many were counted."""


def shares(studies: Sequence[Mapping[str, tuple[int, int]]]) -> dict[str, Share]:
    """Return every share over studies; a study's counts go together, so they are one draw."""
    found: dict[str, Share] = {}
    for name in dict.fromkeys(n for study in studies for n in study):
        hits, counts = np.array([s[name] for s in studies if name in s], dtype=float).T
        share = hits.sum() / counts.sum()
        error = math.sqrt(np.square(hits - share * counts).sum()) / counts.sum()
        found[name] = (float(share), error, int(counts.sum()))
    return found


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


def nothing_lost(tally: Tally, findings: Findings) -> None:
    """Hold every interval of forgetting where no later stage moves a score."""
    for f in findings.of("forgetting"):
        tally.hold("forgetting interval", f.interval, 0.0)


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
    nothing_lost(tally, findings)


def growth_alone(random: np.random.Generator, tally: Tally) -> None:
    findings = run(list(grid()), only_growth, random)
    seen = {f.verdict for f in findings.findings}
    tally.right("any of helps, hurts, forgets, ratio", bool(seen & INTERFERENCE))
    differences(tally, findings, only_growth)
    nothing_lost(tally, findings)
    for f in findings.of("growth"):
        tally.right("grows is said", f.verdict == "grows")


def floor(random: np.random.Generator, tally: Tally) -> None:
    """Let scores rise from next to nothing, and runs scatter as shares do: least at the floor."""
    findings = run(list(grid()), from_floor, random, leveled=True, seed_sd=0.0)
    seen = {f.verdict for f in findings.findings}
    tally.right("any of helps, hurts, forgets, ratio", bool(seen & INTERFERENCE))
    differences(tally, findings, from_floor)
    for f in findings.of("mixing"):
        if f["of"] == "difference":
            level = from_floor(Cell(model=f.model, amounts=f["mixture"]), f.ability)
            where = "at the floor" if level < 0.05 else "off the floor"
            tally.hold(f"mixing interval, {where}", f.interval, 0.0)
    nothing_lost(tally, findings)


FORMS: dict[str, Callable[[float], float]] = {
    "flat": lambda n: 0.4 + 0 * n,
    "log-linear": lambda n: 0.15 + 0.05 * np.log2(n / 16),
    "saturating power": lambda n: 0.7 - 0.5 * (n / 16) ** -0.6,
    "logistic": lambda n: 0.2 + 0.5 / (1 + np.exp(-1.2 * (np.log2(n) - 7))),
}
PLATEAUS = {"saturating power": 16 * 20 ** (1 / 0.6), "logistic": 2 ** (7 + np.log(19.3) / 1.2)}
SAID = {
    "flat": ("resists", "undecided"),
    "log-linear": ("grows",),
    "saturating power": ("plateaus", "grows"),
    "logistic": ("plateaus", "grows"),
}


def forms(random: np.random.Generator, tally: Tally) -> None:
    for name, curve in FORMS.items():

        def truth(cell: Cell, _: str, curve: Callable[[float], float] = curve) -> float:
            return curve(cell.amounts["math"])

        cells = [Cell(model="small", amounts={"math": n}) for n in WIDE]
        findings = run(cells, truth, random, abilities=("math",))
        differences(tally, findings, truth)
        (growth,) = findings.of("growth")
        tally.right(f"form of {name}", growth["form"] == name)
        tally.right(f"verdict on {name}", growth.verdict in SAID[name])
        if name in PLATEAUS:
            tally.right(f"plateau seen, {name}", growth.verdict == "plateaus")
            tally.hold(f"plateau interval, {name}", growth["plateau_interval"], PLATEAUS[name])


def plateau(random: np.random.Generator, tally: Tally) -> None:
    at = float(random.uniform(256, 8192))

    def truth(cell: Cell, _: str) -> float:
        return float(0.2 + 0.06 * np.log2(min(cell.amounts["math"], at) / 16))

    cells = [Cell(model="small", amounts={"math": n}) for n in WIDE]
    (growth,) = run(cells, truth, random, abilities=("math",)).of("growth")
    tally.right("sharp plateau seen", growth.verdict == "plateaus")
    tally.hold("plateau interval, sharp", growth["plateau_interval"], at)


def crossover(random: np.random.Generator, tally: Tally) -> None:
    """Plant differences that fall straight, or first fast and then slowly, through zero."""
    at = float(2 ** random.uniform(8, 12))
    bend = float(random.choice([0.0, 0.5]))

    def moved(own: int) -> float:
        away = np.log2(at / own)
        return float(0.03 * away * np.exp(bend * np.clip(away, -4, 4) / 4))

    def truth(cell: Cell, ability: str) -> float:
        own = cell.amounts.get(ability, 1)
        return float(0.3 + 0.02 * np.log2(own / 64) + moved(own) * (len(cell.amounts) > 1))

    findings = run(list(grid(base=False, models=("small",))), truth, random)
    differences(tally, findings, truth)
    for f in findings.of("mixing", of="crossover"):
        tally.right("crossover found", f.estimate is not None)
        tally.hold("crossover interval", f.interval, at)
        if f.interval:
            width = np.log2(f.interval[1] / f.interval[0])
            tally.right("crossover known to a factor of 4", width <= 2)


def forgetting(random: np.random.Generator, tally: Tally) -> None:
    drawn = options(random)
    loss = float(random.uniform(0.05, 0.2))

    def truth(cell: Cell, ability: str) -> float:
        lost = cell.strategy == "sequential" and cell.stage == 3 and ability == "math"
        return 0.5 - loss * lost

    for f in run(list(grid(models=("small",))), truth, random, **drawn).of("forgetting"):
        lost = f.ability == "math" and f["strategy"] == "sequential"
        tally.hold("forgetting interval", f.interval, -loss if lost else 0.0)
        if not lost:
            tally.right("keeps is right", f.verdict != "forgets")


def best_k(random: np.random.Generator, tally: Tally) -> None:
    """Plant a best `k`: scores fall away from it alike on both sides, or faster above it."""
    at = float(random.uniform(-7, -1))
    above = float(random.choice([1.0, 3.0]))

    def truth(cell: Cell, _: str) -> float:
        k = cell.k if cell.strategy == "dmt" and cell.k else 1.0
        away = np.log2(k) - at
        return float(0.6 - 0.004 * away**2 * (above if away > 0 else 1.0))

    findings = run(list(grid(models=("small",), amounts=(4096,))), truth, random)
    f = next(f for f in findings.of("strategy", ability="overall") if f["strategy"] == "dmt")
    tally.hold("best k interval", f["best_k_interval"], 2.0**at)
    low, high = f["best_k_interval"]
    tally.right("best k narrower than all", low > min(KS) or high < max(KS))
    tally.right("best k known to a factor of 16", np.log2(high / low) <= 4)


def exchange(random: np.random.Generator, tally: Tally) -> None:
    rate = float(2 ** random.uniform(0, 4))

    def truth(cell: Cell, _: str) -> float:
        worth = cell.amounts.get("human", 0) + cell.amounts.get("synthetic", 0) / rate
        return float(0.2 + 0.04 * np.log2(worth))

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


def score_error(drawn: Mapping[str, Any]) -> float:
    """Return the standard error of one score of a half: what its items and its run scatter."""
    return float(np.sqrt(drawn["run_sd"] ** 2 + 0.25 / drawn["items"]))


def _verdicts(random: np.random.Generator, tally: Tally, *, of_score: bool) -> None:
    """Plant four effects of three standard errors, one at a time, and count right verdicts."""
    for name, (cells, moved, seen, right) in _planted().items():
        drawn = options(random)
        error = score_error(drawn) * (1.0 if of_score else math.sqrt(2 / drawn["seeds"]))
        sign = float(random.choice([-1, 1])) if name in ("mixing", "strategy") else 1.0

        def truth(cell: Cell, ability: str, m: Any = moved, e: float = 3 * error * sign) -> float:
            return float(0.5 + e * m(cell, ability))

        abilities = ("math",) if name == "growth" else ABILITIES
        findings = run(list(cells), truth, random, abilities=abilities, **drawn)
        for f in findings.findings:
            if seen(f):
                some = "2 seeds" if drawn["seeds"] == 2 else "3 or 5 seeds"
                tally.right(f"{name} verdict, {some}", f.verdict == right[sign > 0])


@cache
def _planted() -> dict[str, tuple[list[Cell], Callable[..., float], Callable[..., bool], Any]]:
    """Return, by name, cells, where the effect is, whose verdicts count, and the right ones."""
    one = list(grid(models=("small",)))
    alone = [Cell(model="small", amounts={"math": n}) for n in AMOUNTS]
    return {
        "mixing": (
            one,
            lambda c, _: c.strategy == "multitask" and len(c.amounts) > 1,
            lambda f: f.kind == "mixing" and f["of"] == "difference",
            ("hurts", "helps"),
        ),
        "strategy": (
            one,
            lambda c, _: c.strategy == "dmt",
            lambda f: f.kind == "strategy" and f["strategy"] == "dmt" and f.ability != "overall",
            ("worse", "better"),
        ),
        "forgetting": (
            one,
            lambda c, a: -(c.strategy in STAGED and c.stage == c.stages and a != "general"),
            lambda f: f.kind == "forgetting" and f.ability != "general",
            ("forgets", "forgets"),
        ),
        "growth": (
            alone,
            lambda c, _: np.log2(c.amounts["math"] / 64) / 8,
            lambda f: f.kind == "growth",
            ("grows", "grows"),
        ),
    }


def three_of_a_score(random: np.random.Generator, tally: Tally) -> None:
    _verdicts(random, tally, of_score=True)


def three_of_a_difference(random: np.random.Generator, tally: Tally) -> None:
    _verdicts(random, tally, of_score=False)


def paired_items(random: np.random.Generator, tally: Tally) -> None:
    """Give per-item scores of items that are hard or easy alike in every cell."""
    effect = float(random.choice([0.0, 0.05]))

    def truth(cell: Cell, _: str) -> float:
        return 0.45 + effect * (len(cell.amounts) > 1)

    cells = list(grid(models=("small",), amounts=(256, 4096), base=False))
    drawn = options(random) | {"items": int(random.choice([200, 500]))}
    frame, items = answered(cells, truth, random, **drawn)
    findings = analyze(tidy(frame), items)
    if not effect:
        tally.study(findings)
    differences(tally, findings, truth)


def single_seed(random: np.random.Generator, tally: Tally) -> None:
    truth = only_growth if random.random() < 0.5 else nothing
    findings = run(list(grid()), truth, random, seeds=1)
    tally.right("undecided with one seed", all(f.verdict == "undecided" for f in findings.findings))
    labelled = [f.noise == "items only" and bool(f.why) for f in findings.findings if f.interval]
    tally.right("interval labelled as items only", all(labelled))


SCENARIOS = (
    *(null, growth_alone, floor, forms, plateau, crossover, forgetting, best_k, exchange, factors),
    *(three_of_a_score, three_of_a_difference, paired_items, single_seed),
)
PROMISES: tuple[tuple[str, float, float], ...] = (
    ("interval labelled", 1.0, 1.0),
    ("undecided with one seed", 1.0, 1.0),
    ("interval", 0.93, 0.97),
    ("any of", 0.0, 0.05),
    ("any effect", 0.0, 0.05),
    ("verdict", 0.9, 1.0),
    ("is said", 0.9, 1.0),
    ("is right", 0.9, 1.0),
)
"""What a share should lie between, by what its name holds; the first that fits."""
UNPROMISED = ("three_of_a_difference",)


def promise(scenario: str, name: str) -> tuple[float, float] | None:
    """Return what a share should lie between, or None where nothing is promised."""
    if scenario in UNPROMISED or "2 seeds" in name:
        return None
    return next(((low, high) for part, low, high in PROMISES if part in name), None)


def study(scenario: str, seed: int, place: int) -> dict[str, tuple[int, int]]:
    """Simulate one study."""
    tally = Tally()
    {s.__name__: s for s in SCENARIOS}[scenario](np.random.default_rng([seed, place]), tally)
    return {name: (hits, count) for name, (hits, count) in tally.counts.items()}


def chunk(work: tuple[str, int, range]) -> tuple[str, float, list[dict[str, tuple[int, int]]]]:
    """Simulate some studies of a scenario, and say what they took."""
    scenario, seed, places = work
    start = time.process_time()
    found = [study(scenario, seed, place) for place in places]
    return scenario, time.process_time() - start, found


def show(results: Mapping[str, Mapping[str, Share]]) -> None:
    """Print every share with its Monte-Carlo error, and whether it is as promised."""
    print(f"\n{'scenario':<22}{'what':<44}{'share':>7}{'error':>7}{'of':>8}  promised")
    for scenario, found in results.items():
        for name, (share, error, count) in found.items():
            wanted = promise(scenario, name)
            told = ""
            if wanted:
                low, high = wanted
                near = low - 2 * error <= share <= high + 2 * error
                word = "kept" if low <= share <= high else "within error" if near else "MISSED"
                told = f"{low:g} to {high:g}: {word}"
            print(f"{scenario:<22}{name:<44}{share:>7.3f}{error:>7.3f}{count:>8}  {told}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--only", default="", help="scenarios, by comma")
    given = parser.parse_args()
    chosen = [
        s.__name__ for s in SCENARIOS if not given.only or s.__name__ in given.only.split(",")
    ]
    work = [
        (name, given.seed, range(first, min(first + CHUNK, given.studies)))
        for name in chosen
        for first in range(0, given.studies, CHUNK)
    ]
    studies: dict[str, list[dict[str, tuple[int, int]]]] = {name: [] for name in chosen}
    seconds: dict[str, float] = dict.fromkeys(chosen, 0.0)
    start = time.perf_counter()
    with ProcessPoolExecutor(given.processes) as pool:
        for name, spent, found in pool.map(chunk, work):
            studies[name] += found
            seconds[name] += spent
            if len(studies[name]) == given.studies:
                print(f"{name}: {seconds[name]:.0f} CPU seconds", flush=True)
    results = {name: shares(studies[name]) for name in chosen}
    show(results)
    told = {
        name: {
            what: [round(share, 4), round(error, 4)] for what, (share, error, _) in found.items()
        }
        for name, found in results.items()
    }
    whole = {"studies": given.studies, "seed": given.seed}
    print(f"\n{time.perf_counter() - start:.0f} s, {sum(seconds.values()):.0f} CPU seconds")
    print(json.dumps(whole | told))


if __name__ == "__main__":
    main()
