"""The study: amounts, sweeps, recipes and seeds as a user writes them, and the cells they make."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

import mini
from espalier.design import Amount, read_amount
from espalier.errors import SpecError
from espalier.load import check
from espalier.plan import plan
from espalier.study import Model, Study

ALL = {"name": "together", "rows": 8}


def study(**changes: Any) -> Study:
    return check({**mini.BASE, **changes}, "study", root=Path())


def rows(_model: Model, _seed: int, _source: str, amount: Amount) -> int:
    return int(amount.value)


def staged(**changes: Any) -> list[list[dict[str, int]]]:
    return [[dict(stage) for stage in cell.stages] for cell in study(**changes).cells(rows)]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"rows": 1}, {"rows": 1.0}),
        ({"share": 1}, {"share": 1.0}),
        ({"share": 1}, {"share": "1/1"}),
        ({"share": 0.25}, {"share": "1/4"}),
        ({"share": "2/8"}, {"share": " 1 / 4 "}),
        ({"epochs": 2}, {"epochs": "2"}),
    ],
)
def test_the_same_amount_written_otherwise_is_the_same_amount(one: Any, other: Any) -> None:
    assert read_amount(one, "here") == read_amount(other, "here")


def test_a_share_is_exact_where_a_float_is_not() -> None:
    assert read_amount({"share": 0.1}, "here").value == Fraction(1, 10)


@pytest.mark.parametrize("whole", [1, 1.0, "1/1"])
def test_one_written_three_ways_gives_one_key(whole: Any, tmp_path: Path) -> None:
    strategies = [{"name": "dmt", "general": "general", "k": whole}]
    design = {"name": "together", "share": whole, "strategies": ["dmt"]}

    def keys(k: Any, share: Any, rate: float) -> set[str]:
        given = {
            **mini.BASE,
            "designs": [{**design, "share": share}],
            "strategies": [{**strategies[0], "k": k}],
            "train": {"epochs": rate, "learning_rate": rate},
        }
        mini.study(tmp_path)
        return set(plan(check(given, "study", root=tmp_path)).steps)

    assert keys(whole, whole, 1.0) == keys(1, 1, 1)


@pytest.mark.parametrize(
    ("unit", "value", "drawn"),
    [
        ("rows", 16, 16),
        ("share", "1/8", 25),
        ("share", 1, 200),
        ("epochs", 1, 200),
        ("epochs", "3/2", 300),
    ],
)
def test_an_amount_in_each_unit_is_so_many_rows(
    unit: str, value: Any, drawn: int, tmp_path: Path
) -> None:
    design = {"name": "single", unit: value, "of": "math"}
    mini.study(tmp_path)
    planned = plan(check({**mini.BASE, "designs": [design]}, "study", root=tmp_path))
    assert [cell.mixture["math"] for cell in planned.cells] == [drawn]


@pytest.mark.parametrize("unit", ["tokens", "supervised_tokens"])
def test_a_number_of_tokens_is_the_fewest_rows_that_hold_them(unit: str, tmp_path: Path) -> None:
    design = {"name": "single", unit: [1, 500, 1500], "of": "math"}
    mini.study(tmp_path)
    planned = plan(check({**mini.BASE, "designs": [design]}, "study", root=tmp_path))
    catalog, model = planned.catalog, planned.study.models[0]
    one, some, more = (cell.mixture["math"] for cell in planned.cells)
    running = catalog._cumulated(model, 0, "math", unit)
    assert one == 1 < some < more
    assert running[some - 2] < 500 <= running[some - 1]


def test_a_list_is_a_sweep_and_a_value_twice_is_one() -> None:
    found = study(
        designs=[ALL],
        strategies=["multitask", {"name": "dmt", "general": "general", "k": ["1/4", 0.5, "2/8"]}],
    ).cells(rows)
    assert [(c.strategy, c.k) for c in found] == [("multitask", None), ("dmt", 0.25), ("dmt", 0.5)]


def test_several_orders_are_a_sweep() -> None:
    orders = [["math", "code", "general"], ["general", "code", "math"]]
    found = staged(designs=[ALL], strategies=[{"name": "sequential", "order": orders}])
    assert [[next(iter(stage)) for stage in cell] for cell in found] == orders


def test_dmt_with_k_0_has_no_replay() -> None:
    dmt = {"name": "dmt", "general": "general", "k": 0}
    assert staged(designs=[ALL], strategies=[dmt]) == [[{"math": 8, "code": 8}, {"general": 8}]]


def test_a_mixture_of_one_source_is_trained_once_whatever_the_strategies() -> None:
    strategies = ["multitask", {"name": "mixed_sequential", "general": "general"}]
    found = study(strategies=strategies).cells(rows)
    assert [c.strategy for c in found] == ["multitask"] * 6


def test_a_design_can_name_its_strategies_and_models() -> None:
    found = study(
        models=["model", "tunnel:s"],
        designs=[
            {**ALL, "strategies": ["multitask"]},
            {"name": "together", "rows": 4, "models": ["s"]},
        ],
        strategies=["multitask", {"name": "mixed_sequential", "general": "general"}],
    ).cells(rows)
    assert [(c.model.name, c.strategy, c.mixture["math"]) for c in found] == [
        ("model", "multitask", 8),
        ("s", "multitask", 8),
        ("s", "multitask", 4),
        ("s", "mixed_sequential", 4),
    ]


def test_a_cell_that_two_designs_ask_for_is_one_cell_with_two_labels() -> None:
    vary = {"name": "vary", "of": ["math"], "rows": [8, 4]}
    fixed = {"code": {"rows": 8}, "general": {"rows": 8}}
    found = study(designs=[ALL, {**vary, "fixed": fixed}]).cells(rows)
    assert [c.designs for c in found] == [("together", "vary:math"), ("vary:math",)]


@pytest.mark.parametrize(
    ("given", "pairs"),
    [
        (2, [(0, 0), (1, 1)]),
        ([3, 5], [(3, 3), (5, 5)]),
        ({"training": [0, 1]}, [(0, 0), (0, 1)]),
        ({"data": [0, 1]}, [(0, 0), (1, 0)]),
        ({"training": [0, 1], "data": [7, 8]}, [(7, 0), (7, 1), (8, 0), (8, 1)]),
    ],
)
def test_seeds_are_a_number_a_list_or_two_kinds(given: Any, pairs: list[tuple[int, int]]) -> None:
    assert study(seeds=given).seeds.pairs == pairs


def test_the_seed_of_the_data_and_that_of_training_are_two_things(tmp_path: Path) -> None:
    mini.study(tmp_path)

    def keys(kind: str, seeds: Any) -> set[str]:
        given = {**mini.BASE, "seeds": seeds}
        steps = plan(check(given, "study", root=tmp_path)).steps
        return {key for key, step in steps.items() if step.kind == kind}

    assert keys("compose", {"training": [0, 1]}) == keys("compose", 1)
    assert len(keys("train", {"training": [0, 1]})) == 2 * len(keys("train", 1))
    assert len(keys("compose", {"data": [0, 1]})) == 2 * len(keys("compose", 1))


def test_a_stage_has_its_own_recipe_where_it_is_given_one() -> None:
    made = study(
        train={"epochs": 2, "min_updates": 5, "learning_rate": 1e-3},
        stages=[{"updates": 7}, {"epochs": 1, "learning_rate": 1e-4}],
    )
    first, second, third = (made.recipe(stage) for stage in (1, 2, 3))
    assert (first.updates, first.epochs, first.min_updates, first.learning_rate) == (
        7,
        None,
        0,
        1e-3,
    )
    assert (second.epochs, second.min_updates, second.learning_rate) == (1, 5, 1e-4)
    assert third == made.train


def test_epochs_in_a_stage_take_the_place_of_updates() -> None:
    recipe = study(train={"updates": 5}, stages=[{"epochs": 2}]).recipe(1)
    assert (recipe.updates, recipe.epochs) == (None, 2)


@pytest.mark.parametrize(
    ("short", "long"),
    [
        ("gsm8k", {"name": "gsm8k", "use": "gsm8k"}),
        ("tunnel:math", {"name": "math", "use": "tunnel", "task": "math"}),
        ({"use": "tunnel:math", "items": 5}, {"name": "math", "use": "tunnel", "items": 5}),
        ({"name": "sums", "use": "tunnel:math"}, {"name": "sums", "task": "math"}),
    ],
)
def test_an_ability_can_be_written_shortly(short: Any, long: dict[str, Any]) -> None:
    found = study(abilities=[short]).abilities[0]
    assert long.items() <= (found.model_dump() | found.options).items()


@pytest.mark.parametrize(
    ("path", "name"),
    [("tunnel:s", "s"), ("Qwen/Qwen3-0.6B", "Qwen3-0.6B"), ("models/mine/", "mine")],
)
def test_a_model_written_shortly_is_called_by_the_end_of_its_path(path: str, name: str) -> None:
    assert study(models=[path]).models[0].name == name


BOTH = ["epochs", {"name": "updates", "updates": 12}]
STAGED = [
    "multitask",
    {"name": "sequential", "order": ["math", "code", "general"]},
    {"name": "mixed_sequential", "general": "general"},
    {"name": "dmt", "general": "general", "k": ["1/4", "1/2"]},
]


def lengths(made: Study, protocol: str) -> dict[str, list[int]]:
    """Return the updates of every stage, by strategy."""
    return {
        cell.strategy: [
            made.recipe(i, stages=len(cell.stages), protocol=protocol).count_updates(
                sum(stage.values())
            )
            for i, stage in enumerate(cell.stages, 1)
        ]
        for cell in made.cells(rows)
        if cell.protocol == protocol
    }


def test_equal_updates_are_shared_by_the_stages_and_equal_epochs_are_each_stage_s() -> None:
    train = {"epochs": 2, "min_updates": 3, "batch_size": 4}
    made = study(designs=[ALL], strategies=STAGED[:3], protocols=BOTH, train=train)
    assert lengths(made, "updates") == {
        "multitask": [12],
        "sequential": [4, 4, 4],
        "mixed_sequential": [6, 6],
    }
    assert lengths(made, "epochs") == {
        "multitask": [12],
        "sequential": [4, 4, 4],
        "mixed_sequential": [8, 4],
    }


def test_updates_that_do_not_divide_evenly_are_all_spent() -> None:
    made = study(
        designs=[ALL], strategies=STAGED[1:2], protocols=[{"name": "updates", "updates": 11}]
    )
    assert lengths(made, "updates") == {"sequential": [4, 4, 3]}


def test_a_stage_keeps_its_other_changes_under_equal_updates() -> None:
    stages = [{}, {"learning_rate": 1e-4, "epochs": 5}]
    made = study(train={"epochs": 1, "learning_rate": 1e-3}, stages=stages, protocols=BOTH)
    second = made.recipe(2, stages=2, protocol="updates")
    assert (second.updates, second.epochs, second.learning_rate) == (6, None, 1e-4)
    assert made.recipe(2, stages=2, protocol="epochs").epochs == 5


def test_a_design_can_be_asked_under_one_protocol() -> None:
    designs = [{**ALL, "protocols": ["updates"]}, {"name": "together", "rows": 4}]
    found = study(designs=designs, protocols=BOTH, train={"epochs": 1}).cells(rows)
    assert [(c.protocol, c.mixture["math"]) for c in found] == [
        ("epochs", 4),
        ("updates", 8),
        ("updates", 4),
    ]


@pytest.mark.parametrize(
    ("train", "said"), [({"epochs": 1}, "epochs"), ({"updates": 4}, "updates")]
)
def test_without_protocols_the_recipe_says_what_is_equal(train: dict[str, int], said: str) -> None:
    made = study(train=train)
    assert {cell.protocol for cell in made.cells(rows)} == {said}
    assert made.recipe(1, stages=3, protocol=said) == made.train


def test_fewer_updates_than_stages_are_refused() -> None:
    made = study(
        designs=[ALL], strategies=STAGED[1:2], protocols=[{"name": "updates", "updates": 2}]
    )
    with pytest.raises(SpecError, match="2 updates for a cell of 3 stages; give 3 or more"):
        made.recipe(1, stages=3, protocol="updates")


def test_no_synthetic_rows_beside_the_maximum_are_the_maximum_under_two_names() -> None:
    sources = [
        {"name": "math", "path": "tunnel:math"},
        {"name": "copied", "path": "tunnel:math?construction=synthetic", "origin": "synthetic"},
    ]
    fixed = {"math": {"rows": 8}}
    found = study(
        sources=sources,
        designs=[
            {"name": "maximum", "fixed": fixed},
            {"name": "mix", "add": [0, 4], "fixed": fixed},
        ],
    ).cells(lambda _m, _s, _source, amount: int(amount.value) if amount.unit == "rows" else 100)
    assert [(dict(c.mixture), c.designs) for c in found] == [
        ({"math": 8}, ("maximum", "mix-0")),
        ({"math": 8, "copied": 4}, ("mix-4",)),
    ]
