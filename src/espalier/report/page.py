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
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup, escape

from espalier.report import answer, inside, tables
from espalier.report.charts._cells import compared, order
from espalier.report.facts import Reply, StudyFacts
from espalier.report.figure import DARK, LIGHT, SANS, SERIF, Figure, Panel
from espalier.report.lookup import full_title, title, unit_of
from espalier.report.numbers import fraction, plain
from espalier.report.recipe import Recipe, recipe
from espalier.report.view import Point, View
from espalier.report.words import Words

if TYPE_CHECKING:
    import pandas as pd

Finding = Mapping[str, Any]

MOST_ROWS = 300
MOST_TEXT = 20_000
MOST_REPLY = 4_000
"""Characters; a reply that goes on in circles says no more after this many."""
REPLY_TONES: Mapping[str, str] = {"right": "good", "wrong": "bad", "unscored": "open"}


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
class Replies:
    """An ability's replies."""

    ability: str
    count: str
    rows: tuple[Judged, ...]

    @property
    def kinds(self) -> tuple[str, ...]:
        """Return which kinds there are."""
        return tuple(row.kind for row in self.rows)


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A reply as it is shown."""

    kind: str
    said: str
    """The kind in words."""
    tone: str
    score: str
    """In words, where the kind does not say it."""
    reply: Reply


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
    recipe: Recipe | None = None
    replies: tuple[Replies, ...] = ()
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
    "factors": (("factors",), ("factors", "vary")),
    "strategy": (("strategy",), ("strategies", "sweep")),
    "forgetting": (("forgetting",), ("forgetting",)),
    "exchange": (("exchange",), ("exchange",)),
    "ood": (("ood",), ("ood",)),
    "sensitivity": (("sensitivity",), ("sensitivity",)),
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
    recommendation: Mapping[str, Any] | None = None,
    overlays: Sequence[str] = (),
    probes: pd.DataFrame | None = None,
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
        heading=facts.question or facts.name or _question(view, words),
        answer=answer.answer(view, findings["findings"], words),
        certainty=answer.certainty(view, findings["findings"], words),
        facts=_counts(view, facts, words),
        many_models=len(view.models) > 1,
        sections=_placed(
            _sections(view, findings, figures, facts, words, recommendation, overlays),
            _inside(probes, figures, words),
        ),
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


def _question(view: View, words: Words) -> str:
    """Ask what the page answers where nobody wrote the question down."""
    if not view.untuned:
        return words("question.none")
    if len(view.models) > 1:
        return words("scores.question.many")
    return words("scores.question", model=view.models[0])


def _inside(
    probes: pd.DataFrame | None, figures: Mapping[str, Figure], words: Words
) -> tuple[Section, ...]:
    """Return the section on hidden states, if any were looked at."""
    if probes is None:
        return ()
    columns, rows = inside.table(probes, words)
    return (
        Section(
            name="probe",
            title=words("probe.title"),
            note=inside.note(probes, words),
            grids=(_grid(columns, rows),),
            figures=tuple(_drawn(figures[n]) for n in ("states", "probe") if n in figures),
        ),
    )


def _placed(sections: Sequence[Section], more: Sequence[Section]) -> tuple[Section, ...]:
    """Put `more` behind what the findings answer."""
    own = ("recommendation", "scores", *QUESTIONS)
    place = max((i for i, section in enumerate(sections, 1) if section.name in own), default=0)
    return (*sections[:place], *more, *sections[place:])


def _sections(
    view: View,
    findings: Mapping[str, Any],
    figures: Mapping[str, Figure],
    facts: StudyFacts,
    words: Words,
    recommendation: Mapping[str, Any] | None,
    overlays: Sequence[str],
) -> tuple[Section, ...]:
    """Return the sections that have something to say; what is missing is said in one place."""
    if view.untuned:
        first = _scores(view, figures, words)
        rest = _closing(findings, facts, (words("scores.absent"),), words)
        known = facts.cost or facts.not_run
        return first, *(section for section in rest if known or section.name != "costs")
    told = _recommended(view, figures, facts, words, recommendation)
    own = _answers(view, findings, figures, words)
    shown = [*(told or ()), *own[0]]
    missing = [*own[1], *([] if told else [words("recommendation.absent")])]
    published = [_overlay(figures[name], name, words) for name in overlays if name in figures]
    return (*shown, *published, *_closing(findings, facts, tuple(missing), words))


def _scores(view: View, figures: Mapping[str, Figure], words: Words) -> Section:
    """Set the scores of models that nobody tuned beside what guessing scores."""
    several = len(view.models) > 1
    rows = []
    for p in sorted(view.points, key=lambda p: view.measures.index(p.measure)):
        write = unit_of(p.measure, words)
        rows.append(
            (
                full_title(p.measure, view),
                *([p.model] if several else []),
                write.score(p.score),
                write.score_interval(p.interval),
                write.score(p.measure.chance),
                "–" if p.n is None else f"{p.n:,}",
            )
        )
    columns = (
        words("tip.ability"),
        *([words("tip.model")] if several else []),
        *(words("tip.score"), words("tip.interval"), words("chance"), words("tip.items")),
    )
    return Section(
        name="scores",
        title=words("scores.title"),
        figures=(_drawn(figures["scores"]),) if "scores" in figures else (),
        grids=(_grid(columns, rows),),
    )


def _recommended(
    view: View,
    figures: Mapping[str, Figure],
    facts: StudyFacts,
    words: Words,
    told: Mapping[str, Any] | None,
) -> tuple[Section, ...]:
    """Return the section that answers what to train on, if it was asked."""
    if not told:
        return ()
    if "failed" in told:
        why = words.reason(str(told["failed"]))
        note = words("recommendation.failed", why=why)
        return (Section(name="recommendation", title=words("recommendation.title"), note=note),)
    return (
        Section(
            name="recommendation",
            title=words("recommendation.title"),
            recipe=recipe(view, told, words, facts.verified),
            figures=tuple(_drawn(figures[n]) for n in ("recipes", "front") if n in figures),
        ),
    )


def _overlay(figure: Figure, name: str, words: Words) -> Section:
    """Show the published curves beside the user's, and say what may be compared."""
    title = words("overlay.title", paper=words(f"overlay.{name}"))
    note = words(f"overlay.{name}.note")
    return Section(name=f"overlay-{name}", title=title, note=note, figures=(_drawn(figure),))


def _answers(
    view: View, findings: Mapping[str, Any], figures: Mapping[str, Figure], words: Words
) -> tuple[list[Section], list[str]]:
    """Return a section for every question that findings or pictures answer, and what is missing."""
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
    return shown, missing


def _closing(
    findings: Mapping[str, Any], facts: StudyFacts, missing: tuple[str, ...], words: Words
) -> list[Section]:
    """Return claims, replies, costs, what is missing or left out, and provenance."""
    claims = tuple(
        Claim(
            id=claim["id"],
            text=words.reason(claim["text"]),
            because=words.reason(claim["because"]),
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
                replies=_replies(facts.replies, words),
            )
        )
    sections.append(_costs(facts, words))
    if missing:
        sections.append(Section(name="missing", title=words("missing.title"), missing=missing))
    if findings["left_out"]:
        rows = [
            [
                words.reason(entry["what"]),
                words.reason(entry["why"]),
                ", ".join(str(r) for r in entry.get("rows", ())[:40]),
            ]
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


def _replies(replies: Sequence[Reply], words: Words) -> tuple[Replies, ...]:
    """Put the replies of each ability together, as they come."""
    by: dict[str, list[Reply]] = defaultdict(list)
    for reply in replies:
        by[reply.ability].append(reply)
    return tuple(
        Replies(
            ability=ability,
            count=words("replies.count", n=len(own)),
            rows=tuple(
                Judged(
                    kind=reply.kind,
                    said=words(f"replies.{reply.kind}"),
                    tone=REPLY_TONES.get(reply.kind, "even"),
                    score="" if reply.kind in REPLY_TONES else plain(reply.score),
                    reply=_shortened(reply, words),
                )
                for reply in own
            ),
        )
        for ability, own in by.items()
    )


def _shortened(reply: Reply, words: Words) -> Reply:
    """Cut what nobody reads to its end, and say so."""
    return replace(
        reply,
        of=words.reason(reply.of),
        prompt=_cut(reply.prompt, words, MOST_REPLY),
        reply=_cut(reply.reply, words, MOST_REPLY),
        reference=_cut(reply.reference, words, MOST_REPLY),
    )


def _costs(facts: StudyFacts, words: Words) -> Section:
    """Say what was not run, what failed, and what it all took."""
    grids = []
    if facts.not_run:
        heads = (words("costs.step"), words("costs.reason"))
        grids.append(_grid(heads, [[step, words.reason(why)] for step, why in facts.not_run]))
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
        return words.join(
            f"{words(f'sensitivity.{one}')}: {words.reason(text)}"
            for one, text in given.items()
            if f"sensitivity.{one}" in words
        )
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
    write = unit_of(point.measure, words)
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
    told = ((words.reason(name), text) for name, text in facts.provenance.items())
    return (*told, *trained)


def _cut(text: str, words: Words, most: int = MOST_TEXT) -> str:
    if len(text) <= most:
        return text
    return f"{text[:most]}\n… {words('provenance.truncated', n=f'{most:,}')}"
