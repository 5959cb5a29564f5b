"""Which measure a finding is about, what it is called, and how its numbers are written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from espalier.report.numbers import Unit
from espalier.report.view import Measure, View
from espalier.report.words import Words


def is_of(finding: Mapping[str, Any], measure: Measure) -> bool:
    """Say whether a finding is about this measure; an empty suite or protocol matches any."""
    return (
        finding["ability"] == measure.ability
        and finding["metric"] == measure.metric
        and finding.get("suite") in (None, "", measure.suite)
        and finding.get("protocol") in (None, "", measure.protocol)
    )


def title(measure: Measure, view: View) -> str:
    """Name a panel by its ability, and by suite, metric and protocol where that tells more."""
    others = [m for m in view.measures if m.ability == measure.ability]
    parts = [
        getattr(measure, name)
        for name in ("suite", "metric", "protocol")
        if len({getattr(m, name) for m in others}) > 1
    ]
    return " · ".join([measure.ability, *(p for p in parts if p and p != measure.ability)])


def full_title(measure: Measure, view: View) -> str:
    """Name a measure beside measures of other abilities: with its metric, where it has one."""
    name = title(measure, view)
    told = measure.metric in name or measure.metric == "score"
    return name if told else f"{name} · {measure.metric}"


def measured(finding: Mapping[str, Any], view: View) -> Measure | None:
    """Return the measure a finding is about; None where it averages several."""
    return next((m for m in view.measures if is_of(finding, m)), None)


def named(finding: Mapping[str, Any], view: View) -> str:
    """Name what a finding is about as the panels of its measure are named."""
    measure = measured(finding, view)
    return title(measure, view) if measure else str(finding["ability"])


def grown(finding: Mapping[str, Any], beside: Sequence[Mapping[str, Any]]) -> str:
    """Name the ability of a growth finding, and its source where others teach the same one."""
    ability, source = str(finding["ability"]), finding.get("source")
    sources = {f.get("source") for f in beside if f["ability"] == finding["ability"]}
    return f"{ability} · {source}" if source and len(sources) > 1 else ability


def unit(finding: Mapping[str, Any], view: View, words: Words) -> Unit:
    """Return how the finding's scores are written; what averages abilities is in shares."""
    measure = measured(finding, view)
    if measure is None and finding["ability"] == "overall":
        return Unit(True, words("unit.points"), words("unit.to"))
    return unit_of(measure, words)


def unit_of(measure: Measure | None, words: Words) -> Unit:
    """Return how a measure's scores are written."""
    points, to = words("unit.points"), words("unit.to")
    if measure is None:
        return Unit(False, points, to)
    return Unit(measure.share, points, to, percent=measure.percent, digits=measure.digits)
