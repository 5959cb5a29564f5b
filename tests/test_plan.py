"""The plan: what a key covers and what it does not, and how work is shared."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import mini
from espalier.errors import DriftError
from espalier.load import load
from espalier.plan import Plan, plan
from espalier.step import Locate, Site, Step
from espalier.steps.train import Train
from espalier.store import Store

ROWS = [{"prompt": f"What is {i} + 1?", "completion": f"{i + 1}"} for i in range(40)]
DMT = {"name": "dmt", "general": "general", "k": ["1/8", "1/4", "1/2"]}
ALL = {"name": "together", "rows": 16}


def write_rows(file: Path, rows: Sequence[Mapping[str, str]] = ROWS) -> None:
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))


def planned(folder: Path, *overrides: str, **changes: Any) -> Plan:
    return plan(load(mini.study(folder, **changes), overrides))


def keys(found: Plan, kind: str) -> list[str]:
    return [key for key, step in found.steps.items() if step.kind == kind]


@pytest.fixture
def owned(tmp_path: Path) -> dict[str, Any]:
    """What a study on a data file of one's own is made of."""
    write_rows(tmp_path / "rows.jsonl")
    return {
        "sources": [{"name": "sums", "path": "rows.jsonl", "hold_out": 10}],
        "designs": [{"name": "single", "rows": [8, 16]}],
        "abilities": [{"use": "held_out", "source": "sums"}],
    }


def test_keys_are_the_same_in_another_process(tmp_path: Path) -> None:
    file = mini.study(tmp_path, strategies=["multitask", DMT], designs=[ALL], seeds=2)
    code = (
        "import sys; from pathlib import Path; from espalier.load import load; "
        "from espalier.plan import plan; print(*plan(load(Path(sys.argv[1]))).steps)"
    )
    assert mini.python(code, str(file)).split() == list(plan(load(file)).steps)


def test_moving_data_and_model_changes_no_key(tmp_path: Path, owned: dict[str, Any]) -> None:
    here = planned(tmp_path, **owned)
    there = tmp_path / "elsewhere"
    (there / "data").mkdir(parents=True)
    shutil.copytree(tmp_path / "model", there / "weights")
    shutil.copy(tmp_path / "rows.jsonl", there / "data/renamed.jsonl")
    moved = owned | {
        "data": "data",
        "models": [{"name": "another_name", "path": "weights"}],
        "sources": [owned["sources"][0] | {"path": "renamed.jsonl"}],
        "question": "Is it the same?",
        "name": "moved",
    }
    assert planned(there, **moved).steps.keys() == here.steps.keys()


def test_the_same_rows_in_another_format_have_the_same_keys(
    tmp_path: Path, owned: dict[str, Any]
) -> None:
    here = planned(tmp_path, **owned)
    (tmp_path / "rows.csv").write_text(
        "prompt,completion\n" + "".join(f"{r['prompt']},{r['completion']}\n" for r in ROWS)
    )
    other = owned | {"sources": [owned["sources"][0] | {"path": "rows.csv"}]}
    assert planned(tmp_path, **other).steps.keys() == here.steps.keys()


def test_changed_rows_change_what_is_composed_trained_and_asked(
    tmp_path: Path, owned: dict[str, Any]
) -> None:
    before = planned(tmp_path, **owned)
    write_rows(tmp_path / "rows.jsonl", [*ROWS[:-1], {"prompt": "2 + 2?", "completion": "4"}])
    after = planned(tmp_path, **owned)
    for kind in ("compose", "train"):
        assert not set(keys(before, kind)) & set(keys(after, kind))
    assert keys(before, "pretrained") == keys(after, "pretrained")


def test_changed_weights_change_everything_but_the_rows(tmp_path: Path) -> None:
    before = planned(tmp_path)
    weights = tmp_path / "model/model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x01")
    after = planned(tmp_path)
    assert keys(before, "compose") == keys(after, "compose")
    for kind in ("pretrained", "train", "answer", "score"):
        assert not set(keys(before, kind)) & set(keys(after, kind))


def test_a_changed_template_changes_what_is_trained(tmp_path: Path) -> None:
    before = planned(tmp_path)
    template = tmp_path / "model/chat_template.jinja"
    template.write_text(template.read_text().replace("<|im_start|>", "<|endoftext|>"))
    assert not set(keys(before, "train")) & set(keys(planned(tmp_path), "train"))


def test_a_renamed_ability_is_not_asked_again(tmp_path: Path) -> None:
    before = planned(tmp_path)
    after = planned(tmp_path, abilities=[{"name": "sums", "use": "tunnel:math", "items": 6}])
    assert after.steps.keys() == before.steps.keys()


def test_more_items_ask_again_and_train_nothing(tmp_path: Path) -> None:
    before = planned(tmp_path)
    after = planned(tmp_path, abilities=[{"use": "tunnel:math", "items": 7}])
    assert keys(after, "train") == keys(before, "train")
    assert not set(keys(after, "answer")) & set(keys(before, "answer"))


def test_a_changed_recipe_changes_only_what_depends_on_it(tmp_path: Path) -> None:
    before = planned(tmp_path)
    after = planned(tmp_path, "train.learning_rate=2e-3")
    assert keys(after, "compose") == keys(before, "compose")
    assert not set(keys(after, "train")) & set(keys(before, "train"))
    untuned = {m.score.key for m in before.measurements if m.cell is None}
    assert set(keys(after, "score")) & set(keys(before, "score")) == untuned != set()


def test_a_changed_second_stage_leaves_the_first_alone(tmp_path: Path) -> None:
    changes = {"designs": [ALL], "strategies": [DMT], "base": False}
    before = planned(tmp_path, **changes)
    after = planned(tmp_path, **changes, stages=[{}, {"learning_rate": 5e-4}])
    first = {m.score.answer.checkpoint.start.key for m in before.measurements}  # type: ignore[union-attr]
    assert len(first) == 1
    assert set(keys(before, "train")) & set(keys(after, "train")) == first


def test_the_order_in_which_sources_are_written_changes_nothing_that_is_trained(
    tmp_path: Path,
) -> None:
    one = planned(tmp_path, designs=[ALL])
    other = planned(tmp_path, designs=[ALL], sources=list(reversed(mini.BASE["sources"])))
    assert one.steps.keys() == other.steps.keys()


def test_writing_a_default_changes_no_key(tmp_path: Path) -> None:
    assert planned(tmp_path, "train.schedule=cosine").steps.keys() == planned(tmp_path).steps.keys()


def test_the_first_stage_of_dmt_is_trained_once_for_every_k(tmp_path: Path) -> None:
    found = planned(tmp_path, designs=[ALL], strategies=[DMT])
    assert found.stages_asked == 6
    starts = [step.start for step in found.stages if isinstance(step.start, Train)]
    assert len(found.stages) == 4
    assert len({start.key for start in starts}) == 1
    first = [s for s in found.stages if not isinstance(s.start, Train)]
    trained = sum(found.work[s.key].tokens for s in found.stages)
    assert found.tokens_asked - trained == pytest.approx(2 * found.work[first[0].key].tokens)


def test_sequential_orders_share_their_common_beginning(tmp_path: Path) -> None:
    orders = [["code", "math", "general"], ["code", "general", "math"]]
    found = planned(tmp_path, designs=[ALL], strategies=[{"name": "sequential", "order": orders}])
    assert (found.stages_asked, len(found.stages)) == (6, 5)


def test_a_sequential_beginning_is_the_single_source_trained_alone(tmp_path: Path) -> None:
    sequential = {"name": "sequential", "order": ["code", "math", "general"]}
    alone = {"name": "single", "rows": 16, "of": "code"}
    found = planned(tmp_path, designs=[alone, ALL], strategies=[sequential])
    assert (found.stages_asked, len(found.stages)) == (4, 3)


def test_smaller_amounts_are_contained_in_larger_ones(
    tmp_path: Path, owned: dict[str, Any]
) -> None:
    import pyarrow.parquet as pq

    found = planned(tmp_path, **owned)
    store = Store(tmp_path / "runs")
    drawn = []
    for step in found.steps.values():
        if step.kind == "compose":
            store.make(step, Site())
            drawn.append(pq.read_table(store.path(step) / "rows.parquet")["index"].to_pylist())
    small, large = sorted(drawn, key=len)
    assert (len(small), large[: len(small)]) == (8, small)


def test_every_stage_is_measured_where_it_is_asked_for(tmp_path: Path) -> None:
    changes = {"designs": [ALL], "strategies": [DMT]}
    last = planned(tmp_path, **changes)
    every = planned(tmp_path, **changes, measure="every_stage")
    tuned = [m for m in last.measurements if m.cell]
    assert {m.stage for m in tuned} == {2}
    assert [m.stage for m in every.measurements if m.cell] == [1] * 2 + [2] * 2 + [1] * 2 + [
        2
    ] * 2 + [1] * 2 + [2] * 2
    assert sum(1 for m in last.measurements if m.cell is None) == 2  # the untuned model, 2 metrics
    assert not [m for m in planned(tmp_path, "base=false").measurements if m.cell is None]


def test_steps_stand_after_their_parents(tmp_path: Path) -> None:
    seen: set[str] = set()
    for key, step in planned(tmp_path, designs=[ALL], strategies=[DMT]).steps.items():
        assert {parent.key for parent in step.parents} <= seen
        seen.add(key)


@dataclass(frozen=True, kw_only=True)
class Poem(Step):
    """A step as it was in one version of the code, and as it is in others."""

    lines: int

    def run(self, out: Path, at: Locate, site: Site) -> None:
        (out / "poem.txt").write_text("rose\n" * self.lines)


def changed(**fields: Any) -> type[Poem]:
    """Return `Poem` as a later version of the code has it."""
    annotations = {name: type(value) for name, value in fields.items() if name != "VERSION"}
    body = {"__annotations__": annotations, "__module__": __name__, **fields}
    return dataclass(frozen=True, kw_only=True)(type("Poem", (Poem,), body))


def test_a_new_field_with_a_default_makes_nothing_anew(tmp_path: Path) -> None:
    store = Store(tmp_path)
    assert store.make(Poem(lines=4), Site())
    later = changed(rhyme=True)
    assert later(lines=4).key == Poem(lines=4).key
    assert not store.make(later(lines=4), Site())
    assert later(lines=4, rhyme=False).key != Poem(lines=4).key


def test_a_moved_default_is_refused_and_says_what_to_do(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.make(changed(rhyme=True)(lines=4), Site())
    with pytest.raises(
        DriftError, match=r"made with another rhyme: .* raise Poem.VERSION, or put the default back"
    ):
        store.has(changed(rhyme=False)(lines=4))


def test_a_raised_version_makes_it_anew(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.make(Poem(lines=4), Site())
    assert store.make(changed(VERSION=2)(lines=4), Site())


def test_a_design_may_name_multitask_though_the_study_sweeps_other_strategies(
    tmp_path: Path,
) -> None:
    mixed = ALL | {"strategies": ["multitask"]}
    found = planned(tmp_path, strategies=[DMT], designs=[mixed])
    assert [cell.strategy for cell in found.cells] == ["multitask"]


def test_the_default_length_and_the_same_length_given_are_one_training(tmp_path: Path) -> None:
    plain = planned(tmp_path, train={"batch_size": 4})
    given = planned(tmp_path, train={"batch_size": 4, "epochs": 3})
    assert keys(plain, "train") == keys(given, "train")


PROTOCOLS = ["epochs", {"name": "updates", "updates": 8}]


def test_both_protocols_share_the_first_stage_of_replay_each_for_itself(tmp_path: Path) -> None:
    found = planned(
        tmp_path,
        strategies=[{"name": "mixed_sequential", "general": "general"}, DMT],
        designs=[ALL],
        protocols=PROTOCOLS,
        train={"epochs": 1, "batch_size": 4, "max_length": 256},
    )
    firsts = [step for step in found.stages if not isinstance(step.start, Train)]
    assert len(found.cells) == 8
    assert sorted(step.recipe.count_updates(32) for step in firsts) == [4, 8]
    assert {len(step.key) for step in firsts} == {16}


def test_cells_whose_length_is_the_same_under_both_protocols_are_trained_once(
    tmp_path: Path,
) -> None:
    train = {"updates": 8, "batch_size": 4, "max_length": 256}
    alone = planned(tmp_path, designs=[{"name": "single", "rows": 8}], train=train)
    both = planned(
        tmp_path,
        designs=[{"name": "single", "rows": 8}],
        train={**train, "updates": 4},
        protocols=[PROTOCOLS[1]],
    )
    assert keys(both, "train") == keys(alone, "train")


def test_the_untuned_model_is_measured_once_and_stands_under_every_protocol(
    tmp_path: Path,
) -> None:
    found = planned(tmp_path, protocols=PROTOCOLS, train={"epochs": 1, "batch_size": 4})
    base = [m for m in found.measurements if m.cell is None]
    assert {m.protocol for m in base} == {"epochs", "updates"}
    assert len(base) == 2 * len({m.score.key for m in base})
