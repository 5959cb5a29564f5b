"""Out of domain: what a cell gained on abilities nobody trained, against those somebody did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt

from espalier.report.charts import _grammar as g
from espalier.report.figure import Figure
from espalier.report.lookup import named, unit
from espalier.report.view import View
from espalier.report.words import Words


def ood(view: View, findings: Sequence[Mapping[str, Any]], words: Words) -> Figure | None:
    """Draw one dot per cell, one panel per finding."""
    panels, records = [], []
    for f in findings:
        gains = [pair for pair in f.get("gains") or () if None not in pair]
        if f["kind"] != "ood" or not gains:
            continue
        write = unit(f, view, words)
        shown = [
            {
                "_x": inside,
                "_y": outside,
                words("tip.ability"): f["ability"],
                words("tip.model"): f["model"],
                words("tip.inside"): write.difference(inside),
                words("tip.outside"): write.difference(outside),
            }
            for inside, outside in gains
        ]
        x = alt.X(
            "_x:Q",
            axis=g.effect_axis(write.share, words("axis.inside")),
            scale=alt.Scale(zero=False),
        )
        y = g.difference(write.share)
        layers: g.Layers = [
            *g.rule(0, (1, 0), "line"),
            g.named(g.DOTS)
            .mark_point(color="var(--c0)", filled=True, size=50, opacity=0.7)
            .encode(x=x, y=y, tooltip=g.tooltip(shown[0])),
        ]
        several = len(view.models) > 1
        name = named(f, view)
        title = f"{name} · {f['model']}" if several else name
        said = words("verdict." + f["verdict"])
        panels.append(g.panel(words, layers, shown, title=title, alt_text=f"{title}: {said}"))
        records += shown
    return g.figure("ood", words("ood.caption"), panels, records)
