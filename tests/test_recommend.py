"""The recommendation: right on surfaces whose optimum is known, honest where nothing is known."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from io import StringIO
from itertools import combinations, pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from conftest import Cli
from espalier.analysis._evidence import collect
from espalier.commands._recommend import around, beside, percent
from espalier.errors import SpecError
from espalier.recommend import Setting, recommend
from espalier.recommend._asked import ask
from espalier.recommend._cells import Mix
from espalier.recommend._decide import Joint, worth_running
from espalier.recommend._ground import Ground, ground
from espalier.recommendation import Recommendation
from espalier.report.reasons_zh import reason
from espalier.results import Open, Table, tidy, write
from simulate import ABILITIES, Cell, Truth, grid, only_growth, table
from surfaces import FAMILIES, draw, study, utility

ORDERS = {"dmt": {"general": "general"}, "mixed_sequential": {"general": "general"}}
ORDERS["sequential"] = {"order": ABILITIES}  # type: ignore[dict-item]
SETTING = Setting(orders=ORDERS)
FEW = (64, 512, 4096)


def cells(**given: object) -> list[Cell]:
    return list(grid(models=("small",), amounts=FEW, full=4096, **given))  # type: ignore[arg-type]


def singles(amounts: Iterable[int] = FEW) -> list[Cell]:
    return [Cell(model="small", amounts={a: n}) for a in ABILITIES for n in amounts]


def made(asked: Iterable[Cell], truth: Truth = only_growth, *, seed: int = 0, **given: object):
    return table(list(asked), truth, np.random.default_rng(seed), **given)  # type: ignore[arg-type]


def simulated(asked: Iterable[Cell], truth: Truth = only_growth, **given: object) -> Table:
    return tidy(made(asked, truth, **given))


def math_alone(cell: Cell, ability: str) -> float:
    """Only math grows; other rows disturb it."""
    own = cell.amounts.get("math", 0)
    others = sum(cell.amounts.values()) - own
    grown = 0.04 * np.log2(1 + own / 32) - 0.02 * np.log2(1 + others / 64)
    return 0.3 + grown * (ability == "math")


@cache
def usual() -> Recommendation:
    return recommend(simulated(cells()), budget={"rows": 3000.0}, setting=SETTING)


@cache
def floored(floor: float = 0.35) -> Recommendation:
    floors = {"general": floor} if floor else {}
    return recommend(
        simulated(cells(), items=1319),
        budget={"rows": 3000.0},
        utility={"math": 1.0, "general": 0.001},
        floors=floors,
    )


def free_of_floors() -> Recommendation:
    return floored(0.0)


# --- it is right ------------------------------------------------------------------------------


def test_most_rows_go_where_alone_something_is_to_be_gained() -> None:
    found = recommend(simulated(cells(), math_alone), budget={"rows": 2000.0})
    assert found.choice is not None
    assert found.choice.amounts["math"] > 1500
    assert sum(found.choice.amounts.values()) <= 2000


def test_equal_growth_of_three_abilities_wants_near_equal_rows() -> None:
    found = usual()
    assert found.choice is not None
    amounts = found.choice.amounts
    assert set(amounts) == set(ABILITIES)
    assert max(amounts.values()) < 4 * min(amounts.values())
    uniform = next(c for c in found.baselines if c.label == "uniform")
    assert found.choice.utility >= uniform.utility - 1e-9


def test_on_known_surfaces_regret_is_small_and_intervals_hold() -> None:
    regrets, held, better = [], [], []
    for place, family in enumerate(FAMILIES[::2]):
        random = np.random.default_rng([3, place])
        surface = draw(random, family)
        measured = tidy(table(study(random), surface, random, items=1319))
        found = recommend(measured, budget={"rows": 6000.0}, setting=SETTING)
        assert found.choice is not None
        weights = dict.fromkeys(ABILITIES, 1.0)
        true = {
            c.label: utility(surface, c.amounts, c.strategy, c.k, weights)
            for c in (found.choice, *found.baselines)
        }
        within = [true[b] for b in ("uniform", "proportional", "best measured")]
        regrets.append(max(within) - true["recommended"])
        better.append(true["recommended"] > max(within) - 0.005)
        for e in found.choice.expected:
            truth = surface.score(
                found.choice.amounts, found.choice.strategy, found.choice.k, e.ability
            )
            assert e.interval is not None
            held.append(e.interval[0] <= truth <= e.interval[1])
    assert np.median(regrets) < 0.005
    assert sum(better) >= 2
    assert np.mean(held) >= 0.75


def test_a_better_strategy_is_found_where_it_was_measured() -> None:
    def truth(cell: Cell, ability: str) -> float:
        return min(
            only_growth(cell, ability) + 0.15 * (cell.strategy == "dmt" and cell.k == 1 / 16), 1
        )

    found = recommend(simulated(cells(), truth), budget={"rows": 12288.0}, setting=SETTING)
    assert found.choice is not None
    assert found.choice.strategy == "dmt"
    assert found.choice.k is not None
    assert 1 / 64 < found.choice.k < 1 / 4
    assert [sorted(stage) for stage in found.choice.stages] == [["code", "math"], sorted(ABILITIES)]


def test_losses_are_driven_down() -> None:
    def loss(cell: Cell, ability: str) -> float:
        return 3.0 - only_growth(cell, ability) if ability == "math" else 2.0

    frame = made(cells(), lambda c, a: 0.5, items=0)
    mixtures = [Cell(model="small", amounts=json.loads(text)) for text in frame["amounts"]]
    noise = np.random.default_rng(0).normal(0, 0.005, len(frame))
    frame["score"] = [loss(c, a) for c, a in zip(mixtures, frame["ability"], strict=True)] + noise
    frame = frame.assign(metric="nll", higher_is_better=False)
    found = recommend(tidy(frame), budget={"rows": 2000.0})
    assert found.choice is not None
    assert found.choice.amounts["math"] > 1500
    (math,) = (e for e in found.choice.expected if e.ability == "math")
    assert not math.higher_is_better
    assert math.score < 2.7


# --- it keeps to what was asked ---------------------------------------------------------------


def test_the_weights_decide_what_the_rows_are_for() -> None:
    measured = simulated(cells())
    shares = {}
    for name in ("math", "general"):
        found = recommend(measured, budget={"rows": 1500.0}, utility={name: 3.0, "code": 0.0})
        assert found.choice is not None
        assert found.utility == {name: 3.0}
        shares[name] = found.choice.amounts.get(name, 0) / sum(found.choice.amounts.values())
    assert min(shares.values()) > 0.8


def test_a_floor_moves_the_choice_and_is_told_with_its_probability() -> None:
    free, kept = free_of_floors(), floored()
    assert free.choice is not None
    assert kept.choice is not None
    assert kept.choice.amounts.get("general", 0) > free.choice.amounts.get("general", 0)
    (general,) = (e for e in kept.choice.expected if e.ability == "general")
    assert general.floor == 0.35
    assert (general.floor_probability or 0) >= 0.9


def test_what_a_floor_costs_is_told_against_the_same_recommendation_without_it() -> None:
    free, kept = free_of_floors(), floored()
    assert kept.without_floors is not None
    assert free.choice is not None
    assert kept.choice is not None
    assert kept.without_floors.amounts == free.choice.amounts
    assert kept.floor_cost == pytest.approx(free.choice.utility - kept.choice.utility, abs=0.01)
    assert kept.floor_cost > 0.001
    assert kept.floor_cost_interval is not None
    low, high = kept.floor_cost_interval
    assert low < kept.floor_cost < high
    assert free.floor_cost is None


def test_a_floor_that_nothing_can_keep_is_refused_with_the_reason() -> None:
    found = recommend(
        simulated(cells()), budget={"rows": 3000.0}, floors={"general": 0.9, "math": 0.1}
    )
    assert found.choice is None
    assert "no recipe within the budget is likely to keep the floor" in found.refused
    assert "general is the hardest" in found.refused
    assert found.baselines


def test_no_recipe_costs_more_than_any_budget() -> None:
    frame = made(c for c in cells() if c.strategy == "multitask")
    rows = [sum(json.loads(text).values()) for text in frame["amounts"]]
    frame["tokens"] = [100 * n for n in rows]
    budget = {"rows": 3000.0, "tokens": 150_000.0}
    found = recommend(tidy(frame), budget=budget)
    assert found.choice is not None
    assert found.choice.cost["rows"] <= 1501
    assert found.choice.cost["tokens"] <= 150_000 * 1.001
    assert found.budget == budget


def test_rows_that_are_not_there_are_not_recommended() -> None:
    setting = Setting(available={"math": 100, "code": 5000, "general": 5000})
    found = recommend(simulated(cells()), budget={"rows": 3000.0}, setting=setting)
    assert found.choice is not None
    assert found.choice.amounts.get("math", 0) <= 100
    beside = {c.label: c for c in found.baselines}
    assert beside["proportional"].amounts["math"] < beside["proportional"].amounts["code"] / 10
    for label in ("uniform", "proportional", "best measured"):
        assert beside[label].feasible
        assert beside[label].amounts.get("math", 0) <= 100
        assert beside[label].cost["rows"] <= 3003
    assert not beside["everything"].feasible


def test_where_no_measured_cell_can_be_had_none_is_a_baseline() -> None:
    setting = Setting(available=dict.fromkeys(ABILITIES, 70))
    mixed = [Cell(model="small", amounts=dict.fromkeys(ABILITIES, n)) for n in (60, 80, 400, 900)]
    more = [Cell(model="small", amounts={"math": 80, "code": n, "general": n}) for n in (60, 300)]
    measured = simulated([*mixed[1:], *more], math_alone)
    found = recommend(measured, budget={"rows": 400.0}, setting=setting)
    assert "best measured" not in {c.label for c in found.baselines}
    assert "no measured cell is within the budget and the rows there are" in found.warnings


# --- it does not go where nothing was measured ------------------------------------------------


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        (100_000.0, "times what the largest measured cell took"),
        (30.0, "below the smallest amounts"),
    ],
)
def test_a_budget_out_of_reach_is_refused(rows: float, says: str) -> None:
    found = recommend(simulated(cells()), budget={"rows": rows})
    assert found.choice is None
    assert says in found.refused


def test_a_budget_that_all_there_is_does_not_spend_is_no_reach_too_far() -> None:
    setting = Setting(available=dict.fromkeys(ABILITIES, 4096))
    found = recommend(simulated(cells()), budget={"rows": 1e6}, setting=setting)
    assert found.choice is not None
    assert found.choice.note.startswith("leaves")


def test_beyond_the_measured_amounts_is_said_and_never_more_than_twice() -> None:
    found = recommend(
        simulated(singles(), math_alone), budget={"rows": 8000.0}, utility={"math": 1.0}
    )
    assert found.choice is not None
    assert found.choice.amounts["math"] <= 8192
    assert any("at most 4,096 were measured" in told for told in found.beyond)


def test_sources_that_were_never_trained_together_are_not_mixed() -> None:
    found = recommend(simulated(singles()), budget={"rows": 3000.0})
    assert found.choice is not None
    assert len(found.choice.amounts) == 1
    assert any("no cell trains all sources together" in told for told in found.warnings)


def test_a_strategy_is_only_recommended_for_sources_it_was_run_on() -> None:
    found = recommend(simulated(cells()), budget={"rows": 12288.0}, setting=SETTING)
    for c in (found.choice, *found.front):
        assert c is not None
        assert c.strategy == "multitask" or set(c.amounts) == set(ABILITIES)


def test_a_strategy_is_not_recommended_for_far_fewer_rows_than_it_was_run_on() -> None:
    def truth(cell: Cell, ability: str) -> float:
        return min(only_growth(cell, ability) + 0.2 * (cell.strategy == "sequential"), 1.0)

    measured = simulated(cells(), truth)  # sequential was run on 12,288 rows
    for rows, expected in ((12288.0, "sequential"), (2000.0, "multitask")):
        found = recommend(measured, budget={"rows": rows}, setting=SETTING)
        assert found.choice is not None
        assert found.choice.strategy == expected


def test_four_cells_are_the_fewest() -> None:
    found = recommend(simulated([Cell(model="small", amounts={"math": n}) for n in (64, 256)]))
    assert found.choice is None
    assert "2 finished cells" in found.refused


def test_one_seed_gives_an_answer_that_says_so() -> None:
    found = recommend(simulated(singles(), math_alone, seeds=1), budget={"rows": 4000.0})
    assert found.choice is not None
    assert "math, code, general: a single seed does not tell" in found.assumed
    assert "by 2.0% of the range, a stated guess" in found.assumed
    assert found.assumed in found.warnings
    assert all(run.seeds == 2 for run in found.next_runs)
    for e in found.choice.expected:
        assert e.interval is not None
        assert e.interval[1] - e.interval[0] > 0.03  # items alone leave less


def test_what_runs_scatter_is_lent_by_abilities_that_were_repeated() -> None:
    frame = made(singles(), math_alone, run_sd=0.04)
    once = frame[(frame["ability"] != "code") | (frame["seed"] == 0)]
    found = recommend(tidy(once.reset_index(drop=True)), budget={"rows": 4000.0})
    (share,) = re.findall(
        r"code: .* scatter by (.*)% of the range, as those of math, general", found.assumed
    )
    assert 2.5 < float(share) < 5.5
    assert usual().assumed == ""


def test_one_strategy_without_single_cells_is_enough() -> None:
    mixed = [
        Cell(model="small", strategy="sft", amounts={"math": a, "code": b})
        for a in FEW
        for b in FEW
    ]
    found = recommend(simulated(mixed), budget={"rows": 4000.0}, utility={"math": 1, "code": 1})
    assert found.choice is not None
    assert found.choice.strategy == "sft"


def test_an_order_that_the_table_does_not_tell_is_asked_for() -> None:
    def truth(cell: Cell, ability: str) -> float:
        return min(only_growth(cell, ability) + 0.2 * (cell.strategy == "sequential"), 1.0)

    found = recommend(simulated(cells(), truth), budget={"rows": 12288.0})
    assert found.choice is not None
    assert found.choice.strategy == "sequential"
    assert found.choice.stages == ()
    assert any("--order does" in told for told in found.warnings)


def test_what_an_adaptive_run_left_open_is_said_beside_the_recipe() -> None:
    whole = simulated(cells())
    left = Open(kind="mixing", ability="math", model="small", metric="accuracy", sure=0.6)
    for count in (0, 1, 2):
        found = recommend(replace(whole, open=(left,) * count), budget={"rows": 4000.0})
        said = [told for told in found.warnings if "adaptive run left" in told]
        assert len(said) == bool(count)
        assert all(f"left {count} question" in told for told in said)
        assert all(reason(told) != told for told in said)


# --- from small to large ----------------------------------------------------------------------


def unequal(cell: Cell, ability: str) -> float:
    """No two cells tie: each ability grows at its own pace, and the large model is better."""
    pace = {"math": 1.3, "code": 1.0, "general": 0.6}[ability]
    return 0.1 + pace * (only_growth(cell, ability) - 0.2) + 0.1 * (cell.model == "large")


def sizes(truth: Truth, *, count: int = 7) -> Table:
    small = cells(base=False)
    plain = [c for c in small if c.strategy == "multitask"]
    large = [Cell(model="large", amounts=c.amounts) for c in plain[::2][:count]]
    return simulated([*small, *large], truth, items=1319)


def test_a_large_model_with_few_cells_learns_from_a_small_one_that_ranks_alike() -> None:
    found = recommend(sizes(unequal), model="large", budget={"rows": 3000.0}, setting=SETTING)
    (told,) = found.transfer
    assert told.verdict == "transfers"
    assert told.interval is not None
    assert found.choice is not None
    assert any("is taken from small" in said for said in found.warnings)
    for e in found.choice.expected:
        cell = Cell(model="large", amounts=found.choice.amounts)
        assert e.interval is not None
        assert e.interval[0] - 0.02 <= unequal(cell, e.ability) <= e.interval[1] + 0.02


def test_nothing_is_carried_over_where_the_large_model_ranks_otherwise() -> None:
    def truth(cell: Cell, ability: str) -> float:
        score = unequal(cell, ability)
        return 0.9 - score if cell.model == "large" else score

    found = recommend(sizes(truth), model="large", budget={"rows": 3000.0})
    (told,) = found.transfer
    assert told.verdict == "does not transfer"
    assert not any("is taken from small" in said for said in found.warnings)


def rests(table: Table, model: str = "large") -> Ground:
    """What a recommendation would rest on, without fitting it."""
    asked = {"budget": {}, "utility": {}, "floors": {}, "model": model, "setting": Setting()}
    return ground(ask(table, collect(table, 0.95), **asked))  # type: ignore[arg-type]


def test_cells_in_common_are_counted_where_the_larger_model_has_fewer_sources() -> None:
    large = [Cell(model="large", amounts={name: 64}) for name in ("code", "general")]
    found = rests(simulated([*cells(base=False), *large], unequal))
    (told,) = found.transfers
    assert told.cells == 2
    assert told.why == "2 cells in common; 5 are the fewest that rank anything"
    assert "2 cells in common" in found.refused


def test_pairs_that_noise_turns_about_do_not_count_against_a_transfer() -> None:
    def level(cell: Cell, ability: str) -> float:
        return 0.2 + 0.05 * np.log2(cell.amounts["math"] / 64)  # code rows do nothing

    mixtures = [{"math": m, "code": c} for m in FEW for c in (64, 128, 256)]
    for seed in range(3):
        both = [Cell(model=m, amounts=amounts) for m in ("small", "large") for amounts in mixtures]
        (told,) = rests(simulated(both, level, seed=seed)).transfers
        assert told.verdict == "transfers"
        assert (told.rank_agreement or 0) > 0.8


def test_models_that_noise_hides_are_not_compared() -> None:
    both = [Cell(model=m, amounts=c.amounts) for m in ("small", "large") for c in singles()]
    (told,) = rests(simulated(both, lambda c, a: 0.5, run_sd=0.05)).transfers
    assert told.verdict != "transfers"


def test_three_cells_without_a_smaller_model_that_agrees_are_refused() -> None:
    found = recommend(sizes(only_growth, count=3), model="large")
    assert found.choice is None
    assert "3 finished cells" in found.refused
    assert "undecided" in found.refused


# --- what it says -----------------------------------------------------------------------------


def test_everything_a_reader_needs_is_there() -> None:
    found = usual()
    assert found.choice is not None
    assert {c.label for c in found.baselines} == {
        *("uniform", "proportional", "everything", "best measured"),
    }
    assert all(len(c.expected) == 3 for c in (found.choice, *found.baselines))
    assert next(c for c in found.baselines if c.label == "everything").note == "over the budget"
    assert next(c for c in found.baselines if c.label == "best measured").measured
    assert found.regret is not None
    assert found.regret_interval is not None
    assert found.regret_interval[0] <= found.regret <= found.regret_interval[1] + 0.05
    assert 0 <= (found.best_probability or 0) <= 1
    assert found.region == dict.fromkeys(ABILITIES, (64, 4096))
    distinct = {(c.strategy, c.k, *c.amounts.items()) for c in cells() if c.stage == c.stages > 0}
    assert found.rests_on["cells"] == len(distinct)
    assert set(found.fit) == set(ABILITIES)
    assert found.next_runs
    for run in found.next_runs:
        assert run.regret_saved > 0
        assert run.seeds == 3
        assert sum(run.amounts.values()) <= 3000
    assert found.front


def test_the_front_holds_nothing_that_another_of_it_beats() -> None:
    scores = [tuple(e.score for e in c.expected) for c in usual().front]
    for one in scores:
        assert not any(all(b > a + 1e-6 for a, b in zip(one, two, strict=True)) for two in scores)


def test_the_same_question_has_the_same_answer() -> None:
    again = recommend(simulated(cells()), budget={"rows": 3000.0}, setting=SETTING)
    assert again.to_dict() == usual().to_dict()


def test_json_holds_plain_values_under_stable_names() -> None:
    told = json.loads(json.dumps(usual().to_dict(), allow_nan=False))
    assert set(told) == {
        *("version", "model", "protocol", "budget", "utility", "floors", "choice", "refused"),
        *("baselines", "regret", "regret_interval", "best_probability", "front", "region"),
        *("beyond", "rests_on", "fit", "next_runs", "transfer", "warnings", "assumed"),
        *("without_floors", "floor_cost", "floor_cost_interval"),
    }
    assert set(told["choice"]) == {
        *("label", "amounts", "strategy", "k", "stages", "expected", "utility"),
        *("utility_interval", "measured", "cost", "note", "feasible"),
    }


def test_the_next_runs_differ_and_each_saves_what_those_before_it_leave() -> None:
    runs = usual().next_runs
    assert len(runs) == 3
    saved = [run.regret_saved for run in runs]
    # By draws: which of two that save next to nothing saves more is noise.
    assert all(after <= before + 2e-5 for before, after in pairwise(saved))
    assert sum(saved) <= (usual().regret or 0) + 0.001
    for one, other in combinations(runs, 2):
        a, b = (np.array([r.amounts.get(name, 0) for name in ABILITIES]) for r in (one, other))
        moved = abs(a - b).sum() / max(a.sum(), b.sum())
        folds = np.abs(np.log2(np.maximum(a, 1) / np.maximum(b, 1))).max()
        assert one.strategy != other.strategy or moved >= 0.5 or folds >= 2


def test_a_cell_that_tells_the_same_as_one_before_it_is_not_worth_running() -> None:
    mixes = [Mix(rows=(n, 0), strategy="multitask") for n in (100, 500, 2500)]
    covariance = 0.01 * np.array([[1.0, 0.999, 0.0], [0.999, 1.0, 0.0], [0.0, 0.0, 0.5]])
    surface = SimpleNamespace(noise=1e-6)
    question: Any = SimpleNamespace(weights={"math": 1.0}, surfaces={"math": surface})
    joint = Joint(
        place={mix: i for i, mix in enumerate(mixes)},
        weights={"math": 1.0},
        parts={"math": (np.array([[0.5, 0.5, 0.5]]), covariance[None])},
    )
    found = worth_running(question, joint, mixes, mixes, 1)
    assert [entry.mix.rows[0] for entry in found[:2]] in ([100, 2500], [500, 2500])
    assert all(entry.saved < found[1].saved / 5 for entry in found[2:])


def test_the_table_of_a_floor_is_whole_at_80_columns() -> None:
    out = Console(width=80, file=StringIO())
    out.print(beside(floored()))
    said = out.file.getvalue()  # type: ignore[attr-defined]
    lines = said.splitlines()
    assert max(map(len, lines)) <= 80
    assert "…" not in said
    (head,) = [line for line in lines if "recommended" in line]
    assert head.split() == [
        *("95", "%", "intervals", "recommended", "uniform", "proportional"),
        *("everything", "best", "measured"),
    ]
    (floor,) = [line for line in lines if "floor 0.35" in line]
    assert floor.count("kept:") == 5
    (score,) = [line for line in lines if line.startswith("general")]
    assert score.count("±") == 5


@pytest.mark.parametrize(
    ("score", "half", "said"),
    [(0.5321, 0.034, "0.532 ±0.034"), (53.21, 3.4, "53.21 ±3.40"), (1234.5, 60.0, "1234 ±60")],
)
def test_scores_are_told_with_as_many_digits_as_fit(score: float, half: float, said: str) -> None:
    assert around(score, (score - half, score + half)) == said


def test_a_probability_from_draws_is_never_told_as_sure() -> None:
    assert [percent(p) for p in (1.0, 0.5, 0.0)] == [">99%", "50%", "<1%"]


# --- every refusal ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "options", "refused"),
    [
        (singles(), {"budget": {"rows": 4096.0}}, ""),
        (singles(), {"budget": {"rows": 8192.0}}, ""),  # twice the largest cell: still told
        (singles(), {"budget": {"rows": 8300.0}}, "2.0 times what the largest measured cell took"),
        (singles(), {"budget": {"rows": 1e9}}, "times what the largest measured cell took"),
        (singles(), {"budget": {"rows": 1e9}, "available": 2000}, ""),  # cannot be spent
        (singles(), {"budget": {"rows": 64.0}}, ""),  # the smallest cell
        (singles(), {"budget": {"rows": 63.0}}, "below the smallest amounts"),
        (singles(), {"available": 64}, ""),
        (singles(), {"available": 63}, "the rows there are (63 of code, 63 of general"),
        (singles(), {"available": 0}, "the rows there are (0 of code"),
        (singles(), {"floors": {"math": 0.1}}, ""),
        (singles(), {"floors": {"math": 0.99}}, "no recipe within the budget is likely to keep"),
        (singles(), {"floors": {"math": 0.1, "code": 0.9}}, "(code is the hardest)"),
        (singles()[:4], {}, ""),
        (singles()[:3], {}, "small has 3 finished cells; 4 are the fewest"),
        (singles()[:1], {}, "small has 1 finished cell; 4 are the fewest"),
    ],
)
def test_the_table_of_refusals(asked: list[Cell], options: dict[str, Any], refused: str) -> None:
    options = dict(options)
    rows = options.pop("available", None)
    known = {name for cell in asked for name in cell.amounts}
    setting = Setting(available={} if rows is None else dict.fromkeys(known, rows))
    found = recommend(simulated(asked, math_alone, seeds=2), setting=setting, **options)
    assert (found.choice is None) == bool(refused), found.refused
    assert refused in found.refused


def test_an_ability_that_the_model_was_never_measured_on_is_refused() -> None:
    small = made(singles(), math_alone, seeds=2)
    large = made([Cell(model="large", amounts=c.amounts) for c in singles()], math_alone, seeds=2)
    frame = pd.concat([small, large[large["ability"] != "code"]]).reset_index(drop=True)
    for options in ({"utility": {"code": 1.0}}, {"floors": {"code": 0.1}}):
        found = recommend(tidy(frame), model="large", **options)  # type: ignore[arg-type]
        assert found.choice is None
        assert found.refused.startswith("large was never measured on code")
    (told,) = found.transfer
    assert told.cells == len(singles())
    assert "not every ability that counts was measured on both" in told.why


# --- as a user --------------------------------------------------------------------------------


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "table.csv"
    write(made(cells()), path)
    return path


def test_a_person_reads_what_to_train_and_what_to_expect(cli: Cli, file: Path) -> None:
    said = cli("recommend", file, "--budget", "rows=3000", "--order", "math,code,general")
    assert said.status == 0, said.err
    assert "Train " in said.out
    for word in ("recommended", "uniform", "best measured", "Expected regret", "Next most useful"):
        assert word in said.out
    assert max(len(line) for line in said.out.splitlines()) <= 80


def test_a_refusal_is_an_answer_on_stdout_that_no_script_trains_on(cli: Cli, file: Path) -> None:
    said = cli("recommend", file, "--budget", "rows=1_000_000")
    assert (said.status, said.err) == (1, "")
    assert "Refused: a budget of 1,000,000 rows" in said.out
    told = json.loads(cli("recommend", file, "--budget", "rows=1e6", "--json").out)
    assert told["choice"] is None
    assert told["refused"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--budget", "rows=0"], "--budget rows=0: nothing can be trained on that"),
        (["--budget", "rows=-5"], "nothing can be trained on that; give more than 0"),
        (["--budget", "rows=nan"], "nothing can be trained on that"),
        (["--budget", "row=100"], "--budget row: no such unit; .* Did you mean 'rows'?"),
        (["--budget", "10000"], "--budget 10000: write it as in --budget rows=10000"),
        (["--budget", "rows=1", "--budget", "rows=2"], "--budget: rows is there twice"),
        (["--budget", "gpu_hours=2"], "no training time of small is known; name the study"),
        (["--budget", "tokens=2000"], "column 'tokens' of the table is empty for small"),
        (["--utility", "maths=2"], "--utility: no ability 'maths' .* Did you mean 'math'?"),
        (["--utility", "math=-1"], "--utility math=-1: a weight is 0 or more"),
        (["--utility", "math=0"], "every weight is 0"),
        (["--floor", "generl=0.5"], "--floor: no ability 'generl' .* Did you mean 'general'?"),
        (["--floor", "general=50"], "--floor general=50: its accuracy lies between 0 and 1"),
        (["--model", "smal"], "--model: no 'smal' in the table; .* Did you mean 'small'?"),
        (["--available", "maths=9"], "--available: no source 'maths' .* Did you mean 'math'?"),
        (["--order", "math,cod"], "--order: no source 'cod' in the table; .*'code'?"),
        (["--order", "math,math"], "--order math,math: a source is named twice"),
    ],
)
def test_what_is_asked_wrongly_is_one_line(
    arguments: list[str], says: str, cli: Cli, file: Path
) -> None:
    said = cli("recommend", file, *arguments)
    assert (said.status, said.out) == (2, "")
    assert said.err.count("\n") == 1
    assert re.search(says, said.err), said.err


def test_a_table_of_bases_alone_has_nothing_to_recommend(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "bases.csv"
    write(made([Cell(model="small", stage=0, stages=0)], seeds=1), path)
    said = cli("recommend", path)
    assert said.status == 2
    assert "no finished cell" in said.err


@pytest.mark.xdist_group("finished")
def test_a_study_is_asked_by_its_name_and_knows_its_rows_and_hours(
    cli: Cli, finished: Path
) -> None:
    call = ("recommend", finished / "study.yaml", "--store", finished / "runs", "--json")
    told = json.loads(cli(*call, "--budget", "rows=20", "--budget", "gpu_hours=1").out)
    assert told["choice"]["cost"]["rows"] <= 20
    assert 0 < told["choice"]["cost"]["gpu_hours"] < 1
    assert told["choice"]["stages"]


def test_scores_of_two_protocols_are_never_mixed() -> None:
    one, other = made(cells()), made(singles(), seed=1)
    frame = pd.concat([one.assign(protocol="epochs"), other.assign(protocol="updates")])
    found = recommend(tidy(frame.reset_index(drop=True)), budget={"rows": 3000.0})
    assert found.protocol == "epochs"
    assert found.rests_on == usual().rests_on


def test_the_options_are_refused_by_the_function_as_well() -> None:
    with pytest.raises(SpecError, match="no such unit"):
        recommend(simulated(cells()), budget={"roes": 3.0})
