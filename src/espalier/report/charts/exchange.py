"""Exchange: how many synthetic rows reach what one human row reaches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt

from espalier.report.charts import _grammar as g
from espalier.report.figure import Figure
from espalier.report.lookup import named
from espalier.report.numbers import plain
from espalier.report.numbers import rows as count
from espalier.report.view import View
from espalier.report.words import Words


def exchange(view: View, findings: Sequence[Mapping[str, Any]], words: Words) -> Figure | None:
    """Draw the rate at each amount of human rows, both axes in doublings."""
    panels, records = [], []
    for f in findings:
        rates = [r for r in f.get("rates") or () if r.get("rate")]
        if f["kind"] != "exchange" or not rates:
            continue
        shown = [
            {
                "_x": r["amount"],
                "_y": r["rate"],
                "_low": (r.get("interval") or [None])[0],
                "_high": (r.get("interval") or [None])[-1],
                words("tip.ability"): f["ability"],
                words("tip.model"): f["model"],
                words("tip.human"): count(r["amount"]),
                words("tip.rate"): plain(r["rate"]),
                words("tip.interval"): " – ".join(plain(v) for v in r.get("interval") or ()),
            }
            for r in rates
        ]
        x = g.doublings([r["_x"] for r in shown], words("axis.human", source=f.get("human", "")))
        scale = alt.Scale(type="log", base=2)
        y = alt.Y("_y:Q", scale=scale, axis=alt.Axis(title=None, tickCount=5, format="~g"))
        layers: g.Layers = [
            *g.rule(1, text=words("exchange.even")),
            *g.joined(x, y, alt.ColorValue("var(--c2)"), g.tooltip(shown[0])),
        ]
        several = len(view.models) > 1
        name = named(f, view)
        if f.get("beside"):
            name = words.clauses(name, words("design.together"))
        title = f"{name} · {f['model']}" if several else name
        said = words.join(f"{r[words('tip.human')]}: {r[words('tip.rate')]}" for r in shown)
        panels.append(g.panel(words, layers, shown, title=title, alt_text=f"{title}: {said}"))
        records += shown
    return g.figure("exchange", words("exchange.caption"), panels, records)
