"""What the charts share: axes in doublings, rules, marks, and a tooltip that tells all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import altair as alt

from espalier.report.figure import WHOLE, Figure, Key, Panel, colour, config
from espalier.report.lookup import title, unit_of
from espalier.report.numbers import Unit, rows
from espalier.report.view import Measure, Point, View
from espalier.report.words import Words

MOST_PANELS = 24
"""More panels than this nobody reads; the rest are in the figure's numbers."""

MOST_DOTS = 1000
"""More dots than this in one panel are a smear; every n-th is drawn, and the panel says so."""

Layers = list[Any]
Record = dict[str, Any]


def unit(measure: Measure | None, words: Words) -> Unit:
    """Return how a measure's numbers are written."""
    return unit_of(measure, words)


def note(measure: Measure, view: View, words: Words) -> str:
    """Name the metric where the title does not, and say where better lies, if it is not up."""
    told = measure.metric in title(measure, view) or measure.metric == "score"
    what = "" if told else measure.metric
    return words.clauses(what, "" if measure.higher else words("lower is better"))


def model_colours(view: View) -> dict[str, str]:
    """Give each model a colour: sizes one hue by lightness, mere labels a hue each."""
    count = len(view.models)
    if not view.sized:
        return {model: f"c{i % 8}" for i, model in enumerate(view.models)}
    if count == 1:
        return {view.models[0]: "c0"}
    return {m: f"s{min(round(i * 5 / (count - 1)), 5)}" for i, m in enumerate(view.models)}


def tips(point: Point, words: Words, interval: Sequence[float] | None = None) -> Record:
    """Return everything known about a point, for its tooltip and its row in the table."""
    write = unit(point.measure, words)
    amounts = ", ".join(f"{source} {rows(n)}" for source, n in point.amounts.items())
    return {
        words("tip.model"): point.model,
        words("tip.strategy"): words.method(point.method) or words("untuned"),
        words("tip.amounts"): amounts or words("untuned"),
        words("tip.stage"): f"{point.stage}/{point.stages}" if point.stages > 1 else "",
        words("tip.score"): write.score(point.score),
        words("tip.interval"): write.score_interval(interval or point.interval),
        words("tip.basis"): words(f"basis.{point.basis}"),
        words("tip.items"): "" if point.n is None else rows(point.n),
        words("tip.seeds"): str(point.seeds),
        words("tip.keys"): " ".join(point.keys[:3]) + (" …" if len(point.keys) > 3 else ""),
    }


DOTS, LINES = "dots", "lines"
"""Names of a panel's data, which all its layers share."""


def named(name: str) -> alt.Chart:
    """Start a layer on one of the panel's data."""
    return alt.Chart(alt.NamedData(name))


def few(**record: Any) -> alt.Chart:
    """Start a layer on one record of its own."""
    return alt.Chart(alt.InlineData(values=[record]))


def tooltip(record: Mapping[str, Any], hidden: Iterable[str] = ()) -> list[Any]:
    """Show every field of `record` whose name begins with a letter of the words, in order."""
    return [
        alt.Tooltip(field=_escape(name), type="nominal", title=name)
        for name in record
        if not name.startswith("_") and name not in hidden
    ]


def _escape(name: str) -> str:
    """Keep Vega from reading dots and brackets in a field's name as paths."""
    return name.replace(".", "\\.").replace("[", "\\[").replace("]", "\\]")


def doublings(values: Iterable[float], label: str) -> alt.X:
    """Return an axis in doublings, with ticks where something was measured."""
    seen = sorted({float(v) for v in values})
    low, high = seen[0], seen[-1]
    pad = max((high / low) ** 0.06, 1.15)
    few = "format(datum.value, ',.4~r')"
    many = "replace(format(datum.value, '.3~s'), 'G', 'B')"
    ticks: dict[str, Any] = {"values": seen} if len(seen) <= 9 else {}
    axis = alt.Axis(
        title=label,
        labelOverlap="greedy",
        labelExpr=f"datum.value < 10000 ? {few} : {many}",
        **ticks,
    )
    scale = alt.Scale(type="log", base=2, domain=[low / pad, high * pad], nice=False)
    return alt.X("_x:Q", scale=scale, axis=axis)


def score_axis(share: bool, title: str | None = None, **more: Any) -> alt.Axis:
    """Return an axis of scores; shares are written as percentages."""
    options: dict[str, Any] = {
        "tickCount": 5,
        "labelOverlap": True,
        "labelSeparation": 8,
        **({"format": ".2~%"} if share else {}),
        **more,
    }
    return alt.Axis(title=title, **options)


def upright(share: bool) -> alt.Y:
    """Return the score axis; shares are written as percentages."""
    return alt.Y("_y:Q", axis=score_axis(share), scale=alt.Scale(zero=False, nice=True))


def difference(share: bool) -> alt.Y:
    """Return the axis of effects: signed, shares in points."""
    return alt.Y("_y:Q", axis=effect_axis(share), scale=alt.Scale(zero=False))


def effect_axis(share: bool, title: str | None = None) -> alt.Axis:
    """Return an axis of signed effects, those on shares in points."""
    points = "format(datum.value * 100, '+.2~r')"
    label = points if share else "format(datum.value, '+~g')"
    return alt.Axis(title=title, tickCount=5, labelExpr=f"datum.value == 0 ? '0' : {label}")


def paint(series: Mapping[str, str]) -> alt.Color:
    """Colour by series: label -> name of a colour."""
    return alt.Color(
        "_series:N",
        scale=alt.Scale(domain=list(series), range=[colour(c) for c in series.values()]),
        legend=None,
    )


def joined(x: alt.X, y: alt.Y, tone: Any, tip: list[Any], *, size: int = 56) -> Layers:
    """Return dots of area `size` joined by lines, with their intervals, and easy to point at."""
    dots = named(DOTS)
    return [
        dots.mark_line(aria=False).encode(x=x, y=y, color=tone),
        dots.mark_rule(strokeWidth=1.5, opacity=0.75, clip=True, aria=False).encode(
            x=x, y=alt.Y("_low:Q"), y2=alt.Y2("_high:Q"), color=tone
        ),
        dots.mark_point(filled=True, size=size, opacity=1).encode(
            x=x, y=y, color=tone, tooltip=tip
        ),
        reach(tip, x=x, y=y),
    ]


def across(x: alt.X, y: alt.Y, tone: Any, tip: list[Any], **more: Any) -> Layers:
    """Return dots in rows with their intervals lying flat, and easy to point at."""
    dots = named(DOTS)
    return [
        dots.mark_rule(strokeWidth=2, opacity=0.6, clip=True, aria=False).encode(
            x=alt.X("_low:Q"), x2=alt.X2("_high:Q"), y=y, color=tone, **more
        ),
        dots.mark_point(filled=True, size=80, opacity=1).encode(
            x=x, y=y, color=tone, tooltip=tip, **more
        ),
        reach(tip, x=x, y=y, **more),
    ]


def reach(tip: list[Any], **place: Any) -> Any:
    """Return unseen marks around the dots, so that a finger finds them."""
    unseen = named(DOTS).mark_point(filled=True, size=500, opacity=0, aria=False)
    return unseen.encode(tooltip=tip, **place)


def upright_rule(value: float, dash: Sequence[int] = (2, 3), tone: str = "soft") -> Any:
    """Draw a level across a panel whose scores lie flat."""
    mark = few(_level=value).mark_rule(
        strokeDash=list(dash), color=colour(tone), strokeWidth=1, aria=False
    )
    return mark.encode(x=alt.X("_level:Q"))


def rule(
    value: float,
    dash: Sequence[int] = (2, 3),
    tone: str = "soft",
    text: str = "",
) -> Layers:
    """Draw a level across the panel, with a word on it at its right end."""
    base = few(_level=value, _text=text)
    line = base.mark_rule(strokeDash=list(dash), color=colour(tone), strokeWidth=1, aria=False)
    layers: Layers = [line.encode(y=alt.Y("_level:Q"))]
    if text:
        word = base.mark_text(
            align="right", baseline="bottom", dy=-3, fontSize=11, color=colour(tone), aria=False
        )
        layers.append(
            word.encode(x=alt.value("width"), y=alt.Y("_level:Q"), text=alt.Text("_text:N"))
        )
    return layers


def mark(value: float, interval: Sequence[float] | None, text: str, tone: str) -> Layers:
    """Draw a place on the amount axis (a plateau, a crossover) with its interval and a word."""
    layers: Layers = []
    if interval:
        span = few(_from=interval[0], _to=interval[1])
        layers.append(
            span.mark_rect(opacity=0.09, color=colour(tone), clip=True, aria=False).encode(
                x=alt.X("_from:Q"), x2=alt.X2("_to:Q")
            )
        )
    base = few(_x=value, _text=text)
    layers.append(
        base.mark_rule(
            strokeWidth=1.3, strokeDash=[5, 3], color=colour(tone), clip=True, aria=False
        ).encode(x=alt.X("_x:Q"))
    )
    word = base.mark_text(
        align="left", baseline="top", dx=4, dy=2, fontSize=11, color=colour(tone), aria=False
    )
    layers.append(word.encode(x=alt.X("_x:Q"), y=alt.value(0), text=alt.Text("_text:N")))
    return layers


def panel(
    words: Words,
    layers: Layers,
    dots: Sequence[Record],
    lines: Sequence[Record] = (),
    *,
    title: str,
    alt_text: str,
    note: str = "",
    height: int = 220,
) -> Panel:
    """Lay the layers over one another in one panel as wide as its place."""
    # layered by hand, as altair copies every layer twice for what we do not use
    told = {DOTS: dots, LINES: lines}
    drawn = [layer.to_dict(validate=False) for layer in layers]
    drawn = [layer for layer in drawn if _has_data(layer, told)]
    spec: dict[str, Any] = {
        "$schema": drawn[0]["$schema"],
        "layer": [{n: v for n, v in layer.items() if n not in WHOLE} for layer in drawn],
        "width": "container",
        "height": height,
        "description": alt_text,
    }
    if (step := _step(dots)) > 1:
        note = words.clauses(note, words("thinned", step=step))
    own = {DOTS: dots[::step], **({LINES: lines[:: _step(lines)]} if lines else {})}
    spec["datasets"] = {n: v for layer in drawn for n, v in layer.get("datasets", {}).items()} | own
    spec["config"] = config()
    spec["autosize"] = {"type": "fit-x", "contains": "padding"}
    return Panel(title=title, note=note, alt=alt_text, spec=spec, height=height)


def _has_data(layer: Mapping[str, Any], told: Mapping[str, Sequence[Record]]) -> bool:
    """Say whether every field that a layer draws has a value somewhere.

    A layer of intervals is no layer where nothing has any, and Vega would warn of it.
    """
    records = told.get(layer.get("data", {}).get("name", ""))
    if records is None:
        return True
    channels = (c for c in layer["encoding"].values() if isinstance(c, Mapping))
    fields = {c["field"] for c in channels if str(c.get("field", "")).startswith("_")}
    return all(any(r.get(field) is not None for r in records) for field in fields)


def scored(
    view: View,
    measure: Measure,
    layers: Layers,
    records: Sequence[Record],
    words: Words,
    *,
    name: str = "",
    by: str = "_series",
    **more: Any,
) -> tuple[Panel, list[Record]]:
    """Finish a panel of one measure's scores: its title, its note, and what it shows in words.

    `by` names the field that tells the records apart.  Returns the panel and its records.
    """
    name = name or title(measure, view)
    place = "_x" if by == "_series" else ""
    said = words.join(
        ", ".join(str(r[part]) for part in (by, place) if part) + f": {r[words('tip.score')]}"
        for r in records
    )
    made = panel(
        words,
        layers,
        records,
        title=name,
        note=note(measure, view, words),
        alt_text=f"{name}: {said}",
        **more,
    )
    return made, list(records)


def _step(records: Sequence[Record]) -> int:
    """Return the n for which every n-th record is drawn."""
    return -(-len(records) // MOST_DOTS) or 1


def keys(series: Mapping[str, str], shape: str = "line") -> tuple[Key, ...]:
    """Return legend entries for labelled colours."""
    return tuple(Key(label=label, colour=tone, shape=shape) for label, tone in series.items())


def figure(
    name: str,
    caption: str,
    panels: Sequence[Panel],
    records: Sequence[Record],
    legend: Sequence[Key] = (),
) -> Figure | None:
    """Put panels under one legend, beside the numbers they show; None if there are no panels."""
    if not panels:
        return None
    columns = tuple(dict.fromkeys(n for r in records for n in r if not n.startswith("_")))
    return Figure(
        name=name,
        caption=caption,
        panels=tuple(panels[:MOST_PANELS]),
        legend=tuple(legend),
        columns=columns,
        rows=[[record.get(column, "") for column in columns] for record in records],
        undrawn=max(0, len(panels) - MOST_PANELS),
    )


def model_keys(view: View) -> tuple[Key, ...]:
    """Return the models' legend, if there is more than one."""
    return keys(model_colours(view), "dot") if len(view.models) > 1 else ()
