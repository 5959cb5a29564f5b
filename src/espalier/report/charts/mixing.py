"""Mixing: what the other sources' rows do to an ability at equal amounts of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt

from espalier.report.charts import _grammar as g
from espalier.report.figure import Figure, Key, Panel
from espalier.report.lookup import is_of, title
from espalier.report.numbers import rows as count
from espalier.report.view import Measure, View
from espalier.report.words import Words

Finding = Mapping[str, Any]


def mixing(view: View, findings: Sequence[Finding], words: Words) -> Figure | None:
    """Draw mixed minus single at each amount, with intervals and the crossover."""
    panels, records = [], []
    for measure in view.measures:
        own = [f for f in findings if f["kind"] == "mixing" and is_of(f, measure)]
        by_source: dict[str, list[Finding]] = {}
        for f in own:
            if f.get("of") in ("difference", "crossover"):
                by_source.setdefault(f.get("source") or measure.ability, []).append(f)
        for source, found in by_source.items():
            if any(f["of"] == "difference" and f["estimate"] is not None for f in found):
                name = title(measure, view)
                if len(by_source) > 1 or source != measure.ability:
                    name = f"{name} · {source}"
                panel, shown = _panel(view, measure, name, source, found, words)
                panels.append(panel)
                records += shown
    hollow = Key(label=words("mixing.hollow"), colour="soft", shape="ring")
    return g.figure(
        "mixing", words("mixing.caption"), panels, records, (*g.model_keys(view), hollow)
    )


def _panel(
    view: View,
    measure: Measure,
    name: str,
    source: str,
    own: Sequence[Finding],
    words: Words,
) -> tuple[Panel, list[g.Record]]:
    tones, write = g.model_colours(view), g.unit(measure, words)
    records = [
        {
            "_x": f["amount"],
            "_y": f["estimate"],
            "_low": f["interval"][0] if f["interval"] else None,
            "_high": f["interval"][1] if f["interval"] else None,
            "_series": f["model"],
            "_sure": f["verdict"] in ("helps", "hurts"),
            words("tip.ability"): name,
            words("tip.model"): f["model"],
            words("tip.own"): count(f["amount"]),
            words("tip.mixture"): words.amounts(f.get("mixture") or {}),
            words("tip.single"): write.score(f.get("single")),
            words("tip.mixed"): write.score(f.get("mixed")),
            words("tip.difference"): write.difference(f["estimate"]),
            words("tip.interval"): write.difference_interval(f["interval"]),
            words("tip.verdict"): words(f"verdict.{f['verdict']}"),
            words("tip.seeds"): str(f.get("seeds") or ""),
        }
        for f in sorted(own, key=lambda f: f.get("amount") or 0)
        if f.get("of") == "difference" and f["estimate"] is not None
    ]
    dots = g.named(g.DOTS)
    x = g.doublings([r["_x"] for r in records], words("axis.own", ability=source))
    y = g.difference(measure.share)
    tone = g.paint({m: tones[m] for m in view.models})
    fill = alt.condition("datum._sure", tone, alt.value("var(--card)"))
    tip = g.tooltip(records[0])
    layers: g.Layers = [
        *g.rule(0, (1, 0), "soft"),
        dots.mark_line(strokeWidth=1.2, opacity=0.5, aria=False).encode(x=x, y=y, color=tone),
        dots.mark_rule(strokeWidth=1.8, aria=False).encode(
            x=x, y=alt.Y("_low:Q"), y2=alt.Y2("_high:Q"), color=tone
        ),
        dots.mark_point(size=64, opacity=1, strokeWidth=2).encode(
            x=x, y=y, stroke=tone, fill=fill, tooltip=tip
        ),
        dots.mark_point(filled=True, size=500, opacity=0, aria=False).encode(x=x, y=y, tooltip=tip),
    ]
    for f in own:
        if f.get("of") == "crossover" and f["estimate"] and _located(f, records):
            one = len(view.models) == 1
            shade = "open" if one else tones[f["model"]]
            text = words("crossover") if one or f["model"] == view.models[-1] else ""
            layers += g.mark(f["estimate"], f["interval"] if one else None, text, shade)
    said = words.join(
        f"{r[words('tip.model')]}, {r[words('tip.own')]}: {r[words('tip.difference')]} "
        f"({r[words('tip.verdict')]})"
        for r in records
    )
    note = words("mixing.up" if measure.higher else "mixing.down")
    if write.per_cent:
        note = words.clauses(words("unit.points"), note)
    return g.panel(
        words, layers, records, title=name, note=note, alt_text=f"{name}: {said}"
    ), records


def _located(crossover: Finding, records: Sequence[g.Record]) -> bool:
    """Say whether a crossover is known to lie anywhere: not where every measured amount may be it.

    A difference that is zero throughout changes its sign too, at a place that says nothing.
    """
    interval = crossover["interval"]
    amounts = [r["_x"] for r in records if r["_series"] == crossover["model"]]
    return not interval or interval[0] > min(amounts) or interval[1] < max(amounts)
