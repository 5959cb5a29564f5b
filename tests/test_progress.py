"""Showing a run: what is told, when, and that no message can break the picture."""

from __future__ import annotations

import io
import json
import time
from pathlib import Path

import pytest
from rich.console import Console

from espalier.progress import Ledger, Live, Plain, clock, watching
from espalier.store import Store
from toil import Toil


@pytest.fixture
def toils(tmp_path: Path) -> list[Toil]:
    return [Toil(name=str(i), orders=tmp_path) for i in range(4)]


def ledger(toils: list[Toil], folder: Path) -> Ledger:
    return Ledger({t.key: t for t in toils}, Store(folder / "runs"), lambda _: 10.0, slots=1)


def test_a_time_left_is_told_only_once_something_is_known(
    toils: list[Toil], tmp_path: Path
) -> None:
    told = ledger(toils, tmp_path)
    assert told.seconds_left() is None
    told.start(toils[0])
    assert told.seconds_left() is None
    told.begun = time.monotonic() - 100
    told.end(toils[0], "made")
    assert told.seconds_left() == pytest.approx(300, rel=0.01)  # one of four took 100 seconds


def test_what_was_found_tells_nothing_about_the_time_left(
    toils: list[Toil], tmp_path: Path
) -> None:
    told = ledger(toils, tmp_path)
    told.end(toils[0], "found")
    told.end(toils[1], "blocked")
    assert (told.seconds_left(), told.left) == (None, 20.0)


def test_a_running_step_counts_as_far_as_it_says_it_is(toils: list[Toil], tmp_path: Path) -> None:
    told = ledger(toils, tmp_path)
    told.start(toils[0])
    partial = told.store.partial(toils[0])
    partial.mkdir(parents=True)
    assert told.share(toils[0].key) == 0
    (partial / "progress.json").write_text(json.dumps({"update": 3, "updates": 4}))
    assert told.share(toils[0].key) == 0.75
    assert told.left == 32.5
    (partial / "progress.json").write_text("{ half a fi")
    assert told.share(toils[0].key) == 0


def test_a_log_says_failures_and_that_the_run_goes_on(
    toils: list[Toil], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines: list[str] = []
    plain = Plain(ledger(toils, tmp_path), lines.append)
    plain.started(toils[0])
    plain.ended(toils[0], "failed", "no luck")
    plain.ended(toils[1], "made")
    assert len(lines) == 1
    assert f"[1/4] failed toil {toils[0].key}: no luck" in lines[0]
    plain.started(toils[2])
    plain.tick()
    assert len(lines) == 1
    plain.said -= 60
    plain.tick()
    assert lines[1].endswith("1 running")


def test_no_message_can_break_the_picture(toils: list[Toil], tmp_path: Path) -> None:
    screen = io.StringIO()
    with Live(
        ledger(toils, tmp_path),
        Console(file=screen, force_terminal=True, width=200, highlight=False),
    ) as live:
        live.started(toils[0])
        live.tick()
        live.ended(toils[0], "failed", "expected [/INST] but got [red")
        live.tick()
    assert "expected [/INST] but got [red" in screen.getvalue()


def test_without_a_terminal_there_are_plain_lines(toils: list[Toil], tmp_path: Path) -> None:
    watch = watching({t.key: t for t in toils}, Store(tmp_path / "runs"), 1)
    assert isinstance(watch, Plain)


@pytest.mark.parametrize(("seconds", "said"), [(42.4, "0:42"), (90, "1:30"), (3787, "1:03:07")])
def test_durations_are_said_as_on_a_clock(seconds: float, said: str) -> None:
    assert clock(seconds) == said
