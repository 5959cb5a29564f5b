"""`espalier run STUDY`: do what is not done yet, then say what the numbers can bear."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from espalier.commands._common import (
    json_option,
    open_plan,
    site_options,
    store_option,
    study_argument,
)
from espalier.commands._run import execute, finish


@click.command()
@study_argument
@store_option
@site_options
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=None,
    help="Folder for results, findings and report; default: STORE/studies/NAME.",
)
@click.option(
    "--adaptive",
    is_flag=True,
    help="Run the cells that decide soonest, until the study is decided or its budget spent.",
)
@json_option
def run(
    study: str,
    overrides: tuple[str, ...],
    sets: tuple[str, ...],
    store: Path,
    site: Mapping[str, Any],
    out: Path | None,
    adaptive: bool,
    as_json: bool,
) -> None:
    """Run STUDY to its report; the same command goes on where it stopped.

    What the store holds already is not done again.  A step that fails blocks only what needs it;
    the rest is finished, the failure is named, and the exit status is 1.  With --adaptive, a
    later run without it completes the grid.
    """
    import time

    from espalier.files import check_output
    from espalier.load import find
    from espalier.store import Store

    begun = time.monotonic()
    if out is not None:
        check_output(out / "report.html")
    planned = open_plan(study, (*sets, *overrides))
    shelf = Store(store)
    search = None
    if adaptive:
        from espalier.commands._adaptive import searched

        outcome, search = searched(planned, shelf, site, quiet=as_json)
    else:
        outcome = execute(planned, shelf, site, quiet=as_json)
    changes = [f"# --set {change}" for change in (*sets, *overrides)]
    finish(
        planned,
        shelf,
        outcome,
        out or store / "studies" / planned.study.name,
        study_text="\n".join((find(study).read_text(encoding="utf-8"), *changes)),
        as_json=as_json,
        seconds=time.monotonic() - begun,
        search=search,
    )
