"""lm-evaluation-harness's files: what we write is what it writes, and its results are our table."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

import tiny
from conftest import Cli
from espalier import results
from espalier.abilities._exam import Question, ask, item, scorers
from espalier.ability import Ability, Likelihood, Reply
from espalier.errors import DataError, MissingError
from espalier.interop.lm_eval import Graded, Measured, read, write
from espalier.scoring import grade_all, make_scorer, summary

AT = datetime(2026, 1, 2, 3, 4, 5)


def exam() -> Ability:
    questions = [Question(text=f"q{n}", options=["1", "2", "3"], answer="ABC"[n]) for n in range(3)]
    items = [
        item(f"exam/{n}", q, prompt=ask(q, form="raw"), cluster=f"subject {n % 2}")
        for n, q in enumerate(questions)
    ]
    return Ability(name="exam", items=items, scorers=scorers("likelihood", macro=True))


def measured(ability: Ability, replies: Sequence[Reply]) -> Measured:
    graded = []
    given = {one.id: reply for one, reply in zip(ability.items, replies, strict=True)}
    for use in ability.scorers:
        scorer = make_scorer(use)
        rows = list(grade_all(ability.items, replies, scorer))
        metric, _, kept = scorer.metric.partition(",")
        graded.append(
            Graded(
                metric=metric,
                filter=kept or "none",
                scorer=scorer,
                summary=summary(rows, scorer),
                rows={row["item"]: row for row in rows},
                replies=given,
            )
        )
    return Measured(
        name=ability.name, use="cmmlu", options={"shots": 2}, ability=ability, graded=tuple(graded)
    )


def likely(*first: float) -> Reply:
    given = (Likelihood(total=v - 1.0, tokens=2, characters=1, first=v) for v in first)
    return Reply(likelihoods=tuple(given))


RIGHT, WRONG = likely(-1, -2, -3), likely(-2, -1, -3)


@pytest.fixture
def written(tmp_path: Path) -> Path:
    one = measured(exam(), [RIGHT, WRONG, RIGHT])
    write(tmp_path / "out", "models/tiny:a", [one], at=AT, parameters=1000)
    return tmp_path / "out/models__tiny__a"


def samples(folder: Path, task: str = "exam") -> list[dict[str, Any]]:
    [file] = folder.glob(f"samples_{task}_*.jsonl")
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_results_and_samples_are_written_as_the_harness_names_them(written: Path) -> None:
    assert sorted(file.name for file in written.iterdir()) == [
        "results_2026-01-02T03-04-05.json",
        "samples_exam_2026-01-02T03-04-05.jsonl",
    ]
    whole = json.loads((written / "results_2026-01-02T03-04-05.json").read_text())
    entry = whole["results"]["exam"]
    assert entry["accuracy,none"] == pytest.approx(2 / 3)
    assert entry["macro_accuracy,none"] == pytest.approx(0.5)
    assert entry["sample_len"] == 3
    assert whole["n-samples"] == {"exam": {"original": 3, "effective": 3}}
    assert whole["n-shot"] == {"exam": 2}
    assert whole["higher_is_better"]["exam"] == {
        "macro_accuracy": True, "accuracy": True, "nll": False
    }  # fmt: skip
    rows = samples(written)
    assert [row["accuracy"] for row in rows] == [1, 0, 1]
    assert rows[1]["arguments"]["gen_args_2"] == {"arg_0": "q1", "arg_1": "C"}
    assert rows[1]["resps"] == [[["-2.0", "None"]], [["-3.0", "None"]], [["-4.0", "None"]]]
    assert rows[1]["target"] == "B"


def test_what_was_written_is_read_as_it_was_measured(written: Path, tmp_path: Path) -> None:
    found = read([written])
    by_metric = found.table.set_index("metric")
    assert by_metric.loc["accuracy", "score"] == pytest.approx(2 / 3)
    assert by_metric.loc["accuracy", "chance"] == pytest.approx(1 / 3)
    assert by_metric.loc["nll", "higher_is_better"] == False  # noqa: E712
    assert by_metric["n"].tolist() == [3, 3, 3]
    assert set(found.table["model"]) == {"models/tiny:a"}
    assert found.items.groupby("key").size().tolist() == [3, 3, 3]
    assert set(found.items["cluster"]) == {"subject 0", "subject 1"}
    table, items = tmp_path / "table.csv", tmp_path / "items.parquet"
    results.write(found.table, table)
    results.write(found.items, items)
    assert len(results.read(table, items=items).frame) == 3


def harness(folder: Path, name: str, **changes: Any) -> Path:
    """Write a results file as the harness does, with samples of one task beside it."""
    rows = [
        {"doc_id": n, "doc": {}, "filter": kept, "exact_match": float(n > 0), "acc": n % 2}
        | {"arguments": {f"gen_args_{i}": {"arg_0": "q", "arg_1": "AB"[i]} for i in range(2)}}
        for kept in ("none", "strict")
        for n in range(4)
    ]
    data = {
        "results": {
            "one": {
                "alias": "one",
                "acc,none": 0.5,
                "acc_stderr,none": 0.2887,
                "exact_match,strict": 0.75,
                "exact_match_stderr,strict": "N/A",
            }
        },
        "n-samples": {"one": {"original": 9, "effective": 4}},
        "higher_is_better": {"one": {"acc": True, "exact_match": True}},
        "config": {"model": "hf", "model_args": "pretrained=org/seven,dtype=float16"},
        "date": 5.0,
    } | changes
    (folder / f"results_{name}.json").write_text(json.dumps(data))
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (folder / f"samples_one_{name}.jsonl").write_text(lines)
    return folder / f"results_{name}.json"


def test_the_harness_results_are_rows_of_models_as_they_are(tmp_path: Path) -> None:
    found = read([harness(tmp_path, "t")])
    rows = found.table.to_dict(orient="records")
    assert [(r["metric"], r["score"]) for r in rows] == [("acc", 0.5), ("exact_match,strict", 0.75)]
    assert [r["n"] for r in rows] == [4, 4]
    assert {r["model"] for r in rows} == {"org/seven"}
    assert {(r["stage"], r["amounts"], r["strategy"]) for r in rows} == {(0, "{}", "base")}
    assert rows[0]["stderr"] == 0.2887
    assert rows[1]["stderr"] is None or rows[1]["stderr"] != rows[1]["stderr"]
    assert rows[0]["chance"] == 0.5
    assert len(found.items) == 8


def test_what_a_model_was_trained_on_can_be_told(tmp_path: Path) -> None:
    file = harness(tmp_path, "t")
    told = {"org/seven": {"model": "seven", "amounts": {"math": 430}, "parameters": 7e9, "seed": 1}}
    [row, _] = read([file], told).table.to_dict(orient="records")
    taken = ("model", "amounts", "strategy", "stage", "seed", "parameters")
    assert [row[c] for c in taken] == ["seven", '{"math": 430}', "multitask", 1, 1, 7e9]
    with pytest.raises(DataError, match=r"no model 'other' in these files; there are org/seven"):
        read([file], {"other": {}})
    with pytest.raises(DataError, match="about: no column 'rows'"):
        read([file], {"org/seven": {"rows": 3}})


def test_a_group_with_scores_stands_for_its_tasks(tmp_path: Path) -> None:
    entry = {"acc,none": 0.5, "acc_stderr,none": 0.1}
    file = harness(
        tmp_path,
        "t",
        results={"all": entry, "one": entry, "two": entry},
        groups={"all": entry},
        group_subtasks={"all": ["one", "two"]},
        **{"n-samples": {"one": {"effective": 4}, "two": {"effective": 2}}},
    )
    found = read([file])
    assert found.table["ability"].tolist() == ["all"]
    assert set(found.items["cluster"]) == {"one"}
    file.parent.joinpath("samples_one_t.jsonl").unlink()
    assert read([file]).table["n"].tolist() == [6]


def test_of_one_task_measured_twice_the_latest_counts_and_it_is_said(tmp_path: Path) -> None:
    harness(tmp_path, "old", date=1.0)
    again = {"one": {"acc,none": 0.25}}
    harness(tmp_path, "new", date=2.0, results=again)
    found = read([tmp_path])
    scores = dict(zip(found.table["metric"], found.table["score"], strict=True))
    assert scores == {"acc": 0.25, "exact_match,strict": 0.75}
    [line] = found.left_out
    assert "org/seven, one, acc: measured again" in line


RUBBISH: Mapping[str, tuple[str, str]] = {
    "not json": ("{", "not JSON"),
    "another file": ('{"accuracy": 1}', "it has no object 'results'"),
    "no model": ('{"results": {"one": {"acc,none": 1}}}', "does not say which model"),
    "no score": (
        '{"results": {"one": {"alias": "one"}}, "model_name": "m"}',
        "no task has a score",
    ),
}


@pytest.mark.parametrize(("content", "reason"), RUBBISH.values(), ids=list(RUBBISH))
def test_rubbish_is_refused_in_one_line(content: str, reason: str, tmp_path: Path) -> None:
    file = tmp_path / "results_x.json"
    file.write_text(content)
    with pytest.raises(DataError, match=reason) as caught:
        read([file])
    assert "\n" not in str(caught.value)
    with pytest.raises(MissingError, match=r"holds no results\*\.json"):
        read([_empty(tmp_path)])
    with pytest.raises(MissingError, match="no such file"):
        read([tmp_path / "gone"])


def _empty(folder: Path) -> Path:
    (folder / "empty").mkdir()
    return folder / "empty"


def test_a_user_reads_results_from_the_command_line(tmp_path: Path, cli: Cli) -> None:
    file = harness(tmp_path, "t")
    about = tmp_path / "about.yaml"
    about.write_text("org/seven: {model: seven, amounts: {math: 4}, strategy: multitask}\n")
    out, items = tmp_path / "table.csv", tmp_path / "items.parquet"
    said = cli("results", file, "--from-lm-eval", "--about", about, "--out", out, "--items", items)
    assert said.status == 0
    table = results.read(out, items=items)
    assert table.frame["model"].tolist() == ["seven", "seven"]
    assert cli("analyze", out).status == 0
    assert cli("results", tmp_path / "gone", "--from-lm-eval").err.count("\n") == 1
    assert cli("results", "quickstart", "--about", about).status == 2
    about.write_text("- 1\n")
    assert "not of the form" in cli("results", file, "--from-lm-eval", "--about", about).err


def test_a_user_writes_them_from_the_command_line(tmp_path: Path, base: Path, cli: Cli) -> None:
    said = cli(
        *("eval", base, "--ability", "tunnel:math,tunnel:code", "--limit", 4, "--workers", 0),
        *("--store", tmp_path / "runs", "--lm-eval-json", tmp_path / "out"),
        *("--out", tmp_path / "table.csv"),
    )
    assert said.status == 0, said.err
    ours = results.read(tmp_path / "table.csv").frame.set_index(["ability", "metric"])["score"]
    theirs = read([tmp_path / "out"]).table.set_index(["ability", "metric"])["score"]
    assert theirs.to_dict() == pytest.approx(ours.to_dict())


@pytest.mark.parametrize(
    ("option", "reason"),
    [("shots", "write it as NAME=VALUE"), ("colour=red", "none of tunnel:math has an option")],
)
def test_an_option_that_fits_nothing_is_refused(
    option: str, reason: str, base: Path, tmp_path: Path, cli: Cli
) -> None:
    said = cli(
        "eval", base, "--ability", "tunnel:math", "--option", option, "--store", tmp_path / "runs"
    )
    assert said.status == 2
    assert reason in said.err
    assert said.err.count("\n") == 1


def test_ours_has_every_key_of_the_harness_own_files(tmp_path: Path, written: Path) -> None:
    """Its files, made by its own tracker in a run of its own model class."""
    pytest.importorskip("lm_eval", reason="lm-eval is not installed")
    from lm_eval import simple_evaluate
    from lm_eval.loggers import EvaluationTracker
    from lm_eval.models.huggingface import HFLM
    from lm_eval.tasks import TaskManager

    rows = [{"question": f"q{n}", "answer": n % 2} for n in range(4)]
    data = tmp_path / "rows.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    config = {
        "task": "letters",
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": str(data)}, "cache_dir": str(tmp_path / "cache")},
        "test_split": "test",
        "output_type": "multiple_choice",
        "doc_to_text": "{{question}}",
        "doc_to_choice": ["A", "B"],
        "doc_to_target": "{{answer}}",
    }
    (tmp_path / "letters.yaml").write_text(json.dumps(config))
    model = tiny.model(tmp_path / "model")
    tracker = EvaluationTracker(output_path=str(tmp_path / "theirs"))
    lm = HFLM(pretrained=str(model), device="cpu", dtype="float32")
    manager = TaskManager(include_path=str(tmp_path), include_defaults=False)
    found = simple_evaluate(
        model=lm, tasks=["letters"], task_manager=manager, evaluation_tracker=tracker,
        bootstrap_iters=0,
    )  # fmt: skip
    assert found is not None
    per_item = found.pop("samples")
    tracker.save_results_aggregated(results=found, samples=per_item)
    tracker.save_results_samples("letters", per_item["letters"])

    [file] = (tmp_path / "theirs").rglob("results_*.json")
    theirs, [ours] = json.loads(file.read_text()), written.glob("results_*.json")
    mine = json.loads(ours.read_text())
    assert set(theirs) - set(mine) == set()
    assert set(theirs["n-samples"]["letters"]) == set(mine["n-samples"]["exam"])
    assert {"name", "alias", "sample_len"} <= set(mine["results"]["exam"])
    one, other = samples(file.parent, "letters")[0], samples(written)[0]
    assert set(one) - set(other) == {"acc", "acc_norm"}
    for key in ("arguments", "resps", "filtered_resps"):
        assert _shape(one[key]) == _shape(other[key]), key

    table = read([file]).table.set_index("metric")
    assert table.loc["acc", "score"] == found["results"]["letters"]["acc,none"]
    assert table.loc["acc", "chance"] == 0.5
    assert table.loc["acc", "n"] == 4


def _shape(value: Any) -> Any:
    """Return how a value is nested, and of what its leaves are."""
    if isinstance(value, list):
        return [_shape(value[0])]
    if isinstance(value, dict):
        return {name.rstrip("0123456789"): _shape(v) for name, v in value.items()}
    return type(value).__name__
