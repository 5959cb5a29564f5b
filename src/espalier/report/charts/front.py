"""The Pareto front: recipes that nothing beats on every ability, two abilities at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import altair as alt

from espalier.report.charts import _grammar as g
from espalier.report.figure import Figure, Key, Panel
from espalier.report.lookup import measured, title, unit
from espalier.report.recipe import choices, label
from espalier.report.view import View
from espalier.report.words import Words

Told = Mapping[str, Any]

TONES: Mapping[str, str] = {
    "front": "c7",
    "recommended": "c0",
    "uniform": "c1",
    "proportional": "c3",
    "everything": "c6",
    "best measured": "c2",
}
"""Whose dot is whose; a front's own recipes have labels of their own and one colour."""
MOST_PAIRS = 6
"""More pairs of abilities than this nobody compares by eye."""


def front(view: View, told: Told, words: Words) -> Figure | None:
    """Draw every pair of abilities, the weightiest first; of two abilities the front is joined."""
    if not told.get("front"):
        return None
    points = [(c, "front") for c in told["front"]]
    points += [(c, str(c["label"])) for c in reversed(choices(told))]
    weights = told.get("utility") or {}
    abilities = list(dict.fromkeys(e["ability"] for c, _ in points for e in c["expected"]))
    abilities.sort(key=lambda a: -weights.get(a, 0.0))
    pairs = list(combinations(abilities, 2))[:MOST_PAIRS]
    panels, records = [], list[g.Record]()
    for pair in pairs:
        shown = [r for c, kind in points if (r := _record(view, c, kind, pair, words))]
        if len(shown) > 1:
            panels.append(_panel(view, pair, shown, points, words, joined=len(abilities) == 2))
            records += shown
    seen = dict.fromkeys(kind for _, kind in points)
    legend = [
        Key(
            label=words("front.front" if kind == "front" else f"recipe.{kind}"),
            colour=tone,
            shape="dot",
        )
        for kind, tone in TONES.items()
        if kind in seen
    ]
    return g.figure("front", words("front.caption"), panels, records, legend)


def _expected(choice: Told, ability: str) -> Told | None:
    return next((e for e in choice["expected"] if e["ability"] == ability), None)


def _record(
    view: View, choice: Told, kind: str, pair: tuple[str, str], words: Words
) -> g.Record | None:
    ends = [_expected(choice, ability) for ability in pair]
    x, y = ends
    if x is None or y is None:
        return None
    told = {f"{e['ability']}": _written(view, e, words) for e in choice["expected"]}
    x_low, x_high = x.get("interval") or (None, None)
    y_low, y_high = y.get("interval") or (None, None)
    name = words("front.front") if kind == "front" else label(choice, words)
    return {
        "_x": x["score"],
        "_y": y["score"],
        # on the front, crosses would hide one another
        "_left": None if kind == "front" else x_low,
        "_right": None if kind == "front" else x_high,
        "_low": None if kind == "front" else y_low,
        "_high": None if kind == "front" else y_high,
        "_series": kind,
        words("tip.recipe"): name,
        words("tip.amounts"): words.amounts(choice["amounts"]),
        words("tip.strategy"): words.strategy(choice),
        **{words("tip.expected", ability=ability): text for ability, text in told.items()},
    }


def _written(view: View, e: Told, words: Words) -> str:
    write = unit(e, view, words)
    if not e.get("interval"):
        return write.score(e["score"])
    return f"{write.score(e['score'])} ({write.score_interval(e['interval'])})"


def _panel(
    view: View,
    pair: tuple[str, str],
    records: Sequence[g.Record],
    points: Sequence[tuple[Told, str]],
    words: Words,
    *,
    joined: bool,
) -> Panel:
    first, second = (_about(view, ability, points, words) for ability in pair)
    x = alt.X(
        "_x:Q",
        scale=alt.Scale(zero=False, nice=True, padding=12),
        axis=g.score_axis(first[1], first[0]),
    )
    y = alt.Y(
        "_y:Q",
        scale=alt.Scale(zero=False, nice=True, padding=12),
        axis=g.score_axis(second[1]),
    )
    dots, tone, tip = g.named(g.DOTS), g.paint(TONES), g.tooltip(records[0])
    only = dots.transform_filter("datum._series === 'front'")
    layers: g.Layers = []
    if joined:
        layers.append(
            only.mark_line(strokeWidth=1.4, opacity=0.6, aria=False).encode(
                x=x, y=y, color=tone, order=alt.Order("_x:Q")
            )
        )
    layers += [
        dots.mark_rule(strokeWidth=1.2, opacity=0.55, clip=True, aria=False).encode(
            x=alt.X("_left:Q"), x2=alt.X2("_right:Q"), y=y, color=tone
        ),
        dots.mark_rule(strokeWidth=1.2, opacity=0.55, clip=True, aria=False).encode(
            x=x, y=alt.Y("_low:Q"), y2=alt.Y2("_high:Q"), color=tone
        ),
        dots.mark_point(filled=True, opacity=1).encode(
            x=x,
            y=y,
            color=tone,
            size=alt.condition("datum._series === 'recommended'", alt.value(150), alt.value(50)),
            tooltip=tip,
        ),
        g.reach(tip, x=x, y=y),
    ]
    name = f"{pair[1]} / {pair[0]}"
    said = words.join(
        f"{r[words('tip.recipe')]} "
        + ", ".join(f"{a} {r[words('tip.expected', ability=a)]}" for a in pair)
        for r in records
        if r["_series"] != "front"
    )
    return g.panel(
        words,
        layers,
        records,
        title=name,
        note=second[0] if second[0] != pair[1] else "",
        alt_text=f"{name}: {said or words('front.front')}",
        height=260,
    )


def _about(
    view: View, ability: str, points: Sequence[tuple[Told, str]], words: Words
) -> tuple[str, bool]:
    """Return an axis's title, which says where better lies if it is not up, and its unit."""
    one = next(e for c, _ in points if (e := _expected(c, ability)))
    measure = measured(one, view)
    name = title(measure, view) if measure else ability
    if not one.get("higher_is_better", True):
        name += f" ({words('lower is better')})"
    return name, unit(one, view, words).share
