"""Strategies side by side: the same rows, in other stages."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt

from espalier.report.charts import _grammar as g
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


def compared(view: View) -> list[Point]:
    """Return the final points of the largest mixture that several strategies trained."""
    mixtures = defaultdict(list)
    for point in view.points:
        if point.stage and point.last and len(point.amounts) > 1:
            mixtures[tuple(point.amounts.items())].append(point)
    several = [ps for ps in mixtures.values() if len({p.method for p in ps}) > 1]
    return max(several, key=lambda ps: (len({p.method for p in ps}), ps[0].total), default=[])


def order(points: Sequence[Point]) -> list[str]:
    """Order the strategies: plain ones by name as they come, then DMT by falling `k`."""
    seen = {p.method: p for p in points}
    return sorted(seen, key=lambda m: (seen[m].k is not None, -(seen[m].k or 0)))


def tones(points: Sequence[Point], words: Words) -> dict[str, str]:
    """Give the strategies a hue each, and DMT's `k` shades of one, darkest for the largest."""
    methods = {p.method: p.k for p in points}
    swept = sorted((m for m, k in methods.items() if k is not None), key=lambda m: methods[m] or 0)
    step = 4 / max(1, len(swept) - 1)
    shades = {m: f"s{1 + round(step * i)}" for i, m in enumerate(swept)}
    hues = iter(("c1", "c2", "c3", "c6", "c4", "c5"))
    return {
        words.method(m): "c7" if m == "multitask" else shades.get(m) or next(hues, "c7")
        for m in order(points)
    }


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
    dots, tip = g.named(g.DOTS), g.tooltip(records[0])
    layers: g.Layers = [
        dots.mark_rule(strokeWidth=2, opacity=0.6, aria=False).encode(
            x=alt.X("_low:Q"), x2="_high:Q", y=y, color=tone, **offset
        ),
        dots.mark_point(filled=True, size=80, opacity=1).encode(
            x=x, y=y, color=tone, tooltip=tip, **offset
        ),
        dots.mark_point(filled=True, size=500, opacity=0, aria=False).encode(
            x=x, y=y, tooltip=tip, **offset
        ),
    ]
    if measure.chance:
        level = g.few(_level=measure.chance)
        layers.append(
            level.mark_rule(strokeDash=[2, 3], color="var(--soft)", aria=False).encode(x="_level:Q")
        )
    said = words.join(f"{r['_method']} {r[words('tip.score')]}" for r in records)
    height = max(110, len(methods) * max(30, 15 * len(view.models)) + 24)
    return (
        g.panel(
            words,
            layers,
            records,
            title=name,
            note=g.note(measure, view, words),
            alt_text=f"{name}: {said}",
            height=height,
        ),
        records,
    )
