"""Dong et al. (2023, arXiv 2310.05492), Tables 2 and 3: growth alone, and what mixing did.

Their benchmarks, models and numbers of rows are not the reader's.  What may be compared is shape:
so amounts become shares of the largest amount of the same ability, scores become shares of the
best score that the same model reached with the ability's own data alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import altair as alt

from espalier.report.charts import _grammar as g
from espalier.report.charts._cells import plain
from espalier.report.figure import Figure, Key, Panel
from espalier.report.lookup import is_of, title
from espalier.report.numbers import fraction
from espalier.report.overlays import published
from espalier.report.view import Measure, View
from espalier.report.words import Words

Finding = Mapping[str, Any]

NAMES: Mapping[str, str] = {"gsm8k": "GSM8K", "humaneval": "HumanEval", "mt_bench": "MT-Bench"}
SHADES: Mapping[str, str] = {"llama-7b": "c3", "llama-13b": "c6", "llama-33b": "c5"}


@dataclass(frozen=True, kw_only=True)
class Dot:
    """One amount of one curve, in its own units."""

    rows: int
    score: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, kw_only=True)
class Curve:
    """One model's dots, by what they are shares of."""

    model: str
    ours: bool
    what: str
    """Benchmark or measure, in words."""
    dots: tuple[Dot, ...]
    best: float
    """The best score with the ability's own data alone."""


def dong2023(view: View, findings: Sequence[Finding], words: Words) -> Figure:
    """Draw each ability of the paper twice: its growth alone, and mixed minus alone."""
    panels, records = [], list[g.Record]()
    for kind in ("growth", "mixing"):
        for ability in ("math", "code", "general"):
            theirs = [_alone(ability, model) for model in SHADES]
            curves = theirs if kind == "growth" else [_mixed(ability, c.model) for c in theirs]
            own = list(_ours(view, findings, ability, kind))
            shown = [r for curve in (*curves, *own) for r in _records(curve, ability, kind, words)]
            panels.append(_panel(view, ability, kind, shown, bool(own), words))
            records += shown
    legend = [
        Key(label=words("overlay.published", model=m), colour=c, shape="dashed")
        for m, c in SHADES.items()
    ]
    legend += [
        Key(label=words("overlay.yours", model=model), colour=tone, shape="line")
        for model, tone in _own_colours(view).items()
    ]
    made = g.figure("dong2023", words("overlay.dong2023.caption"), panels, records, legend)
    assert made is not None, "the paper's panels are always there"  # noqa: S101  for the types
    return made


def _own_colours(view: View) -> dict[str, str]:
    return g.model_colours(view)


def _table(ability: str, model: str, design: str) -> list[tuple[int, float, float | None]]:
    """Return (rows, score, standard error of its items) of the paper's curve."""
    found = []
    for row in published("dong2023"):
        if (row["ability"], row["model"], row["design"]) == (ability, model, design):
            score, items = float(row["score"]), int(row["items"] or 0)
            share = score / 100
            error = 100 * math.sqrt(share * (1 - share) / items) if items else None
            found.append((int(row["rows"]), score, error))
    return sorted(found)


def _benchmark(ability: str) -> str:
    return next(NAMES[r["benchmark"]] for r in published("dong2023") if r["ability"] == ability)


def _alone(ability: str, model: str) -> Curve:
    table = _table(ability, model, "single")
    return Curve(
        model=model,
        ours=False,
        what=_benchmark(ability),
        dots=tuple(_dot(n, score, error) for n, score, error in table),
        best=max(score for _, score, _ in table),
    )


def _mixed(ability: str, model: str) -> Curve:
    """Return mixed minus single; the two are other questions' answers, so their noise adds."""
    alone, mixed = _table(ability, model, "single"), _table(ability, model, "together")
    return Curve(
        model=model,
        ours=False,
        what=_benchmark(ability),
        dots=tuple(
            _dot(n, b - a, None if left is None or right is None else math.hypot(left, right))
            for (n, a, left), (_, b, right) in zip(alone, mixed, strict=True)
        ),
        best=max(score for _, score, _ in alone),
    )


def _dot(rows: int, value: float, error: float | None) -> Dot:
    if error is None:
        return Dot(rows=rows, score=value)
    return Dot(rows=rows, score=value, low=value - 1.96 * error, high=value + 1.96 * error)


def _ours(view: View, findings: Sequence[Finding], ability: str, kind: str) -> Iterator[Curve]:
    """Yield the reader's own curves of the ability of that name, if higher is better on it."""
    measures = [m for m in view.measures if m.ability == ability and m.role == "in" and m.higher]
    for measure in measures[:1]:
        for model in view.models:
            alone = [
                p
                for p in plain([p for p in view.points if p.measure == measure])
                if p.model == model and len(p.amounts) == 1 and view.own(p)
            ]
            best = max((p.score for p in alone), default=0.0)
            if best <= 0:
                continue
            if kind == "growth":
                dots = tuple(
                    Dot(rows=view.own(p), score=p.score, low=p.low, high=p.high)
                    for p in sorted(alone, key=view.own)
                )
            else:
                dots = tuple(_differences(findings, measure, model))
            if len(dots) > 1:
                what = title(measure, view)
                yield Curve(model=model, ours=True, what=what, dots=dots, best=best)


def _differences(findings: Sequence[Finding], measure: Measure, model: str) -> Iterator[Dot]:
    own = [
        f
        for f in findings
        if f["kind"] == "mixing" and is_of(f, measure) and f["model"] == model
        if f.get("of") == "difference" and f["estimate"] is not None
    ]
    for f in sorted(own, key=lambda f: f["amount"]):
        low, high = f["interval"] or (None, None)
        yield Dot(rows=f["amount"], score=f["estimate"], low=low, high=high)


def _records(curve: Curve, ability: str, kind: str, words: Words) -> Iterator[g.Record]:
    most = max((dot.rows for dot in curve.dots), default=1)
    whose = words("overlay.yours" if curve.ours else "overlay.published", model=curve.model)
    for dot in curve.dots:
        yield {
            "_x": dot.rows / most,
            "_y": dot.score / curve.best,
            "_low": None if dot.low is None else dot.low / curve.best,
            "_high": None if dot.high is None else dot.high / curve.best,
            "_series": whose,
            "_whose": "ours" if curve.ours else "published",
            words("tip.line"): whose,
            words("tip.ability"): ability,
            words("overlay.what"): words(f"overlay.{kind}"),
            words("overlay.benchmark"): curve.what,
            words("tip.own"): f"{dot.rows:,}",
            words("overlay.share"): _part(dot.rows / most),
            words("tip.score"): f"{dot.score:.4g}" if curve.ours else f"{dot.score:.2f}",
            words("overlay.of best"): f"{dot.score / curve.best:.0%}",
        }


def _part(share: float) -> str:
    """Write a share of the rows: as the fraction that the paper calls k where it is near one."""
    near = Fraction(share).limit_denominator(256)
    return fraction(float(near)) if abs(float(near) / share - 1) < 0.02 else f"{share:.3g}"


def _panel(
    view: View,
    ability: str,
    kind: str,
    records: Sequence[g.Record],
    own: bool,
    words: Words,
) -> Panel:
    x = alt.X(
        "_x:Q",
        scale=alt.Scale(type="log", base=4, domain=[1 / 340, 1.3], nice=False),
        axis=alt.Axis(
            title=words("overlay.share"),
            values=[1 / 256, 1 / 64, 1 / 16, 1 / 4, 1],
            labelExpr="datum.value < 1 ? '1/' + format(1 / datum.value, '.0f') : '1'",
        ),
    )
    signed = g.effect_axis(True) if kind == "mixing" else g.score_axis(True)
    y = alt.Y("_y:Q", axis=signed, scale=alt.Scale(zero=False, nice=True))
    tones = {words("overlay.published", model=m): c for m, c in SHADES.items()}
    tones |= {words("overlay.yours", model=m): c for m, c in _own_colours(view).items()}
    tone, dots, tip = g.paint(tones), g.named(g.DOTS), g.tooltip(records[0])
    ways = alt.Scale(domain=["ours", "published"], range=[[1, 0], [5, 4]])
    layers: g.Layers = [
        *(g.rule(0, (1, 0), "line") if kind == "mixing" else ()),
        dots.mark_rule(strokeWidth=1, opacity=0.35, clip=True, aria=False).encode(
            x=x, y=alt.Y("_low:Q"), y2=alt.Y2("_high:Q"), color=tone
        ),
        dots.mark_line(strokeWidth=1.8, aria=False).encode(
            x=x, y=y, color=tone, strokeDash=alt.StrokeDash("_whose:N", scale=ways, legend=None)
        ),
        dots.mark_point(opacity=1, strokeWidth=1.6).encode(
            x=x,
            y=y,
            stroke=tone,
            fill=alt.condition("datum._whose === 'ours'", tone, alt.value("var(--card)")),
            size=alt.condition("datum._whose === 'ours'", alt.value(56), alt.value(34)),
            tooltip=tip,
        ),
        g.reach(tip, x=x, y=y),
    ]
    name = f"{ability}: {words(f'overlay.{kind}')}"
    note = words(f"overlay.{kind}.note")
    if not own:
        note = words.clauses(note, words("overlay.none", ability=ability))
    said = words.join(
        f"{r['_series']}, {r[words('overlay.share')]}: {r[words('overlay.of best')]}"
        for r in records
    )
    return g.panel(words, layers, records, title=name, note=note, alt_text=f"{name}: {said}")
