"""Collecting: from the store to rows, with what is missing named and nothing invented."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

import mini
from espalier.collect import collect, items, missing, origins
from espalier.errors import DataError
from espalier.load import load
from espalier.outputs import facts_of, measured
from espalier.plan import Plan, plan
from espalier.step import Site
from espalier.steps.train import Train
from espalier.store import Store, read_json

pytestmark = pytest.mark.xdist_group("finished")


@pytest.fixture(scope="module")
def planned(finished: Path) -> Plan:
    return plan(load(finished / "study.yaml"))


@pytest.fixture(scope="module")
def store(finished: Path) -> Store:
    return Store(finished / "runs")


def test_every_measurement_is_a_row_for_each_design_that_asked(planned: Plan, store: Store) -> None:
    asked = sum(len(m.cell.designs) if m.cell else 1 for m in planned.measurements)
    frame = collect(planned, store)
    assert len(frame) == asked
    assert set(frame["key"]) == {m.score.key for m in planned.measurements}


def test_a_row_says_what_its_records_say(planned: Plan, store: Store) -> None:
    frame = collect(planned, store)
    last = next(m for m in planned.measurements if m.cell and m.cell.strategy == "dmt")
    final = next(m for m in planned.measurements if m.cell is last.cell and m.stage == 2)
    row = frame[frame["key"] == final.score.key].iloc[0]
    checkpoint = final.score.answer.checkpoint
    assert isinstance(checkpoint, Train)
    assert isinstance(checkpoint.start, Train)
    records = [
        read_json(store.path(step) / "train.json") for step in (checkpoint.start, checkpoint)
    ]
    assert row["updates"] == sum(record["updates"] for record in records) == 4
    assert row["tokens"] == sum(record["supervised_tokens"] for record in records) > 0
    assert row["score"] == read_json(store.path(final.score) / "score.json")["score"]
    assert json.loads(row["amounts"]) == {"chat": 16, "math": 16}
    assert (row["k"], row["stage"], row["stages"], row["protocol"]) == (0.25, 2, 2, "updates")
    assert row["epoch"] == 2 * 4 / 20  # two updates of four rows over 16 + 4 rows


def test_the_untuned_model_is_measured_once_whatever_the_seeds(planned: Plan, store: Store) -> None:
    frame = collect(planned, store)
    base = frame[frame["strategy"] == "base"]
    assert len(base) == len(set(base["key"])) == 4  # two abilities, two metrics each
    assert (base["updates"] == 0).all()
    assert (base["amounts"] == "{}").all()


def test_items_stand_beside_the_table_once_for_each_key(planned: Plan, store: Store) -> None:
    found = items(planned, store)
    assert list(found.columns) == ["key", "item", "score", "chance", "cluster"]
    assert not found.duplicated(["key", "item"]).any()
    assert set(found["key"]) == set(collect(planned, store)["key"])


def test_sources_tell_what_they_teach(planned: Plan) -> None:
    assert [(o.name, o.ability, o.origin) for o in origins(planned)] == [
        ("math", "math", "human"),
        ("chat", "general", "human"),
    ]


def test_what_is_not_there_is_not_in_the_table_but_named(
    planned: Plan, store: Store, tmp_path: Path
) -> None:
    part = Store(tmp_path / "runs")
    shutil.copytree(store.root, part.root)
    lost = next(s for s in planned.stages if isinstance(s.start, Train))
    gone = [s for s in planned.steps.values() if lost in s.ancestry()]
    for step in gone:
        shutil.rmtree(part.path(step))
    part.fail(lost, "out of memory", "traceback")
    frame = collect(planned, part)
    assert len(frame) == len(collect(planned, store)) - 4
    assert not set(frame["key"]) & {step.key for step in gone}
    assert [why for what, why in missing(planned, part)] == ["out of memory"]
    facts = facts_of(planned, part, "")
    assert lost.key in facts.not_run[0][0]
    assert facts.cost.stages_trained == len(planned.stages) - 1


def test_an_empty_store_is_refused_and_not_made(planned: Plan, tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"mini: nothing measured yet in .*; `espalier run` does it"
    ):
        measured(planned, Store(tmp_path / "runs"))
    assert not (tmp_path / "runs").exists()


def test_a_cell_that_two_designs_ask_for_gives_two_rows_with_one_key(
    finished: Path, base: Path, store: Store
) -> None:
    vary = {"name": "vary", "of": ["math"], "rows": 16, "fixed": {"chat": {"rows": 16}}}
    changes = {
        "designs": [{"name": "together", "rows": 16}, vary],
        "models": [{"name": "tiny", "path": str(base)}],
    }
    both = plan(load(mini.study(finished, file="both.yaml", **{**mini.WHOLE, **changes})))
    frame = collect(both, store)
    tuned = frame[frame["strategy"] != "base"]
    for _, rows in tuned.groupby(["seed", "strategy", "stage", "ability", "metric"]):
        assert sorted(rows["design"]) == ["together", "vary:math"]
        assert rows["key"].nunique() == 1


def test_sharing_is_counted_in_what_it_saved(planned: Plan, store: Store) -> None:
    cost = facts_of(planned, store, "").cost
    assert cost.stages_asked > cost.stages_trained == len(planned.stages)
    assert cost.minutes_saved >= 0


def test_a_score_without_a_number_leaves_its_cell_empty(
    planned: Plan, store: Store, tmp_path: Path
) -> None:
    part = Store(tmp_path / "runs")
    shutil.copytree(store.root, part.root)
    score = planned.measurements[0].score
    file = part.path(score) / "score.json"
    file.write_text(json.dumps(read_json(file) | {"score": None, "stderr": None, "n": 0}))
    assert part.make(score, Site()) is False
    row = collect(planned, part).set_index("key").loc[score.key]
    assert row["score"] != row["score"] or row["score"] is None


def test_what_no_record_tells_is_empty_and_not_zero(
    planned: Plan, store: Store, tmp_path: Path
) -> None:
    shutil.copytree(store.root, tmp_path / "runs")
    shutil.rmtree(tmp_path / "runs/train")
    frame = collect(planned, Store(tmp_path / "runs"))
    tuned = frame[frame["stage"] > 0]
    assert len(tuned)
    assert tuned["updates"].isna().all()
    assert tuned["tokens"].isna().all()


def test_a_score_without_its_numbers_is_named(planned: Plan, store: Store, tmp_path: Path) -> None:
    shutil.copytree(store.root, tmp_path / "runs")
    torn = Store(tmp_path / "runs")
    score = planned.measurements[0].score
    (torn.path(score) / "score.json").unlink()
    with pytest.raises(DataError, match=r"score\.json is gone or damaged"):
        collect(planned, torn)
