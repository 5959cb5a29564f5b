"""Forgetting: each ability's score after each stage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt

from espalier.report.charts import _grammar as g
from espalier.report.charts.strategies import order
from espalier.report.figure import Figure, Panel
from espalier.report.view import Measure, Point, View
from espalier.report.words import Words


def forgetting(view: View, findings: Sequence[Mapping[str, Any]], words: Words) -> Figure | None:  # noqa: ARG001
    """Draw the staged strategies' scores from the untuned model to the last stage."""
    points = _staged(view)
    if not points:
        return None
    tones = _tones(view, points, words)
    panels, records = [], []
    for measure in view.measures:
        if own := [p for p in points if p.measure == measure]:
            panel, shown = _panel(view, measure, own, tones, words)
            panels.append(panel)
            records += shown
    return g.figure(
        "forgetting",
        words("forgetting.caption", mixture=words.amounts(points[0].amounts)),
        panels,
        records,
        g.keys(tones),
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


def _label(view: View, point: Point, words: Words) -> str:
    method = words.method(point.method)
    return method if len(view.models) == 1 else f"{point.model} {method}"


def _tones(view: View, points: Sequence[Point], words: Words) -> dict[str, str]:
    """Give the strategies a hue each, and DMT's `k` shades of one hue."""
    methods = order(points)
    swept = [m for m in methods if " k=" in m]
    shades = {
        m: f"s{max(1, 5 - round(4 * i / max(1, len(swept) - 1)))}" for i, m in enumerate(swept)
    }
    hues = iter(("c1", "c2", "c3", "c6", "c4", "c5", "c7"))
    tones = {m: shades.get(m) or next(hues, "c7") for m in methods}
    labels = sorted(
        {(_label(view, p, words), p.method) for p in points},
        key=lambda pair: methods.index(pair[1]),
    )
    return {label: tones[method] for label, method in labels}


def _panel(
    view: View, measure: Measure, points: Sequence[Point], tones: Mapping[str, str], words: Words
) -> tuple[Panel, list[g.Record]]:
    name, records = g.title(measure, view), []
    for label in tones:
        line = sorted((p for p in points if _label(view, p, words) == label), key=lambda p: p.stage)
        base = view.base(measure, line[0].model) if line else None
        for p in [*([base] if base else []), *line]:
            records.append(
                {
                    "_x": p.stage,
                    "_y": p.score,
                    "_low": p.low,
                    "_high": p.high,
                    "_series": label,
                    words("tip.ability"): name,
                    words("tip.line"): label,
                    **g.tips(p, view, words),
                    words("tip.stage"): str(p.stage),
                }
            )
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
    y, tone, tip = g.upright(measure.share), g.paint(tones), g.tooltip(records[0])
    dots = alt.Chart(g.data(records))
    layers: g.Layers = [
        dots.mark_rule(strokeWidth=1.2, opacity=0.55, aria=False).encode(
            x=x, y="_low:Q", y2="_high:Q", color=tone
        ),
        dots.mark_line(aria=False).encode(x=x, y=y, color=tone),
        dots.mark_point(filled=True, size=56, opacity=1).encode(x=x, y=y, color=tone, tooltip=tip),
        dots.mark_point(filled=True, size=500, opacity=0, aria=False).encode(x=x, y=y, tooltip=tip),
    ]
    if measure.chance is not None:
        layers += g.rule(measure.chance, text=words("chance"))
    said = words.join(f"{r['_series']}, {r['_x']}: {r[words('tip.score')]}" for r in records)
    return (
        g.panel(layers, title=name, note=g.note(measure, words), alt_text=f"{name}: {said}"),
        records,
    )


def _quoted(text: str) -> str:
    """Write one of our own words as a Vega string."""
    return "'" + text.replace("\\", "").replace("'", "") + "'"
