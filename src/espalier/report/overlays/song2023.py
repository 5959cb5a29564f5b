"""Song et al. (2023, arXiv 2310.19651), Tables 2 and 3: what constructions of the data scored.

The paper prints no number of its ability curves, which are smoothed figures only; these two tables
are all it prints.  The reader's own scores are drawn only on the very benchmarks.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import altair as alt

from espalier.report.charts import _grammar as g
from espalier.report.figure import Figure, Key, Panel
from espalier.report.overlays import published
from espalier.report.view import Point, View
from espalier.report.words import Words

NAMES: Mapping[str, str] = {"agieval": "AGIEval", "cmmlu": "CMMLU"}
EPOCHS: Mapping[str, str] = {"5": "s1", "10": "s3", "15": "s4"}


def song2023(view: View, findings: Sequence[Mapping[str, Any]], words: Words) -> Figure:  # noqa: ARG001
    """Draw each benchmark's scores by how the training data were made."""
    panels, records = [], list[g.Record]()
    asked = dict.fromkeys((r["benchmark"], r["shots"]) for r in published("song2023"))
    for benchmark, shots in asked:
        shown = list(_records(benchmark, shots, words))
        own = [p for p in view.points if _is(p, benchmark)]
        panels.append(_panel(benchmark, shots, shown, own, words))
        records += shown
    legend = [
        Key(label=words("overlay.epoch", n=epoch), colour=tone, shape="ring")
        for epoch, tone in EPOCHS.items()
    ]
    if any(_is(p, benchmark) for p in view.points for benchmark in NAMES):
        legend.append(Key(label=words("overlay.your best"), colour="c1", shape="line"))
    made = g.figure("song2023", words("overlay.song2023.caption"), panels, records, legend)
    assert made is not None, "the paper's panels are always there"  # noqa: S101  for the types
    return made


def _is(point: Point, benchmark: str) -> bool:
    names = (point.measure.ability, point.measure.suite)
    return any(name.lower().startswith(benchmark) for name in names)


def _records(benchmark: str, shots: str, words: Words) -> Iterator[g.Record]:
    for row in published("song2023"):
        if (row["benchmark"], row["shots"]) != (benchmark, shots) or row["set"] == "+0":
            continue  # `+0` of Table 3 is the `Maximum` of Table 2
        score = float(row["score"]) / 100
        error = math.sqrt(score * (1 - score) / int(row["items"]))
        epoch = words("overlay.epoch", n=row["epoch"])
        name = row["set"] if row["table"] == "2" else f"Maximum 40k {row['set']}"
        yield {
            "_x": score,
            "_low": score - 1.96 * error,
            "_high": score + 1.96 * error,
            "_series": epoch,
            "_set": name,
            words("overlay.set"): name,
            words("overlay.benchmark"): f"{NAMES[benchmark]}, {shots}-shot",
            words("tip.line"): epoch,
            words("tip.score"): f"{score:.2%}",
            words("overlay.table"): row["table"],
        }


def _panel(
    benchmark: str,
    shots: str,
    records: Sequence[g.Record],
    own: Sequence[Point],
    words: Words,
) -> Panel:
    x = alt.X(
        "_x:Q",
        scale=alt.Scale(zero=False, nice=True),
        axis=g.score_axis(True, tickCount=4, grid=True, domain=False),
    )
    sets = list(dict.fromkeys(r["_set"] for r in records))
    names = alt.Axis(title=None, labelLimit=130, grid=False, labelColor="var(--ink)")
    y = alt.Y("_set:N", sort=sets, axis=names, scale=alt.Scale(padding=0.3))
    tones = {words("overlay.epoch", n=epoch): tone for epoch, tone in EPOCHS.items()}
    offset = alt.YOffset("_series:N", sort=list(tones))
    layers = g.across(x, y, g.paint(tones), g.tooltip(records[0]), yOffset=offset)
    title = f"{NAMES[benchmark]}, {shots}-shot"
    note = words("overlay.single")
    if own:
        best = max(own, key=lambda p: p.score if p.measure.higher else -p.score)
        layers.append(g.upright_rule(best.score, (1, 0), "c1"))
        mine = words("overlay.best", score=f"{best.score:.1%}", model=best.model)
        note = words.clauses(note, mine)
    said = words.join(f"{r['_set']}, {r['_series']}: {r[words('tip.score')]}" for r in records)
    return g.panel(
        words,
        layers,
        records,
        title=title,
        note=note,
        alt_text=f"{title}: {said}",
        height=36 * len(sets) + 30,
    )
