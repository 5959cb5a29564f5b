"""The report: one self-contained page, and its figures as files.

    table + findings (+ what the table does not hold) --> report.html, figures/*.{png,svg,pdf,csv}

It computes no effect of its own: points come from the table, everything that is claimed comes from
the findings.  No network, no browser, no torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from espalier.files import write_whole
from espalier.finding import Findings, aloud
from espalier.report.facts import Cost, Reply, StudyFacts
from espalier.report.summary import summary
from espalier.results import Table

__all__ = ["Cost", "Reply", "StudyFacts", "report", "summary"]

FIGURES = (
    "growth",
    "size",
    "mixing",
    "vary",
    "strategies",
    "sweep",
    "forgetting",
    "exchange",
    "ood",
)
"""Every chart in the order of the page; each is a module of `charts`."""


def report(
    table: Table,
    findings: Findings | Mapping[str, Any],
    out: Path,
    *,
    study: StudyFacts | None = None,
    figures: Path | None = None,
    lang: str = "en",
) -> None:
    """Write the report of `table` to `out`, and its figures into the folder `figures`.

    `findings` is what `analyze` made, or its JSON; `study` adds what the table does not hold.
    """
    from importlib import import_module

    from espalier.report.figure import write
    from espalier.report.page import page
    from espalier.report.view import view
    from espalier.report.words import Words

    words, seen = Words(lang), view(table)
    told = aloud(findings.to_dict() if isinstance(findings, Findings) else findings)
    drawn = {}
    for name in FIGURES:
        chart = getattr(import_module(f"espalier.report.charts.{name}"), name)
        if figure := chart(seen, told["findings"], words):
            drawn[name] = figure
    text = page(seen, told, drawn, study or StudyFacts(), words, version=version("espalier"))
    write_whole(out, text)
    if figures:
        for figure in drawn.values():
            write(figure, figures)
