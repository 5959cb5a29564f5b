"""`espalier results STUDY`: the results table of what is measured so far."""

from __future__ import annotations

from pathlib import Path

import click

from espalier.commands._common import json_option, open_plan, say_json, store_option, study_argument


@click.command()
@study_argument
@store_option
@click.option(
    "--out", type=click.Path(path_type=Path), help="A .csv or .parquet file; default: print CSV."
)
@json_option
def results(
    study: str,
    overrides: tuple[str, ...],
    sets: tuple[str, ...],
    store: Path,
    out: Path | None,
    as_json: bool,
) -> None:
    """Write the results table of STUDY: one row per checkpoint, ability and metric.

    It holds what is measured so far, and nothing that a clock or a machine decides.
    """
    from espalier import results as tables
    from espalier.files import check_output
    from espalier.outputs import measured
    from espalier.store import Store

    rows = measured(open_plan(study, (*sets, *overrides)), Store(store))
    if out:
        check_output(out)
        tables.write(rows, out)
        if as_json:
            say_json({"results": str(out), "rows": len(rows)})
        else:
            click.echo(f"{out}: {len(rows)} rows", err=True)
    elif as_json:
        click.echo(rows.to_json(orient="records", indent=2))
    else:
        click.echo(rows.to_csv(index=False), nl=False)
