"""The report: one self-contained page, and its figures as files.

    table + findings (+ what the table does not hold) --> report.html, figures/*.{png,svg,pdf,csv}

It computes no effect of its own: points come from the table, everything that is claimed comes from
the findings.  No network, no browser, no torch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from espalier.errors import SpecError, choices
from espalier.files import write_whole
from espalier.finding import Findings, aloud
from espalier.recommendation import Recommendation
from espalier.report.facts import Cost, Reply, StudyFacts, Verified
from espalier.report.summary import summary
from espalier.results import Table, tidy

if TYPE_CHECKING:
    from espalier.report.figure import Figure
    from espalier.report.view import View
    from espalier.report.words import Words

__all__ = ["Cost", "Reply", "StudyFacts", "Verified", "eval_page", "report", "summary"]

FIGURES = (
    "scores",
    "growth",
    "size",
    "mixing",
    "factors",
    "vary",
    "strategies",
    "sweep",
    "forgetting",
    "exchange",
    "ood",
    "sensitivity",
)
"""Every chart of table and findings in the order of the page; each is a module of `charts`."""


def report(
    table: Table,
    findings: Findings | Mapping[str, Any],
    out: Path,
    *,
    study: StudyFacts | None = None,
    recommendation: Recommendation | Mapping[str, Any] | None = None,
    overlays: Sequence[str] = (),
    figures: Path | None = None,
    lang: str = "en",
) -> None:
    """Write the report of `table` to `out`, and its figures into the folder `figures`.

    `findings` is what `analyze` made, or its JSON; `study` adds what the table does not hold.
    `recommendation` is what `recommend` made, its JSON, or `{"failed": why}` where it could make
    none.  `overlays` names papers (see `report.overlays`) whose curves are laid over the table's.
    """
    from altair.utils.schemapi import debug_mode

    from espalier.report.figure import write
    from espalier.report.page import page
    from espalier.report.view import view
    from espalier.report.words import Words

    words, seen, facts = Words(lang), view(table), study or StudyFacts()
    told = aloud(findings.to_dict() if isinstance(findings, Findings) else findings)
    advice = recommendation
    if isinstance(advice, Recommendation):
        advice = advice.to_dict()
    with debug_mode(False):  # altair checks every part it is given, which our tests do once
        drawn = {
            figure.name: figure
            for figure in (
                *_answers(seen, told["findings"], words),
                *_advice(seen, advice, facts, words),
                *_inside(table, facts, words),
                *_published(seen, told["findings"], overlays, words),
            )
        }
    text = page(
        seen,
        told,
        drawn,
        facts,
        words,
        version=version("espalier"),
        recommendation=advice,
        overlays=overlays,
        probes=table.probes,
    )
    write_whole(out, text)
    if figures:
        for figure in drawn.values():
            write(figure, figures)


def eval_page(
    rows: Sequence[Mapping[str, Any]],
    replies: Sequence[Reply],
    out: Path,
    *,
    model: str = "",
    provenance: Mapping[str, str] | None = None,
    figures: Path | None = None,
    lang: str = "en",
) -> None:
    """Write one evaluation as a page: scores beside chance, then replies beside references.

    Each row has `ability`, `metric` and `score`, and where known `suite`, `stderr`, `n`, `chance`,
    `unscored`, `higher_is_better` and `key`; `model` names what was asked where rows do not.
    """
    known = ("ability", "suite", "metric", "score", "stderr", "n", "chance", "higher_is_better")
    plain = {"model": model or "model", "strategy": "multitask", "amounts": "{}", "stage": 0}
    told = [
        plain | {name: row[name] for name in (*known, "model", "key") if row.get(name) is not None}
        for row in rows
    ]
    left_out = [
        {"what": f"{row['unscored']} replies of {row['ability']}", "why": "unscored", "rows": []}
        for row in rows
        if row.get("unscored")
    ]
    table = tidy(pd.DataFrame([{"score": None} | row for row in told]), where="scores")
    facts = StudyFacts(replies=tuple(replies), provenance=provenance or {})
    nothing = {"version": 1, "findings": [], "claims": [], "left_out": left_out}
    report(table, nothing, out, study=facts, figures=figures, lang=lang)


def _answers(seen: View, findings: Sequence[Mapping[str, Any]], words: Words) -> Iterator[Figure]:
    """Yield every figure that table and findings give."""
    for name in FIGURES:
        chart = getattr(import_module(f"espalier.report.charts.{name}"), name)
        if figure := chart(seen, findings, words):
            yield figure


def _advice(
    seen: View, told: Mapping[str, Any] | None, facts: StudyFacts, words: Words
) -> Iterator[Figure]:
    """Yield the figures of the recommendation, if there is one."""
    from espalier.report.charts.front import front
    from espalier.report.charts.recipes import recipes

    if told and "failed" not in told:
        drawn = (recipes(seen, told, words, facts.verified), front(seen, told, words))
        yield from (figure for figure in drawn if figure)


def _inside(table: Table, facts: StudyFacts, words: Words) -> Iterator[Figure]:
    """Yield the figures of hidden states, if any were looked at."""
    from espalier.report.charts.probe import probe
    from espalier.report.charts.states import states

    if table.probes is not None:
        drawn = (probe(table.probes, words), states(table.probes, facts.points, words))
        yield from (figure for figure in drawn if figure)


def _published(
    seen: View, findings: Sequence[Mapping[str, Any]], papers: Sequence[str], words: Words
) -> Iterator[Figure]:
    """Yield a figure for each paper that is laid over the table."""
    from espalier.report.overlays import PAPERS

    for paper in papers:
        if paper not in PAPERS:
            raise SpecError(f"no published curves of '{paper}'; {choices(paper, PAPERS)}")
        module = import_module(f"espalier.report.overlays.{paper}")
        yield getattr(module, paper)(seen, findings, words)
