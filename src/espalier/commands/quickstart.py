"""`espalier quickstart`: a true study on the wind tunnel, in minutes, with its report."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from shutil import copyfile
from typing import Any

import click

from espalier.commands._common import (
    console,
    json_option,
    open_plan,
    site_options,
    store_option,
)


@click.command()
@store_option
@site_options
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("report.html"),
    show_default=True,
    help="Where the report goes.",
)
@json_option
def quickstart(
    store: Path,
    site: Mapping[str, Any],
    out: Path,
    as_json: bool,
) -> None:
    """Run a true study of tiny models in minutes, and open the way to its report.

    Nothing is canned: the models are trained here and now, and every number is measured.
    """
    from espalier.commands._run import execute, finish
    from espalier.files import check_output
    from espalier.load import find
    from espalier.store import Store

    begun = time.monotonic()
    check_output(out)
    planned = open_plan("quickstart")
    shelf = Store(store)
    if not as_json:
        console().print(
            f"{len(planned.cells)} cells, {len(planned.stages)} stages to train, "
            f"{len(planned.measurements)} numbers to measure.  Ctrl-C stops; the same command "
            "goes on."
        )
    outcome = execute(planned, shelf, site, quiet=as_json)
    folder = store / "studies" / planned.study.name
    try:
        finish(
            planned,
            shelf,
            outcome,
            folder,
            study_text=find("quickstart").read_text(encoding="utf-8"),
            as_json=as_json,
            seconds=time.monotonic() - begun,
        )
    finally:
        if (folder / "report.html").exists():
            copyfile(folder / "report.html", out)
