"""Epochs as checkpoints: which are kept, what they are measured on, and which one is compared."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import mini
from espalier.analysis import chosen_epochs
from espalier.collect import collect
from espalier.load import check, load
from espalier.plan import Plan, plan
from espalier.results import tidy
from espalier.step import Site
from espalier.steps.train import Snapshot, Train
from espalier.store import Store
from espalier.study import Study

FIVE = {"epochs": 5, "batch_size": 4, "max_length": 256}
SONG = {"every": "epoch", "choose": {"split": "valid", "after": 2}}
ONE = [{"name": "single", "rows": 8, "of": "math"}]


def study(**changes: Any) -> Study:
    return check({**mini.BASE, "train": FIVE, **changes}, "study", root=Path())


def marks(made: Study, rows: int, protocol: str = "epochs") -> dict[int, int]:
    return made.marks(1, made.recipe(1, protocol=protocol), rows)


def planned(folder: Path, **changes: Any) -> Plan:
    return plan(load(mini.study(folder, **{"train": FIVE, "designs": ONE, **changes})))


def test_every_epoch_but_the_last_which_is_the_end_is_kept() -> None:
    assert marks(study(checkpoints=SONG), 8) == {2: 1, 4: 2, 6: 3, 8: 4}
    assert marks(study(checkpoints={"every": 2}), 8) == {4: 2, 8: 4}
    assert marks(study(), 8) == {}


def test_an_epoch_is_a_share_of_a_training_that_is_longer_than_its_epochs() -> None:
    longer = study(checkpoints=SONG, train={**FIVE, "min_updates": 20})
    assert marks(longer, 8) == {4: 1, 8: 2, 12: 3, 16: 4}
    protocols = ["epochs", {"name": "updates", "updates": 50}]
    equal = study(checkpoints=SONG, protocols=protocols)
    assert marks(equal, 8, "updates") == {10: 1, 20: 2, 30: 3, 40: 4}


def test_epochs_shorter_than_an_update_are_kept_once() -> None:
    assert marks(study(checkpoints=SONG), 1) == {}
    assert marks(study(checkpoints=SONG), 2) == {1: 3}  # 0.5, 1, 1.5, 2 of 2.5 updates: 2 in all


def test_nothing_asked_changes_no_key_and_what_is_kept_is_trained_once(tmp_path: Path) -> None:
    plain, kept = planned(tmp_path), planned(tmp_path, checkpoints=SONG)
    assert not any(isinstance(step, Snapshot) for step in plain.steps.values())
    assert [s.keep for s in plain.stages] == [()]
    assert len(kept.stages) == 1
    assert [s.update for s in kept.steps.values() if isinstance(s, Snapshot)] == [2, 4, 6, 8]
    assert kept.tokens_asked == plain.tokens_asked


def test_only_epochs_that_may_be_chosen_are_measured_on_the_valid_split(tmp_path: Path) -> None:
    asked = planned(tmp_path, checkpoints=SONG, base=False).measurements
    last = {"test": 0, "valid": 0}
    for m in asked:
        last[m.split] += isinstance(m.score.answer.checkpoint, Train)
    metrics = last["test"]
    assert last == {"test": metrics, "valid": metrics}
    assert sum(m.split == "test" for m in asked) == 5 * metrics
    assert sum(m.split == "valid" for m in asked) == 3 * metrics
    assert isinstance(asked[-1].score.answer.checkpoint, Train)


def test_stages_that_begin_alike_are_still_trained_once(tmp_path: Path) -> None:
    found = planned(
        tmp_path,
        designs=[{"name": "together", "rows": 8}],
        strategies=[{"name": "dmt", "general": "general", "k": ["1/4", "1/2"]}],
        checkpoints=SONG,
    )
    assert (found.stages_asked, len(found.stages)) == (4, 3)


def test_the_chosen_epoch_is_the_one_that_is_compared(base: Path, tmp_path: Path) -> None:
    ability = {"use": "tunnel:math", "items": 2}
    models = [{"name": "tiny", "path": str(base)}]
    made = planned(tmp_path, checkpoints=SONG, models=models, abilities=[ability])
    store = Store(tmp_path / "runs")
    for step in made.steps.values():
        store.make(step, Site())
    rows = collect(made, store)
    tuned = rows[rows["stage"] == 1]
    test = tuned[tuned["split"] == "test"]
    metric = test["metric"].iloc[0]
    of_one = test[test["metric"] == metric].sort_values("epoch")
    assert of_one["epoch"].tolist() == [1, 2, 3, 4, 5]
    assert of_one["updates"].tolist() == [2, 4, 6, 8, 10]
    assert of_one["tokens"].is_monotonic_increasing
    assert of_one["tokens"].nunique() == 5
    valid = tuned[tuned["split"] == "valid"]
    assert sorted(set(valid["epoch"])) == [3, 4, 5]

    best = {3: 0.1, 4: 0.9, 5: 0.5}
    told = tidy(rows.assign(score=_scores(rows, best)))
    chosen = chosen_epochs(told.frame)
    assert set(chosen.loc[chosen["stage"] == 1, "epoch"]) == {4}
    assert set(chosen["split"]) == {"test"}
    without = told.frame[told.frame["split"] == "test"]
    last = chosen_epochs(without)
    assert set(last.loc[last["stage"] == 1, "epoch"]) == {5}


def _scores(rows: pd.DataFrame, best: dict[int, float]) -> pd.Series:
    """Give the valid rows of a share their scores by epoch."""
    mine = (rows["split"] == "valid") & rows["higher_is_better"]
    return (
        rows["score"]
        .mask(mine, rows["epoch"].map(best))
        .where(rows["higher_is_better"], 10 - rows["epoch"].map(best).fillna(0))
    )


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"train": {"updates": 5}}, "checkpoints: count epochs"),
        ({"checkpoints": {"choose": {"after": 5}}}, r"after: 5 of 5 epochs leaves none"),
        ({"checkpoints": {"every": 0}}, r"checkpoints\.every"),
        ({"checkpoints": {"evry": 1}}, "Did you mean 'every'"),
        ({"checkpoints": {"choose": {"split": "test"}}}, r"checkpoints\.choose\.split"),
    ],
)
def test_what_cannot_be_kept_is_refused(changes: dict[str, Any], said: str) -> None:
    from espalier.errors import SpecError

    with pytest.raises(SpecError, match=said):
        study(**{"checkpoints": SONG, **changes})


def test_a_choice_needs_an_ability_with_a_valid_split(tmp_path: Path) -> None:
    from espalier.errors import SpecError

    sources = [{**mini.BASE["sources"][0], "hold_out": 20}]
    held_out = [{"use": "held_out", "source": "math"}]
    with pytest.raises(SpecError, match="no ability of the study has a `valid` split"):
        planned(tmp_path, sources=sources, abilities=held_out, checkpoints=SONG)
