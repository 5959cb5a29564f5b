"""Exams, readings, scenes and seed tasks: what they become, and that none looks alike."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from espalier.errors import DataError
from espalier.format import formats
from espalier.source import Source, read

ROWS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "tal_scq5k": (
        {
            "problem": "1+1=？ ",
            "answer_option_list": [
                [{"aoVal": "A", "content": "1 "}],
                [{"aoVal": "B", "content": "2"}],
            ],
            "answer_value": "B",
            "answer_analysis": ["数一数。"],
        },
        ["user: 1+1=？\nA. 1\nB. 2", "assistant: 数一数。\n答案：B"],
    ),
    "dialogue": (
        {"dialogue": [{"role": "赵刚", "text": "走？"}, {"role": "李云龙", "text": "走！"}]},
        ["system: 你是李云龙。", "user: 赵刚：走？", "assistant: 走！"],
    ),
    "reading": (
        {
            "dialogue": ["男：来吗?", "女：来。"],
            "questions": [
                {"question": "谁来?", "choice": ["男", "女"], "answer": "女"},
                {"question": "何时?", "choice": ["今天", "不知道"], "answer": "不知道"},
            ],
        },
        [
            "user: 男：来吗?\n女：来。\n\n谁来?\nA. 男\nB. 女",
            "assistant: B",
            "user: 何时?\nA. 今天\nB. 不知道",
            "assistant: B",
        ],
    ),
    "exam": (
        {"text": "甲在乙前。", "question": "谁后?", "options": ["甲", "乙"], "answer": 1},
        ["user: 甲在乙前。\n谁后?\nA. 甲\nB. 乙", "assistant: B"],
    ),
    "self_instruct": (
        {"instruction": "Add.", "instances": [{"input": "1 2", "output": "3"}]},
        ["user: Add.\n\n1 2", "assistant: 3"],
    ),
}


@pytest.mark.parametrize("name", ROWS)
def test_a_row_becomes_a_conversation(name: str, tmp_path: Path) -> None:
    row, wanted = ROWS[name]
    (tmp_path / "rows.jsonl").write_text(json.dumps(row, ensure_ascii=False) + "\n")
    (messages,) = read(Source(name="x", path="rows.jsonl"), tmp_path).messages
    assert [f"{m['role']}: {m['content']}" for m in messages] == wanted


@pytest.mark.parametrize("name", ROWS)
def test_it_looks_like_no_other_format(name: str) -> None:
    row, _ = ROWS[name]
    assert [other for other in formats if formats[other].matches(row)] == [name]


def test_gaokao_ends_with_its_letters() -> None:
    row = {"question": "选？", "answer": ["A", "C"], "analysis": "因为。"}
    assert formats["exam"].read(row)[-1]["content"] == "因为。\n答案：A；C"


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("tal_scq5k", {"answer_option_list": ["A"]}),
        ("dialogue", {"dialogue": []}),
        ("reading", {"questions": ["?"]}),
        ("reading", {"questions": [{"question": "?", "choice": ["x"], "answer": "y"}]}),
        ("exam", {"answer": 7}),
        ("exam", {"answer": True}),
        ("self_instruct", {"instances": []}),
    ],
)
def test_a_row_that_cannot_be_used_says_why(name: str, change: dict[str, Any]) -> None:
    with pytest.raises(DataError) as caught:
        formats[name].read(ROWS[name][0] | change)
    assert "\n" not in str(caught.value)


@pytest.mark.data
@pytest.mark.skipif("ESPALIER_DATA" not in os.environ, reason="ESPALIER_DATA names no folder")
@pytest.mark.parametrize(
    ("path", "rows"),
    [
        ("tal_scq5k/ch_single_choice_train_3K.jsonl.gz", 3_000),
        ("chat_haruhi/liyunlong_synthesis_dialogue.jsonl", 400),
        ("gaokao_bench/2010-2022_Biology_MCQs.jsonl", 150),
        ("c3/c3-d-train.jsonl.gz", 0),
        ("dream/train.jsonl.gz", 0),
        ("logiqa2_zh/dev_zh.jsonl.gz", 0),
        ("self_instruct/seed_tasks.jsonl", 175),
        ("belle/zh_seed_tasks.jsonl", 175),
        ("code_alpaca/seed_tasks.jsonl", 21),
    ],
)
def test_the_real_files_are_read_whole(path: str, rows: int) -> None:
    found = read(Source(name="x", path=path), Path(os.environ["ESPALIER_DATA"]))
    assert len(found.messages) > 100 or len(found.messages) == rows
    assert len(found.bad) <= 0.01 * len(found.messages)
