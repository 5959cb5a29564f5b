"""The command line: each verb as a user meets it, and how it leaves."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

import mini
from conftest import Cli
from espalier.cli import verbs
from espalier.load import load, parse
from espalier.plan import plan
from espalier.results import COLUMNS, read
from espalier.store import Store

VERBS = verbs.list_commands(None)  # type: ignore[arg-type]
NO_TORCH = """
import sys
sys.argv = ["espalier", *sys.argv[1:]]
from espalier.cli import main
try:
    main()
except SystemExit as left:
    assert not left.code, left.code
met = {name.partition(".")[0] for name in sys.modules}
print("MET", *sorted(met & {"torch", "transformers", "pandas", "numpy", "scipy", "pyarrow"}))
"""


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help_that_says_what_it_does(verb: str, cli: Cli) -> None:
    said = cli(verb, "--help")
    assert said.status == 0
    about = said.out.split("\n\n")[1].strip()
    assert len(about) > 20
    assert about.endswith(".")


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_can_answer_a_program(verb: str, cli: Cli) -> None:
    assert "--json" in cli(verb, "--help").out


def test_the_bare_command_shows_its_help_and_every_verb_in_it(cli: Cli) -> None:
    said = cli()
    assert (said.status, said.err) == (0, "")
    assert all(f"\n  {verb} " in said.out for verb in VERBS)
    assert cli("--version").out.startswith("espalier, version ")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["plna"], "no command 'plna'; there are analyze, .* Did you mean 'plan'?"),
        (["eval_"], "no command 'eval_'; .* Did you mean 'eval'?"),
        (["plan"], "Missing argument 'STUDY'. See `espalier plan --help`."),
        (["plan", "quickstart", "--stor", "x"], "No such option '--stor'. .*--store"),
        (["run", "quickstart", "--workers", "-1"], "'--workers': -1 is not in the range x>=0"),
        (["run", "quickstart", "--device", "tpu"], "'--device': 'tpu' is not one of 'auto', 'cpu'"),
        (["plan", "quickstrat"], "neither a file nor a shipped study; .* mean 'quickstart'?"),
        (["explain", "00", "--store", "gone"], "gone: no store there; `espalier run STUDY` makes"),
        (["results", "quickstart", "--store", "gone"], "quickstart: nothing measured yet in gone"),
        (["analyze", "gone.csv"], "gone.csv"),
        (["report", "gone.csv"], "gone.csv"),
        (["eval", "gone", "--ability", "tunnel:math"], "gone: no such folder; give a folder"),
        (["eval", "tunnel:s", "--ability", "tunel:math"], "no ability 'tunel'; .*'tunnel'?"),
        (["eval", "tunnel:s", "--ability", "tunnel:maths"], "no 'maths' .* Did you mean 'math'?"),
        (["train", "gone", "tunnel:math", "--out", "o"], "gone: no such folder"),
        (["train", "tunnel:s", "gone.jsonl", "--out", "o"], "gone.jsonl: no such file"),
        (["train", "tunnel:s", "epochs=1", "--out", "o"], "no FILE to train on"),
        (["train", "tunnel:s", "tunnel:math", "epoch=1", "--out", "o"], "Did you mean 'epochs'?"),
        (
            ["train", "tunnel:s", "tunnel:math?rows=5", "--rows", "6", "--out", "o"],
            "--rows 6 are asked for, but there are 5",
        ),
        (["init", "two words"], "'two words' is no name for a study"),
        (["init", "x", "--like", "quickstrat"], "no shipped study 'quickstrat'; .*'quickstart'?"),
        (["base", "gone.txt", "--out", "o"], "gone.txt"),
    ],
)
def test_what_a_user_can_mend_is_one_line_and_status_2(
    arguments: list[str],
    says: str,
    cli: Cli,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import re

    monkeypatch.chdir(tmp_path)
    said = cli(*arguments)
    assert (said.status, said.out) == (2, "")
    assert said.err.startswith("espalier: ")
    assert said.err.count("\n") == 1
    assert re.search(says, said.err), said.err
    assert list(tmp_path.iterdir()) == []


def test_importing_espalier_brings_nothing_heavy() -> None:
    heavy = '{"torch", "transformers", "pandas", "numpy", "pyarrow", "click", "pydantic"}'
    said = mini.python(f"import espalier, sys; print(sorted({heavy} & set(sys.modules)))")
    assert said.strip() == "[]"


@pytest.mark.parametrize(
    ("arguments", "allowed"),
    [(["--help"], ""), (["plan", "quickstart", "--slots", "2"], "numpy pandas pyarrow scipy")],
)
def test_help_and_planning_need_no_torch(
    arguments: list[str], allowed: str, tmp_path: Path
) -> None:
    met = mini.python(NO_TORCH, *arguments, cwd=tmp_path).splitlines()[-1].split()[1:]
    assert set(met) <= set(allowed.split())
    assert list(tmp_path.iterdir()) == []  # planning writes nothing


def test_plan_counts_what_is_there_and_what_will_be_made(tmp_path: Path, cli: Cli) -> None:
    file = mini.study(tmp_path)
    store = Store(tmp_path / "runs")
    facts = json.loads(cli("plan", file, "--store", store.root, "--json").out)
    planned = plan(load(file))
    assert facts["cells"] == len(planned.cells) == 6
    assert facts["to_make"] == facts["steps"] == len(planned.steps)
    assert sum(kind["steps"] for kind in facts["kinds"].values()) == facts["steps"]
    assert facts["tokens"] > facts["rows"] > 0
    assert facts["seconds_expected"] > 0
    assert facts["measured_rates"] is False
    from espalier.step import Site

    first = next(step for step in planned.steps.values() if step.kind == "compose")
    store.make(first, Site())
    facts = json.loads(cli("plan", file, "--store", store.root, "--json").out)
    assert facts["found"] == facts["kinds"]["compose"]["found"] == 1
    shown = cli("plan", file, "--store", store.root).out
    assert "6 cells" in shown
    assert "multitask  16 general" in shown


def test_init_writes_a_study_that_plans_with_a_schema_beside_it(
    tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli("init", "mine").out == "mine.yaml written; next: espalier plan mine.yaml\n"
    schema = json.loads(Path("study.schema.json").read_text())
    assert Draft202012Validator(schema).is_valid(parse(Path("mine.yaml")))
    text = Path("mine.yaml").read_text().replace("tunnel:xs", "tunnel:s")
    Path("mine.yaml").write_text(text)
    assert load(Path("mine.yaml")).name == "mine"
    assert json.loads(cli("plan", "mine.yaml", "--json").out)["cells"] > 4
    refused = cli("init", "mine")
    assert (refused.status, Path("mine.yaml").read_text()) == (2, text)
    assert "mine.yaml is there already; --force writes over it" in refused.err
    assert cli("init", "mine", "--force").status == 0
    said = cli("init", "like.yaml", "--like", "quickstart", "--json")
    assert json.loads(said.out) == {"study": "like.yaml", "schema": "study.schema.json"}
    assert load(Path("like.yaml")).name == "like"


def test_doctor_says_what_the_machine_can_do(tmp_path: Path, cli: Cli) -> None:
    facts = json.loads(cli("doctor", "--store", tmp_path / "runs", "--json").out)
    assert facts["cores"] >= 1
    assert "writable" in facts["store"]
    assert not (tmp_path / "runs").exists()
    assert "cores" in cli("doctor").out


def test_score_grades_replies_made_elsewhere(tmp_path: Path, cli: Cli) -> None:
    from espalier.tunnel import items

    asked = items("math", items=5)
    rows = [
        {"item": asked[0].id, "reply": asked[0].target},
        {"question": asked[1].prompt[-1]["content"], "reply": "no idea"},  # type: ignore[index]
        {"item": asked[2].id, "reply": asked[2].target},
        {"item": asked[2].id, "reply": "a second one"},
        {"item": "nobody", "reply": "unknown"},
        {"reply": "to what?"},
    ]
    file, out = tmp_path / "replies.jsonl", tmp_path / "graded.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    line = ("score", "--ability", "tunnel:math", "--replies", file, "--out", out, "--limit", "5")
    said = json.loads(cli(*line, "--json").out)
    (score,) = said["scores"]
    assert (score["score"], score["n"], score["unscored"]) == (pytest.approx(2 / 3), 3, 2)
    assert said["missing"] == [asked[3].id, asked[4].id]
    assert len(said["left_out"]) == 3
    assert all(f"line {n}:" in text for n, text in zip((4, 5, 6), said["left_out"], strict=True))
    graded = [json.loads(text) for text in out.read_text().splitlines()]
    assert [row["score"] for row in graded] == [1.0, 0.0, 1.0, None, None]
    shown = cli(*line).out
    assert "2 items have no reply: unscored, not zero." in shown
    assert "nll needs the model itself" in shown


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (None, "no such file; give JSON lines with `item` and `reply`"),
        ("", "no row answers an item of math"),
        ('{"item": "x", "reply": "y"}\n', "line 1: no item 'x'; its items are called like 'math"),
        ("not json\n", "line 1: not JSON"),
    ],
)
def test_replies_that_answer_nothing_are_refused(
    text: str | None, says: str, tmp_path: Path, cli: Cli
) -> None:
    file, out = tmp_path / "replies.jsonl", tmp_path / "graded.jsonl"
    if text is not None:
        file.write_text(text)
    said = cli("score", "--ability", "tunnel:math", "--replies", file, "--out", out)
    assert said.status == 2
    assert said.err.count("\n") == 1
    assert says in said.err
    assert not out.exists()


@pytest.mark.xdist_group("finished")
class TestOnAFinishedStudy:
    """Verbs that look at what was made."""

    def test_a_study_that_needs_overrides_is_analysed_with_them(
        self, finished: Path, tmp_path: Path, cli: Cli
    ) -> None:
        at = (finished / "study.yaml", "--store", finished / "runs")
        assert cli("analyze", *at, "--set", "seeds=[0]", "--json", "-").status == 0
        other = cli("report", *at, "--set", "seads=[0]", "--out", tmp_path / "none.html")
        assert (other.status, "Did you mean 'seeds'?" in other.err) == (2, True)
        assert not (tmp_path / "none.html").exists()

    def test_status_is_complete(self, finished: Path, cli: Cli) -> None:
        at = (finished / "study.yaml", "--store", finished / "runs")
        facts = json.loads(cli("status", *at, "--json").out)
        assert facts["complete"]
        assert all(kind["left"] == kind["failed"] == 0 for kind in facts["kinds"].values())
        assert cli("status", *at).out.endswith("Complete.\n")

    def test_status_names_what_is_left_begun_and_failed(
        self, finished: Path, tmp_path: Path, cli: Cli
    ) -> None:
        store = Store(tmp_path / "runs")
        shutil.copytree(finished / "runs", store.root)
        stages = plan(load(finished / "study.yaml")).stages
        for step in stages[:2]:
            shutil.rmtree(store.path(step))
        store.partial(stages[0]).mkdir()
        (store.partial(stages[0]) / "progress.json").write_text('{"update": 1, "updates": 2}')
        store.fail(stages[1], "no luck", "traceback")
        at = (finished / "study.yaml", "--store", store.root)
        facts = json.loads(cli("status", *at, "--json").out)
        assert (facts["complete"], facts["kinds"]["train"]["left"]) == (False, 2)
        assert [entry["key"] for entry in facts["running_or_stopped"]] == [stages[0].key]
        assert [entry["why"] for entry in facts["failed"]] == ["no luck"]
        shown = cli("status", *at).out
        assert "1 of 2" in shown
        assert "no luck" in shown
        assert "2 steps left; `espalier run` goes on." in shown

    def test_results_are_the_same_table_in_every_form(
        self, finished: Path, tmp_path: Path, cli: Cli
    ) -> None:
        at = (finished / "study.yaml", "--store", finished / "runs")
        written = finished / "runs/studies/mini/results.csv"
        for name in ("t.csv", "t.parquet"):
            said = cli("results", *at, "--out", tmp_path / name)
            assert (said.status, said.out) == (0, "")
        assert (tmp_path / "t.csv").read_bytes() == written.read_bytes()
        one, other = (read(tmp_path / name).frame for name in ("t.csv", "t.parquet"))
        assert one.equals(other)
        rows = json.loads(cli("results", *at, "--json").out)
        assert len(rows) == len(one)
        assert set(rows[0]) == set(COLUMNS)
        assert cli("results", *at).out.splitlines()[0] == ",".join(COLUMNS)
        refused = cli("results", *at, "--out", tmp_path / "t.xlsx")
        assert refused.status == 2
        assert "a table ends in .csv or .parquet" in refused.err

    def test_explain_says_what_each_kind_of_step_is(self, finished: Path, cli: Cli) -> None:
        store = ("--store", finished / "runs")
        for kind in ("pretrained", "compose", "train", "answer", "score"):
            key = min((finished / "runs" / kind).iterdir()).name
            shown = cli("explain", key, *store).out
            assert shown.startswith(f"{kind} {key}")
            facts = json.loads(cli("explain", key[:12], *store, "--json").out)
            assert facts["identity"]["kind"] == kind
            kinds = {a["identity"]["kind"] for a in facts["ancestors"]}
            assert ("pretrained" in kinds) == (kind in ("train", "answer", "score"))
        assert cli("explain", "nothing", *store).status == 2

    def test_explain_tells_of_a_failure(self, finished: Path, tmp_path: Path, cli: Cli) -> None:
        store = Store(tmp_path / "runs")
        step = plan(load(finished / "study.yaml")).stages[0]
        store.fail(step, "out of [memory]", "traceback")
        assert "out of [memory]" in cli("explain", step.key, "--store", store.root).out

    def test_analyze_and_report_work_from_table_and_from_study(
        self, finished: Path, tmp_path: Path, cli: Cli
    ) -> None:
        table = finished / "runs/studies/mini/results.csv"
        found = json.loads(cli("analyze", table, "--json", "-").out)
        again = cli("analyze", finished / "study.yaml", "--store", finished / "runs", "--json", "-")
        assert found.keys() == json.loads(again.out).keys()
        assert cli("analyze", table).out
        said = cli("report", table, "--out", tmp_path / "page.html")
        assert (said.status, said.out) == (0, f"{tmp_path / 'page.html'}\n")
        assert "<html" in (tmp_path / "page.html").read_text()
        said = cli("report", table, "--out", tmp_path / "page.html", "--json")
        assert json.loads(said.out)["report"] == str(tmp_path / "page.html")


@pytest.mark.xdist_group("finished")
def test_eval_measures_a_folder_and_asks_no_question_twice(
    base: Path, tmp_path: Path, cli: Cli
) -> None:
    line = ("eval", base, "--ability", "tunnel:math,tunnel:facts", "--limit", "2", "--json")
    line = (*line, "--store", tmp_path / "runs", "--workers", "0", "--out", tmp_path / "t.csv")
    said = json.loads(cli(*line).out)
    assert [row["ability"] for row in said["scores"]][:1] == ["math"]
    assert {row["n"] for row in said["scores"]} == {2}
    assert said["failed"] == {}
    assert set(read(tmp_path / "t.csv").frame["strategy"]) == {"base"}
    stamps = {p: p.stat().st_mtime_ns for p in (tmp_path / "runs").glob("*/*/step.json")}
    assert json.loads(cli(*line).out) == said
    assert {p: p.stat().st_mtime_ns for p in (tmp_path / "runs").glob("*/*/step.json")} == stamps


@pytest.mark.xdist_group("finished")
def test_train_writes_a_folder_that_transformers_loads(
    base: Path, tmp_path: Path, cli: Cli
) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"prompt": "What is 1 + 1?", "completion": "2"}\n' * 5)
    out = tmp_path / "out"
    line = ("train", base, rows, "epochs=2", "batch_size=2", "--out", out, "--workers", "0")
    said = json.loads(cli(*line, "--store", tmp_path / "runs", "--json").out)
    assert (said["updates"], said["sources"]["file1"]["rows"]) == (5, 5)
    from transformers import AutoModelForCausalLM, AutoTokenizer

    assert AutoModelForCausalLM.from_pretrained(out).num_parameters() == said["parameters"]
    assert AutoTokenizer.from_pretrained(out).chat_template
    before = (out / "model.safetensors").read_bytes()
    refused = cli(*line, "--store", tmp_path / "runs")
    assert refused.status == 2
    assert "is there already; --force writes over it" in refused.err
    assert cli(*line, "--store", tmp_path / "runs", "--force").status == 0
    assert (out / "model.safetensors").read_bytes() == before
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("years of work")
    refused = cli("train", base, rows, "--out", mine, "--force")
    assert refused.status == 2
    assert "holds something else than a trained model" in refused.err
    assert (mine / "thesis.txt").exists()


@pytest.mark.xdist_group("finished")
def test_a_run_with_a_failed_step_finishes_the_rest_and_leaves_with_1(
    base: Path, tmp_path: Path, cli: Cli
) -> None:
    frame = mini.frame(tmp_path / "model")  # plans, but is no true model
    changes = {
        "models": [{"name": "tiny", "path": str(base)}, {"name": "husk", "path": str(frame)}],
        "designs": [{"name": "single", "rows": 8, "of": "math"}],
        "abilities": [{"use": "tunnel:math", "items": 2}],
    }
    file = mini.study(tmp_path, **changes)
    line = ("run", file, "--store", tmp_path / "runs", "--workers", "0")
    said = cli(*line, "--json")
    facts = json.loads(said.out)
    assert said.status == 1
    assert facts["steps"]["failed"] == len(facts["failed"]) > 0
    assert facts["steps"]["blocked"] > 0
    table = read(Path(facts["outputs"]) / "results.csv").frame
    assert set(table["model"]) == {"tiny"}
    shown = cli(*line)
    assert shown.status == 1
    assert "failed: train" in shown.out
    assert "not run" in (Path(facts["outputs"]) / "report.html").read_text().lower()


def test_replies_are_graded_for_one_ability_and_never_written_over(
    tmp_path: Path, cli: Cli
) -> None:
    replies = tmp_path / "replies.jsonl"
    replies.write_text('{"item": "x", "reply": "1"}\n')
    two = cli(
        *("score", "--ability", "tunnel:math,tunnel:code", "--replies", replies),
        *("--out", tmp_path / "graded.jsonl"),
    )
    assert (two.status, "one ability at a time" in two.err) == (2, True)
    same = cli("score", "--ability", "tunnel:math", "--replies", replies, "--out", replies)
    assert (same.status, "may not be written over" in same.err) == (2, True)
    assert replies.read_text() == '{"item": "x", "reply": "1"}\n'
