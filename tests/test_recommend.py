"""The recommendation: right on surfaces whose optimum is known, honest where nothing is known."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from conftest import Cli
from espalier.errors import SpecError
from espalier.recommend import Setting, recommend
from espalier.recommendation import Recommendation
from espalier.results import Table, tidy, write
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
    measured = simulated(cells(), items=1319)
    free = recommend(measured, budget={"rows": 3000.0}, utility={"math": 1.0})
    kept = recommend(
        measured, budget={"rows": 3000.0}, utility={"math": 1.0}, floors={"general": 0.35}
    )
    assert free.choice is not None
    assert kept.choice is not None
    assert kept.choice.amounts.get("general", 0) > free.choice.amounts.get("general", 0)
    (general,) = (e for e in kept.choice.expected if e.ability == "general")
    assert general.floor == 0.35
    assert (general.floor_probability or 0) >= 0.9


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
    proportional = next(c for c in found.baselines if c.label == "proportional")
    assert proportional.amounts["math"] < proportional.amounts["code"] / 10


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
    found = recommend(simulated(cells(), seeds=1), budget={"rows": 3000.0}, setting=SETTING)
    assert found.choice is not None
    assert any("a single seed" in told for told in found.warnings)


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
        *("beyond", "rests_on", "fit", "next_runs", "transfer", "warnings"),
    }
    assert set(told["choice"]) == {
        *("label", "amounts", "strategy", "k", "stages", "expected", "utility"),
        *("utility_interval", "measured", "cost", "note"),
    }


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
    assert max(len(line) for line in said.out.splitlines()) <= 100


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
