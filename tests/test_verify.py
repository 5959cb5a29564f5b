"""Verification: what was recommended is trained, and held against what was predicted."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

import mini
from conftest import Cli
from espalier.errors import SpecError
from espalier.load import load
from espalier.plan import plan
from espalier.recommend import stages_of
from espalier.recommendation import Choice, Expected, Recommendation
from espalier.results import read, tidy
from espalier.verify import compare, orders_of, plan_of

pytestmark = pytest.mark.xdist_group("finished")


def choice(label: str, amounts: dict[str, int], strategy: str = "multitask", **given: object):
    expected = Expected(ability="math", metric="exact", score=0.5, interval=(0.4, 0.6))
    defaults = {
        "k": None,
        "stages": (),
        "expected": (expected,),
        "utility": 0.5,
        "utility_interval": (0.4, 0.6),
        "measured": False,
    }
    return Choice(label=label, amounts=amounts, strategy=strategy, **{**defaults, **given})  # type: ignore[arg-type]


def recommended(chosen: Choice | None, *baselines: Choice, model: str = "model") -> Recommendation:
    return Recommendation(
        model=model,
        protocol="updates",
        budget={"rows": 32.0},
        utility={"math": 1.0},
        floors={},
        choice=chosen,
        refused="" if chosen else "too few cells",
        baselines=baselines,
        fit={"math": {"noise_of_a_run": 0.02, "utility_per_unit": 1.0}},
    )


def measured(scores: list[float | None], design: str = "verify:recommended") -> pd.DataFrame:
    return pd.DataFrame(
        {
            "model": "model",
            "strategy": "multitask",
            "amounts": '{"math": 16}',
            "design": design,
            "seed": range(len(scores)),
            "ability": "math",
            "metric": "exact",
            "score": scores,
        }
    )


def test_a_measured_mean_is_held_against_the_prediction_with_the_noise_of_its_runs() -> None:
    said = compare(recommended(choice("recommended", {"math": 16})), tidy(measured([0.52, 0.56])))
    (check,) = said.checks
    assert check.measured == pytest.approx(0.54)
    low, high = check.prediction_interval or (0.0, 0.0)
    assert low < 0.4
    assert high > 0.6
    assert check.inside is True
    assert (said.inside, said.measured) == (1, 1)
    assert said.utilities["recommended"] == (0.5, pytest.approx(0.54))
    json.loads(said.to_json())


def test_a_score_far_off_is_said_to_lie_outside() -> None:
    said = compare(recommended(choice("recommended", {"math": 16})), tidy(measured([0.9, 0.92])))
    assert [c.inside for c in said.checks] == [False]


def test_what_was_not_measured_is_neither_inside_nor_out() -> None:
    said = compare(
        recommended(choice("recommended", {"math": 16}), choice("uniform", {"math": 8})),
        tidy(measured([0.5])),
    )
    recommended_, uniform = said.checks
    assert recommended_.stderr is None
    assert uniform.inside is None
    assert said.utilities["uniform"][1] is None
    assert said.measured == 1


def test_choices_become_cells_for_every_seed_and_share_what_is_alike(
    tmp_path: Path,
) -> None:
    study = plan(load(mini.study(tmp_path, **mini.WHOLE)))
    both = {"math": 12, "chat": 12}
    found = plan_of(
        study,
        recommended(
            choice("recommended", both, "dmt", k=0.25),
            choice("uniform", both),
            choice("same", both),
        ),
    )
    assert len(found.cells) == 4  # two recipes, two seeds
    assert {cell.designs for cell in found.cells} == {
        ("verify:recommended",),
        ("verify:uniform", "verify:same"),
    }
    dmt = next(cell for cell in found.cells if cell.strategy == "dmt")
    assert [dict(stage) for stage in dmt.stages] == [{"math": 12}, {"chat": 12, "math": 3}]
    assert dmt.k == 0.25


def test_a_single_source_is_trained_in_one_stage_whatever_the_study_strategies(
    tmp_path: Path,
) -> None:
    study = plan(load(mini.study(tmp_path, **mini.WHOLE)))
    found = plan_of(study, recommended(choice("recommended", {"math": 10})))
    assert {(cell.strategy, len(cell.stages)) for cell in found.cells} == {("multitask", 1)}


def test_a_refused_recommendation_has_nothing_to_verify(tmp_path: Path) -> None:
    study = plan(load(mini.study(tmp_path, **mini.WHOLE)))
    with pytest.raises(SpecError, match="nothing to verify: too few cells"):
        plan_of(study, recommended(None))


def test_a_study_with_two_orders_cannot_say_which_was_recommended(tmp_path: Path) -> None:
    orders = [["math", "chat"], ["chat", "math"]]
    changes = {**mini.WHOLE, "strategies": ["multitask", {"name": "sequential", "order": orders}]}
    study = plan(load(mini.study(tmp_path, **changes)))
    assert "sequential" not in orders_of(study)
    with pytest.raises(SpecError, match="several orders"):
        plan_of(study, recommended(choice("recommended", {"math": 8, "chat": 8}, "sequential")))


def test_stages_are_told_where_the_order_is_known() -> None:
    rows = {"math": 64, "code": 32, "general": 128}
    known = {"dmt": {"general": "general"}, "sequential": {"order": ("code", "math", "general")}}
    assert stages_of(rows, "multitask", None, {}) == (rows,)
    assert stages_of(rows, "sequential", None, known)[0] == {"code": 32}
    assert stages_of(rows, "dmt", 1 / 16, known)[1] == {"general": 128, "math": 4, "code": 2}
    assert stages_of(rows, "dmt", 1 / 16, {}) == ()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--budget", "rows=10"], "go with --verify"),
        (["--verify", "--budget", "row=10"], "no such unit; .* Did you mean 'rows'?"),
        (["--verify", "--utility", "maths=1"], "no ability 'maths' .* Did you mean 'math'?"),
        (["--verify", "--floor", "math"], "--floor math: write it as in --floor general=0.5"),
    ],
)
def test_what_is_asked_wrongly_is_said_before_anything_is_run(
    arguments: list[str], says: str, cli: Cli, tmp_path: Path
) -> None:
    import re

    file = mini.study(tmp_path, **mini.WHOLE)
    said = cli("run", file, "--store", tmp_path / "runs", *arguments)
    assert (said.status, said.out) == (2, "")
    assert said.err.count("\n") == 1
    assert re.search(says, said.err), said.err
    assert not (tmp_path / "runs").exists()


def test_run_verify_trains_the_recommendation_once_and_writes_predicted_against_measured(
    finished: Path, cli: Cli, tmp_path: Path
) -> None:
    call = (
        *("run", finished / "study.yaml", "--store", finished / "runs", "--workers", "0"),
        *("--verify", "--budget", "rows=24", "--out", tmp_path / "out", "--json"),
    )
    said = cli(*call)
    told = json.loads(said.out)
    assert said.status == 0, said.err
    assert told["verify"]["of"] >= 2
    written = json.loads((tmp_path / "out/verify.json").read_text())
    assert written["recommendation"]["choice"]["label"] == "recommended"
    rows = read(tmp_path / "out/verify.csv").frame
    assert all(design.startswith("verify:") for design in rows["design"])
    for check in written["checks"]:
        mine = rows[
            (rows["design"] == f"verify:{check['label']}")
            & (rows["ability"] == check["ability"])
            & (rows["metric"] == check["metric"])
            & (rows["stage"] == rows["stages"])
        ]
        assert check["measured"] == pytest.approx(mine["score"].mean())
    table = (tmp_path / "out/results.csv").read_bytes()
    assert table == (finished / "runs/studies/mini/results.csv").read_bytes()
    advised = json.loads((tmp_path / "out/recommendation.json").read_text())
    assert advised == written["recommendation"]  # the report shows what was verified
    again = cli(*call)
    assert json.loads(again.out)["verify"] == told["verify"]
