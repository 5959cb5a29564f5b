"""Sensitivity: how fast abilities grow, against the measures that should foretell it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import altair as alt

from espalier.report.charts import _grammar as g
from espalier.report.figure import Figure, Panel
from espalier.report.numbers import Unit, plain
from espalier.report.view import View
from espalier.report.words import Words

FORETELL = ("predicted", "complexity", "transference")


def sensitivity(view: View, findings: Sequence[Mapping[str, Any]], words: Words) -> Figure | None:
    """Draw the gain against the prediction and against each measure, a dot per ability."""
    panels, records = [], list[g.Record]()
    for f in findings:
        abilities = f.get("abilities") or ()
        if f["kind"] != "sensitivity" or len(abilities) < 2:
            continue
        for by in FORETELL:
            shown = list(_records(abilities, by, f["model"], words))
            if len(shown) > 1:
                panels.append(_panel(view, by, shown, f, words))
                records += shown
    return g.figure("sensitivity", words("sensitivity.caption"), panels, records)


def _records(
    abilities: Sequence[Mapping[str, Any]], by: str, model: str, words: Words
) -> Iterator[g.Record]:
    write = Unit(True, words("unit.points"), words("unit.to"))
    for ability in abilities:
        if ability.get(by) is None or ability.get("gain") is None:
            continue
        guess = ability.get("predicted")
        yield {
            "_x": ability[by],
            "_y": ability["gain"],
            "_name": ability["ability"],
            words("tip.ability"): ability["ability"],
            words("tip.model"): model,
            words("sensitivity.gain"): write.difference(ability["gain"]),
            words("sensitivity.predicted"): write.difference(guess) if guess is not None else "",
            words("sensitivity.complexity"): plain(ability.get("complexity")),
            words("sensitivity.transference"): plain(ability.get("transference")),
        }


def _panel(
    view: View, by: str, records: Sequence[g.Record], f: Mapping[str, Any], words: Words
) -> Panel:
    told = words(f"sensitivity.{by}")
    axis = g.effect_axis(True, told) if by == "predicted" else alt.Axis(title=told, tickCount=5)
    x = alt.X("_x:Q", axis=axis, scale=alt.Scale(zero=False, padding=24))
    dots, y = g.named(g.DOTS), g.difference(True)
    layers: g.Layers = []
    if by == "predicted":
        ends = [r[axis] for r in records for axis in ("_x", "_y")]
        line = g.few(_a=min(ends), _b=max(ends)).mark_rule(
            strokeDash=[2, 3], color="var(--soft)", aria=False
        )
        layers.append(
            line.encode(x=alt.X("_a:Q"), x2=alt.X2("_b:Q"), y=alt.Y("_a:Q"), y2=alt.Y2("_b:Q"))
        )
    layers += [
        dots.mark_point(color="var(--c0)", filled=True, size=70, opacity=1).encode(
            x=x, y=y, tooltip=g.tooltip(records[0])
        ),
        dots.mark_text(dy=-11, fontSize=11, color="var(--ink)", aria=False).encode(
            x=x, y=y, text=alt.Text("_name:N")
        ),
        g.reach(g.tooltip(records[0]), x=x, y=y),
    ]
    title = f"{told} · {f['model']}" if len(view.models) > 1 else told
    if len({m.protocol for m in view.measures}) > 1:
        title = f"{title} · {f['protocol']}"
    gain = words("sensitivity.gain")
    said = words.join(f"{r['_name']}: {gain} {r[gain]}" for r in records)
    note = words.clauses(gain, words("unit.points"))
    return g.panel(words, layers, records, title=title, note=note, alt_text=f"{title}: {said}")
