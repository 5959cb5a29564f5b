"""`espalier results STUDY`: the results table of what is measured so far, or elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from espalier.commands._common import json_option, open_plan, say_json, store_option, study_argument

if TYPE_CHECKING:
    import pandas as pd


@click.command()
@study_argument
@store_option
@click.option(
    "--out", type=click.Path(path_type=Path), help="A .csv or .parquet file; default: print CSV."
)
@click.option(
    "--from-lm-eval",
    is_flag=True,
    help="The arguments are result files of lm-evaluation-harness, or folders of them.",
)
@click.option(
    "--about",
    type=click.Path(path_type=Path, dir_okay=False),
    help="With --from-lm-eval: YAML, the model's name there -> columns here (model, amounts, ...).",
)
@click.option(
    "--items",
    type=click.Path(path_type=Path, dir_okay=False),
    help="With --from-lm-eval: also write the items' scores, .parquet or .csv.",
)
@json_option
def results(
    study: str,
    overrides: tuple[str, ...],
    sets: tuple[str, ...],
    store: Path,
    out: Path | None,
    from_lm_eval: bool,
    about: Path | None,
    items: Path | None,
    as_json: bool,
) -> None:
    """Write the results table of STUDY: one row per checkpoint, ability and metric.

    It holds what is measured so far, and nothing that a clock or a machine decides.
    """
    from espalier import results as tables
    from espalier.errors import SpecError
    from espalier.files import check_output
    from espalier.outputs import measured
    from espalier.store import Store

    if from_lm_eval:
        files = [Path(study), *map(Path, overrides)]
        for written in (out, items):
            if written:
                check_output(written, inputs=[*files, about])
        rows = _read(files, about, items)
    elif about or items:
        raise SpecError("--about and --items go with --from-lm-eval")
    else:
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


def _read(files: Sequence[Path], about: Path | None, items: Path | None) -> pd.DataFrame:
    """Read the harness's files, and write the items' scores that lie beside them."""
    from espalier import results as tables
    from espalier.errors import DataError
    from espalier.interop import lm_eval

    found = lm_eval.read(files, _told(about) if about else None)
    for line in found.left_out[:8]:
        click.echo(f"left out: {line}", err=True)
    if items:
        if found.items.empty:
            raise DataError(f"--items {items}: there are no samples_*.jsonl beside these files")
        tables.write(found.items, items)
        click.echo(f"{items}: {len(found.items)} rows", err=True)
    return found.table


def _told(file: Path) -> dict[str, dict[str, Any]]:
    """Read what is told about the models."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    from espalier.errors import DataError, MissingError

    if not file.is_file():
        raise MissingError(f"{file}: there is no such file; --about takes a YAML file")
    try:
        told = YAML(typ="safe").load(file.read_text(encoding="utf-8"))
    except (YAMLError, UnicodeDecodeError) as error:
        raise DataError(f"{file}: not YAML ({str(error).splitlines()[0]})") from None
    if not isinstance(told, dict) or not all(isinstance(row, dict) for row in told.values()):
        raise DataError(
            f"{file}: not of the form MODEL: {{model: llama-7b, amounts: {{math: 430}}}}"
        )
    return {str(name): row for name, row in told.items()}
