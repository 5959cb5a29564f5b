"""Composing: what is drawn, from what was planned, the same bytes every time."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from espalier.errors import DataError, SpecError
from espalier.source import Source, order, read
from espalier.step import Site, Step
from espalier.steps.compose import Compose, draw


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("maths", "chat"):
        write(tmp_path, name, 40)
    return tmp_path


def write(folder: Path, name: str, rows: int) -> None:
    lines = [{"prompt": f"{name} {i}", "completion": f"reply {i}"} for i in range(rows)]
    (folder / f"{name}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def compose(
    folder: Path, rows: Mapping[str, int], seed: int = 0, repeat: bool = False, **fields: Any
) -> Compose:
    sources = [Source(name=name, path=f"{name}.jsonl", **fields) for name in rows]
    draws = (draw(s, rows[s.name], digest=read(s, folder).digest, repeat=repeat) for s in sources)
    return Compose(draws=tuple(draws), seed=seed, root=folder)


def nowhere(step: Step) -> Path:
    raise AssertionError(f"{step} has no parents to read")


def made(step: Compose, out: Path) -> list[dict[str, Any]]:
    out.mkdir(exist_ok=True)
    step.run(out, nowhere, Site())
    rows: list[dict[str, Any]] = pq.read_table(out / "rows.parquet").to_pylist()
    return rows


def test_rows_stand_source_by_source_in_drawing_order(folder: Path) -> None:
    rows = made(compose(folder, {"maths": 3, "chat": 5}, seed=7), folder / "out")
    assert [row["source"] for row in rows] == ["chat"] * 5 + ["maths"] * 3
    first = order(40, name="chat", seed=7)[:5].tolist()
    assert [row["index"] for row in rows[:5]] == first
    assert rows[0]["messages"] == [
        {"role": "user", "content": f"chat {first[0]}"},
        {"role": "assistant", "content": f"reply {first[0]}"},
    ]


def test_ten_rows_are_inside_the_forty(folder: Path) -> None:
    few = made(compose(folder, {"maths": 10}), folder / "few")
    more = made(compose(folder, {"maths": 40}), folder / "more")
    assert few == more[:10]
    assert len({row["index"] for row in more}) == 40


def test_the_same_composition_is_the_same_bytes(folder: Path) -> None:
    one, other = folder / "one", folder / "other"
    made(compose(folder, {"maths": 9, "chat": 4}), one)
    made(compose(folder, {"chat": 4, "maths": 9}), other)
    assert (one / "rows.parquet").read_bytes() == (other / "rows.parquet").read_bytes()


def test_the_key_covers_what_is_drawn_and_not_where_it_lies(folder: Path) -> None:
    key = compose(folder, {"maths": 9, "chat": 4}).key
    moved = folder / "moved"
    moved.mkdir()
    for name in ("maths", "chat"):
        write(moved, name, 40)
    assert compose(moved, {"chat": 4, "maths": 9}, bad_rows=1, origin="user").key == key
    assert compose(folder, {"maths": 9, "chat": 4}, repeat=True).key == key
    others = [
        compose(folder, {"maths": 9, "chat": 5}),
        compose(folder, {"maths": 9}),
        compose(folder, {"maths": 9, "chat": 4}, seed=1),
        compose(folder, {"maths": 9, "chat": 4}, hold_out=1),
    ]
    write(folder, "chat", 41)
    others.append(compose(folder, {"maths": 9, "chat": 4}))
    assert len({key, *(other.key for other in others)}) == 6


def test_a_source_that_changed_since_planning_is_refused(folder: Path) -> None:
    step = compose(folder, {"maths": 3})
    write(folder, "maths", 41)
    with pytest.raises(DataError, match=r"'maths': the rows at maths.jsonl have changed since"):
        made(step, folder / "out")
    assert not (folder / "out" / "rows.parquet").exists()


def test_more_rows_than_there_are_is_refused(folder: Path) -> None:
    step = compose(folder, {"maths": 36}, hold_out=5)
    with pytest.raises(DataError, match="has 35 rows to draw from, 36 are asked for"):
        made(step, folder / "out")


def test_repetition_where_it_is_allowed_begins_the_order_again(folder: Path) -> None:
    rows = made(compose(folder, {"maths": 90}, repeat=True), folder / "out")
    drawn = [row["index"] for row in rows]
    assert drawn[40:80] == drawn[:40]
    assert drawn[80:] == drawn[:10]


def test_nothing_can_be_repeated_where_everything_is_held_out(folder: Path) -> None:
    with pytest.raises(DataError, match="has 0 rows to draw from"):
        made(compose(folder, {"maths": 1}, repeat=True, hold_out=40), folder / "out")


def test_held_out_rows_are_never_composed(folder: Path) -> None:
    drawn = [
        {row["index"] for row in made(compose(folder, {"maths": 30}, seed=s, hold_out=10), out)}
        for s, out in enumerate([folder / "a", folder / "b"])
    ]
    assert drawn[0] == drawn[1]
    assert len(drawn[0]) == 30


def test_a_source_is_drawn_from_once(folder: Path) -> None:
    (one,) = compose(folder, {"maths": 3}).draws
    with pytest.raises(SpecError, match="'maths' is drawn from twice"):
        Compose(draws=(one, one), seed=0)
