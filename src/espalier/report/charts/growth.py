"""Growth: an ability's score against the rows of its own data, alone and beside the others."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import altair as alt

from espalier.finding import within
from espalier.report.charts import _grammar as g
from espalier.report.charts._cells import plain
from espalier.report.figure import Figure, Key, Panel
from espalier.report.lookup import is_of, title
from espalier.report.view import Measure, Point, View
from espalier.report.words import Words

Finding = Mapping[str, Any]
Design = Literal["single", "together"]
Line = tuple[str, Design]
"""A model, and whether its data came alone or with the others'."""


def growth(view: View, findings: Sequence[Finding], words: Words) -> Figure | None:
    """Draw one panel per in-domain measure and source; colour is the model if there are several."""
    panels: list[Panel] = []
    records: list[g.Record] = []
    designs: set[Design] = set()
    measures: set[Measure] = set()
    for measure in view.measures:
        by_source = _points(view, measure) if measure.role == "in" else {}
        for source, points in by_source.items():
            own = [f for f in findings if f["kind"] == "growth" and is_of(f, measure)]
            own = [f for f in own if f.get("source") in (None, "", source)]
            name = title(measure, view)
            if len(by_source) > 1 or source != measure.ability:
                name = f"{name} · {source}"
            panel, shown = _panel(view, name, source, points, own, words)
            panels.append(panel)
            records += shown
            measures.add(measure)
            designs |= {design(p) for p in points}
    legend = _legend(view, designs, words)
    if panels and any(view.base(m, model) for m in measures for model in view.models):
        legend += (Key(label=words("untuned"), colour="soft", shape="dotted"),)
    return g.figure("growth", words("growth.caption"), panels, records, legend)


def design(point: Point) -> Design:
    """Say whether the cell holds one source or several."""
    return "single" if len(point.amounts) == 1 else "together"


def _points(view: View, measure: Measure) -> dict[str, list[Point]]:
    """Return what the curves run through, by the source that trains the ability."""
    by_source = defaultdict(list)
    for point in plain([p for p in view.points if p.measure == measure]):
        source = " + ".join(view.own_sources(point))
        if source and (design(point) == "single" or "together" in point.designs):
            by_source[source].append(point)
    return {
        source: sorted(points, key=view.own)
        for source, points in by_source.items()
        if len({view.own(p) for p in points}) > 1
    }


def _lines(view: View, words: Words) -> dict[Line, tuple[str, str]]:
    """Give each line its label and colour: one model is coloured by design, several by model."""
    if len(view.models) == 1:
        (model,) = view.models
        return {
            (model, "single"): (words("design.single"), "c0"),
            (model, "together"): (words("design.together"), "c1"),
        }
    tones = g.model_colours(view)
    designs: tuple[Design, ...] = ("single", "together")
    return {(m, d): (f"{m} {words(f'design.{d}')}", tones[m]) for m in view.models for d in designs}


def _legend(view: View, designs: set[Design], words: Words) -> tuple[Key, ...]:
    shapes = {"single": "line", "together": "dashed"}
    if len(view.models) == 1:
        lines = _lines(view, words).items()
        return tuple(
            Key(label=label, colour=tone, shape=shapes[d])
            for (_, d), (label, tone) in lines
            if d in designs
        )
    ways = [Key(label=words(f"design.{d}"), colour="soft", shape=shapes[d]) for d in shapes]
    return (*g.model_keys(view), *(ways if len(designs) > 1 else ()))


def _panel(
    view: View,
    name: str,
    source: str,
    points: Sequence[Point],
    own: Sequence[Finding],
    words: Words,
) -> tuple[Panel, list[g.Record]]:
    measure, lines = points[0].measure, _lines(view, words)
    records: list[g.Record] = []
    curve: list[g.Record] = []
    for line, (label, _) in lines.items():
        found = next((f for f in own if (f["model"], f.get("design")) == line), None)
        mine = [p for p in points if (p.model, design(p)) == line]
        drawn = [_record(view, name, point, found, label, words) for point in mine]
        records += drawn
        curve += _curve(found, drawn, banded=len(view.models) == 1 or line[1] == "single")
    curve = [_within(record, measure) for record in curve]
    layers = [
        *_drawn(records, curve, measure, source, dict(lines.values()), words),
        *(g.rule(measure.chance, text=words("chance")) if measure.chance else ()),
        *_untuned(view, measure),
        *_plateaus(view, own, words),
    ]
    said = words.join(
        words(
            "growth.alt",
            model=f["model"],
            design=words(f"design.{f.get('design', 'single')}"),
            verdict=words(f"verdict.{f['verdict']}"),
        )
        for f in own
    )
    panel = g.panel(
        words,
        layers,
        records,
        curve,
        title=name,
        note=g.note(measure, view, words),
        alt_text=f"{name}: {said or words('growth.alt.none')}",
        height=240,
    )
    return panel, records


def _drawn(
    records: Sequence[g.Record],
    curve: Sequence[g.Record],
    measure: Measure,
    source: str,
    tones: Mapping[str, str],
    words: Words,
) -> g.Layers:
    """Draw bands, curves, whiskers and dots."""
    x = g.doublings([r["_x"] for r in records], words("axis.own", ability=source))
    y, tone, tip = g.upright(measure.share), g.paint(tones), g.tooltip(records[0])
    ways = alt.Scale(domain=["single", "together"], range=[[1, 0], [6, 4]])
    dash = alt.StrokeDash("_design:N", scale=ways, legend=None)
    lines, dots = g.named(g.LINES), g.named(g.DOTS)
    layers: g.Layers = []
    if any(c["_low"] is not None for c in curve):
        low = alt.Y("_low:Q", axis=y["axis"], scale=y["scale"])
        band = lines.transform_filter("isValid(datum._low)").mark_area(opacity=0.13, aria=False)
        layers.append(band.encode(x=x, y=low, y2=alt.Y2("_high:Q"), color=tone))
    return [
        *layers,
        lines.mark_line(aria=False).encode(x=x, y=y, color=tone, strokeDash=dash),
        dots.mark_rule(strokeWidth=1.4, opacity=0.7, aria=False).encode(
            x=x, y=alt.Y("_low:Q"), y2=alt.Y2("_high:Q"), color=tone
        ),
        dots.mark_point(filled=True, size=52, opacity=1).encode(x=x, y=y, color=tone, tooltip=tip),
        dots.mark_point(filled=True, size=500, opacity=0, aria=False).encode(x=x, y=y, tooltip=tip),
    ]


def _record(
    view: View, name: str, point: Point, found: Finding | None, label: str, words: Words
) -> g.Record:
    """Return a point with the finding's interval where there is one, else the view's own."""
    interval = point.interval
    for known in (found or {}).get("points") or ():
        if known["amount"] == view.own(point) and known["interval"]:
            interval = (known["interval"][0], known["interval"][1])
    return {
        "_x": view.own(point),
        "_y": point.score,
        "_low": interval[0] if interval else None,
        "_high": interval[1] if interval else None,
        "_series": label,
        "_design": design(point),
        words("tip.ability"): name,
        words("tip.design"): words(f"design.{design(point)}"),
        **g.tips(point, words, interval),
    }


def _curve(found: Finding | None, records: Sequence[g.Record], *, banded: bool) -> list[g.Record]:
    """Return the fitted curve with its band, or the points joined up where none was fitted."""
    if not records:
        return []
    same = {name: records[0][name] for name in ("_series", "_design")}
    if found and found.get("line"):
        line = [tuple(point) for point in found["line"]]
    else:
        line = [(r["_x"], r["_y"], r["_low"], r["_high"]) for r in records]
    return [
        {"_x": x, "_y": y, "_low": low if banded else None, "_high": high if banded else None}
        | same
        for x, y, low, high in line
    ]


def _within(record: g.Record, measure: Measure) -> g.Record:
    """Draw no band where the metric cannot be, even where noise about the curve reaches there."""
    if record["_low"] is None or record["_high"] is None:
        return record
    low, high = within((record["_low"], record["_high"]), measure.bounds) or (None, None)
    return record | {"_low": low, "_high": high}


def _untuned(view: View, measure: Measure) -> g.Layers:
    """Draw where the models stood before any tuning; named in the legend, clear of the dots."""
    layers: g.Layers = []
    tones, several = g.model_colours(view), len(view.models) > 1
    for model in view.models:
        if base := view.base(measure, model):
            layers += g.rule(base.score, (1, 3), tones[model] if several else "soft")
    return layers


def _plateaus(view: View, own: Sequence[Finding], words: Words) -> g.Layers:
    """Mark where a curve of a source alone flattens; with several models, without the interval."""
    layers: g.Layers = []
    tones, several = g.model_colours(view), len(view.models) > 1
    for f in own:
        if f["verdict"] == "plateaus" and f.get("plateau_at") and f.get("design") != "together":
            span = None if several else f.get("plateau_interval")
            text = "" if several and f["model"] != view.models[-1] else words("plateau")
            layers += g.mark(f["plateau_at"], span, text, tones[f["model"]] if several else "open")
    return layers
