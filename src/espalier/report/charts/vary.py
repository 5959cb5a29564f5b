"""Vary: one side fixed, the other in steps; so amount and ratio of other data come apart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from espalier.report.charts import _grammar as g
from espalier.report.charts._cells import plain
from espalier.report.figure import Figure, Panel
from espalier.report.lookup import title
from espalier.report.view import Measure, Point, View
from espalier.report.words import Words

Steps = tuple[str, tuple[str, ...], tuple[tuple[str, int], ...]]
"""A design's name, the sources that move, and the (source, rows) that stand still."""


def vary(view: View, findings: Sequence[Mapping[str, Any]], words: Words) -> Figure | None:  # noqa: ARG001
    """Draw each ability's score against the rows of the moving side, a line per fixed side."""
    panels, records, used = [], [], dict[str, str]()
    for measure in view.measures:
        points = plain([p for p in view.points if p.measure == measure])
        lines = {steps: list(_along(steps, points)) for steps in _steps(points)}
        lines = {steps: line for steps, line in lines.items() if len(line) > 1}
        if lines:
            panel, shown = _panel(view, measure, lines, used, words)
            panels.append(panel)
            records += shown
    return g.figure("vary", words("vary.caption"), panels, records, g.keys(used))


def _steps(points: Sequence[Point]) -> list[Steps]:
    """List what the `vary` designs among the points hold still."""
    found: dict[Steps, None] = {}
    for point in points:
        for name in sorted(point.designs):
            if name.startswith("vary:"):
                moving = tuple(name.removeprefix("vary:").split("+"))
                still = tuple((s, n) for s, n in point.amounts.items() if s not in moving)
                found[name, moving, still] = None
    return list(found)


def _along(steps: Steps, points: Sequence[Point]) -> Iterator[Point]:
    """Yield every cell that lies on these steps, whichever design asked for it."""
    _, moving, still = steps
    for point in points:
        rest = tuple((s, n) for s, n in point.amounts.items() if s not in moving)
        if rest == still and all(source in point.amounts for source in moving):
            yield point


def _panel(
    view: View,
    measure: Measure,
    lines: Mapping[Steps, Sequence[Point]],
    used: dict[str, str],
    words: Words,
) -> tuple[Panel, list[g.Record]]:
    records, name = list[g.Record](), title(measure, view)
    one, tones = len(lines) == 1, g.model_colours(view)
    for (_, moving, still), points in lines.items():
        for point in sorted(points, key=lambda p: sum(p.amounts[s] for s in moving)):
            label = words("vary.line", moving=" + ".join(moving), still=words.amounts(dict(still)))
            label = f"{point.model}: {label}" if len(view.models) > 1 else label
            used.setdefault(label, tones[point.model] if one else f"c{len(used) % 8}")
            records.append(
                {
                    "_x": sum(point.amounts[s] for s in moving),
                    "_y": point.score,
                    "_low": point.low,
                    "_high": point.high,
                    "_series": label,
                    words("tip.ability"): name,
                    words("tip.line"): label,
                    **g.tips(point, words),
                }
            )
    x = g.doublings([r["_x"] for r in records], words("axis.moving"))
    layers = g.joined(x, g.upright(measure.share), g.paint(used), g.tooltip(records[0]))
    if measure.chance:
        layers += g.rule(measure.chance, text=words("chance"))
    return g.scored(view, measure, layers, records, words)
