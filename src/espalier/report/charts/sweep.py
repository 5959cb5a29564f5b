"""The sweep over DMT's `k`: how much of the specialised data to replay."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt

from espalier.report.charts import _grammar as g
from espalier.report.charts._cells import compared
from espalier.report.figure import Figure, Panel
from espalier.report.lookup import title
from espalier.report.numbers import fraction
from espalier.report.view import Measure, Point, View
from espalier.report.words import Words


def sweep(view: View, findings: Sequence[Mapping[str, Any]], words: Words) -> Figure | None:  # noqa: ARG001
    """Draw each measure against `k` on an axis of quarterings."""
    points = [p for p in compared(view) if p.k is not None]
    if len({p.k for p in points}) < 2:
        return None
    panels, records = [], []
    for measure in view.measures:
        if own := [p for p in points if p.measure == measure]:
            panel, shown = _panel(view, measure, own, words)
            panels.append(panel)
            records += shown
    return g.figure("sweep", words("sweep.caption"), panels, records, g.model_keys(view))


def _panel(
    view: View, measure: Measure, points: Sequence[Point], words: Words
) -> tuple[Panel, list[g.Record]]:
    name, tones = title(measure, view), g.model_colours(view)
    records = [
        {
            "_x": fraction(p.k or 0.0),
            "_y": p.score,
            "_low": p.low,
            "_high": p.high,
            "_series": p.model,
            words("tip.ability"): name,
            **g.tips(p, words),
        }
        for p in sorted(points, key=lambda p: p.k or 0.0)
    ]
    steps = list(dict.fromkeys(r["_x"] for r in records))
    x = alt.X("_x:O", sort=steps, axis=alt.Axis(title="k", labelAngle=0))
    tone = g.paint({m: tones[m] for m in view.models})
    layers = g.joined(x, g.upright(measure.share), tone, g.tooltip(records[0]))
    return g.scored(view, measure, layers, records, words)
