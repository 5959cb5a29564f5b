"""The page: sections in the order in which a reader asks, in one file that needs nothing else.

    view + findings + facts --sections--> template --> one HTML text

Nothing on the page can reach the network or run what a model wrote: every string is escaped where
it is written, and a content policy admits only our own scripts, named by their hashes.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup, escape

from espalier.report import answer, tables
from espalier.report.charts._cells import compared, order
from espalier.report.facts import Reply, StudyFacts
from espalier.report.figure import DARK, LIGHT, SANS, SERIF, Figure, Panel
from espalier.report.lookup import title
from espalier.report.numbers import Unit, plain
from espalier.report.view import Point, View, fraction
from espalier.report.words import Words

Finding = Mapping[str, Any]

MOST_ROWS = 300
MOST_TEXT = 20_000


@dataclass(frozen=True, kw_only=True)
class Grid:
    """A plain table on the page."""

    columns: tuple[str, ...]
    rows: Sequence[Sequence[str]]
    more: int = 0


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A claim of a paper as it is shown."""

    id: str
    text: str
    because: str
    verdict: str
    tone: str


@dataclass(frozen=True, kw_only=True)
class Section:
    """One question of the page with everything that answers it."""

    name: str
    title: str
    note: str = ""
    chips: tuple[tuple[str, str, int], ...] = ()
    """(verdict, tone, how many)."""
    figures: tuple[Drawn, ...] = ()
    tests: tuple[tables.Row, ...] = ()
    grids: tuple[Grid, ...] = ()
    claims: tuple[Claim, ...] = ()
    replies: tuple[Reply, ...] = ()
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """A figure with as many of its numbers as the page can bear."""

    legend: tuple[Any, ...]
    panels: tuple[Panel, ...]
    caption: str
    columns: tuple[str, ...]
    rows: Sequence[Sequence[Any]]
    more: int
    undrawn: int


QUESTIONS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "growth": (("growth",), ("growth",)),
    "size": (("size",), ("size",)),
    "mixing": (("mixing",), ("mixing",)),
    "factors": (("factors",), ("vary",)),
    "strategy": (("strategy",), ("strategies", "sweep")),
    "forgetting": (("forgetting",), ("forgetting",)),
    "exchange": (("exchange",), ("exchange",)),
    "ood": (("ood",), ("ood",)),
    "sensitivity": (("sensitivity",), ()),
}
"""Section -> the kinds of findings it holds, and its figures."""


def page(
    view: View,
    findings: Mapping[str, Any],
    figures: Mapping[str, Figure],
    facts: StudyFacts,
    words: Words,
    *,
    version: str,
) -> str:
    """Return the report as HTML."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=False)
    environment.filters["asides"] = _asides
    scripts = {"bundle": bundle(), "script": _file("page.js")}
    specs: list[Mapping[str, Any]] = []

    def numbered(panel: Panel) -> int:
        specs.append(panel.spec)
        return len(specs) - 1

    html = environment.from_string(_file("page.html")).render(
        words=words,
        policy=_policy(scripts.values()),
        style=Markup(_colours() + _file("style.css")),  # noqa: S704  our own file
        logo=Markup(_file("logo.svg")),  # noqa: S704  our own file
        bundle=Markup(scripts["bundle"]),  # noqa: S704  no closing tag in it, which is tested
        script=Markup(scripts["script"]),  # noqa: S704  our own file
        charts=lambda: Markup(embed(specs)),  # noqa: S704  escaped by `embed`
        numbered=numbered,
        name=facts.name,
        heading=facts.question or facts.name or words("question.none"),
        answer=answer.answer(view, findings["findings"], words),
        certainty=answer.certainty(view, findings["findings"], words),
        facts=_counts(view, facts, words),
        many_models=len(view.models) > 1,
        sections=_sections(view, findings, figures, facts, words),
        provenance=_provenance(facts, words),
        everything=tables.tests(view, findings["findings"], words),
        study=_cut(facts.study, words),
        version=version,
    )
    return html.encode("utf-8", "replace").decode().replace("\0", "\ufffd")


def _asides(sentence: str) -> Markup:
    """Set what stands in parentheses more quietly: the sentence reads without it."""
    parts = re.split(r"([(（][^()（）]*[)）])", sentence)
    quiet = Markup('<span class="aside">{}</span>')
    return Markup("").join(
        quiet.format(p) if p.startswith(("(", "（")) else escape(p) for p in parts
    )


_EXPORTS = "window.vegaEmbed = vegaEmbed;"


@cache
def bundle() -> str:
    """Return Vega, Vega-Lite and Vega-Embed as one script that may stand inside a page."""
    import vl_convert

    script: str = vl_convert.javascript_bundle(_EXPORTS)
    script = script.replace("\r\n", "\n").replace("\r", "\n")
    return script.replace("</script", "<\\/script").replace("<!--", "<\\!--")


def embed(value: Any) -> str:
    """Write JSON that cannot end the script element it stands in."""
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    for sign in "<>&":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text


def _policy(scripts: Any) -> str:
    """Admit our own scripts by hash, styles in the page, and nothing from anywhere."""
    hashes = (base64.b64encode(hashlib.sha256(s.encode()).digest()).decode() for s in scripts)
    allowed = " ".join(f"'sha256-{h}'" for h in hashes)
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


@cache
def _file(name: str) -> str:
    return (files("espalier.report") / name).read_text(encoding="utf-8")


def _colours() -> str:
    """Write both palettes; print is always light."""

    def block(colours: Mapping[str, str]) -> str:
        return "".join(f"--{name}:{value};" for name, value in colours.items())

    fonts = f"--serif:{SERIF};--sans:{SANS};"
    return (
        f":root{{color-scheme:light;{fonts}{block(LIGHT)}}}\n"
        f"@media screen{{:root[data-theme=dark]{{color-scheme:dark;{block(DARK)}}}}}\n"
        "@media screen and (prefers-color-scheme:dark)"
        f"{{:root:not([data-theme=light]){{color-scheme:dark;{block(DARK)}}}}}\n"
    )


def _sections(
    view: View,
    findings: Mapping[str, Any],
    figures: Mapping[str, Figure],
    facts: StudyFacts,
    words: Words,
) -> tuple[Section, ...]:
    """Return the sections that have something to say; what is missing is said in one place."""
    shown, missing = [], []
    for name, (kinds, drawn) in QUESTIONS.items():
        own = [f for f in findings["findings"] if f["kind"] in kinds]
        pictures = tuple(_drawn(figures[one]) for one in drawn if one in figures)
        if not own and not pictures:
            missing.append(words(f"{name}.absent"))
            continue
        shown.append(
            Section(
                name=name,
                title=words(f"{name}.title"),
                chips=_chips(own, words),
                figures=pictures,
                tests=tables.tests(view, own, words),
                note=_note(name, own, words),
                grids=_grids(name, view, own, words),
            )
        )
    return (*shown, *_closing(findings, facts, tuple(missing), words))


def _closing(
    findings: Mapping[str, Any], facts: StudyFacts, missing: tuple[str, ...], words: Words
) -> list[Section]:
    """Return claims, replies, costs, what is missing or left out, and provenance."""
    claims = tuple(
        Claim(
            id=claim["id"],
            text=claim["text"],
            because=claim["because"],
            verdict=words(f"verdict.{claim['verdict']}"),
            tone=tables.tone(claim["verdict"]),
        )
        for claim in findings["claims"]
    )
    sections = []
    if claims:
        count = Counter((c.verdict, c.tone) for c in claims)
        sections.append(
            Section(
                name="claims",
                title=words("claims.title"),
                note=words("claims.note"),
                chips=tuple((verdict, tone, n) for (verdict, tone), n in count.items()),
                claims=claims,
            )
        )
    if facts.replies:
        sections.append(
            Section(
                name="replies",
                title=words("replies.title"),
                note=words("replies.note"),
                replies=facts.replies,
            )
        )
    sections.append(_costs(facts, words))
    if missing:
        sections.append(Section(name="missing", title=words("missing.title"), missing=missing))
    if findings["left_out"]:
        rows = [
            [entry["what"], entry["why"], ", ".join(str(r) for r in entry.get("rows", ())[:40])]
            for entry in findings["left_out"]
        ]
        columns = tuple(words(f"left_out.{part}") for part in ("what", "why", "rows"))
        sections.append(
            Section(name="left-out", title=words("left_out.title"), grids=(_grid(columns, rows),))
        )
    sections.append(
        Section(name="provenance", title=words("provenance.title"), note=words("provenance.note"))
    )
    return sections


def _costs(facts: StudyFacts, words: Words) -> Section:
    """Say what was not run, what failed, and what it all took."""
    grids = []
    if facts.not_run:
        heads = (words("costs.step"), words("costs.reason"))
        grids.append(_grid(heads, [list(entry) for entry in facts.not_run]))
    if facts.cost:
        known = [(n, v) for n, v in vars(facts.cost).items() if v is not None]
        if known:
            columns = tuple(words(f"costs.{name}") for name, _ in known)
            grids.append(Grid(columns=columns, rows=[[plain(value) for _, value in known]]))
    whole = words("costs.complete" if facts.cost else "costs.unknown")
    note = "" if facts.not_run else whole
    return Section(name="costs", title=words("costs.title"), note=note, grids=tuple(grids))


def _note(name: str, own: Sequence[Finding], words: Words) -> str:
    """Say what a section's table and figures cannot: the best `k`, or how measures are defined."""
    if name == "sensitivity":
        given: Mapping[str, str] = next((f["definitions"] for f in own if f.get("definitions")), {})
        return words.join(f"{name}: {text}" for name, text in given.items())
    best = {
        (f["model"], f["ability"]): words(
            "strategy.best_k.one",
            ability=words("test.overall") if f["ability"] == "overall" else f["ability"],
            k=fraction(f["best_k"]),
            interval=f" {words('unit.to')} ".join(fraction(k) for k in f["best_k_interval"]),
        )
        for f in own
        if f.get("best_k") is not None and f.get("best_k_interval")
    }
    return words("strategy.best_k", parts=words.join(dict.fromkeys(best.values()))) if best else ""


def _grids(name: str, view: View, own: Sequence[Finding], words: Words) -> tuple[Grid, ...]:
    """Return the tables that stand beside a section's figures."""
    if name == "strategy":
        return _strategy_grid(view, words)
    fields = ("complexity", "transference", "gain", "predicted")
    rows = [
        [ability["ability"], *(plain(ability.get(field)) for field in fields)]
        for finding in own
        for ability in (finding.get("abilities") or () if name == "sensitivity" else ())
    ]
    columns = tuple(words(f"sensitivity.{field}") for field in ("ability", *fields))
    return (_grid(columns, rows),) if rows else ()


def _strategy_grid(view: View, words: Words) -> tuple[Grid, ...]:
    """Set the strategies side by side: one row each, one column per measure."""
    points = compared(view)
    if not points:
        return ()
    measures = [m for m in view.measures if any(p.measure == m for p in points)]
    score = {(p.model, p.method, p.measure): p for p in points}
    rows = []
    for model in view.models:
        for method in order(points):
            cells = [score.get((model, method, m)) for m in measures]
            if any(cells):
                first = [model] if len(view.models) > 1 else []
                rows.append([words.method(method), *first, *(_score(p, words) for p in cells)])
    heads = [title(m, view) for m in measures]
    models = [words("tip.model")] if len(view.models) > 1 else []
    return (_grid((words("tip.strategy"), *models, *heads), rows),)


def _score(point: Point | None, words: Words) -> str:
    if point is None:
        return "–"
    write = Unit(point.measure.share, words("unit.points"), words("unit.to"))
    if not point.interval:
        return write.score(point.score)
    interval = write.score_interval(point.interval).removesuffix("\u00a0%")
    return f"{write.score(point.score)} ({interval})"


def _chips(own: Sequence[Finding], words: Words) -> tuple[tuple[str, str, int], ...]:
    count = Counter(f["verdict"] for f in own)
    return tuple(
        (words(f"verdict.{verdict}"), tables.tone(verdict), n) for verdict, n in count.most_common()
    )


def _drawn(figure: Figure) -> Drawn:
    rows = figure.rows[:MOST_ROWS]
    return Drawn(
        legend=figure.legend,
        panels=figure.panels,
        caption=figure.caption,
        columns=figure.columns,
        rows=rows,
        more=len(figure.rows) - len(rows),
        undrawn=figure.undrawn,
    )


def _grid(columns: tuple[str, ...], rows: Sequence[Sequence[str]]) -> Grid:
    return Grid(columns=columns, rows=rows[:MOST_ROWS], more=max(0, len(rows) - MOST_ROWS))


def _counts(view: View, facts: StudyFacts, words: Words) -> list[tuple[str, str]]:
    """Return the few numbers that say how large the study was; each seed is a cell, as planned."""
    tuned = [p for p in view.points if p.stage]
    runs: dict[Any, int] = defaultdict(int)
    for p in tuned:
        setting = (p.model, p.strategy, p.k, tuple(p.amounts.items()), p.measure.protocol)
        runs[setting] = max(runs[setting], p.seeds)
    counts = [
        ("models", len(view.models)),
        ("abilities", len({m.ability for m in view.measures})),
        ("cells", sum(runs.values())),
        ("seeds", view.seeds),
        ("measurements", sum(p.seeds for p in view.points)),
    ]
    if facts.cost and facts.cost.stages_asked and facts.cost.stages_trained:
        counts.append(("shared", facts.cost.stages_asked - facts.cost.stages_trained))
    return [(words(f"fact.{name}"), f"{n:,}") for name, n in counts if n]


def _provenance(facts: StudyFacts, words: Words) -> tuple[tuple[str, str], ...]:
    """Return what made the numbers, and which source trains an ability of another name."""
    named = words("list.comma").join(f"{s} → {ability}" for s, ability in facts.sources.items())
    trained = ((words("provenance.sources"), named),) if named else ()
    return (*facts.provenance.items(), *trained)


def _cut(text: str, words: Words) -> str:
    if len(text) <= MOST_TEXT:
        return text
    return f"{text[:MOST_TEXT]}\n… {words('provenance.truncated', n=MOST_TEXT)}"
