"""Adaptive studies: what comes first, what is decided, and that a kill changes nothing."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from runpy import run_path
from typing import Any, get_args

import numpy as np
import pytest

import mini
from conftest import Cli
from espalier.adaptive import (
    Grid,
    Look,
    Scores,
    grid,
    left_open,
    look,
    reasons,
    steps_of,
    table,
)
from espalier.analysis import analyze, doubts, withhold
from espalier.finding import NO_EFFECT, VERDICTS
from espalier.load import load
from espalier.plan import Plan, plan
from espalier.steps.train import Train
from espalier.study import Kind


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    """Return a plan whose dearest cells cost sixteen times the cheapest."""
    file = mini.study(
        tmp_path_factory.mktemp("adaptive"),
        sources=[mini.BASE["sources"][0], mini.BASE["sources"][2]],
        designs=[
            {"name": "single", "rows": [8, 32, 128]},
            {"name": "together", "rows": [8, 32], "strategies": ["multitask"]},
            {"name": "together", "rows": 128},
        ],
        strategies=[
            "multitask",
            {"name": "sequential", "order": ["math", "general"]},
            {"name": "dmt", "general": "general", "k": "1/4"},
        ],
        seeds=4,
        measure="every_stage",
        abilities=[{"use": f"tunnel:{name}", "items": 3} for name in ("math", "general")],
        train={"epochs": 2, "batch_size": 4, "max_length": 256},
    )
    return plan(load(file))


@pytest.fixture(scope="module")
def made(planned: Plan) -> Grid:
    return grid(planned)


def measured(planned: Plan, *, lost: float, noise: float = 0.004, seed: int = 0) -> Scores:
    """Score growth with own rows, which sequential training undoes by a share `lost`."""
    random = np.random.default_rng(seed)
    found: dict[str, dict[str, Any]] = {}
    for m in planned.measurements:
        stages = m.cell.stages[: m.stage] if m.cell else ()
        own = max((stage.get(m.use.name, 0) for stage in stages), default=0)
        score = 0.1 + 0.08 * np.log2(1 + own)
        if own and not stages[-1].get(m.use.name):
            score -= lost * (score - 0.1)
        score = float(np.clip(score + random.normal(0, noise), 0, 1))
        numbers = {"score": score, "stderr": 0.004, "n": 3000, "metric": "accuracy"}
        found.setdefault(m.score.key, numbers | {"chance": None, "higher_is_better": True})
    return found


def run_through(made: Grid, scores: Scores) -> tuple[list[Look], list[int]]:
    looks, asked = [look(made, (), {})], list[int]()
    while looks[-1].cells:
        asked += looks[-1].cells
        looks.append(look(made, asked, scores))
    return looks, asked


@pytest.fixture(scope="module")
def clear(planned: Plan, made: Grid) -> tuple[Scores, list[Look], list[int]]:
    scores = measured(planned, lost=0.8)
    return scores, *run_through(made, scores)


def test_the_first_batch_is_cheap_sees_every_ability_and_repeats_some_cells(made: Grid) -> None:
    first = look(made, (), {}).cells
    assert 0 < made.cost(first) <= made.full * made.settings.budget / 2
    runs = [made.cells[i].condition for i in first]
    assert len(set(runs)) < len(runs)
    assert {rows for _, rows, *_ in runs} >= {f"[('{n}', 8)]" for n in ("math", "general")}
    dearest = max(range(len(made.cells)), key=lambda i: made.cost([i]))
    assert dearest not in first


def test_a_study_may_ask_for_every_kind_of_finding() -> None:
    assert get_args(Kind) == tuple(VERDICTS)


def test_what_cells_share_costs_once(made: Grid, planned: Plan) -> None:
    every = range(len(made.cells))
    assert made.full == pytest.approx(sum(planned.work[s.key].tokens for s in planned.stages))
    assert made.full < sum(made.cost([i]) for i in every)


def test_clear_effects_are_decided_as_the_full_grid_decides_them(
    made: Grid, clear: tuple[Scores, list[Look], list[int]]
) -> None:
    scores, looks, asked = clear
    assert made.cost(asked) <= 0.4 * made.full
    short, full = (
        {
            (f.kind, f.ability, f.facts.get("label")): f.verdict
            for f in analyze(table(made, {key: scores[key] for key in keys})).findings
            if f.kind in ("growth", "forgetting")
        }
        for keys in (made.measures(asked), scores.keys())
    )
    assert short == full
    assert set(full.values()) >= {"grows", "forgets", "keeps"}
    known = {(q.subject[0], q.subject[1], q.subject[5]): q for q in looks[-1].questions}
    assert known["growth", "math", "math"].answer == "grows"
    assert known["forgetting", "math", "sequential"].decided
    assert known["forgetting", "math", "sequential"].answer == "forgets"


def test_a_search_ends_and_says_why(
    made: Grid, clear: tuple[Scores, list[Look], list[int]]
) -> None:
    _, looks, asked = clear
    assert looks[-1].why in ("every question is decided", "the budget is spent")
    assert len(set(asked)) == len(asked)
    assert [step.spent for step in looks] == sorted(step.spent for step in looks)


def test_fewer_questions_cost_less(planned: Plan, made: Grid) -> None:
    scores = measured(planned, lost=0.8)
    only = replace(made, settings=made.settings.model_copy(update={"questions": ("growth",)}))
    looks, asked = run_through(only, scores)
    assert looks[-1].why == "every question is decided"
    assert {q.subject[0] for q in looks[-1].questions} == {"growth"}
    assert made.cost(asked) < made.cost(run_through(made, scores)[1])


def test_with_the_whole_budget_a_hard_study_may_become_the_grid(planned: Plan, made: Grid) -> None:
    wide = made.settings.model_copy(update={"budget": 1.0, "batch": 0.3, "sure": 0.99})
    looks, asked = run_through(
        replace(made, settings=wide), measured(planned, lost=0.02, noise=0.03)
    )
    assert looks[-1].why in ("the grid is complete", "every question is decided")
    assert made.cost(asked) <= made.full


def test_without_an_effect_none_is_found(planned: Plan, made: Grid) -> None:
    random = np.random.default_rng(1)
    flat = {
        key: {**of, "score": 0.4 + random.normal(0, 0.02)}
        for key, of in measured(planned, lost=0.0).items()
    }
    looks, _ = run_through(made, flat)
    assert {q.answer for q in looks[-1].questions} <= {
        *("tied", "keeps", "resists", "undecided", "neither"),
    }


def test_an_effect_is_told_only_where_it_is_decided(
    made: Grid, clear: tuple[Scores, list[Look], list[int]]
) -> None:
    scores, looks, asked = clear
    doubted = replace(
        looks[-1],
        questions=tuple(replace(q, decided=False, sure=0.5) for q in looks[-1].questions),
    )
    assert {q.told for q in doubted.questions} <= set(NO_EFFECT)
    found = analyze(table(made, {key: scores[key] for key in made.measures(asked)}))
    assert withhold(found, lambda _: "") == found
    cautious = withhold(found, doubts(left_open(doubted)))
    assert {f.verdict for f in cautious.findings} <= set(NO_EFFECT)
    taken = [
        after.why
        for before, after in zip(found.findings, cautious.findings, strict=True)
        if before.verdict != after.verdict
    ]
    assert taken
    assert all("ended with this open" in why and "50%" in why for why in taken)
    assert any("most of them" in why for why in taken)
    assert len(cautious.claims) == len(found.claims)


def test_only_the_scores_of_cells_asked_for_count(
    made: Grid, clear: tuple[Scores, list[Look], list[int]]
) -> None:
    scores, looks, _ = clear
    first = looks[0].cells
    fewer = {key: scores[key] for key in made.measures(first)}
    assert look(made, first, fewer) == looks[1] == look(made, first, scores)


def test_cells_that_failed_are_not_asked_for_again(
    made: Grid, clear: tuple[Scores, list[Look], list[int]]
) -> None:
    scores, looks, _ = clear
    first = looks[0].cells
    failed = made.cells[first[-1]].measures
    found = look(made, first, {key: of for key, of in scores.items() if key not in failed})
    assert not set(found.cells) & set(first)
    unscored = {key: {**of, "score": None} for key, of in scores.items()}
    assert look(made, first, unscored).why == "nothing could be measured"


def test_every_stage_that_is_not_run_has_its_reason(
    planned: Plan, made: Grid, clear: tuple[Scores, list[Look], list[int]]
) -> None:
    _, looks, asked = clear
    told = reasons(made, asked, looks[-1])
    run = steps_of(planned, made, asked)
    assert told.keys() == {step.key for step in planned.stages} - run.keys()
    assert set(told.values()) <= {"adaptive: the budget is spent", "not needed: decided without it"}
    assert all(parent.key in run for step in run.values() for parent in step.parents)


def test_losses_are_searched_as_well_as_shares(planned: Plan, made: Grid) -> None:
    losses = {
        key: {**of, "score": 4 - 2 * of["score"], "higher_is_better": False, "metric": "nll"}
        for key, of in measured(planned, lost=0.8).items()
    }
    looks, _ = run_through(made, losses)
    known = {(q.subject[0], q.subject[1], q.subject[5]): q.answer for q in looks[-1].questions}
    assert known["growth", "math", "math"] == "grows"
    assert known["forgetting", "math", "sequential"] == "forgets"


def test_a_study_is_run_adaptively_again_for_nothing_and_completed(
    base: Path, tmp_path: Path, cli: Cli
) -> None:
    file = mini.study(
        tmp_path,
        models=[{"name": "tiny", "path": str(base)}],
        designs=[{"name": "single", "rows": [4, 16], "of": ["math", "code"]}],
        seeds=3,
        abilities=[{"use": "tunnel:math", "items": 2}],
        train={"epochs": 1, "batch_size": 4, "max_length": 256},
        adaptive={"budget": 0.5, "sure": 0.9},
    )
    line = ("run", file, "--store", tmp_path / "runs", "--workers", "0", "--json", "--out")
    plain = cli(*line[:-2], "--adaptive", "--out", tmp_path / "a")
    assert plain.status == 0, plain.err
    assert "Round 1: " in plain.out
    assert "Ended: " in plain.out
    again = json.loads(cli(*line, tmp_path / "b", "--adaptive").out)
    assert (again["steps"]["made"], again["steps"]["failed"]) == (0, 0)
    assert 0 < again["adaptive"]["share"] <= 0.5
    one, other = ((tmp_path / out / "results.csv").read_bytes() for out in "ab")
    assert one == other
    page = (tmp_path / "a/report.html").read_text()
    assert "budget is spent" in page or "decided without it" in page
    whole = json.loads(cli(*line, tmp_path / "c").out)
    assert whole["steps"]["made"] > 0
    planned = plan(load(file))
    present = list((tmp_path / "runs").glob("train/*/step.json"))
    assert len(present) == sum(isinstance(step, Train) for step in planned.steps.values())
    # What else the store holds changes nothing, so a killed run asks for the same cells again.
    later = json.loads(cli(*line, tmp_path / "d", "--adaptive").out)
    assert later["adaptive"] == again["adaptive"]


def test_a_plan_tells_what_an_adaptive_run_begins_with(tmp_path: Path, cli: Cli) -> None:
    file = mini.study(tmp_path, seeds=3)
    told = json.loads(cli("plan", file, "--store", tmp_path / "runs", "--adaptive", "--json").out)
    facts = told["adaptive"]
    assert facts["first_tokens"] <= facts["tokens_budget"] / 2 < facts["tokens_full"]
    assert facts["questions"] > 0
    said = cli("plan", file, "--store", tmp_path / "runs", "--adaptive").out
    assert f"It begins with {len(facts['first'])} cells" in said
    assert "seed 0/0" in said


def test_each_protocol_has_its_own_questions_and_the_untuned_model_is_in_both(
    tmp_path: Path,
) -> None:
    file = mini.study(
        tmp_path,
        designs=[{"name": "single", "rows": [8, 32, 128], "of": "math"}],
        seeds=2,
        train={"epochs": 2, "batch_size": 4, "max_length": 256},
        protocols=["epochs", {"name": "updates", "updates": 8}],
    )
    asked = plan(load(file))
    made = grid(asked)
    assert {q.subject[-1] for q in look(made, (), {}).questions} == {"epochs", "updates"}
    scores = measured(asked, lost=0.0)
    told = look(made, range(len(made.cells)), scores).questions
    growth = {q.subject[-1]: q.answer for q in told if q.subject[0] == "growth"}
    assert growth == {"epochs": "grows", "updates": "grows"}
    assert [q.label for q in told if "updates" in q.label] != []


def test_the_bench_measures_studies_of_the_code_as_it_is() -> None:
    bench = run_path(str(Path(__file__).parents[1] / "bench/adaptive.py"))
    told = bench["shares"]([bench["one"](0, seed=0, null=True, replicates=3)])
    assert told["questions"] > 20
    assert told["tokens_most"] <= 0.41
