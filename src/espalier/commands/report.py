"""`espalier report TABLE|STUDY`: one self-contained page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from espalier.commands._common import json_option, open_plan, say_json, store_option
from espalier.commands._table import is_study, open_table, table_options

if TYPE_CHECKING:
    from espalier.report.facts import Verified

PAPERS = ("dong2023", "song2023")
"""As in `report.overlays`, whose import would make --help slow."""


@click.command()
@click.argument("table", metavar="TABLE|STUDY")
@table_options
@store_option
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("report.html"),
    show_default=True,
)
@click.option(
    "--figures",
    type=click.Path(path_type=Path, file_okay=False),
    help="Also write every figure here as PNG, SVG, PDF and CSV.",
)
@click.option(
    "--overlay",
    "overlays",
    multiple=True,
    type=click.Choice(PAPERS),
    help="Lay a paper's published curves over the table's.",
)
@click.option(
    "--recommendation",
    "advice_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="What `recommend --json` or `run --verify` wrote; default: made anew, with the defaults.",
)
@click.option("--lang", type=click.Choice(["en", "zh"]), default="en", show_default=True)
@json_option
def report(
    table: str,
    sources: Path | None,
    items: Path | None,
    sets: tuple[str, ...],
    store: Path,
    out: Path,
    figures: Path | None,
    overlays: tuple[str, ...],
    advice_file: Path | None,
    lang: str,
    as_json: bool,
) -> None:
    """Write a report of a results table or a study: one HTML file that needs no network."""
    from dataclasses import replace

    from espalier import analysis
    from espalier.files import check_output
    from espalier.outputs import advise
    from espalier.report import StudyFacts
    from espalier.report import report as write_report
    from espalier.store import Store

    check_output(out, inputs=[Path(table), sources, items, advice_file])
    given = _advice(advice_file) if advice_file else None
    opened, facts = open_table(table, sources, items, store, sets)
    findings = analysis.analyze(opened)
    advice: dict[str, Any] | None
    verified: tuple[Verified, ...] = ()
    if given:
        advice, verified = given
    elif is_study(table, sources, items):
        advice = advise(opened, open_plan(table, sets), Store(store))
    else:
        advice = advise(opened)
    write_report(
        opened,
        findings,
        out,
        study=replace(facts or StudyFacts(), verified=verified),
        recommendation=advice,
        overlays=tuple(dict.fromkeys(overlays)),
        figures=figures,
        lang=lang,
    )
    if as_json:
        say_json({"report": str(out), "figures": figures and str(figures)})
    else:
        click.echo(f"{out}")


def _advice(path: Path) -> tuple[dict[str, Any], tuple[Verified, ...]]:
    """Read a recommendation, or a verification with the recommendation inside."""
    from espalier.recommendation import read
    from espalier.report.facts import Verified

    advice, checks = read(path)
    return advice, Verified.of(checks)
