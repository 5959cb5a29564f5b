"""`espalier analyze TABLE|STUDY`: findings from a results table, wherever it was made."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from espalier.commands._common import console, open_study, store_option, write_text

if TYPE_CHECKING:
    from espalier.report.facts import StudyFacts
    from espalier.results import Table

TABLES = (".csv", ".parquet")


def table_options(f: click.decorators.FC) -> click.decorators.FC:
    """Say what lies beside a table."""
    f = click.option(
        "--items",
        type=click.Path(path_type=Path, dir_okay=False),
        help="Per-item scores (.csv or .parquet: key, item, score); effects are paired by them.",
    )(f)
    return click.option(
        "--sources",
        type=click.Path(path_type=Path, dir_okay=False),
        help="YAML that says what each source teaches, and its origin.",
    )(f)


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
    table: str, sources: Path | None, items: Path | None, store: Path, json_file: Path | None
) -> None:
    """Say what a results table bears: growth, mixing, strategies, forgetting, and more.

    TABLE is a .csv or .parquet in the documented columns, made by `espalier results` or by your
    own experiments; or name a study, and its finished measurements are read from the store.
    """
    from espalier import analysis
    from espalier.report.summary import summary

    opened, _ = open_table(table, sources, items, store)
    findings = analysis.analyze(opened)
    if json_file is not None and str(json_file) == "-":
        click.echo(findings.to_json())
        return
    if json_file is not None:
        write_text(json_file, findings.to_json() + "\n")
    console().print(summary(opened, findings))


def open_table(
    name: str, sources: Path | None, items: Path | None, store: Path
) -> tuple[Table, StudyFacts | None]:
    """Read a table made anywhere, or collect a study's from the store."""
    from espalier import results

    is_study = Path(name).suffix in (".yaml", ".yml") or not Path(name).exists()
    if Path(name).suffix in TABLES or sources or items or not is_study:
        return results.read(Path(name), sources=sources, items=items), None
    from espalier.load import find
    from espalier.outputs import facts_of, measured, tabulate
    from espalier.plan import plan
    from espalier.store import Store

    planned = plan(open_study(name, (), ()))
    shelf = Store(store)
    text = find(name).read_text(encoding="utf-8")
    rows = measured(planned, shelf)
    return tabulate(planned, shelf, rows), facts_of(planned, shelf, text)
