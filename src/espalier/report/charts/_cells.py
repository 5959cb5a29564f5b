"""Which cells a picture sets beside each other, and the colours of their strategies."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from espalier.report.view import Point, View
from espalier.report.words import Words


def plain(points: Sequence[Point]) -> list[Point]:
    """Keep the last stage of plain mixing, or of the only strategy there is."""
    tuned = [p for p in points if p.stage and p.last]
    names = list(dict.fromkeys(p.strategy for p in tuned))
    chosen = "multitask" if "multitask" in names else next(iter(names), "")
    # of one source, every strategy trains the same rows
    return [p for p in tuned if p.strategy == chosen and (_is_plain(p, names))]


def _is_plain(point: Point, names: Sequence[str]) -> bool:
    return point.strategy == "multitask" or len(names) == 1 or len(point.amounts) == 1


def compared(view: View) -> list[Point]:
    """Return the final points of the largest mixture that several strategies trained."""
    mixtures = defaultdict(list)
    for point in view.points:
        if point.stage and point.last and len(point.amounts) > 1:
            mixtures[tuple(point.amounts.items())].append(point)
    several = [ps for ps in mixtures.values() if len({p.method for p in ps}) > 1]
    return max(several, key=lambda ps: (len({p.method for p in ps}), ps[0].total), default=[])


def order(points: Sequence[Point]) -> list[str]:
    """Order the strategies: plain ones by name as they come, then DMT by falling `k`."""
    seen = {p.method: p for p in points}
    return sorted(seen, key=lambda m: (seen[m].k is not None, -(seen[m].k or 0)))


def tones(points: Sequence[Point], words: Words) -> dict[str, str]:
    """Give the strategies a hue each, and DMT's `k` shades of one, darkest for the largest."""
    methods = {p.method: p.k for p in points}
    swept = sorted((m for m, k in methods.items() if k is not None), key=lambda m: methods[m] or 0)
    step = 4 / max(1, len(swept) - 1)
    shades = {m: f"s{1 + round(step * i)}" for i, m in enumerate(swept)}
    hues = iter(("c1", "c2", "c3", "c6", "c4", "c5"))
    return {
        words.method(m): "c7" if m == "multitask" else shades.get(m) or next(hues, "c7")
        for m in order(points)
    }
