"""What `analyze` and `report` share: a table made anywhere, or a study's from the store."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from espalier.commands._common import open_plan, scale_option

if TYPE_CHECKING:
    from espalier.report.facts import StudyFacts
    from espalier.results import Table

TABLES = (".csv", ".parquet")


def table_options(f: Callable[..., None]) -> Callable[..., None]:
    """Say what lies beside a table."""
    f = scale_option(f)
    f = click.option(
        "--items",
        type=click.Path(path_type=Path, dir_okay=False),
        help="Per-item scores (.csv or .parquet: key, item, score); effects are paired by them.",
    )(f)
    f = click.option(
        "--set", "sets", multiple=True, metavar="NAME=VALUE", help="Override a field of a study."
    )(f)
    return click.option(
        "--sources",
        type=click.Path(path_type=Path, dir_okay=False),
        help="YAML that says what each source teaches, and its origin.",
    )(f)


def is_study(name: str, sources: Path | None, items: Path | None) -> bool:
    """Say whether a name means a study rather than a table."""
    path = Path(name)
    if path.suffix in TABLES or sources or items:
        return False
    return path.suffix in (".yaml", ".yml") or not path.is_file()


def open_table(
    name: str, sources: Path | None, items: Path | None, store: Path, sets: tuple[str, ...]
) -> tuple[Table, StudyFacts | None]:
    """Read a table made anywhere, or collect a study's from the store."""
    from dataclasses import replace

    from espalier import results
    from espalier.errors import SpecError

    if not is_study(name, sources, items):
        if sets:
            raise SpecError(f"{name}: is a table, and --set and --scale change a study; leave them")
        return results.read(Path(name), sources=sources, items=items), None
    from espalier.load import find
    from espalier.outputs import facts_of, measured, tabulate
    from espalier.store import Store

    planned = open_plan(name, sets)
    shelf = Store(store)
    text = find(name).read_text(encoding="utf-8")
    table = tabulate(planned, shelf, measured(planned, shelf))
    sidecar = store / "studies" / planned.study.name / "sources.yaml"  # of the last run
    if sidecar.is_file():
        table = replace(table, open=results.read_open(sidecar))
    return table, facts_of(planned, shelf, text)
