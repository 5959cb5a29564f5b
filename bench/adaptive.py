"""Whether adaptive studies say what their full grids say, and for how much training.

    python bench/adaptive.py [--studies 200] [--null 200] [--seed 0] [--processes 1]
    python bench/adaptive.py --tunnel STORE [--workers 2] [--yardstick]

Simulated: the plan is that of a true study; an oracle of known truth takes the place of training
(growth of four forms, mixing that helps, hurts or turns, forgetting that replay mends; drawn size
and noise, which in half of the studies grows with the rows; 3 or 5 seeds, since of two a single
run of every cell costs half the grid).  Each study is run adaptively and in full on the same
scores, and, as the yardstick of what agreement is possible, in full again with other noise.
Questions are those that the full grid bears: "agree" is the share of them for which the adaptive
run expects what the full grid says, "told" the same of what it tells, where what is open is no
effect, "clear" as "agree" for those that both full grids answer alike, "decided" those that the
adaptive run calls so.  "likely" holds how often it is right against how sure it says it is.  Null
studies know no effect at all: counted is how many tell one, and how many expect one.

Tunnel: `studies/adaptive.yaml` is run adaptively in a new store, then completed, truly trained;
with --yardstick a full grid of three other seeds is trained as well.

The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import lru_cache, partial
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

import mini
from espalier.adaptive import Grid, Look, Scores, Subject, answers, grid, look, table
from espalier.analysis import analyze, analyze_each
from espalier.finding import VERDICTS
from espalier.load import find, load
from espalier.plan import Plan, plan
from espalier.results import read

ABILITIES = ("math", "code", "general")
NONE = {"tied", "keeps", "undecided", "resists", "neither", "does not follow", "does not predict"}
INTERFERENCE = {"helps", "hurts", "forgets", "ratio"}
Truth = Callable[[tuple[Mapping[str, int], ...], str], float]
"""stages, ability -> the expected score"""


@lru_cache(maxsize=8)
def study(seeds: int) -> tuple[Plan, Grid]:
    """Plan a study of both papers' questions; nothing of it is ever trained."""
    with tempfile.TemporaryDirectory() as folder:
        file = mini.study(
            Path(folder),
            sources=[{"name": n, "path": f"tunnel:{n}?rows=4200"} for n in ABILITIES],
            designs=[
                {"name": "single", "rows": [64, 256, 1024, 4096]},
                {"name": "together", "rows": [64, 256, 1024], "strategies": ["multitask"]},
                {"name": "together", "rows": 4096},
            ],
            strategies=[
                "multitask",
                {"name": "sequential", "order": list(ABILITIES)},
                {"name": "mixed_sequential", "general": "general"},
                {"name": "dmt", "general": "general", "k": ["1/256", "1/64", "1/16", "1/4"]},
            ],
            seeds=seeds,
            measure="every_stage",
            abilities=[{"use": f"tunnel:{n}", "items": 3} for n in ABILITIES],
            train={"epochs": 3, "batch_size": 16, "max_length": 512},
        )
        planned = plan(load(file))
        return planned, grid(planned)


# --- truths ---------------------------------------------------------------------------------


def nothing(_: Any, ability: str) -> float:
    """Score the same whatever is done."""
    return {"math": 0.3, "code": 0.5, "general": 0.6}[ability]


def surface(random: np.random.Generator) -> Truth:
    """Draw a truth: each ability grows, is mixed with and is forgotten in its own way.

    In half of the studies every condition lies beside that by an amount of its own, which no
    forecast can know.
    """
    parts = {ability: _ability(random) for ability in ABILITIES}
    sd = float(random.choice([0.0, 0.01]))
    beside: dict[tuple[str, str], float] = defaultdict(lambda: random.normal(0, sd))

    def truth(stages: tuple[Mapping[str, int], ...], ability: str) -> float:
        moved = beside[str(stages), ability]
        return float(np.clip(parts[ability](stages, ability) + moved, 0.0, 1.0))

    return truth


def _ability(random: np.random.Generator) -> Truth:
    bottom = random.uniform(0.05, 0.3)
    rise = random.uniform(0.15, 0.5)
    form = str(random.choice(["flat", "line", "power", "logistic"], p=[0.1, 0.4, 0.25, 0.25]))
    mix = str(random.choice(["none", "helps", "hurts", "turns"], p=[0.4, 0.15, 0.2, 0.25]))
    strength, turn = random.uniform(0.02, 0.1), random.uniform(7, 11)
    lost = float(random.choice([0.0, random.uniform(0.1, 0.9)]))
    mended = random.uniform(3, 9)  # doublings of replayed rows that mend half of it

    def grown(own: int) -> float:
        x = np.log2(own / 64) / 6 if own else -1.0
        if form == "flat" or x < 0:
            return bottom
        if form == "line":
            return bottom + rise * (0.1 + 0.9 * x)
        if form == "power":
            return bottom + rise * (1 - 0.9 * 2 ** (-5 * x))
        return float(bottom + rise / (1 + np.exp(-10 * (x - 0.5))))

    def mixed(own: int, others: int) -> float:
        if mix == "none" or not own or not others:
            return 0.0
        size = {"helps": 1.0, "hurts": -1.0, "turns": (turn - np.log2(own)) / 2}[mix]
        return strength * float(np.clip(size, -1.5, 1.5))

    def truth(stages: tuple[Mapping[str, int], ...], ability: str) -> float:
        if not stages:
            return bottom / 2
        most: dict[str, int] = {}
        for stage in stages:
            for source, rows in stage.items():
                most[source] = max(rows, most.get(source, 0))
        own = most.get(ability, 0)
        others = sum(most.values()) - own
        level = grown(own) + mixed(own, others)
        last = stages[-1].get(ability, 0)
        if own and last < own:
            replay = np.log2(1 + last) / mended
            level -= lost * (level - bottom / 2) * 2 ** (-(replay**2))
        return float(np.clip(level, 0.0, 1.0))

    return truth


def measure(
    planned: Plan,
    truth: Truth,
    random: np.random.Generator,
    *,
    run_sd: float,
    growing: float,
    seed_sd: float,
    items: int,
) -> Scores:
    """Return what every measurement of the full grid scores: truth, run, seed and items.

    Runs scatter by `run_sd`, and by `growing` times more with each doubling of rows beyond 64.
    """
    found: dict[str, dict[str, Any]] = {}
    runs: dict[tuple[str, str], float] = {}
    shared: dict[tuple[int, str], float] = defaultdict(lambda: random.normal(0, seed_sd))
    for m in planned.measurements:
        if m.score.key in found:
            continue
        stages = tuple(m.cell.stages[: m.stage]) if m.cell else ()
        mean = truth(stages, m.use.name)
        if m.cell:
            where = (m.score.answer.checkpoint.key, m.use.name)
            rows = max(sum(stage.values()) for stage in stages)
            sd = run_sd * (1 + growing * np.log2(rows / 64))
            runs.setdefault(where, random.normal(0, sd))
            mean += runs[where] + shared[m.cell.seed, m.use.name]
        score = random.binomial(items, min(max(mean, 0.0), 1.0)) / items
        found[m.score.key] = {
            "metric": "accuracy",
            "score": score,
            "stderr": float(np.sqrt(score * (1 - score) / items)),
            "n": items,
            "chance": None,
            "higher_is_better": True,
        }
    return found


# --- one study ------------------------------------------------------------------------------


def verdicts(made: Grid, scores: Scores) -> dict[Subject, str]:
    """Return the answers that a table of these scores bears."""
    (findings,) = analyze_each(table(made, scores), VERDICTS, lambda _: "").values()
    return {subject: answer for subject, (answer, _) in answers(findings).items()}


def adapt(made: Grid, scores: Scores) -> tuple[list[int], int, Look]:
    """Run adaptively, with known scores in place of training."""
    asked: list[int] = []
    rounds = 0
    while True:
        seen = look(made, asked, scores)
        if not seen.cells:
            return asked, rounds, seen
        asked += seen.cells
        rounds += 1


def one(number: int, *, seed: int, null: bool, replicates: int | None) -> dict[str, Any]:
    """Simulate one study adaptively, in full, and in full again with other noise."""
    random = np.random.default_rng([seed, number, int(null)])
    truth = nothing if null else surface(random)
    noise: dict[str, Any] = {
        "run_sd": float(random.uniform(0.003, 0.03)),
        "growing": float(random.choice([0.0, 0.5])),
        "seed_sd": float(random.choice([0.0, 0.01])),
        "items": int(random.choice([200, 500, 1319])),
    }
    planned, made = study(replicates or int(random.choice([3, 5])))
    scores, others = (measure(planned, truth, random, **noise) for _ in range(2))
    begun = time.process_time()
    asked, rounds, last = adapt(made, scores)
    took = time.process_time() - begun
    known = {question.subject: question for question in last.questions}
    full = verdicts(made, scores)
    again = verdicts(made, others)
    return {
        "tokens": made.cost(asked) / made.full,
        "rounds": rounds,
        "why": last.why,
        "seconds": took,
        "growing": noise["growing"],
        "seeds": len(planned.study.seeds.pairs),
        "answers": [
            Answer(
                kind=subject[0],
                told=q.told if q else "undecided",
                expected=q.expected if q else "undecided",
                likely=q.likely if q else 0.0,
                decided=bool(q and q.decided),
                full=answer,
                again=again[subject],
            )
            for subject, answer in full.items()
            for q in [known.get(subject)]
        ],
    }


class Answer(NamedTuple):
    """One question that the full grid bears, and what each says of it."""

    kind: str
    told: str
    expected: str
    likely: float
    decided: bool
    full: str
    again: str
    """What the full grid with other noise says."""

    @property
    def agrees(self) -> bool:
        """Say whether the full grid says what was expected of it."""
        return self.expected == self.full

    @property
    def clear(self) -> bool:
        """Say whether both full grids answer alike."""
        return self.full == self.again


def shares(results: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return how often adaptive and full grids answer alike, overall and by kind."""
    every: list[Answer] = [answer for result in results for answer in result["answers"]]
    kinds = {
        kind: [a for a in every if a.kind == kind] for kind in dict.fromkeys(a.kind for a in every)
    }
    kinds = {"all": every} | kinds
    seeds = sorted({r["seeds"] for r in results})
    by_seeds = {n: [a for r in results if r["seeds"] == n for a in r["answers"]] for n in seeds}
    swaps = Counter(f"{a.kind}: {a.full} -> {a.expected}" for a in every if not a.agrees)
    return {
        "studies": len(results),
        "questions": len(every),
        "tokens_median": round(float(np.median([r["tokens"] for r in results])), 3),
        "tokens_most": round(max(r["tokens"] for r in results), 3),
        "rounds_mean": round(float(np.mean([r["rounds"] for r in results])), 1),
        "seconds_mean": round(float(np.mean([r["seconds"] for r in results])), 2),
        "ended": dict(Counter(r["why"] for r in results)),
        "agree": {kind: _share(a.agrees for a in own) for kind, own in kinds.items()},
        "yardstick": {kind: _share(a.clear for a in own) for kind, own in kinds.items()},
        "clear": {kind: _share(a.agrees for a in own if a.clear) for kind, own in kinds.items()},
        "told": _share(a.told == a.full for a in every),
        "decided": _share(a.decided for a in every),
        "told_where_decided": _share(a.told == a.full for a in every if a.decided),
        "agree_where_open": _share(a.agrees for a in every if not a.decided),
        "adaptive_against_other_full": _share(a.expected == a.again for a in every),
        "likely": {
            f"{low:g} to {high:g}": (_share(a.agrees for a in own), len(own))
            for low, high in pairwise((0.0, 0.6, 0.7, 0.8, 0.9, 1.0))
            if (own := [a for a in every if low < a.likely <= high])
        },
        "by_seeds": {n: _share(a.agrees for a in own) for n, own in by_seeds.items()},
        "yardstick_by_seeds": {n: _share(a.clear for a in own) for n, own in by_seeds.items()},
        "most_frequent_disagreements": dict(swaps.most_common(8)),
    }


def false_alarms(results: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return how many null studies report an effect: adaptive, and in full."""
    told: dict[str, list[bool]] = defaultdict(list)
    for result in results:
        steady = "noise grows" if result["growing"] else "noise is alike"
        for name in ("told", "expected", "full"):
            said = {word for a in result["answers"] for word in getattr(a, name).split(" and ")}
            told[f"{name}: any effect"].append(bool(said - NONE))
            told[f"{name}: any effect, {steady}"].append(bool(said - NONE))
            told[f"{name}: helps, hurts, forgets, ratio"].append(bool(said & INTERFERENCE))
    return {"studies": len(results)} | {name: _share(hits) for name, hits in told.items()}


def _share(hits: Iterable[bool]) -> float | None:
    listed = list(hits)
    return round(float(np.mean(listed)), 4) if listed else None


def simulate(count: int, *, processes: int, **options: Any) -> list[dict[str, Any]]:
    """Simulate so many studies."""
    task: Callable[[int], dict[str, Any]] = partial(one, **options)
    if processes == 1:
        return [task(number) for number in range(count)]
    with ProcessPoolExecutor(processes) as pool:
        return list(pool.map(task, range(count), chunksize=4))


# --- a true study ---------------------------------------------------------------------------


def tunnel(store: Path, *, workers: int, yardstick: bool) -> dict[str, Any]:
    """Run the tunnel's study adaptively, then its full grid, and compare the answers."""

    def run(out: str, *options: str) -> dict[str, Any]:
        command = [sys.executable, "-m", "espalier.cli", "run", "adaptive", *options, "--json"]
        command += ["--store", str(store), "--workers", str(workers), "--out", str(store / out)]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        told: dict[str, Any] = json.loads(done.stdout)
        return told

    def answered(out: str) -> dict[Subject, str]:
        files = ("results.csv", "sources.yaml", "items.parquet")
        findings = analyze(read(*(store / out / file for file in files))).findings
        return {subject: answer for subject, (answer, _) in answers(findings).items()}

    adaptive = run("adaptive", "--adaptive")["adaptive"]
    run("full")
    questions = {tuple(q["subject"]): q for q in adaptive["questions"]}
    full = answered("full")
    asked = set(adaptive_kinds())
    kept = {s: questions[s] for s in full if s[0] in asked and s in questions}
    decided = [s for s, q in kept.items() if q["decided"]]
    agree = {s: q["expected"] == full[s] for s, q in kept.items()}
    result: dict[str, Any] = {
        "tokens": adaptive["share"],
        "rounds": len(adaptive["rounds"]),
        "ended": adaptive["ended"],
        "questions": len(kept),
        "decided": len(decided),
        "told_where_decided": _share(kept[s]["answer"] == full[s] for s in decided),
        "told": _share(q["answer"] == full[s] for s, q in kept.items()),
        "agree": _share(agree.values()),
        "disagreements": {
            " ".join(s): f"{full[s]} -> {kept[s]['expected']}, {kept[s]['likely']:.0%}"
            for s, same in agree.items()
            if not same
        },
    }
    if yardstick:
        run("again", "seeds=[3,4,5]")
        again = answered("again")
        result["yardstick"] = _share(again.get(s) == full[s] for s in kept)
        result["clear"] = _share(agree[s] for s in kept if again.get(s) == full[s])
    return result


def adaptive_kinds() -> tuple[str, ...]:
    """Return the kinds of questions that the tunnel's study asks."""
    return load(find("adaptive")).adaptive.questions


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=200)
    parser.add_argument("--null", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--replicates", type=int, help="seeds of every study; default: 3 or 5")
    parser.add_argument("--tunnel", type=Path, help="a folder for the store of the true study")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--yardstick", action="store_true")
    given = parser.parse_args()
    if given.tunnel:
        result = tunnel(given.tunnel, workers=given.workers, yardstick=given.yardstick)
        print(json.dumps({"tunnel": result}))
        return
    told: dict[str, Any] = {}
    options = {n: getattr(given, n) for n in ("seed", "processes", "replicates")}
    if given.studies:
        told["simulated"] = shares(simulate(given.studies, null=False, **options))
        print(json.dumps(told["simulated"], indent=1), flush=True)
    if given.null:
        told["null"] = false_alarms(simulate(given.null, null=True, **options))
        print(json.dumps(told["null"], indent=1), flush=True)
    print(json.dumps(told))


if __name__ == "__main__":
    main()
