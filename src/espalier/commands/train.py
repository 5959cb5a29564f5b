"""`espalier train MODEL FILE...`: one stage of training, without a study."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from shutil import copytree, rmtree
from typing import Any

import click

from espalier.commands._common import (
    console,
    json_option,
    minutes,
    open_executor,
    say_json,
    site_options,
    store_option,
)


@click.command()
@click.argument("model", metavar="MODEL")
@click.argument("files", nargs=-1, required=True, metavar="FILE... [NAME=VALUE]...")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="Folder to write.",
)
@click.option("--rows", type=click.IntRange(min=1), help="Rows of each file; default: all.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@click.option("--force", is_flag=True, help="Write over what is there.")
@store_option
@site_options
@json_option
def train(
    model: str,
    files: tuple[str, ...],
    out: Path,
    rows: int | None,
    seed: int,
    force: bool,
    store: Path,
    site: Mapping[str, Any],
    as_json: bool,
) -> None:
    """Fine-tune MODEL on the rows of FILES and write the result to --out.

    A FILE is anything a study's source may be: .jsonl, .json, .csv, .parquet, a folder, a
    pattern, tunnel:TASK.  NAME=VALUE sets the recipe, as epochs=3 learning_rate=1e-4.  A killed
    training goes on when the same command is given again.
    """
    from espalier.errors import EspalierError, SpecError
    from espalier.load import check
    from espalier.mixture import Mixture
    from espalier.plan import plan_stage
    from espalier.progress import watching
    from espalier.run import run
    from espalier.store import Store, read_json

    if out.exists() and any(out.iterdir()):
        if not force:
            raise SpecError(f"{out} is there already; --force writes over it")
        if not (out / "train.json").exists():
            raise SpecError(f"{out} holds something else than a trained model; choose another")
    paths = [file for file in files if "=" not in file or Path(file).exists() or ":" in file]
    recipe = dict(file.split("=", 1) for file in files if file not in paths)
    if not paths:
        raise SpecError("no FILE to train on; give one or more")
    given = {
        "name": "train",
        "models": [{"name": "model", "path": model}],
        "sources": [{"name": f"file{i}", "path": path} for i, path in enumerate(paths, 1)],
        "designs": [{"name": "together", "share": 1}],
        "abilities": [{"name": "none", "use": "held_out"}],
        "train": recipe,
    }
    study = check(given, "train", root=Path())
    steps, last = plan_stage(
        study,
        lambda have: Mixture({name: _some(rows, n, name) for name, n in have.items()}),
        seed=seed,
    )
    shelf = Store(store)
    workers = 1 if site["workers"] is None else site["workers"]
    with (
        open_executor({**site, "workers": workers}) as executor,
        watching(steps, shelf, executor.slots, quiet=as_json) as watch,
    ):
        outcome = run(steps, shelf, executor, watch=watch)
    if not outcome.complete:
        raise EspalierError(next(iter(outcome.failed.values())))
    _copy(shelf.path(last), out)
    record = read_json(out / "train.json")
    if as_json:
        say_json(record | {"out": str(out), "key": last.key})
        return
    cost = read_json(out / "cost.json")
    console().print(
        f"{out}: {record['updates']} updates, {record['tokens']:,} tokens in "
        f"{minutes(cost.get('wall_seconds', 0))}",
        markup=False,
    )


def _some(asked: int | None, have: int, name: str) -> int:
    """Return how many rows are drawn of a file, or refuse what it cannot fill."""
    from espalier.errors import DataError

    if asked is not None and asked > have:
        raise DataError(f"{name}: --rows {asked} are asked for, but there are {have}")
    return asked or have


def _copy(made: Path, out: Path) -> None:
    """Put a copy of a store's folder in the place of `out`, whole or not at all."""
    out.parent.mkdir(parents=True, exist_ok=True)
    aside = out.with_name(f".{out.name}.partial")
    rmtree(aside, ignore_errors=True)
    copytree(made, aside)
    if out.exists():
        rmtree(out)
    aside.rename(out)
