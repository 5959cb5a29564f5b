"""Size: the score at equal data against the model's parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt

from espalier.report.charts import _grammar as g
from espalier.report.figure import Figure
from espalier.report.lookup import named, unit
from espalier.report.numbers import rows as count
from espalier.report.view import View
from espalier.report.words import Words


def size(view: View, findings: Sequence[Mapping[str, Any]], words: Words) -> Figure | None:
    """Draw one panel per size finding."""
    panels, records = [], []
    for f in findings:
        models = [
            m for m in f.get("models") or () if m.get("parameters") and m["score"] is not None
        ]
        if f["kind"] != "size" or len(models) < 2:
            continue
        write = unit(f, view, words)
        shown = [
            {
                "_x": m["parameters"],
                "_y": m["score"],
                "_low": (m.get("interval") or [None])[0],
                "_high": (m.get("interval") or [None])[-1],
                words("tip.ability"): f["ability"],
                words("tip.model"): m["model"],
                words("tip.parameters"): count(m["parameters"]),
                words("tip.score"): write.score(m["score"]),
                words("tip.interval"): write.score_interval(m.get("interval")),
            }
            for m in models
        ]
        x = g.doublings([r["_x"] for r in shown], words("axis.parameters"))
        tone = alt.ColorValue("var(--c0)")
        layers = g.joined(x, g.upright(write.share), tone, g.tooltip(shown[0]))
        name = named(f, view)
        told = f["metric"] in name or f["metric"] == "score"
        title = name if told else f"{name} · {f['metric']}"
        said = words.join(f"{r[words('tip.model')]} {r[words('tip.score')]}" for r in shown)
        note = "" if f.get("higher_is_better", True) else words("lower is better")
        panels.append(
            g.panel(words, layers, shown, title=title, note=note, alt_text=f"{title}: {said}")
        )
        records += shown
    return g.figure("size", words("size.caption"), panels, records)
