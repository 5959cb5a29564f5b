"""Factors: what one doubling of the other data does, and what one doubling of its ratio does."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import altair as alt

from espalier.report.charts import _grammar as g
from espalier.report.figure import Figure, Panel
from espalier.report.lookup import measured, title, unit
from espalier.report.view import View
from espalier.report.words import Words

Finding = Mapping[str, Any]

PARTS = ("amount", "ratio")


def factors(view: View, findings: Sequence[Finding], words: Words) -> Figure | None:
    """Draw both effects beside each other, one panel per ability."""
    by: dict[str, list[Finding]] = defaultdict(list)
    for f in findings:
        if f["kind"] == "factors" and f.get("amount") and f.get("ratio"):
            measure = measured(f, view)
            by[title(measure, view) if measure else str(f["ability"])].append(f)
    panels, records = [], list[g.Record]()
    for name, own in by.items():
        shown = [record for f in own for record in _records(view, name, f, words)]
        if shown:
            panels.append(_panel(view, name, shown, own, words))
            records += shown
    return g.figure("factors", words("factors.caption"), panels, records, g.model_keys(view))


def _records(view: View, name: str, f: Finding, words: Words) -> Iterator[g.Record]:
    write = unit(f, view, words)
    for part in PARTS:
        told = f[part]
        if told.get("effect") is None:
            continue
        low, high = told.get("interval") or (None, None)
        share = told.get("share")
        yield {
            "_x": told["effect"],
            "_low": low,
            "_high": high,
            "_series": f["model"],
            "_part": words(f"factors.{part}"),
            words("tip.ability"): name,
            words("tip.model"): f["model"],
            words("tip.line"): words(f"factors.{part}"),
            words("tip.per doubling"): write.difference(told["effect"]),
            words("tip.interval"): write.difference_interval(told.get("interval")),
            words("tip.share"): "" if share is None else f"{share:.0%}",
            words("tip.share interval"): _shares(told.get("share_interval"), words),
            words("tip.verdict"): words(f"verdict.{f['verdict']}"),
            words("tip.cells"): str(f.get("cells") or ""),
            words("tip.seeds"): str(f.get("seeds") or ""),
        }


def _shares(interval: Sequence[float] | None, words: Words) -> str:
    return f" {words('unit.to')} ".join(f"{end:.0%}" for end in interval) if interval else ""


def _panel(
    view: View, name: str, records: Sequence[g.Record], own: Sequence[Finding], words: Words
) -> Panel:
    share = unit(own[0], view, words).share
    tones, several = g.model_colours(view), len(view.models) > 1
    x = alt.X("_x:Q", scale=alt.Scale(zero=True, nice=True), axis=g.effect_axis(share))
    rows = [words(f"factors.{part}") for part in PARTS]
    label = alt.Axis(title=None, labelLimit=130, grid=False, labelColor="var(--ink)")
    y = alt.Y("_part:N", sort=rows, axis=label, scale=alt.Scale(padding=0.35))
    offset: g.Record = (
        {"yOffset": alt.YOffset("_series:N", sort=list(view.models))} if several else {}
    )
    tone = g.paint({m: tones[m] for m in view.models})
    layers = [
        g.upright_rule(0, (1, 0), "line"),
        *g.across(x, y, tone, g.tooltip(records[0]), **offset),
    ]
    said = words.join(
        f"{r[words('tip.model')]}, {r['_part']}: {r[words('tip.per doubling')]}" for r in records
    )
    note = words.clauses(words("unit.points"), words("per doubling"))
    return g.panel(
        words,
        layers,
        records,
        title=name,
        note=note if share else words("per doubling"),
        alt_text=f"{name}: {said}",
        height=max(90, 2 * max(34, 15 * len(view.models)) + 16),
    )
