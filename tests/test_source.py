"""Sources: what users have is read, what cannot be used is counted or refused in one line."""

from __future__ import annotations

import csv
import gzip
import json
import os
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

from espalier.errors import DataError, EspalierError, MissingError
from espalier.source import Source, held_out, order, read

PAIRS = [(f"question {i}", f"reply {i}") for i in range(200)]
ROWS = [{"prompt": question, "completion": reply} for question, reply in PAIRS]


def source(path: str = "x.jsonl", **fields: Any) -> Source:
    return Source(name="chat", path=path, **fields)


def lines(rows: list[Any]) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def write(folder: Path, content: bytes, name: str = "x.jsonl") -> Path:
    (folder / name).write_bytes(content)
    return folder


def refusal(folder: Path, **fields: Any) -> str:
    with pytest.raises(EspalierError) as caught:
        read(source(**fields), folder)
    told = str(caught.value)
    assert "\n" not in told
    assert told.startswith("source 'chat'")
    return told


def test_the_same_rows_are_the_same_source_in_every_kind_of_file(tmp_path: Path) -> None:
    write(tmp_path, lines(ROWS))
    write(tmp_path, gzip.compress(lines(ROWS)), "x.jsonl.gz")
    write(tmp_path, json.dumps(ROWS, indent=1).encode(), "x.json")
    write(tmp_path, lines(ROWS), "lines_after_all.json")
    write(tmp_path, lines([{"conversations": _turns(*pair)} for pair in PAIRS]), "s.jsonl")
    pq.write_table(pa.Table.from_pylist(ROWS), tmp_path / "x.parquet")
    with (tmp_path / "x.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerows([("completion", "prompt"), *((reply, asked) for asked, reply in PAIRS)])
    names = ["x.jsonl", "x.jsonl.gz", "x.json", "lines_after_all.json", "s.jsonl", "x.parquet"]
    digests = {read(source(name), tmp_path).digest for name in [*names, "x.csv"]}
    assert len(digests) == 1
    assert len(read(source("x.csv"), tmp_path).messages) == 200


def _turns(question: str, reply: str) -> list[dict[str, str]]:
    return [{"from": "human", "value": question}, {"from": "gpt", "value": reply}]


def test_a_byte_order_mark_crlf_and_blank_lines_change_nothing(tmp_path: Path) -> None:
    write(tmp_path, lines(ROWS))
    odd = b"\xef\xbb\xbf" + lines(ROWS).replace(b"\n", b"\r\n\r\n  \r\n").removesuffix(b"\r\n")
    write(tmp_path, odd, "odd.jsonl")
    odd_rows = read(source("odd.jsonl"), tmp_path)
    assert odd_rows.digest == read(source(), tmp_path).digest
    assert odd_rows.bad == ()


def test_folders_and_patterns_are_read_in_the_order_of_their_names(tmp_path: Path) -> None:
    for name in ("b.jsonl", "a.jsonl", "deep/c.jsonl", ".hidden/d.jsonl"):
        (tmp_path / "data" / name).parent.mkdir(parents=True, exist_ok=True)
        write(tmp_path / "data", lines([{"prompt": name, "completion": "!"}]), name)
    (tmp_path / "data" / "README.md").write_text("not data")

    def asked(path: str) -> list[str]:
        return [row[0]["content"] for row in read(source(path), tmp_path).messages]

    assert asked("data") == ["a.jsonl", "b.jsonl", "deep/c.jsonl"]
    assert asked("data/*.jsonl") == ["a.jsonl", "b.jsonl"]
    assert asked(str(tmp_path / "data/*/c.*")) == ["deep/c.jsonl"]


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    before = read(source(), write(tmp_path, lines(ROWS)))
    assert read(source(), tmp_path) is before
    after = read(source(), write(tmp_path, lines(ROWS[1:])))
    assert len(after.messages) == 199
    assert after.digest != before.digest


def test_csv_keeps_line_breaks_and_line_separators_within_a_field(tmp_path: Path) -> None:
    said = 'two\nlines, a "quote" and \u2028 a separator'
    with (tmp_path / "x.csv").open("w", newline="", encoding="utf-8-sig") as stream:
        csv.writer(stream).writerows([("prompt", "completion"), ("q", said), ("r", "a\u2028b")])
    rows = read(source("x.csv"), tmp_path).messages
    assert [row[1]["content"] for row in rows] == [said, "a\u2028b"]


ODD_LINES = {
    b"not json": "not JSON (Expecting value at column 1)",
    b'{"prompt": "q", "completion": "r"': "not JSON (Expecting ',' delimiter at column 34)",
    b'["q", "r"]': "a list, not an object",
    b'"just text"': "text, not an object",
    b"null": "null, not an object",
    b"12": "a number, not an object",
    b'{"prompt": "caf\xe9", "completion": "r"}': "not UTF-8",
    b"[" * 100_000: "JSON nested too deeply",
    b'{"n": 1' + b"0" * 5_000 + b"}": "not JSON (Exceeds the limit",
    b'{"prompt": "q"}': "no column 'completion'",
    b'{"completion": "r"}': "no column 'prompt'",
    b'{"prompt": null, "completion": "r"}': "'prompt' is null, not text",
    b'{"prompt": "q", "completion": 12}': "'completion' is a number, not text",
    b'{"prompt": "q", "completion": ["r"]}': "'completion' is a list, not text",
    b'{"prompt": "q", "completion": {"r": 1}}': "'completion' is a mapping, not text",
    b'{"prompt": "q", "completion": true}': "'completion' is true or false, not text",
    b'{"prompt": "q", "completion": ""}': "the reply is empty",
    b'{"prompt": "q", "completion": " \\n\\t"}': "the reply is empty",
    b'{"prompt": " ", "completion": "r"}': "no user turn with text",
    b'{"prompt": "q \\ud83d", "completion": "r"}': "half a surrogate pair",
}


@pytest.mark.parametrize("odd", ODD_LINES, ids=ODD_LINES.values())
def test_a_row_that_cannot_be_used_is_counted_with_its_line_and_reason(
    odd: bytes, tmp_path: Path
) -> None:
    content = lines(ROWS[:150]) + b"\n" + odd + b"\n" + lines(ROWS[150:])
    rows = read(source(), write(tmp_path, content))
    assert len(rows.messages) == 200
    (bad,) = rows.bad
    assert bad.line == 152
    assert ODD_LINES[odd] in bad.why
    assert str(bad).startswith(f"{tmp_path / 'x.jsonl'}, line 152: ")


@pytest.mark.parametrize(
    ("content", "number", "why"),
    [
        (b'prompt,completion\nq,r\nq,"two\nlines",more\n', 3, "3 values where the header names 2"),
        (b"prompt,completion\nq,r\nq\n", 3, "1 values where the header names 2 columns"),
        (b"prompt,completion\nq,r\n\xff\xfe,r\n", 3, "not UTF-8"),
    ],
)
def test_a_bad_row_of_a_csv_file_is_counted(
    content: bytes, number: int, why: str, tmp_path: Path
) -> None:
    (bad,) = read(source("x.csv", bad_rows=1), write(tmp_path, content, "x.csv")).bad
    assert bad.line == number
    assert why in bad.why


def test_too_many_bad_rows_stop_with_their_number_and_the_first_of_them(tmp_path: Path) -> None:
    content = lines(ROWS) + b"oops\n" + lines(ROWS[:1]) + b'{"prompt": 1}\n{"prompt": 2}\n'
    told = refusal(write(tmp_path, content))
    assert "3 of 204 rows cannot be used, more than 1.00%" in told
    assert f"{tmp_path / 'x.jsonl'}, line 201: not JSON" in told
    assert "`bad_rows:`" in told
    assert len(read(source(bad_rows="1/50"), tmp_path).bad) == 3


def test_one_bad_row_in_a_hundred_is_allowed_and_one_more_is_not(tmp_path: Path) -> None:
    good = lines(ROWS) * 2
    assert len(read(source(), write(tmp_path, good[: good.rindex(b"{")] + b"1\n")).bad) == 1
    assert "2 of 101 rows" in refusal(write(tmp_path, lines(ROWS[:99]) + b"1\n2\n"))


def _cut(content: bytes) -> bytes:
    return content[: len(content) // 2]


def _parquet(rows: list[Any]) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(rows), sink)
    whole: bytes = sink.getvalue().to_pybytes()
    return whole


BROKEN_FILES: dict[str, tuple[str, bytes, str]] = {
    "empty": ("x.jsonl", b"", "there are no rows"),
    "only blank lines": ("x.jsonl", b"\n \n", "there are no rows"),
    "a web page": ("x.jsonl", b"<!DOCTYPE html>\n<p>404", "not one usable row"),
    "a pointer": ("x.jsonl", b"version https://git-lfs.github.com/spec/v1\n", "line 1: not JSON"),
    "UTF-16": ("x.jsonl", lines(ROWS).decode().encode("utf-16"), "UTF-16; save it as UTF-8"),
    "truncated gzip": ("x.jsonl.gz", _cut(gzip.compress(lines(ROWS))), "cut off or damaged"),
    "damaged gzip": ("x.jsonl.gz", gzip.compress(lines(ROWS))[:-8] + b"0" * 8, "cut off or damag"),
    "gzip of nothing": ("x.json.gz", b"\x1f\x8b", "cut off or damaged"),
    "no array": ("x.json", b'"text"', "holds text, not a list of rows"),
    "an object over many lines": ("x.json", b'{\n"rows": []\n}', "not one usable row"),
    "half an array": ("x.json", _cut(json.dumps(ROWS).encode()), "not JSON ("),
    "an array that is not UTF-8": ("x.json", b'["\xff"]', "not UTF-8 at byte 2"),
    "an empty array": ("x.json", b"[]", "there are no rows"),
    "an array of numbers": ("x.json", b"[1, 2]", "row 1: a number, not an object"),
    "nested too deeply": ("x.json", b"[" * 100_000, "nested too deeply"),
    "cut Parquet": ("x.parquet", _cut(_parquet(ROWS)), "not a whole Parquet file"),
    "empty Parquet": ("x.parquet", b"", "not a whole Parquet file"),
    "an open quote": ("x.csv", b'prompt,completion\nq,r\nq,"r\n', "not CSV from line 3 on"),
    "a column twice": ("x.csv", b"prompt,prompt\nq,r\n", "two columns are called 'prompt'"),
    "semicolons": ("x.csv", b"prompt;completion\nq;r\n", "fits the columns prompt;completion"),
    "only a header": ("x.csv", b"prompt,completion\n", "there are no rows"),
    "nulls": ("x.jsonl", b'{"messages": null}\n', "no format fits the columns messages"),
    "no turns": ("x.jsonl", b'{"messages": []}\n', "no format fits the columns messages"),
}


@pytest.mark.parametrize("case", BROKEN_FILES)
def test_a_broken_file_is_refused_in_one_line(case: str, tmp_path: Path) -> None:
    name, content, why = BROKEN_FILES[case]
    assert why in refusal(write(tmp_path, content, name), path=name)


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("nowhere.jsonl", "no such file, folder or pattern"),
        ("nowhere/*.jsonl", "no such file, folder or pattern"),
        ("x**y/*.jsonl", "no such file, folder or pattern"),
        ("notes.txt", "no way to read this kind of file; there are .csv, .json, .jsonl, .parquet"),
        ("empty", "no data files there"),
        ("*.txt", "no data files there"),
        ("tunnel:mat", "no 'mat' among the tasks; there are"),
        ("tunnel:math?rows=many", "rows=many: Input should be a valid integer"),
        ("tunnel:math?rows=0", "at least one row"),
        ("tunnel:math?world=far", "world=far: Input should be a valid integer"),
        ("tunnel:math?construction=alien", "no construction 'alien'"),
        ("tunnel:math?row=3", "no option 'row'; there are"),
        ("hf://datasets/owner/name", "not of the form hf://datasets/OWNER/NAME/FILE"),
        ("hf:owner/name/file.jsonl", "not of the form hf://datasets/OWNER/NAME/FILE"),
    ],
)
def test_a_path_that_leads_nowhere_says_what_there_is(path: str, why: str, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / "empty").mkdir()
    assert why in refusal(tmp_path, path=path)


def test_what_cannot_be_fetched_from_the_hub_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = pytest.importorskip("huggingface_hub", reason="the hub's client is an extra")

    def unreachable(*_: object, **__: object) -> str:
        raise ConnectionError("no route to host\nand a long tale")

    monkeypatch.setattr(hub, "hf_hub_download", unreachable)
    told = refusal(tmp_path, path="hf://datasets/o/n/d/x.jsonl")
    assert "hf://datasets/o/n/d/x.jsonl could not be fetched (no route to host)" in told


def test_a_file_of_the_hub_is_asked_for_with_its_revision(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = pytest.importorskip("huggingface_hub", reason="the hub's client is an extra")
    asked: list[object] = []

    def fetched(repository: str, file: str, **options: object) -> str:
        asked.extend([repository, file, options])
        return str(write(tmp_path, lines(ROWS)) / "x.jsonl")

    monkeypatch.setattr(hub, "hf_hub_download", fetched)
    assert len(read(source("hf://datasets/o/n@v2/d/x.jsonl"), tmp_path).messages) == 200
    assert asked == ["o/n", "d/x.jsonl", {"repo_type": "dataset", "revision": "v2"}]


def test_an_unknown_format_says_which_columns_there_are_and_how_to_name_them(
    tmp_path: Path,
) -> None:
    write(tmp_path, lines([{"question": q, "response": r} for q, r in PAIRS]))
    told = refusal(tmp_path)
    assert "no format fits the columns question, response" in told
    assert "alpaca (instruction, input, output" in told
    assert "`columns:`" in told
    named = source(columns={"prompt": "question", "completion": "response"})
    write(tmp_path, lines(ROWS), "plain.jsonl")
    assert read(named, tmp_path).digest == read(source("plain.jsonl"), tmp_path).digest


def test_mixed_formats_are_refused_with_the_first_row_of_the_other(tmp_path: Path) -> None:
    other = [{"instruction": "i", "output": "o"}]
    told = refusal(write(tmp_path, lines(ROWS[:3] + other)))
    assert "look like prompt_completion and alpaca" in told
    assert "line 4" in told


def test_a_row_that_fits_two_formats_needs_the_format_named(tmp_path: Path) -> None:
    both = {"prompt": "q", "completion": "r", "instruction": "i", "output": "o"}
    write(tmp_path, lines([both]))
    assert "`format:`" in refusal(tmp_path)
    assert read(source(format="alpaca"), tmp_path).messages[0][0]["content"] == "i"


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"bad_rows": "2"}, "2 is not between 0 and 1"),
        ({"bad_rows": -0.1}, "-1/10 is not between 0 and 1"),
        ({"bad_rows": "some"}, "'some' is not a share"),
        ({"format": "alpca"}, "Did you mean 'alpaca'?"),
        ({"columns": {"promt": "q"}}, "Did you mean 'prompt'?"),
        ({"format": "alpaca", "columns": {"prompt": "q"}}, "no format has a 'prompt'"),
        ({"hold_out": -1}, "greater than or equal to 0"),
        ({"name": "two words"}, "should match pattern"),
        ({"path": ""}, "at least 1 character"),
        ({"formt": "alpaca"}, "Extra inputs are not permitted"),
    ],
)
def test_a_source_that_makes_no_sense_is_refused(fields: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Source(**{"name": "chat", "path": "x.jsonl"} | fields)
    assert why in str(caught.value)


def test_a_source_teaches_the_ability_of_its_name_unless_it_says_otherwise() -> None:
    assert source().ability == "chat"
    assert source(ability="general").ability == "general"
    assert source().bad_rows == Fraction(1, 100)


def test_where_a_source_lies_is_no_part_of_what_it_is() -> None:
    assert source("here.jsonl").model_dump() == source("there.csv").model_dump()


def test_an_order_holds_every_row_that_is_not_held_out_once() -> None:
    drawn = order(1_000, name="chat", seed=3, hold_out=100)
    assert len(drawn) == len(set(drawn.tolist())) == 900
    assert drawn.tolist() == order(1_000, name="chat", seed=3, hold_out=100).tolist()
    assert drawn.dtype == np.int64


def test_the_order_stays_the_same_for_good() -> None:
    assert order(10, name="chat", seed=0).tolist() == [6, 8, 5, 7, 2, 0, 1, 3, 4, 9]


def test_seeds_and_names_give_other_orders() -> None:
    orders = [order(50, name=n, seed=s).tolist() for n in ("a", "b", "a1") for s in (0, 1, 10)]
    assert len({tuple(drawn) for drawn in orders}) == 9


def test_every_row_is_drawn_first_equally_often() -> None:
    firsts = [order(5, name="chat", seed=seed)[0] for seed in range(1_000)]
    assert np.bincount(firsts).min() > 150  # 200 expected, standard deviation 13


def test_held_out_rows_are_the_same_for_every_seed_and_never_drawn() -> None:
    apart = held_out(300, name="chat", hold_out=40)
    assert len(set(apart.tolist())) == 40
    for seed in range(5):
        assert set(order(300, name="chat", seed=seed, hold_out=40)).isdisjoint(apart)
    assert held_out(300, name="chat", hold_out=20).tolist() == apart[:20].tolist()


def test_more_rows_cannot_be_held_out_than_there_are() -> None:
    with pytest.raises(DataError, match="hold_out is 11, but it has 10 rows"):
        held_out(10, name="chat", hold_out=11)


def test_tunnel_rows_have_options_and_fewer_are_the_beginning_of_more(tmp_path: Path) -> None:
    few = read(source("tunnel:math?rows=10&seed=1"), tmp_path).messages
    more = read(source("tunnel:math?rows=20&seed=1"), tmp_path).messages
    other = read(source("tunnel:math?rows=10&seed=2"), tmp_path).messages
    assert list(few) == list(more[:10])
    elsewhere = read(source("tunnel:math?rows=10&seed=1&world=3"), tmp_path).messages
    assert few != other
    assert few != elsewhere


REAL = {
    "gsm8k/train.jsonl.gz": (7_473, 0),
    "gsm8k/test.jsonl": (1_319, 0),
    "code_alpaca/code_alpaca_2k.jsonl": (2_015, 2),
    "code_alpaca/new_codealpaca.jsonl.gz": (4_535, 0),
    "sharegpt/sharegpt_sample.jsonl.gz": (980, 9),
    "lima/lima.jsonl.gz": (1_029, 0),
    "oasst/oaast_sft_zh.jsonl.gz": (689, 0),
    "alpaca/alpaca_en_0_3252.jsonl.gz": (3_248, 4),
    "gpteacher/roleplay_instruct.jsonl.gz": (1_923, 0),
    "hikariming/code_qa_zh.jsonl": (1_000, 0),
}


@pytest.mark.data
@pytest.mark.skipif("ESPALIER_DATA" not in os.environ, reason="ESPALIER_DATA names no folder")
@pytest.mark.parametrize("path", REAL)
def test_real_files_are_read_with_the_default_settings(path: str) -> None:
    file = Path(os.environ["ESPALIER_DATA"], path)
    if not file.exists():
        pytest.skip(f"{path} is not in ESPALIER_DATA")
    rows = read(source(str(file)), Path())
    assert (len(rows.messages), len(rows.bad)) == REAL[path]
    for row in rows.messages:
        said = [message["role"] for message in row if message["role"] != "system"]
        assert said == ["user", "assistant"] * (len(said) // 2)
        assert all(message["content"].strip() for message in row)


def test_a_missing_file_is_a_missing_error(tmp_path: Path) -> None:
    with pytest.raises(MissingError):
        read(source("nowhere.jsonl"), tmp_path)
