"""Strategies side by side: the same rows, in other stages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt

from espalier.report.charts import _grammar as g
from espalier.report.charts._cells import compared, order, tones
from espalier.report.figure import Figure, Panel
from espalier.report.lookup import title
from espalier.report.view import Measure, Point, View
from espalier.report.words import Words


def strategies(view: View, findings: Sequence[Mapping[str, Any]], words: Words) -> Figure | None:  # noqa: ARG001
    """Draw every strategy's final score as a dot with its interval, one panel per measure."""
    points = compared(view)
    if not points:
        return None
    panels, records = [], []
    for measure in view.measures:
        if own := [p for p in points if p.measure == measure]:
            panel, shown = _panel(view, measure, own, words)
            panels.append(panel)
            records += shown
    return g.figure(
        "strategies",
        words("strategies.caption", mixture=words.amounts(points[0].amounts)),
        panels,
        records,
        g.model_keys(view),
    )


def _panel(
    view: View, measure: Measure, points: Sequence[Point], words: Words
) -> tuple[Panel, list[g.Record]]:
    name, methods = title(measure, view), [words.method(m) for m in order(points)]
    several = len(view.models) > 1
    records = [
        {
            "_x": p.score,
            "_low": p.low,
            "_high": p.high,
            "_series": p.model if several else words.method(p.method),
            "_method": words.method(p.method),
            words("tip.ability"): name,
            **g.tips(p, words),
        }
        for p in points
    ]
    x = alt.X(
        "_x:Q",
        scale=alt.Scale(zero=False, nice=True),
        axis=g.score_axis(measure.share, tickCount=4, grid=True, domain=False),
    )
    y = alt.Y(
        "_method:N",
        sort=methods,
        axis=alt.Axis(title=None, labelLimit=150, grid=False, labelColor="var(--ink)"),
        scale=alt.Scale(padding=0.35),
    )
    tone = g.paint(g.model_colours(view) if several else tones(points, words))
    offset: g.Record = (
        {"yOffset": alt.YOffset("_series:N", sort=list(view.models))} if several else {}
    )
    layers = g.across(x, y, tone, g.tooltip(records[0]), **offset)
    if measure.chance:
        layers.append(g.upright_rule(measure.chance))
    height = max(110, len(methods) * max(30, 15 * len(view.models)) + 24)
    return g.scored(view, measure, layers, records, words, by="_method", height=height)
