"""`espalier report TABLE|STUDY`: one self-contained page."""

from __future__ import annotations

from pathlib import Path

import click

from espalier.commands._common import json_option, say_json, store_option
from espalier.commands._table import open_table, table_options


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
    lang: str,
    as_json: bool,
) -> None:
    """Write a report of a results table or a study: one HTML file that needs no network."""
    from espalier import analysis
    from espalier.files import check_output
    from espalier.report import report as write_report

    check_output(out, inputs=[Path(table), sources, items])
    opened, facts = open_table(table, sources, items, store, sets)
    findings = analysis.analyze(opened)
    write_report(opened, findings, out, study=facts, figures=figures, lang=lang)
    if as_json:
        say_json({"report": str(out), "figures": figures and str(figures)})
    else:
        click.echo(f"{out}")
