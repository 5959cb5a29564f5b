"""`espalier analyze TABLE|STUDY`: findings from a results table, wherever it was made."""

from __future__ import annotations

from pathlib import Path

import click

from espalier.commands._common import console, store_option
from espalier.commands._table import open_table, table_options


@click.command()
@click.argument("table", metavar="TABLE|STUDY")
@table_options
@store_option
@click.option(
    "--json",
    "json_file",
    type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
    help="Write the findings to this file; - prints them.",
)
def analyze(
    table: str,
    sources: Path | None,
    items: Path | None,
    sets: tuple[str, ...],
    store: Path,
    json_file: Path | None,
) -> None:
    """Say what a results table bears: growth, mixing, strategies, forgetting, and more.

    TABLE is a .csv or .parquet in the documented columns, made by `espalier results` or by your
    own experiments; or name a study, and its finished measurements are read from the store.
    """
    from espalier import analysis
    from espalier.files import check_output, write_whole
    from espalier.report.summary import summary

    if json_file is not None and str(json_file) != "-":
        check_output(json_file, inputs=[Path(table), sources, items])
    opened, _ = open_table(table, sources, items, store, sets)
    findings = analysis.analyze(opened)
    if json_file is not None and str(json_file) == "-":
        click.echo(findings.to_json(), nl=False)
        return
    if json_file is not None:
        write_whole(json_file, findings.to_json())
    console().print(summary(opened, findings))
