"""Hidden states as pictures: every query a dot, by PCA and by t-SNE, untuned beside tuned."""

from __future__ import annotations

from typing import TYPE_CHECKING

import altair as alt

from espalier.report import inside
from espalier.report.charts import _grammar as g
from espalier.report.figure import Figure, Panel
from espalier.report.numbers import plain
from espalier.report.words import Words

if TYPE_CHECKING:
    import pandas as pd

WAYS = ("tsne", "pca")


def states(probes: pd.DataFrame, points: pd.DataFrame | None, words: Words) -> Figure | None:
    """Draw one panel for each checkpoint, drawn layer and way."""
    if points is None or points.empty:
        return None
    told = inside.drawn(probes)
    sources = list(dict.fromkeys(points["source"]))
    tones = {source: f"c{i % 8}" for i, source in enumerate(sources)}
    panels, records = [], list[g.Record]()
    by = dict(iter(points.groupby(["key", "layer", "way"], sort=False)))
    for way in WAYS:
        for place in told:
            if (place.key, place.layer, way) not in by:
                continue
            shown = [
                {
                    "_x": point["x"],
                    "_y": point["y"],
                    "_series": point["source"],
                    words("tip.model"): place.model,
                    words("tip.strategy"): place.method(words),
                    words("probe.layer"): str(place.layer),
                    words("probe.sources"): point["source"],
                    words("probe.x"): plain(point["x"]),
                    words("probe.y"): plain(point["y"]),
                }
                for point in by[place.key, place.layer, way].to_dict("records")
            ]
            panels.append(_panel(place, way, shown, tones, words))
            records += shown
    perplexity = min(30.0, (len(records) / max(1, len(panels)) - 1) / 3)
    caption = words("probe.pictures", perplexity=plain(perplexity))
    return g.figure("states", caption, panels, records, g.keys(tones, "dot"))


def _panel(
    place: inside.Place, way: str, shown: list[g.Record], tones: dict[str, str], words: Words
) -> Panel:
    x = alt.X("_x:Q", axis=None, scale=alt.Scale(zero=False, padding=8))
    y = alt.Y("_y:Q", axis=None, scale=alt.Scale(zero=False, padding=8))
    hidden = (words("probe.x"), words("probe.y"))
    dots = g.named(g.DOTS).mark_point(filled=True, size=26, opacity=0.75)
    layers: g.Layers = [
        dots.encode(x=x, y=y, color=g.paint(tones), tooltip=g.tooltip(shown[0], hidden))
    ]
    title = words.clauses(place.model, place.method(words))
    note = words.clauses(words(f"probe.way.{way}"), f"{words('probe.layer')} {place.layer}")
    counted = (f"{s} {sum(r['_series'] == s for r in shown)}" for s in tones)
    said = f"{title}: {note}, {words('list.comma').join(counted)}"
    return g.panel(words, layers, shown, title=title, note=note, alt_text=said)
