"""A recommendation: which data to train on, beside what else was possible, and how sure it is.

`recommend` makes it from a results table and its findings; the report and `espalier recommend`
show it; `run --verify` trains it.  Scores are in their metric's own unit; utilities and regrets
are in shares of each metric's range, better positive, weighted by the user.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

from espalier.errors import DataError, MissingError

Interval = tuple[float, float]

VERSION = 1
LARGEST = 16 * 2**20
"""Bytes of a file: a recommendation is a thousandth of that."""
MOST = 1e15
"""No number of a recommendation is as large."""


@dataclass(frozen=True, kw_only=True)
class Expected:
    """What a recipe is expected to score on one ability."""

    ability: str
    metric: str
    score: float
    interval: Interval | None
    higher_is_better: bool = True
    floor: float | None = None
    """What the user asked for at least (for a loss: at most)."""
    floor_probability: float | None = None
    """How likely the floor is kept."""


@dataclass(frozen=True, kw_only=True)
class Choice:
    """One recipe of data: counts, strategy, order and `k`, with what is expected of it."""

    label: str
    """`recommended`, `uniform`, `proportional`, `everything`, `best measured`, or a front's own."""
    amounts: Mapping[str, int]
    """Rows of each source, all stages, distinct rows."""
    strategy: str
    k: float | None
    stages: tuple[Mapping[str, int], ...]
    """What each stage trains on, in order: source -> rows."""
    expected: tuple[Expected, ...]
    utility: float
    utility_interval: Interval | None
    measured: bool
    """Whether this very cell was trained and measured, or is read off the fitted surface."""
    cost: Mapping[str, float] = field(default_factory=dict)
    """In the units of the budgets that can be worked out: rows, tokens, updates, gpu_hours."""
    note: str = ""
    feasible: bool = True
    """Whether it is within the budget and the rows there are; if not, nothing is held against it.
    """


@dataclass(frozen=True, kw_only=True)
class NextRun:
    """A cell worth measuring next, by how much of the expected regret it would take away.

    Each is told given those before it: what they all save is the sum.
    """

    model: str
    amounts: Mapping[str, int]
    strategy: str
    k: float | None
    seeds: int
    regret_saved: float
    why: str


@dataclass(frozen=True, kw_only=True)
class Transfer:
    """Whether what was measured on one size may be carried to another."""

    smaller: str
    larger: str
    rank_agreement: float | None
    """Kendall's tau between the two models' utilities over the cells that both have.

    Each pair counts as much as noise lets both models tell it apart."""
    interval: Interval | None
    cells: int
    verdict: str
    """`transfers`, `does not transfer`, or `undecided`."""
    why: str = ""


@dataclass(frozen=True, kw_only=True)
class Recommendation:
    """The answer to "how much of which data", for one model."""

    model: str
    protocol: str
    budget: Mapping[str, float]
    utility: Mapping[str, float]
    """Ability -> weight."""
    floors: Mapping[str, float]
    choice: Choice | None
    """The recommended recipe; None where it is refused, and `refused` says why."""
    refused: str = ""
    baselines: tuple[Choice, ...] = ()
    """`uniform`, `proportional`, `everything` and `best measured`, as far as each is possible."""
    regret: float | None = None
    """Expected loss of utility against the true best, which nobody knows."""
    regret_interval: Interval | None = None
    best_probability: float | None = None
    """How likely no baseline that can be had is better than the choice."""
    assumed: str = ""
    """What regret, intervals and probabilities take for granted where one seed leaves open how
    much runs scatter; empty where that was measured."""
    without_floors: Choice | None = None
    """What would be recommended without the floors."""
    floor_cost: float | None = None
    """Expected utility that the floors cost, against `without_floors`; None without floors."""
    floor_cost_interval: Interval | None = None
    front: tuple[Choice, ...] = ()
    """The Pareto front over the abilities: nothing is better on all of them."""
    region: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """Source -> the least and the most rows that were measured."""
    beyond: tuple[str, ...] = ()
    """How far the choice lies outside the measured region, a sentence each."""
    rests_on: Mapping[str, int] = field(default_factory=dict)
    """How many `cells`, `runs` and `rows` of the table it rests on."""
    fit: Mapping[str, Any] = field(default_factory=dict)
    """Of each ability's surface: form, error left out of sample, noise."""
    next_runs: tuple[NextRun, ...] = ()
    transfer: tuple[Transfer, ...] = ()
    warnings: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the recommendation as JSON values."""
        return {"version": VERSION} | asdict(self)


@dataclass(frozen=True, kw_only=True)
class Trained:
    """One expected score and what came of it, as a verification tells it."""

    label: str
    ability: str
    metric: str
    predicted: float
    interval: Interval | None = None
    prediction_interval: Interval | None = None
    measured: float | None = None
    stderr: float | None = None


def read(path: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Read what `recommend --json` or `run --verify` wrote: a recommendation, and checks of it.

    Both are JSON values; there are no checks but in a verification.  Raises `MissingError` where
    there is no such file, and `DataError` for what is none, telling what is wrong with it.
    """
    if not path.is_file():
        raise MissingError(f"{path}: there is no such file; `recommend --json` writes one")
    wanted = f"{path}: is no recommendation; `recommend --json` or `run --verify` writes one"
    if path.stat().st_size > LARGEST:
        raise DataError(f"{wanted} (of far less than {path.stat().st_size / 2**20:,.0f} MiB)")
    try:
        told = json.loads(path.read_text(encoding="utf-8"), parse_constant=_no_number)
        return _checked(told)
    except DataError as error:
        raise DataError(f"{wanted} ({error})") from None
    except (OSError, ValueError, RecursionError):
        raise DataError(wanted) from None


def _no_number(said: str) -> NoReturn:
    raise DataError(f"{said} is no number")


def _checked(told: Any) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return recommendation and checks, or refuse the first thing that is wrong."""
    advice = told.get("recommendation", told) if isinstance(told, dict) else None
    if not isinstance(advice, dict):
        raise DataError("it holds no object of one")
    if (version := advice.get("version", VERSION)) != VERSION:
        raise DataError(f"version: {str(version)[:20]}, and only {VERSION} is known")
    checks = told.get("checks", []) if advice is not told else []
    found: Recommendation = _typed(Recommendation, advice, "")
    trained: list[Trained] = _typed(list[Trained], checks, "checks")
    for where, wrong in (*_nonsense(found), *_disorder([c.interval for c in trained], "checks")):
        raise DataError(f"{where}: {wrong}")
    return advice, checks


@cache
def _reader(kind: Any) -> Any:
    from pydantic import TypeAdapter

    return TypeAdapter(kind)


def _typed(kind: Any, told: Any, where: str) -> Any:
    """Return JSON values as what they should be, or say where they are of another type."""
    from pydantic import ValidationError

    for place, number in _numbers(told, (where,) if where else ()):
        if not abs(number) <= MOST:
            raise DataError(f"{place}: no number of a recommendation is so large")
    try:
        return _reader(kind).validate_json(json.dumps(told), strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in ((where,) if where else ()) + first["loc"])
        raise DataError(f"{place}: {first['msg']}") from None


def _numbers(told: Any, where: tuple[str, ...]) -> Iterator[tuple[str, float]]:
    if isinstance(told, Mapping):
        for name, value in told.items():
            yield from _numbers(value, (*where, str(name)))
    elif isinstance(told, list):
        for place, value in enumerate(told):
            yield from _numbers(value, (*where, str(place)))
    elif isinstance(told, int | float):
        yield ".".join(where), told


def _nonsense(found: Recommendation) -> Iterator[tuple[str, str]]:
    """Yield where numbers are of the right type and cannot be."""
    choices = [c for c in (found.choice, found.without_floors) if c]
    for c in (*choices, *found.baselines, *found.front):
        for amounts in (c.amounts, *c.stages):
            yield from ((c.label, f"{n} rows of {s}") for s, n in amounts.items() if n < 0)
        if c.k is not None and not 0 <= c.k <= 1:
            yield c.label, f"k is a share, not {c.k:g}"
        for e in c.expected:
            if e.floor_probability is not None and not 0 <= e.floor_probability <= 1:
                yield f"{c.label}, {e.ability}", f"{e.floor_probability:g} is no probability"
        yield from _disorder([c.utility_interval, *(e.interval for e in c.expected)], c.label)
    yield from _disorder([found.regret_interval, found.floor_cost_interval], "an interval")
    if found.best_probability is not None and not 0 <= found.best_probability <= 1:
        yield "best_probability", f"{found.best_probability:g} is no probability"
    for run in found.next_runs:
        yield from (("next_runs", f"{n} rows of {s}") for s, n in run.amounts.items() if n < 0)


def _disorder(intervals: Sequence[Interval | None], where: str) -> Iterator[tuple[str, str]]:
    for interval in intervals:
        if interval is not None and interval[0] > interval[1]:
            yield where, f"the interval {interval[0]:g} to {interval[1]:g} ends before it begins"
