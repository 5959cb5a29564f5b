"""A recommendation: which data to train on, beside what else was possible, and how sure it is.

`recommend` makes it from a results table and its findings; the report and `espalier recommend`
show it; `run --verify` trains it.  Scores are in their metric's own unit; utilities and regrets
are in shares of each metric's range, better positive, weighted by the user.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

Interval = tuple[float, float]


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


@dataclass(frozen=True, kw_only=True)
class NextRun:
    """A cell worth measuring next, by how much of the expected regret it would take away."""

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
    """Kendall's tau between the two models' utilities over the cells that both have."""
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
    """How likely no baseline is better than the choice."""
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
        return {"version": 1} | asdict(self)
