"""The end of a run in the terminal: what grows, what mixing does, which order, what is forgotten."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from espalier.finding import Findings
from espalier.results import Table

if TYPE_CHECKING:
    from rich.console import RenderableType

MOST = 7
"""Lines of one kind; with four kinds the summary stays within a screen."""
STYLES: Mapping[str, str] = {"good": "green", "bad": "red", "open": "yellow", "even": "dim"}


def summary(
    table: Table, findings: Findings | Mapping[str, Any], lang: str = "en"
) -> RenderableType:
    """Return growth, mixing, strategies and forgetting with intervals and verdicts, as one table."""
    from rich.table import Table as Lines
    from rich.text import Text

    from espalier.report.tables import tests
    from espalier.report.view import view
    from espalier.report.words import Words

    words, seen = Words(lang), view(table)
    told = findings.to_dict() if isinstance(findings, Findings) else findings
    lines = Lines(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
    for kind, own in _chosen(told["findings"]):
        lines.add_row(Text(words(f"summary.{kind}"), style="bold"))
        rows = tests(seen, own[:MOST], words)
        for row in rows:
            model = f" {row.model}" if len(seen.models) > 1 else ""
            interval = f"({row.interval})" if row.interval != "–" else ""
            verdict = Text(row.verdict, style=STYLES.get(row.tone, ""))
            lines.add_row(
                Text(f"  {row.ability}{model}"),
                Text(row.what),
                Text(row.estimate),
                Text(interval),
                verdict,
            )
        if more := len(own) - len(rows):
            lines.add_row(Text("  " + words("summary.more", n=more), style="dim"))
    return lines


def _chosen(
    findings: Sequence[Mapping[str, Any]],
) -> list[tuple[str, list[Mapping[str, Any]]]]:
    """Return the four kinds a reader wants first: the plain ones, the clearest effects before."""
    chosen: list[tuple[str, list[Mapping[str, Any]]]] = []
    for kind in ("growth", "mixing", "strategy", "forgetting"):
        own = [f for f in findings if f["kind"] == kind]
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
