"""A made-up study with everything in it, and hostile words where a careless page would break."""

from __future__ import annotations

import json
import math
import random
from typing import Any

import pandas as pd

from espalier.recommendation import Choice, Expected, NextRun, Recommendation, Transfer
from espalier.report.facts import Cost, Reply, StudyFacts, Verified
from espalier.results import Table, tidy

HOSTILE = "</script><img src=x onerror=alert(1)><!-- \u2028 {{ 7*7 }} '\"&\x00"
ABILITIES = ("math", "code", "general")
AMOUNTS = (16, 64, 256, 1024)
MODELS = {"xs": 4e5, "s": 1.3e6, "m": 4e6}


def score(ability: str, own: int, other: int, size: int, forgot: float = 0.0) -> float:
    """Return a plausible share."""
    grow = {"math": 0.09, "code": 0.075, "general": 0.02}[ability]
    start = {"math": 0.02, "code": 0.1, "general": 0.42}[ability]
    value = start + 0.03 * size + grow * math.log2(1 + own / 8)
    value += (0.05 if own < 100 else -0.03) * (other > 0)
    return min(max(value - forgot, 0.0), 0.98)


def rows(models: int = 1, seeds: int = 3, n: int = 200) -> list[dict[str, Any]]:
    """Return the rows of the table."""
    draw, out = random.Random(7), []

    def add(cell: dict[str, Any], ability: str, p: float, seed: int) -> None:
        share = sum(draw.random() < min(max(p + draw.gauss(0, 0.02), 0), 1) for _ in range(n)) / n
        key = f"{draw.getrandbits(64):016x}"
        chance = {"math": 0.0, "code": 0.0, "general": 0.25}[ability]
        common = {"n": n, "chance": chance, "seed": seed, "key": key, "metric": "exact"}
        out.append(cell | common | {"ability": ability, "score": share})
        loss = {"n": n, "seed": seed, "key": key + "n", "metric": "nll", "higher_is_better": False}
        if ability == "math":
            out.append(cell | loss | {"ability": ability, "score": 2.5 - 2 * p, "stderr": 0.04})

    for place, (model, parameters) in enumerate(list(MODELS.items())[:models]):
        base = {"model": model, "parameters": parameters}
        for ability in ABILITIES:
            add(
                base | {"strategy": "multitask", "stage": 0, "stages": 0, "amounts": "{}"},
                ability,
                score(ability, 0, 0, place),
                0,
            )
        for seed in range(seeds):
            for amount in AMOUNTS:
                one = {"strategy": "multitask", "stage": 1, "stages": 1}
                for source in ABILITIES:
                    single = one | {"design": "single", "amounts": json.dumps({source: amount})}
                    for ability in ABILITIES:
                        own = amount if ability == source else 0
                        add(base | single, ability, score(ability, own, 0, place), seed)
                mixed = one | {
                    "design": "together",
                    "amounts": json.dumps(dict.fromkeys(ABILITIES, amount)),
                }
                vary = one | {
                    "design": "vary:general",
                    "amounts": json.dumps({"math": 1024, "code": 1024, "general": amount}),
                }
                for ability in ABILITIES:
                    add(base | mixed, ability, score(ability, amount, 1, place), seed)
                    own = amount if ability == "general" else 1024
                    if amount < 1024:
                        add(base | vary, ability, score(ability, own, 1, place), seed)
            full = {"amounts": json.dumps(dict.fromkeys(ABILITIES, 1024)), "design": "together"}
            staged = [("sequential", None, 3, 0.45), ("mixed_sequential", None, 2, 0.3)]
            staged += [("dmt", k, 2, f) for k, f in ((1 / 64, 0.2), (1 / 16, 0.12), (1 / 4, 0.04))]
            for strategy, k, stages, forgot in staged:
                for stage in range(1, stages + 1):
                    cell = {"strategy": strategy, "k": k, "stage": stage, "stages": stages} | full
                    for ability in ABILITIES:
                        if ability == "general":
                            p = score(ability, 1024 if stage == stages else 0, 1, place)
                        else:
                            late = strategy == "sequential" and ability == "math" and stage == 1
                            lost = forgot if stage == stages else 0.0
                            p = score(ability, 0 if late else 1024, 1, place, lost)
                        add(base | cell, ability, p, seed)
    return out


def table(models: int = 1, seeds: int = 3) -> Table:
    """Return the study as the results table."""
    return tidy(pd.DataFrame(rows(models, seeds)))


def findings(models: int = 1) -> dict[str, Any]:
    """Return findings of every kind, in the JSON of the contract."""
    out: list[dict[str, Any]] = []

    def add(kind: str, ability: str, model: str, verdict: str, estimate: Any, **facts: Any) -> None:
        spread = facts.pop("spread", None)
        interval = (
            None if spread is None or estimate is None else [estimate - spread, estimate + spread]
        )
        out.append(
            {
                "kind": kind,
                "ability": ability,
                "model": model,
                "metric": "overall" if ability == "overall" else "exact",
                "suite": "" if ability == "overall" else ability,
                "protocol": "epochs",
                "higher_is_better": True,
                "estimate": estimate,
                "interval": interval,
                "verdict": verdict,
                "why": "" if interval else "one amount only",
                "noise": "seeds and items",
                "seeds": 3,
                "p": 0.01,
                "p_adjusted": 0.02,
                "rows": [f"{i:016x}" for i in range(9)],
            }
            | facts
        )

    for place, model in enumerate(list(MODELS)[:models]):
        for ability, verdict in zip(ABILITIES, ("grows", "grows", "plateaus"), strict=True):
            for design in ("single", "together"):
                mixed = int(design == "together")
                line = [
                    [a, p := score(ability, a, mixed, place), max(p - 0.03, 0), min(p + 0.03, 1)]
                    for a in (16 * 2 ** (i / 4) for i in range(25))
                ]
                gain = {"math": 0.082, "code": 0.068, "general": 0.018}[ability]
                plateau = (
                    {"plateau_at": 96, "plateau_interval": [50, 180]}
                    if verdict == "plateaus"
                    else {}
                )
                add(
                    "growth",
                    ability,
                    model,
                    verdict,
                    gain,
                    spread=0.011,
                    design=design,
                    form="log-linear",
                    line=line,
                    points=[],
                    source=ability,
                    origin="human",
                    base=0.1,
                    chance=0.0,
                    gain_per_doubling=gain,
                    **plateau,
                )
            for amount in AMOUNTS:
                gap = 0.05 if amount < 100 else -0.03
                sure = ability != "general" and amount != 256
                add(
                    "mixing",
                    ability,
                    model,
                    ("helps" if gap > 0 else "hurts") if sure else "tied",
                    gap,
                    spread=0.02 if sure else 0.06,
                    of="difference",
                    amount=amount,
                    source=ability,
                    mixture=dict.fromkeys(ABILITIES, amount),
                    single=0.5,
                    mixed=0.5 + gap,
                    others=2 * amount,
                )
            add(
                "mixing",
                ability,
                model,
                "hurts",
                128.0,
                spread=60.0,
                of="crossover",
                differences=[],
            )
            for k, lost in (
                ("sequential", -0.45),
                ("mixed_sequential", -0.3),
                ("dmt k=1/4", -0.02),
            ):
                verdict = "forgets" if lost < -0.1 and ability != "general" else "keeps"
                add(
                    "forgetting",
                    ability,
                    model,
                    verdict,
                    lost if verdict == "forgets" else -0.01,
                    spread=0.05,
                    strategy=k.split()[0],
                    label=k,
                    amounts=dict.fromkeys(ABILITIES, 1024),
                    stages=2,
                    best_stage=1,
                    scores=[[0, 0.1], [1, 0.6], [2, 0.3]],
                    k=0.25 if "k" in k else None,
                )
        for rank, label in enumerate(
            ("dmt k=1/4", "multitask", "mixed_sequential", "sequential"), 1
        ):
            add(
                "strategy",
                "overall",
                model,
                "better" if rank == 1 else "worse" if rank > 2 else "tied",
                0.05 - 0.04 * rank,
                spread=0.02,
                strategy=label.split()[0],
                label=label,
                against="multitask",
                rank=rank,
                rank_probability=0.91 if rank == 1 else 0.7,
                of_strategies=4,
                mixtures=1,
                score=0.7,
                differences=[],
                k=None,
                best_k=0.25,
                best_k_interval=[0.0625, 0.25],
            )
    add(
        "size",
        "math",
        "all",
        "grows",
        0.03,
        spread=0.01,
        models=[
            {
                "model": m,
                "parameters": p,
                "score": 0.3 + 0.1 * i,
                "interval": [0.25 + 0.1 * i, 0.35 + 0.1 * i],
            }
            for i, (m, p) in enumerate(MODELS.items())
        ],
        inversions=[],
        cells=4,
        gain_per_doubling=0.03,
    )
    add(
        "factors",
        "general",
        "xs",
        "amount",
        0.02,
        spread=0.01,
        cells=9,
        amount={
            "effect": 0.02,
            "interval": [0.01, 0.03],
            "share": 0.7,
            "share_interval": [0.5, 0.8],
            "p_adjusted": 0.01,
        },
        ratio={
            "effect": 0.0,
            "interval": [-0.01, 0.01],
            "share": 0.1,
            "share_interval": [0.0, 0.3],
            "p_adjusted": 0.9,
        },
    )
    add(
        "ood",
        "exam",
        "xs",
        "follows",
        0.8,
        spread=0.15,
        cells=12,
        gains=[[0.05 * i, 0.03 * i + (i % 3) * 0.01] for i in range(12)],
    )
    add(
        "exchange",
        "math",
        "xs",
        "human better",
        3.2,
        spread=1.1,
        human="math",
        synthetic="math_rft",
        rates=[
            {"amount": a, "rate": r, "interval": [r / 1.5, r * 1.6], "why": ""}
            for a, r in ((16, 2.0), (64, 2.9), (256, 4.4))
        ]
        + [{"amount": 1024, "rate": None, "interval": None, "why": "beyond the ceiling"}],
        ceiling=0.55,
        ceiling_interval=[0.5, 0.6],
    )
    add(
        "sensitivity",
        "all",
        "all",
        "undecided",
        None,
        abilities=[
            {"ability": a, "complexity": 0.3 + i / 9, "transference": 0.2 / (1 + i)}
            | {"gain": 0.05 - i / 80, "predicted": 0.04 - i / 90}
            for i, a in enumerate(ABILITIES)
        ],
        definitions={"complexity": "our own measure"},
    )
    claims = [
        {
            "id": "dong2023.1",
            "text": "Abilities scale differently.",
            "verdict": "holds",
            "because": "Math gains 8 points per doubling, general 2.",
            "findings": [0, 4],
        },
        {
            "id": "dong2023.2",
            "text": "Mixing helps at low amounts and hurts at full amount.",
            "verdict": "undecided",
            "because": "Only math shows both.",
            "findings": [2],
        },
        {
            "id": "song2023.4",
            "text": "Ethics resists.",
            "verdict": "not tested",
            "because": "No ability called ethics.",
            "findings": [],
        },
        {
            "id": "dong2023.5",
            "text": "k trades general against specialised.",
            "verdict": "fails",
            "because": HOSTILE,
            "findings": [3],
        },
    ]
    left_out = [{"what": "rows without a score", "why": "unscored", "rows": [3, 4]}]
    return {"version": 1, "findings": out, "claims": claims, "left_out": left_out}


def choice(
    label: str, math_: int, code: int, general: int, *, k: float | None = None, measured: bool
) -> Choice:
    """Return a recipe with what it is expected to score."""
    amounts = {"math": math_, "code": code, "general": general}
    expected = []
    for ability, own in amounts.items():
        p = score(ability, own, 1, 0, 0.0 if k is None else 0.02)
        reach = 0.02 if measured else 0.04
        floor = {"floor": 0.4, "floor_probability": 0.97} if ability == "general" else {}
        span = (p - reach, p + reach)
        expected.append(Expected(ability=ability, metric="exact", score=p, interval=span, **floor))
    stages = ({"math": math_, "code": code}, {"general": general, "math": math_ // 4})
    utility = sum(e.score for e in expected) / 3
    return Choice(
        label=label,
        amounts=amounts,
        strategy="multitask" if k is None else "dmt",
        k=k,
        stages=(amounts,) if k is None else stages,
        expected=tuple(expected),
        utility=utility,
        utility_interval=(utility - 0.02, utility + 0.02),
        measured=measured,
        cost={"rows": float(math_ + code + general), "tokens": 2.5e5},
    )


def recommendation() -> Recommendation:
    """Return a recommendation with everything in it."""
    return Recommendation(
        model="xs",
        protocol="epochs",
        budget={"rows": 3072.0},
        utility={"math": 2.0, "code": 1.0, "general": 1.0},
        floors={"general": 0.4},
        choice=choice("recommended", 1500, 1200, 300, k=0.25, measured=False),
        baselines=(
            choice("uniform", 1024, 1024, 1024, measured=True),
            choice("proportional", 1024, 1024, 1024, measured=True),
            choice("everything", 1024, 1024, 1024, measured=True),
            choice("best measured", 1024, 1024, 256, measured=True),
        ),
        regret=0.011,
        regret_interval=(0.0, 0.034),
        best_probability=0.83,
        front=tuple(
            choice(f"front {i}", 300 * i + 60, 2500 - 240 * i, 512 - 40 * i, measured=False)
            for i in range(9)
        ),
        region=dict.fromkeys(ABILITIES, (16, 1024)),
        beyond=("1,500 rows of math: at most 1,024 were measured (1.46 times)",),
        rests_on={"cells": 42, "runs": 126, "rows": 504},
        fit={
            a: {
                "form": "Gaussian process on log rows (ours)",
                "error_left_out": 0.012,
                "error_left_out_in_its_own_sd": 0.9,
                "noise_of_a_run": 0.02,
                "worth": dict.fromkeys(ABILITIES, 0.25) | {a: 1.0},
            }
            for a in ABILITIES
        },
        next_runs=(
            NextRun(
                model="xs",
                amounts={"math": 2048, "code": 1024, "general": 256},
                strategy="dmt",
                k=0.25,
                seeds=2,
                regret_saved=0.006,
                why="whether more math is better; its utility is known to ±0.012",
            ),
        ),
        transfer=(
            Transfer(
                smaller="xs",
                larger="s",
                rank_agreement=0.71,
                interval=(0.4, 0.9),
                cells=14,
                verdict="transfers",
            ),
        ),
        warnings=(
            "a single seed: how much runs scatter is guessed from how well the surfaces fit",
        ),
    )


def verified() -> tuple[Verified, ...]:
    """Return what training the recommended recipe and a baseline measured."""
    return tuple(
        Verified(
            label=label,
            ability=ability,
            metric="exact",
            predicted=p,
            interval=(p - 0.04, p + 0.04),
            measured=p + gap,
            measured_interval=(p + gap - 0.03, p + gap + 0.03),
            key="ab" * 8,
        )
        for label, gap in (("recommended", 0.01), ("uniform", -0.06))
        for ability, p in (("math", 0.6), ("code", 0.55), ("general", 0.5))
    )


def facts() -> StudyFacts:
    """Return what a study run here would add."""
    return StudyFacts(
        name="quickstart",
        question="How should math, code and general chat be mixed for a tiny model?",
        study="name: quickstart\n# " + HOSTILE + "\nmodels:\n  - {name: xs, path: 'tunnel:xs'}\n",
        cost=Cost(
            cells=126,
            stages_asked=160,
            stages_trained=118,
            cpu_minutes=6.4,
            minutes_saved=1.9,
            wall_minutes=3.5,
        ),
        not_run=(
            ("train 91ab54 (dmt k=1/64, seed 2)", "killed by the user"),
            ("score " + HOSTILE, "needs the step above"),
        ),
        provenance={
            "espalier": "0.1.0",
            "store": "runs/quickstart",
            "run": "2026-11-21",
            "machine": "2 cores, 8 GB",
        },
        replies=(
            Reply(
                ability="math",
                prompt="What is 3 + 4 * 2?",
                reply="4 * 2 = 8, 3 + 8 = 11 #### 11",
                reference="#### 11",
                score=1.0,
                of="xs, dmt k=1/4",
            ),
            Reply(
                ability="code",
                prompt="Write a function that reverses a list.",
                reply=HOSTILE,
                reference="def f(x): return x[::-1]",
                score=0.0,
                of="xs, sequential",
            ),
            Reply(
                ability="general",
                prompt="Who keeps bees in Orla?",
                reply="\ud83d lone surrogate and a very long line " + "x" * 400,
                reference="Mira keeps bees.",
                score=0.0,
                of="xs, multitask",
            ),
            Reply(ability="math", prompt="What is 2 - 5?", reply="", of="xs, multitask"),
            Reply(ability="math", prompt="2 + 2?", reply="#### 5", score=0.0, of="xs, untuned"),
            Reply(ability="general", prompt="Tell me.", reply="No.", score=0.4, of="xs, untuned"),
        ),
        verified=verified(),
    )
