"""How far a judge agrees with itself: between repeats, and between the two orders of a pair.

A scorer's `extracted` keeps every judgment as JSON, so this needs the graded rows alone:

    single  [[8, 7], [6, null]]                     ratings by turn and repeat
    pair    [[["win", "tie"]], [["loss", null]]]    outcomes by turn, repeat and order

`null` is a judgment that could not be read, or that was not given.
"""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Rows = Sequence[Mapping[str, Any]]

POINTS = {"win": 1.0, "tie": 0.5, "loss": 0.0}


def outcome(orders: Sequence[str | None]) -> float | None:
    """Return what a comparison in both orders is worth: a win in both 1, a loss 0, else a tie."""
    if None in orders:
        return None
    return POINTS[str(orders[0])] if len(set(orders)) == 1 else POINTS["tie"]


def mean(values: Iterable[float | None]) -> float | None:
    """Return the mean of those that are there."""
    there = [value for value in values if value is not None]
    return math.fsum(there) / len(there) if there else None


def of_ratings(rows: Rows) -> str | None:
    """Say how rated rows came about: by turn, by repeat, and what could not be read."""
    items = _kept(rows)
    turns = [turn for item in items for turn in item]
    given = [rating for turn in turns for rating in turn]
    if not given:
        return None
    said = []
    if max(map(len, items)) > 1:
        by_turn = [mean(r for i in items for r in i[t]) for t in range(min(map(len, items)))]
        said.append(_listed("turns", by_turn))
    if max(map(len, turns)) > 1:
        said += _repeated(items, turns)
    return "; ".join([*said, *_lost(given, "rating")]) or None


def of_pairs(rows: Rows) -> str | None:
    """Say how compared rows came about: both orders, whom the order favours, what was lost."""
    turns = [turn for item in _kept(rows) for turn in item]
    games = [game for turn in turns for game in turn]
    given = [one for game in games for one in game]
    if not given:
        return None
    whole = [game for game in games if None not in game]
    same = [game for game in whole if game[0] == game[1]]
    said = [f"both orders agree on {len(same)} of {len(whole)} comparisons"]
    first = sum(POINTS[game[0]] > POINTS[game[1]] for game in whole)
    if split := len(whole) - len(same):
        said.append(f"where they do not, {first} of {split} favour what is shown first")
    said.append(
        "won {win}, lost {loss}, tied {tie}".format(
            **{n: sum(outcome(g) == p for g in whole) for n, p in POINTS.items()}
        )
    )
    if max(map(len, turns)) > 1:
        sets = [{tuple(game) for game in turn} for turn in turns if len(turn) > 1]
        said.append(f"all repeats are the same for {sum(len(s) == 1 for s in sets)} of {len(sets)}")
    return "; ".join([*said, *_lost(given, "verdict")])


def _kept(rows: Rows) -> list[Any]:
    """Return the judgments of all rows that have any."""
    return [json.loads(row["extracted"]) for row in rows if row.get("extracted")]


def _repeated(items: list[Any], turns: list[Any]) -> list[str]:
    several = [there for turn in turns if len(there := [r for r in turn if r is not None]) > 1]
    if not several:
        return []
    same = sum(len(set(ratings)) == 1 for ratings in several)
    spread = math.sqrt(statistics.fmean(statistics.variance(ratings) for ratings in several))
    by_repeat = [
        mean(mean(turn[r] if r < len(turn) else None for turn in item) for item in items)
        for r in range(max(map(len, turns)))
    ]
    return [
        _listed("repeats", by_repeat),
        f"all repeats agree on {same} of {len(several)} replies, spread {spread:.2f}",
    ]


def _listed(what: str, values: Sequence[float | None]) -> str:
    shown = ("none" if value is None else f"{value:.2f}" for value in values)
    return f"{what} {', '.join(shown)}"


def _lost(given: Sequence[Any], what: str) -> list[str]:
    lost = sum(one is None for one in given)
    return [f"{lost} of {len(given)} judgments without a {what}, in no score"] if lost else []
