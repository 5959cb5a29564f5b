"""Growth: an ability's score against the rows of its own data, alone and beside the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt

from espalier.report.charts import _grammar as g
from espalier.report.figure import Figure, Key, Panel
from espalier.report.lookup import is_of, title
from espalier.report.view import Measure, Point, View
from espalier.report.words import Words

Finding = Mapping[str, Any]


def growth(view: View, findings: Sequence[Finding], words: Words) -> Figure | None:
    """Draw one panel per in-domain measure; colour is the model, or the design if there is one."""
    drawn = [(m, _points(view, m)) for m in view.measures if m.role == "in"]
    drawn = [(measure, points) for measure, points in drawn if points]
    if not drawn:
        return None
    panels, records = [], []
    for measure, points in drawn:
        own = [f for f in findings if f["kind"] == "growth" and is_of(f, measure)]
        panel, shown = _panel(view, measure, points, own, words)
        panels.append(panel)
        records += shown
    return g.figure(
        "growth",
        words("growth.caption"),
        panels,
        records,
        _legend(view, [p for _, points in drawn for p in points], words),
    )


def design(point: Point) -> str:
    """Say whether the cell holds one source or several."""
    return "single" if len(point.amounts) == 1 else "together"


def plain(points: Sequence[Point]) -> list[Point]:
    """Keep the last stage of plain mixing, or of the only strategy there is."""
    tuned = [p for p in points if p.stage and p.last]
    names = {p.strategy for p in tuned}
    return [p for p in tuned if p.strategy == "multitask" or len(names) == 1]


def _points(view: View, measure: Measure) -> list[Point]:
    """Return what the curves run through: each source alone, and all together."""
    return [
        p
        for p in plain([p for p in view.points if p.measure == measure])
        if view.own(p) and (design(p) == "single" or not p.designs or p.designs & {"together"})
    ]


def _series(view: View, words: Words) -> dict[tuple[str, str], tuple[str, str]]:
    """Give each (model, design) its label and colour."""
    tones = g.model_colours(view)
    if len(view.models) == 1:
        (model,) = view.models
        return {
            (model, "single"): (words("design.single"), "c0"),
            (model, "together"): (words("design.together"), "c1"),
        }
    return {
        (m, d): (f"{m} {words(f'design.{d}')}", tones[m])
        for m in view.models
        for d in ("single", "together")
    }


def _legend(view: View, points: Sequence[Point], words: Words) -> tuple[Key, ...]:
    designs = {design(p) for p in points}
    dashed = {"single": "line", "together": "dashed"}
    if len(view.models) == 1:
        series = _series(view, words)
        return tuple(
            Key(label=label, colour=tone, shape=dashed[d])
            for (_, d), (label, tone) in series.items()
            if d in designs
        )
    ways = [
        Key(label=words(f"design.{d}"), colour="soft", shape=dashed[d]) for d in sorted(designs)
    ]
    return g.keys(g.model_colours(view), "dot") + (tuple(ways) if len(ways) > 1 else ())


def _panel(
    view: View, measure: Measure, points: Sequence[Point], own: Sequence[Finding], words: Words
) -> tuple[Panel, list[g.Record]]:
    series, records, curve = _series(view, words), [], []
    for point in sorted(points, key=view.own):
        found = _finding(own, point.model, design(point))
        records.append(_record(view, point, found, series[point.model, design(point)][0], words))
    for (model, kind), (label, _) in series.items():
        found = _finding(own, model, kind)
        mine = [r for r in records if r["_series"] == label]
        curve += _line(found, mine, label, kind)
    layers: g.Layers = []
    x = g.doublings([r["_x"] for r in records], words("axis.own", ability=measure.ability))
    y = g.upright(measure.share)
    tone = g.paint(dict(series.values()))
    dash = alt.StrokeDash(
        "_design:N",
        scale=alt.Scale(domain=["single", "together"], range=[[1, 0], [6, 4]]),
        legend=None,
    )
    lines = g.named(g.LINES)
    if any(c["_low"] is not None for c in curve):
        layers.append(
            lines.mark_area(opacity=0.13, aria=False).encode(
                x=x, y=alt.Y("_low:Q", axis=y["axis"], scale=y["scale"]), y2="_high:Q", color=tone
            )
        )
    layers.append(lines.mark_line(aria=False).encode(x=x, y=y, color=tone, strokeDash=dash))
    dots = g.named(g.DOTS)
    layers.append(
        dots.mark_rule(strokeWidth=1.4, opacity=0.75, aria=False).encode(
            x=x, y=alt.Y("_low:Q"), y2="_high:Q", color=tone
        )
    )
    tip = g.tooltip(records[0])
    layers.append(
        dots.mark_point(filled=True, size=52, opacity=1).encode(x=x, y=y, color=tone, tooltip=tip)
    )
    if measure.chance:
        layers += g.rule(measure.chance, text=words("chance"))
    layers += _untuned(view, measure, words)
    for found in own:
        if (
            found["verdict"] == "plateaus"
            and found.get("plateau_at")
            and found.get("design") != "together"
        ):
            layers += g.mark(
                found["plateau_at"], found.get("plateau_interval"), words("plateau"), "open"
            )
    layers.append(
        dots.mark_point(filled=True, size=500, opacity=0, aria=False).encode(x=x, y=y, tooltip=tip)
    )
    said = words.join(
        words(
            "growth.alt",
            model=f["model"],
            design=words(f"design.{f.get('design', 'single')}"),
            verdict=words(f"verdict.{f['verdict']}"),
        )
        for f in own
    )
    name = title(measure, view)
    panel = g.panel(
        layers,
        records,
        curve,
        title=name,
        note=g.note(measure, view, words),
        alt_text=f"{name}: {said or words('growth.alt.none')}",
        height=240,
    )
    return panel, [{words("tip.ability"): name, **r} for r in records]


def _finding(own: Sequence[Finding], model: str, kind: str) -> Finding | None:
    return next((f for f in own if f["model"] == model and f.get("design") == kind), None)


def _record(view: View, point: Point, found: Finding | None, label: str, words: Words) -> g.Record:
    """Return a point with the finding's interval where there is one, else the view's own."""
    interval = point.interval
    for known in (found or {}).get("points", ()):
        if known["amount"] == view.own(point) and known["interval"]:
            interval = (known["interval"][0], known["interval"][1])
    return {
        "_x": view.own(point),
        "_y": point.score,
        "_low": interval[0] if interval else None,
        "_high": interval[1] if interval else None,
        "_series": label,
        "_design": design(point),
        words("tip.design"): words(f"design.{design(point)}"),
        **g.tips(point, words, interval),
    }


def _line(
    found: Finding | None, records: Sequence[g.Record], label: str, kind: str
) -> list[g.Record]:
    """Return the fitted curve with its band, or the points joined up where none was fitted."""
    if found and found.get("line"):
        return [
            {"_x": x, "_y": y, "_low": low, "_high": high, "_series": label, "_design": kind}
            for x, y, low, high in found["line"]
        ]
    return [{n: r[n] for n in ("_x", "_y", "_low", "_high", "_series", "_design")} for r in records]


def _untuned(view: View, measure: Measure, words: Words) -> g.Layers:
    """Draw where the models stood before any tuning."""
    layers: g.Layers = []
    tones = g.model_colours(view)
    bases = [(m, b) for m in view.models if (b := view.base(measure, m))]
    for model, base in bases:
        text = words("untuned") if len(bases) == 1 else ""
        layers += g.rule(
            base.score, (1, 3), tones[model] if len(bases) > 1 else "soft", text, "left"
        )
    return layers
