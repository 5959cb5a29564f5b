"""Held-out rows of a source, as items."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from espalier.abilities.held_out import held_out
from espalier.errors import SpecError
from espalier.source import Source, order


def source(folder: Path, questions: list[str], hold_out: int = 5) -> Source:
    rows = [
        {
            "messages": [
                {"role": "user", "content": question},
                {"role": "assistant", "content": "first"},
                {"role": "user", "content": "and then?"},
                {"role": "assistant", "content": f"last of {question}"},
            ]
        }
        for question in questions
    ]
    (folder / "x.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return Source(name="chat", path="x.jsonl", ability="general", hold_out=hold_out)


def test_the_last_reply_of_each_conversation_is_the_target(tmp_path: Path) -> None:
    ability = held_out(source=source(tmp_path, [f"q{i}" for i in range(20)]), root=tmp_path)
    assert ability.name == "general"
    assert len(ability.items) == 5
    for item in ability.items:
        number = int(item.id.removeprefix("chat/"))
        assert item.target == f"last of q{number}"
        assert [m["content"] for m in item.prompt if isinstance(m, dict)] == [
            *(f"q{number}", "first", "and then?")
        ]
        assert number not in order(20, name="chat", seed=1, hold_out=5)


def test_a_conversation_that_is_also_trained_on_is_left_out(tmp_path: Path) -> None:
    same = source(tmp_path, ["the same"] * 20)
    assert held_out(source=same, root=tmp_path).items == ()


def test_fewer_items_are_the_first_of_more(tmp_path: Path) -> None:
    given = source(tmp_path, [f"q{i}" for i in range(20)])
    every = held_out(source=given, root=tmp_path)
    assert held_out(source=given, root=tmp_path, limit=2).items == every.items[:2]


def test_a_source_that_holds_nothing_out_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="'chat' holds no rows out; give it `hold_out:`"):
        held_out(source=source(tmp_path, ["q"], hold_out=0), root=tmp_path)
