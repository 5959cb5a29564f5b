"""Scores: what untuned models score, with what guessing would; what has one unit shares a panel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt

from espalier.report.charts import _grammar as g
from espalier.report.figure import Figure, Key, Panel
from espalier.report.lookup import full_title
from espalier.report.view import Point, View
from espalier.report.words import Words


def scores(view: View, findings: Sequence[Mapping[str, Any]], words: Words) -> Figure | None:  # noqa: ARG001
    """Draw a dot with its interval for each measure, where no model was tuned."""
    if not view.untuned:
        return None
    shares = [p for p in view.points if p.measure.share]
    metrics = dict.fromkeys((m.metric, m.higher) for m in view.measures if not m.share)
    others = [
        [
            p
            for p in view.points
            if (p.measure.metric, p.measure.higher) == one and not p.measure.share
        ]
        for one in metrics
    ]
    panels, records = [], list[g.Record]()
    for points in (shares, *others):
        if points:
            panel, shown = _panel(view, points, words)
            panels.append(panel)
            records += shown
    chance = Key(label=words("chance"), colour="soft", shape="dotted")
    guessed = any(p.measure.chance for p in shares)
    legend = (*g.model_keys(view), *((chance,) if guessed else ()))
    return g.figure("scores", words("scores.caption"), panels, records, legend)


def _panel(view: View, points: Sequence[Point], words: Words) -> tuple[Panel, list[g.Record]]:
    measures = [m for m in view.measures if any(p.measure == m for p in points)]
    several, share = len(view.models) > 1, points[0].measure.share
    records = [
        {
            "_x": p.score,
            "_low": p.low,
            "_high": p.high,
            "_chance": p.measure.chance or None,
            "_series": p.model,
            "_row": full_title(p.measure, view),
            words("tip.ability"): full_title(p.measure, view),
            **g.tips(p, words),
            words("chance"): g.unit(p.measure, words).score(p.measure.chance),
        }
        for m in measures
        for p in points
        if p.measure == m
    ]
    rows = list(dict.fromkeys(r["_row"] for r in records))
    scale = alt.Scale(domain=[0, 1]) if share else alt.Scale(zero=False, nice=True)
    x = alt.X("_x:Q", scale=scale, axis=g.score_axis(share, grid=True, domain=False))
    names = alt.Axis(title=None, labelLimit=170, grid=False, labelColor="var(--ink)")
    y = alt.Y("_row:N", sort=rows, axis=names, scale=alt.Scale(padding=0.35))
    offset: g.Record = (
        {"yOffset": alt.YOffset("_series:N", sort=list(view.models))} if several else {}
    )
    guess = g.named(g.DOTS).transform_filter("isValid(datum._chance)")
    layers = [
        guess.mark_tick(thickness=2, color="var(--soft)", aria=False).encode(
            x=alt.X("_chance:Q"), y=y
        ),
        *g.across(x, y, g.paint(g.model_colours(view)), g.tooltip(records[0]), **offset),
    ]
    said = words.join(f"{r['_series']}, {r['_row']}: {r[words('tip.score')]}" for r in records)
    name = words("tip.score") if share else rows[0] if len(rows) == 1 else points[0].measure.metric
    higher = points[0].measure.higher
    panel = g.panel(
        words,
        layers,
        records,
        title=name,
        note="" if higher else words("lower is better"),
        alt_text=f"{name}: {said}",
        height=max(60, len(rows) * max(28, 15 * len(view.models)) + 20),
    )
    return panel, records
