"""Forgetting: each ability's score after each stage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt

from espalier.report.charts import _grammar as g
from espalier.report.charts._cells import tones
from espalier.report.figure import Figure, Panel
from espalier.report.lookup import title
from espalier.report.view import Measure, Point, View
from espalier.report.words import Words


def forgetting(view: View, findings: Sequence[Mapping[str, Any]], words: Words) -> Figure | None:  # noqa: ARG001
    """Draw the staged strategies' scores from the untuned model to the last stage."""
    points = _staged(view)
    if not points:
        return None
    colours = tones(points, words)
    panels, records = [], []
    for measure in view.measures:
        for model in view.models:
            if own := [p for p in points if p.measure == measure and p.model == model]:
                panel, shown = _panel(view, measure, own, colours, words)
                panels.append(panel)
                records += shown
    return g.figure(
        "forgetting",
        words("forgetting.caption", mixture=words.amounts(points[0].amounts)),
        panels,
        records,
        g.keys(colours),
    )


def _staged(view: View) -> list[Point]:
    """Return all stages of the cells of the largest mixture measured after more than one stage."""
    seen: dict[tuple[Any, ...], set[int]] = {}
    for p in view.points:
        if p.stage:
            seen.setdefault((*p.amounts.items(),), set()).add(p.stage)
    mixtures = [mixture for mixture, stages in seen.items() if len(stages) > 1]
    if not mixtures:
        return []
    largest = max(mixtures, key=lambda mixture: sum(n for _, n in mixture))
    return [p for p in view.points if p.stage and p.stages > 1 and (*p.amounts.items(),) == largest]


def _panel(
    view: View, measure: Measure, points: Sequence[Point], colours: Mapping[str, str], words: Words
) -> tuple[Panel, list[g.Record]]:
    name, model, records = title(measure, view), points[0].model, list[g.Record]()
    name = f"{name} · {model}" if len(view.models) > 1 else name
    base = view.base(measure, model)
    for method in colours:
        line = sorted((p for p in points if words.method(p.method) == method), key=_stage)
        records += [
            {
                "_x": p.stage,
                "_y": p.score,
                "_low": p.low,
                "_high": p.high,
                "_series": method,
                words("tip.ability"): name,
                words("tip.line"): method,
                **g.tips(p, words),
                words("tip.stage"): str(p.stage),
            }
            for p in [*([base] if base and line else []), *line]
        ]
    stages = sorted({r["_x"] for r in records})
    x = alt.X(
        "_x:Q",
        scale=alt.Scale(domain=[stages[0] - 0.15, stages[-1] + 0.15], nice=False),
        axis=alt.Axis(
            title=words("axis.stage"),
            values=stages,
            format="d",
            labelExpr=f"datum.value == 0 ? {_quoted(words('untuned'))} : datum.label",
        ),
    )
    layers = g.joined(x, g.upright(measure.share), g.paint(colours), g.tooltip(records[0]))
    if measure.chance:
        layers += g.rule(measure.chance, text=words("chance"))
    return g.scored(view, measure, layers, records, words, name=name)


def _stage(point: Point) -> int:
    return point.stage


def _quoted(text: str) -> str:
    """Write one of our own words as a Vega string."""
    return "'" + text.replace("\\", "").replace("'", "") + "'"
