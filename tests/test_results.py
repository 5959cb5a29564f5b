"""The results table: what is filled, and what is refused in one line."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from espalier.errors import EspalierError
from espalier.results import COLUMNS, designs, read, read_sources, tidy, write

GOOD = {
    "model": "llama-7b",
    "strategy": "multitask",
    "amounts": '{"math": 430}',
    "ability": "math",
    "metric": "accuracy",
    "score": "0.25",
}


def rows(*changes: dict) -> pd.DataFrame:
    """Return a table of good rows, each with its own changes; None takes a cell away."""
    return pd.DataFrame([GOOD | change for change in changes], dtype="str")


def save(frame: pd.DataFrame, folder: Path, name: str = "table.csv") -> Path:
    path = folder / name
    frame.to_csv(path, index=False)
    return path


def test_defaults_are_filled_as_the_contract_says(tmp_path):
    frame = rows({"n": "100"}, {"ability": "exam", "n": "100"})
    table = read(save(frame, tmp_path)).frame
    first = table.iloc[0]
    assert (first["stage"], first["stages"], first["seed"], first["data_seed"]) == (1, 1, 0, 0)
    assert (first["protocol"], first["split"], first["suite"]) == ("epochs", "test", "math")
    assert bool(first["higher_is_better"]) is True
    assert first["stderr"] == pytest.approx((0.25 * 0.75 / 100) ** 0.5)
    assert list(table["role"]) == ["in", "out"]
    assert table["key"].is_unique


def test_the_untuned_base_is_stage_0():
    table = tidy(rows({"amounts": "{}"}, {"amounts": '{"math": 0}', "stage": "1"}, {})).frame
    assert list(table["stage"]) == [0, 0, 1]


def test_stages_default_to_the_last_one_seen():
    table = tidy(rows({"stage": "1"}, {"stage": "2"}, {"stage": "3"})).frame
    assert list(table["stages"]) == [3, 3, 3]


def test_an_empty_score_is_unscored_and_not_zero():
    table = tidy(rows({}, {"score": ""}))
    assert np.isnan(table.frame["score"].iloc[1])
    assert [entry["rows"] for entry in table.left_out] == [[2]]


def test_no_item_scored_is_a_row_without_a_score_and_never_a_score_of_none():
    table = tidy(rows({"n": "3"}, {"score": "", "n": "0"}))
    assert [entry["rows"] for entry in table.left_out] == [[2]]
    with pytest.raises(EspalierError, match="a score is of at least 1 item"):
        tidy(rows({"n": "0"}))


def test_a_column_of_another_kind_is_left_out_and_said():
    table = tidy(rows({"wallclock": "3"}))
    assert table.left_out[0]["what"] == "column 'wallclock'"


def test_designs_are_worked_out_from_the_amounts():
    full = {"math": 110142, "code": 20022, "general": 86060}
    quarter = {"math": 27535, "code": 5005, "general": 21515}
    mixtures = (
        {},
        {"math": 430},
        full,
        quarter,
        *({**full, "general": full["general"] // d} for d in (4, 16, 64)),
        {"math": 100, "code": 100, "general": 100},
    )
    assert designs(mixtures) == [
        "base",
        "single",
        "together",
        "together",
        "vary:general",
        "vary:general",
        "vary:general",
        "together",
    ]


def test_what_is_written_reads_back_and_equal_tables_are_equal_bytes(tmp_path):
    frame = rows(
        {"n": "100", "seed": "1", "key": "a"}, {"k": "0.25", "strategy": "dmt", "key": "b"}
    )
    for name in ("one.csv", "one.parquet"):
        write(frame, tmp_path / name)
        write(frame.copy(), tmp_path / f"two{Path(name).suffix}")
        again = (tmp_path / f"two{Path(name).suffix}").read_bytes()
        assert (tmp_path / name).read_bytes() == again
        first, second = tidy(frame).frame, read(tmp_path / name).frame
        pd.testing.assert_frame_equal(first, second, check_dtype=False)
    assert list(tmp_path.glob(".*")) == []


def test_columns_are_written_in_the_order_of_the_contract(tmp_path):
    write(rows({})[["score", "model", "amounts", "strategy", "ability"]], tmp_path / "t.csv")
    header = (tmp_path / "t.csv").read_text().splitlines()[0].split(",")
    assert header == [name for name in COLUMNS if name in header]


def test_a_sidecar_says_what_a_source_teaches(tmp_path):
    sidecar = tmp_path / "sources.yaml"
    sidecar.write_text("sources:\n  - {name: rft, ability: math, origin: synthetic}\n")
    path = save(rows({"amounts": '{"rft": 10}'}), tmp_path)
    table = read(path, sources=sidecar)
    assert (table.sources["rft"].ability, table.sources["rft"].origin) == ("math", "synthetic")
    assert table.frame["role"].iloc[0] == "in"


def test_rows_with_one_key_may_be_shown_under_two_designs():
    same = {"key": "a", "design": "single"}
    assert len(tidy(rows(same, same | {"design": "together"})).frame) == 2


BROKEN = {
    "no column model": (rows({}).drop(columns="model"), "column 'model' is missing"),
    "no column amounts": (rows({}).drop(columns="amounts"), "column 'amounts' is missing"),
    "no column ability": (rows({}).drop(columns="ability"), "column 'ability' is missing"),
    "no column strategy": (rows({}).drop(columns="strategy"), "column 'strategy' is missing"),
    "a misspelt score": (rows({}).rename(columns={"score": "scroe"}), "Did you mean 'score'?"),
    "a misspelt seed": (rows({"seeds": "1"}), "Did you mean 'seed'?"),
    "a capital": (rows({}).rename(columns={"model": "Model"}), "Did you mean 'model'?"),
    "no rows": (rows({}).iloc[:0], "no rows under the header"),
    "no model": (rows({}, {"model": ""}), "row 2, column 'model'"),
    "no ability": (rows({"ability": " "}), "row 1, column 'ability'"),
    "amounts not JSON": (rows({"amounts": "math=430"}), "is not JSON"),
    "amounts half JSON": (rows({}, {"amounts": '{"math": 4'}), "row 2, column 'amounts'"),
    "amounts a list": (rows({"amounts": "[430]"}), "is not a JSON object"),
    "amounts a number": (rows({"amounts": "430"}), "is not a JSON object"),
    "amounts negative": (rows({"amounts": '{"math": -1}'}), "whole number of rows from 0 up"),
    "amounts a fraction": (rows({"amounts": '{"math": 0.5}'}), "whole number of rows"),
    "amounts huge": (rows({"amounts": '{"math": 1e300}'}), "whole number of rows"),
    "amounts NaN": (rows({"amounts": '{"math": NaN}'}), "has no number of rows"),
    "amounts text": (rows({"amounts": '{"math": "all"}'}), "has no number of rows"),
    "amounts true": (rows({"amounts": '{"math": true}'}), "has no number of rows"),
    "amounts twice": (rows({"amounts": '{"math": 1, "math": 2}'}), "names 'math' twice"),
    "amounts nested": (rows({"amounts": '{"math": {"rows": 1}}'}), "has no number of rows"),
    "amounts empty": (rows({"amounts": ""}), "or {} for the untuned base"),
    "score text": (rows({}, {"score": "good"}), "row 2, column 'score': 'good'"),
    "score with a comma": (rows({"score": "0,25"}), "write a number"),
    "score in percent signs": (rows({"score": "25%"}), "write a number"),
    "score infinite": (rows({"score": "inf"}), "finite"),
    "score huge": (rows({"score": "1e300"}), "beyond 1e+15"),
    "score negative": (rows({"score": "-0.25"}), "no accuracy is negative"),
    "score beyond percent": (rows({"score": "250"}), "beyond 100 %"),
    "shares and percents": (
        rows({"score": "25"}, {"score": "0.3"}, {"score": "40"}),
        "row 2, column 'score': 0.3; math accuracy is elsewhere in percents",
    ),
    "percents among shares": (
        rows(*[{"score": f"0.{i}"} for i in range(1, 9)], {"score": "25"}),
        "row 9, column 'score': 25.0; math accuracy is elsewhere in shares",
    ),
    "a share above one": (
        rows(*[{"score": f"0.{i}"} for i in range(1, 9)], {"score": "1.2"}),
        "row 9, column 'score'",
    ),
    "stderr negative": (rows({"stderr": "-0.1"}), "not negative"),
    "stderr text": (rows({"stderr": "small"}), "column 'stderr'"),
    "n of 0": (rows({"n": "0"}), "at least 1 item"),
    "n a fraction": (rows({"n": "10.5"}), "write a whole number"),
    "n text": (rows({"n": "many"}), "column 'n'"),
    "stage beyond stages": (rows({"stage": "3", "stages": "2"}), "no stage beyond"),
    "stage negative": (rows({"stage": "-1"}), "count from 0"),
    "stage a fraction": (rows({"stage": "1.5"}), "whole number"),
    "role unknown": (rows({"role": "inside"}), "there are in, out"),
    "role of two kinds": (rows({"role": "in"}, {"role": "out"}), "one ability has one role"),
    "split unknown": (rows({"split": "train"}), "there are test, valid"),
    "protocol unknown": (rows({"protocol": "steps"}), "there are epochs, updates"),
    "epoch negative": (rows({"epoch": "-1"}), "column 'epoch'"),
    "k beyond one": (rows({"k": "4"}), "column 'k'"),
    "k written as a ratio": (rows({"k": "1/4"}), "column 'k'"),
    "seed text": (rows({"seed": "first"}), "column 'seed'"),
    "seed a fraction": (rows({"seed": "0.5"}), "whole number"),
    "parameters of 0": (rows({"parameters": "0"}), "a count is positive"),
    "parameters as 7B": (rows({"parameters": "7B"}), "7e9"),
    "parameters of two kinds": (
        rows({"parameters": "7e9"}, {"parameters": "13e9"}),
        "one model has one count",
    ),
    "chance negative": (rows({"chance": "-0.1"}), "column 'chance'"),
    "chance in percent": (rows({"chance": "25"}), "scores are at most 1"),
    "updates negative": (rows({"updates": "-5"}), "column 'updates'"),
    "a bool spelt oddly": (rows({"higher_is_better": "higher"}), "write true or false"),
    "two directions": (
        rows({"higher_is_better": "true"}, {"higher_is_better": "false"}),
        "one metric has one direction",
    ),
    "one key, two scores": (
        rows({"key": "a"}, {"key": "a", "score": "0.5"}),
        "a key is one measurement",
    ),
    "one key, two models": (rows({"key": "a"}, {"key": "a", "model": "b"}), "one measurement"),
    "a source without a name": (rows({"amounts": '{" ": 5}'}), "a source without a name"),
    "a seed in words": (rows({"seed": "first"}), "write a whole number, or nothing"),
    "one key, two abilities": (rows({"key": "a"}, {"key": "a", "ability": "b"}), "one measurement"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_table_is_refused_in_one_line(name, tmp_path):
    frame, says = BROKEN[name]
    path = save(frame, tmp_path)
    with pytest.raises(EspalierError) as refusal:
        read(path)
    line = str(refusal.value)
    assert says in line
    assert "\n" not in line
    assert line.startswith(str(path))


FILES = {
    "an empty file": ("t.csv", b"", "the file is empty"),
    "a header alone": ("t.csv", b"model,strategy,amounts,ability,score\n", "no rows"),
    "binary junk": ("t.csv", bytes(range(256)) * 20, "is not text"),
    "not UTF-8": ("t.csv", b"model,strategy,amounts,ability,score\n\xff\xfe,a,{},b,1\n", "cannot"),
    "semicolons": ("t.csv", b"model;strategy;amounts\na;b;{}\n", "use commas"),
    "tabs": ("t.csv", b"model\tstrategy\tamounts\na\tb\t{}\n", "use commas"),
    "a short row": ("t.csv", b"model,strategy,amounts,ability,score\na,b\n", "cannot be read"),
    "a column twice": ("t.csv", b"model,score,model\na,1,b\n", "'model' is there twice"),
    "junk as Parquet": ("t.parquet", b"PAR1 but no more", "cannot be read as parquet"),
    "another ending": ("t.xlsx", b"x", "ends in .csv or .parquet"),
    "no ending": ("table", b"x", "ends in .csv or .parquet"),
    "only newlines": ("t.csv", b"\n\n\n", "cannot be read as csv"),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_no_table_is_refused_in_one_line(name, tmp_path):
    file, content, says = FILES[name]
    (tmp_path / file).write_bytes(content)
    with pytest.raises(EspalierError) as refusal:
        read(tmp_path / file)
    assert says in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(EspalierError, match="no such file"):
        read(tmp_path / "none.csv")


SIDECARS = {
    "not a list": ("sources: math", "write a list"),
    "no sources": ("question: why", "write a list"),
    "no name": ("sources: [{ability: math}]", "write {name"),
    "a misspelt field": ("sources: [{name: a, abilty: math}]", "Did you mean 'ability'?"),
    "a name twice": ("sources: [{name: a}, {name: a}]", "is there twice"),
    "not YAML": ("sources: [", "is not YAML"),
    "a list as name": ("sources: [{name: [a]}]", "write a word"),
}


@pytest.mark.parametrize("name", SIDECARS)
def test_a_broken_sidecar_is_refused_in_one_line(name, tmp_path):
    text, says = SIDECARS[name]
    path = tmp_path / "sources.yaml"
    path.write_text(text)
    with pytest.raises(EspalierError) as refusal:
        read_sources(path)
    assert says in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_source_that_the_sidecar_does_not_know_is_refused(tmp_path):
    sidecar = tmp_path / "sources.yaml"
    sidecar.write_text("sources: [{name: gsm8k_rft, ability: math}]")
    path = save(rows({"amounts": json.dumps({"gsm8k_rtf": 5})}), tmp_path)
    with pytest.raises(EspalierError, match="Did you mean 'gsm8k_rft'"):
        read(path, sources=sidecar)


def test_items_need_a_key_an_item_and_a_score(tmp_path):
    path = save(rows({"key": "a"}), tmp_path)
    items = save(pd.DataFrame({"key": ["a"], "item": ["1"]}), tmp_path, "items.csv")
    with pytest.raises(EspalierError, match="column 'score' is missing"):
        read(path, items=items)


def answered(**items) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return a table of one evaluation of 4 items, and its items with changes."""
    table = rows({"key": "a", "score": "0.75", "n": "4"}, {"key": "b", "score": "0.5", "n": ""})
    given = {"key": list("aaaabb"), "item": list("123412"), "score": [1, 1, 1, 0, 1, 0]}
    return table, pd.DataFrame(given | items)


def test_items_that_say_what_the_table_says_are_taken_whatever_it_was_rounded_to():
    table, items = answered(item=list("123412"), score=[1, 1, 0, 0, 1, 0])
    assert len(tidy(table.assign(score=["0.5", "0.5"]), items=items).items) == 6
    table = rows({"key": "a", "score": "0.67", "n": "3"}, {"key": "b", "score": "0.50"})
    assert len(tidy(table, items=items.assign(key=list("aaabbb")).iloc[[0, 1, 2, 4, 5]]).items) == 5


DISAGREEING = {
    "another mean": (
        {"score": [1, 0, 1, 0, 1, 0]},
        "key 'a': its scored items have a mean of 0.5 over 4, and row 1 of the table says 0.75",
    ),
    "fewer items": ({"score": [1, 1, 1, np.nan, 1, 0]}, "mean of 1 over 3"),
    "other keys": ({"key": list("xxxxyy")}, "no key of the table is among the items, such as 'x'"),
    "twice": ({"item": list("123312")}, "key 'a': item '3' is there twice with other scores"),
    "percents": ({"score": [100, 100, 100, 0, 1, 0]}, "mean of 75 over 4"),
}


@pytest.mark.parametrize("name", DISAGREEING)
def test_items_of_another_evaluation_are_refused_in_one_line(name):
    changes, says = DISAGREEING[name]
    table, items = answered(**changes)
    with pytest.raises(EspalierError) as refusal:
        tidy(table, items=items, items_where="items.csv")
    assert says in str(refusal.value)
    assert str(refusal.value).startswith("items.csv: ")
    assert "\n" not in str(refusal.value)


def test_items_that_are_there_twice_alike_count_once():
    table, items = answered()
    assert len(tidy(table, items=pd.concat([items, items])).items) == 6


def test_the_items_tell_what_guessing_scores_where_the_table_does_not():
    table, items = answered(chance=[0.25, 0.25, 0.5, 0.5, 0.25, np.nan])
    assert tidy(table, items=items).frame["chance"].tolist() == pytest.approx(
        [0.375, np.nan], nan_ok=True
    )
    said = tidy(table.assign(chance="0.2"), items=items).frame["chance"]
    assert said.tolist() == [0.2, 0.2]
