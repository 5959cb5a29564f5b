"""Hidden states: how far apart the sources lie at each layer, and what a linear probe tells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import altair as alt

from espalier.report import inside
from espalier.report.charts import _grammar as g
from espalier.report.figure import Figure, Panel
from espalier.report.numbers import Unit
from espalier.report.words import Words

if TYPE_CHECKING:
    import pandas as pd

MOST_PAIRS = 6
"""More pairs than this nobody tells apart; then all sources together are drawn."""
HUES = ("c0", "c1", "c2", "c3", "c4", "c5")


def probe(probes: pd.DataFrame, words: Words) -> Figure | None:
    """Draw each checkpoint's silhouettes over the layers, and beside them the linear probe's."""
    checkpoints: dict[str, list[inside.Place]] = {}
    for place in inside.places(probes):
        checkpoints.setdefault(place.key, []).append(place)
    panels, records, series = [], list[g.Record](), dict[str, str]()
    for measure in ("silhouette", "accuracy"):
        for own in checkpoints.values():
            once = list({place.layer: place for place in own}.values())  # of several protocols one
            of = sorted(once[0].pairs)
            if not of or len(of) > MOST_PAIRS:
                of = [once[0].labels]
            shown = [_record(place, measure, o, words) for o in of for place in once]
            tones = {words.names(o): HUES[i % len(HUES)] for i, o in enumerate(of)}
            series |= tones
            panels.append(_panel(once[0], measure, shown, tones, words))
            records += shown
    return g.figure("probe", words("probe.caption"), panels, records, g.keys(series))


def _record(place: inside.Place, measure: str, of: tuple[str, ...], words: Words) -> g.Record:
    row = place.measures[measure, of]
    write = Unit(measure == "accuracy", words("unit.points"), words("unit.to"))
    return {
        "_x": place.layer,
        "_y": row["estimate"],
        "_low": row["low"],
        "_high": row["high"],
        "_series": words.names(of),
        "_chance": None if measure == "silhouette" else row["chance"],
        words("tip.model"): place.model,
        words("tip.strategy"): place.method(words),
        words("probe.sources"): words.names(of),
        words("probe.layer"): str(place.layer),
        words(f"probe.panel.{measure}"): write.score(row["estimate"]),
        words("tip.interval"): write.score_interval((row["low"], row["high"])),
        words("tip.items"): f"{row['n']:,.0f}",
        words("tip.seeds"): str(row["seeds"]),
        words("tip.keys"): place.key,
    }


def _panel(
    place: inside.Place,
    measure: str,
    shown: Sequence[g.Record],
    tones: dict[str, str],
    words: Words,
) -> Panel:
    axis = alt.Axis(title=words("probe.axis"), tickMinStep=1, format="d")
    x = alt.X("_x:Q", axis=axis, scale=alt.Scale(zero=False, padding=12))
    y = alt.Y(
        "_y:Q",
        axis=g.score_axis(measure == "accuracy"),
        scale=alt.Scale(domain=[0, 1]) if measure == "accuracy" else alt.Scale(nice=True),
    )
    layers = g.joined(x, y, g.paint(tones), g.tooltip(shown[0]))
    if measure == "accuracy":
        layers += g.rule(max(record["_chance"] for record in shown), text=words("chance"))
    else:
        layers += g.rule(0, (1, 0), "line")
    name = words(f"probe.panel.{measure}")
    title = words.clauses(place.model, place.method(words))
    said = words.join(f"{r['_series']}, {r['_x']}: {r[name]}" for r in shown)
    return g.panel(words, layers, shown, title=title, note=name, alt_text=f"{title}: {said}")
