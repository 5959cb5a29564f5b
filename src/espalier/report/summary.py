"""The end of a run in the terminal: what grows, what mixing does, and what is forgotten."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from espalier.finding import Findings, aloud
from espalier.results import Table

if TYPE_CHECKING:
    from rich.console import RenderableType

    from espalier.report.tables import Row
    from espalier.report.view import View
    from espalier.report.words import Words

KINDS = ("growth", "mixing", "strategy", "forgetting")
LINE = 0.05
"""Where an adjusted p-value shows an effect."""
MOST = 6
"""Lines of one kind; with four kinds the summary stays within a screen."""
WIDTHS = (35, 31, 10)
"""Columns that fit a terminal of 80."""
STYLES: Mapping[str, str] = {"good": "green", "bad": "red", "open": "yellow", "even": "dim"}


def summary(
    table: Table, findings: Findings | Mapping[str, Any], lang: str = "en"
) -> RenderableType:
    """Return what the largest model shows, with intervals and verdicts, in at most 34 lines.

    Where they show nothing, one line says why.
    """
    from rich.console import Group
    from rich.table import Table as Lines
    from rich.text import Text

    from espalier.report.lookup import unit
    from espalier.report.tables import tests
    from espalier.report.view import view
    from espalier.report.words import Words

    words, seen = Words(lang), view(table)
    told = aloud(findings.to_dict() if isinstance(findings, Findings) else findings)
    model = _lead(seen.models, told["findings"])
    about = f" ({model})" if len(seen.models) > 1 else ""
    parts: list[RenderableType] = []
    narrow = False
    for kind, own in _chosen(told["findings"], model):
        parts.append(Text(words(f"summary.{kind}") + about, style="bold"))
        lines = Lines(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
        for width in WIDTHS:
            lines.add_column(no_wrap=True, width=width)
        for finding, row in zip(own[:MOST], tests(seen, own[:MOST], words), strict=True):
            size = unit(finding, seen, words).difference(finding["estimate"])
            if row.interval != "–":
                size += f" ({row.interval})"
            narrow |= _seems_clear(finding)
            verdict = Text(row.verdict, style=STYLES.get(row.tone, ""))
            name = words.clauses(_short(finding, row, own, words), _protocol(finding, own))
            lines.add_row(Text(f"  {name}"), Text(size), verdict)
        parts.append(lines)
        if len(own) > MOST:
            more = words("summary.more", n=len(own) - MOST)
            parts.append(Text(f"  {more}", style="dim"))
    if parts and len(seen.models) > 1:
        one = words("summary.models", model=model, n=len(seen.models))
        parts.append(Text(one, style="dim"))
    if narrow:
        parts.append(Text(words("summary.adjusted"), style="dim"))
    return Group(*parts) if parts else Text(_none(seen, told, words))


def _lead(models: Sequence[str], findings: Sequence[Mapping[str, Any]]) -> str:
    """Return the largest model that was asked about, as one may be there untuned only."""
    asked = {f["model"] for f in findings if f["kind"] in KINDS}
    return next((model for model in reversed(models) if model in asked), "")


def _seems_clear(finding: Mapping[str, Any]) -> bool:
    """Say whether the interval leaves out 0 though the verdict, which counts tests, does not."""
    p, interval = finding.get("p_adjusted"), finding["interval"]
    return bool(p is not None and p > LINE and interval and interval[0] * interval[1] > 0)


def _none(seen: View, told: Mapping[str, Any], words: Words) -> str:
    """Say in one line why there is nothing to show."""
    if not seen.points:
        reason = "unscored"
    else:
        reason = "other" if any(point.stage for point in seen.points) else "untuned"
    why = [words(f"summary.none.{reason}")]
    if left := [f"{entry['what']} ({entry['why']})" for entry in told.get("left_out", ())]:
        why.append(words("summary.none.left_out", parts=words("list.comma").join(left)))
    return words("summary.none", why=words.join(why))


def _short(
    finding: Mapping[str, Any], row: Row, own: Sequence[Mapping[str, Any]], words: Words
) -> str:
    """Name a finding in few words, but apart from the others of its kind: the page has the rest."""
    from espalier.report.lookup import grown

    match finding["kind"]:
        case "mixing":
            return f"{row.ability}, {words('test.at', rows=words.rows(finding['amount']))}"
        case "strategy":
            return words.method(str(finding.get("label") or finding.get("strategy")))
        case "forgetting":
            label = words.method(str(finding.get("label") or finding.get("strategy")))
            amounts = finding.get("amounts") or {}
            alone = all((f.get("amounts") or {}) == amounts for f in own)
            total = "" if alone else words.rows(sum(amounts.values()))
            return words.clauses(row.ability, total, label)
        case "growth" if row.ability == finding["ability"]:
            return grown(finding, own)
    return row.ability


def _protocol(finding: Mapping[str, Any], own: Sequence[Mapping[str, Any]]) -> str:
    """Name the protocol of a finding about all abilities, where there are several."""
    several = len({f.get("protocol") for f in own}) > 1
    return str(finding["protocol"]) if several and finding["ability"] == "overall" else ""


def _chosen(
    findings: Sequence[Mapping[str, Any]], model: str
) -> list[tuple[str, list[Mapping[str, Any]]]]:
    """Return the four kinds a reader wants first: of one model, the clear effects first."""
    chosen: list[tuple[str, list[Mapping[str, Any]]]] = []
    for kind in KINDS:
        own = [f for f in findings if f["kind"] == kind and f["model"] == model]
        if kind == "growth":
            own = [f for f in own if f.get("design") != "together"] or own
        if kind == "mixing":
            own = [f for f in own if f.get("of", "difference") == "difference"]
        if kind == "strategy":
            own = [f for f in own if f["ability"] == "overall"] or own
            own.sort(key=lambda f: f.get("rank") or len(own))
        if kind in ("mixing", "forgetting"):
            own.sort(key=lambda f: f["verdict"] in ("tied", "keeps", "undecided"))
        if own:
            chosen.append((kind, own))
    return chosen
