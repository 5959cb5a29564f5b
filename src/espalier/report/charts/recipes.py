"""Recipes: what the recommended recipe and the baselines are expected to score, and what they did.

A ring is read off the fitted surface, a full dot is a cell that was measured; a square is what a
later training of the very recipe measured.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import altair as alt

from espalier.report.charts import _grammar as g
from espalier.report.facts import Verified
from espalier.report.figure import Figure, Key, Panel
from espalier.report.lookup import measured, title, unit
from espalier.report.recipe import choices, label
from espalier.report.view import View
from espalier.report.words import Words

Told = Mapping[str, Any]


def recipes(
    view: View, told: Told, words: Words, verified: Sequence[Verified] = ()
) -> Figure | None:
    """Draw the expected scores of every recipe, one panel per ability."""
    panels, records = [], list[g.Record]()
    wanted = {(e["ability"], e["metric"]): e for c in choices(told) for e in c["expected"]}
    for name, of in wanted.items():
        shown = [r for c in choices(told) for r in _records(view, c, name, words)]
        shown += [r for v in verified for r in _trained(view, v, name, words)]
        if shown:
            panels.append(_panel(view, told, of, shown, words))
            records += shown
    legend = [
        Key(label=words("recipe.foretold"), colour="soft", shape="ring"),
        Key(label=words("recipe.measured"), colour="soft", shape="dot"),
    ]
    if verified:
        legend.append(Key(label=words("recipe.verified"), colour="c1", shape="square"))
    return g.figure("recipes", words("recipes.caption"), panels, records, legend)


def _records(view: View, choice: Told, of: tuple[str, str], words: Words) -> Iterator[g.Record]:
    for e in choice["expected"]:
        if (e["ability"], e["metric"]) != of:
            continue
        write, (low, high) = unit(e, view, words), e.get("interval") or (None, None)
        yield {
            "_x": e["score"],
            "_low": low,
            "_high": high,
            "_recipe": label(choice, words),
            "_series": "chosen" if choice["label"] == "recommended" else "other",
            "_kind": "measured" if choice["measured"] else "foretold",
            words("tip.recipe"): label(choice, words),
            words("tip.ability"): e["ability"],
            words("tip.amounts"): words.amounts(choice["amounts"]),
            words("tip.strategy"): words.strategy(choice),
            words("tip.score"): write.score(e["score"]),
            words("tip.interval"): write.score_interval(e.get("interval")),
            words("recipe.basis"): words(
                "recipe.measured" if choice["measured"] else "recipe.foretold"
            ),
        }


def _trained(view: View, v: Verified, of: tuple[str, str], words: Words) -> Iterator[g.Record]:
    if (v.ability, v.metric) != of:
        return
    write = unit({"ability": v.ability, "metric": v.metric}, view, words)
    low, high = v.measured_interval or (None, None)
    yield {
        "_x": v.measured,
        "_low": low,
        "_high": high,
        "_recipe": label({"label": v.label}, words),
        "_series": "verified",
        "_kind": "verified",
        words("tip.recipe"): label({"label": v.label}, words),
        words("tip.ability"): v.ability,
        words("tip.score"): write.score(v.measured),
        words("tip.interval"): write.score_interval(v.measured_interval),
        words("recipe.basis"): words("recipe.verified"),
        words("tip.keys"): v.key,
    }


def _panel(view: View, told: Told, of: Told, records: list[g.Record], words: Words) -> Panel:
    measure = measured(of, view)
    share = unit(of, view, words).share
    x = alt.X(
        "_x:Q",
        scale=alt.Scale(zero=False, nice=True),
        axis=g.score_axis(share, tickCount=4, grid=True, domain=False),
    )
    rows = list(dict.fromkeys(r["_recipe"] for r in records))
    names = alt.Axis(title=None, labelLimit=130, grid=False, labelColor="var(--ink)")
    y = alt.Y("_recipe:N", sort=rows, axis=names, scale=alt.Scale(padding=0.35))
    tone = g.paint({"chosen": "c0", "other": "c7", "verified": "c1"})
    fill = alt.condition("datum._kind === 'foretold'", alt.value("var(--card)"), tone)
    kinds = alt.Scale(
        domain=["foretold", "measured", "verified"], range=["circle", "circle", "square"]
    )
    dots, tip = g.named(g.DOTS), g.tooltip(records[0] | records[-1])
    layers: g.Layers = [
        dots.mark_rule(strokeWidth=2, opacity=0.6, clip=True, aria=False).encode(
            x=alt.X("_low:Q"), x2=alt.X2("_high:Q"), y=y, color=tone
        ),
        dots.mark_point(size=80, opacity=1, strokeWidth=2).encode(
            x=x,
            y=y,
            stroke=tone,
            fill=fill,
            shape=alt.Shape("_kind:N", scale=kinds, legend=None),
            tooltip=tip,
        ),
        g.reach(tip, x=x, y=y),
    ]
    if measure and measure.chance:
        layers.append(g.upright_rule(measure.chance))
    if of.get("floor") is not None:
        layers.append(g.upright_rule(of["floor"], (6, 3), "bad"))
    name = title(measure, view) if measure else str(of["ability"])
    said = words.join(f"{r['_recipe']} {r[words('tip.score')]}" for r in records)
    note = [] if of.get("higher_is_better", True) else [words("lower is better")]
    weights = told.get("utility") or {}
    if len(set(weights.values())) > 1 and (weight := weights.get(of["ability"])):
        note.append(words("recipe.weight", weight=f"{weight:g}"))
    return g.panel(
        words,
        layers,
        records,
        title=name,
        note=words.clauses(*note),
        alt_text=f"{name}: {said}",
        height=max(110, 30 * len(rows) + 24),
    )
