"""What a report can tell beyond the table: the study's question, its cost, replies to look at.

All of it is optional, because a table made elsewhere has none of it and still deserves a report.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What a study asked for and what it took; None is "not recorded"."""

    cells: int | None = None
    """Cells asked for."""
    stages_asked: int | None = None
    """Training stages the cells add up to."""
    stages_trained: int | None = None
    """Distinct training stages, which is what was trained."""
    cpu_minutes: float | None = None
    minutes_saved: float | None = None
    """Minutes that shared stages would have cost if trained again for each cell."""
    wall_minutes: float | None = None


@dataclass(frozen=True, kw_only=True)
class Reply:
    """One reply worth reading beside its reference; it is model text, and never trusted."""

    ability: str
    prompt: str
    reply: str
    reference: str = ""
    score: float | None = None
    of: str = ""
    """The checkpoint that replied, in words."""
    key: str = ""
    metric: str = ""

    @property
    def kind(self) -> str:
        """Say `right`, `wrong`, `partly` right or `unscored`; other metrics are `scored`."""
        if self.score is None or math.isnan(self.score):
            return "unscored"
        if self.score in (0.0, 1.0):
            return "right" if self.score else "wrong"
        return "partly" if 0 < self.score < 1 else "scored"


@dataclass(frozen=True, kw_only=True)
class Verified:
    """What a recipe was expected to score on an ability, and what its training then measured."""

    label: str
    """As in the recommendation: `recommended`, `uniform`, ..."""
    ability: str
    metric: str
    predicted: float
    interval: tuple[float, float] | None
    """Where the measured score was expected to lie."""
    measured: float
    measured_interval: tuple[float, float] | None = None
    key: str = ""

    @classmethod
    def of(cls, checks: Iterable[Mapping[str, Any]]) -> tuple[Verified, ...]:
        """Return the checks of a verification that were measured, from their JSON values."""
        return tuple(
            cls(
                label=check["label"],
                ability=check["ability"],
                metric=check["metric"],
                predicted=check["predicted"],
                interval=_ends(check.get("prediction_interval") or check.get("interval")),
                measured=check["measured"],
                measured_interval=_around(check["measured"], check.get("stderr")),
            )
            for check in checks
            if check.get("measured") is not None
        )


def _ends(interval: Sequence[float] | None) -> tuple[float, float] | None:
    return (interval[0], interval[1]) if interval else None


def _around(score: float, stderr: float | None) -> tuple[float, float] | None:
    return None if stderr is None else (score - 1.96 * stderr, score + 1.96 * stderr)


@dataclass(frozen=True, kw_only=True)
class StudyFacts:
    """Everything the table does not hold."""

    name: str = ""
    question: str = ""
    study: str = ""
    """The study file's text."""
    sources: Mapping[str, str] = field(default_factory=dict)
    """Source -> the ability it trains, where their names differ; told, not used."""
    cost: Cost | None = None
    not_run: tuple[tuple[str, str], ...] = ()
    """(step, reason) of everything that failed, was blocked, or was never asked to run."""
    provenance: Mapping[str, str] = field(default_factory=dict)
    """What made the numbers, in words: version, store, date of the run, machine."""
    replies: tuple[Reply, ...] = ()
    verified: tuple[Verified, ...] = ()
    points: pd.DataFrame | None = None
    """Queries as drawn by their hidden states: key, layer, way (`pca`, `tsne`), source, x, y."""
