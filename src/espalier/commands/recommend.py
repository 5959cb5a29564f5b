"""`espalier recommend TABLE|STUDY`: how much of which data, in which order, within a budget."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from espalier.commands._common import json_option, say_json, store_option
from espalier.commands._recommend import (
    budget_option,
    open_setting,
    pairs,
    question_options,
    show,
)
from espalier.commands._table import table_options


@click.command()
@click.argument("table", metavar="TABLE|STUDY")
@budget_option
@question_options
@click.option("--model", help="Which model; default: the one with most cells.")
@click.option(
    "--available",
    "available",
    multiple=True,
    metavar="SOURCE=ROWS",
    help="Rows there are of a source; a study knows.  Default: the most that was measured.",
)
@click.option(
    "--order",
    metavar="SOURCE,SOURCE...",
    help="Of a table: in which order stages train the sources, the last one last.  A study knows.",
)
@table_options
@store_option
@json_option
def recommend(
    table: str,
    budgets: tuple[str, ...],
    weights: tuple[str, ...],
    floors: tuple[str, ...],
    model: str | None,
    available: tuple[str, ...],
    order: str | None,
    sources: Path | None,
    items: Path | None,
    sets: tuple[str, ...],
    store: Path,
    as_json: bool,
) -> None:
    """Recommend a recipe of data: counts per source, strategy, order and k, with what to expect.

    Beside it: uniform, proportional, everything and the best measured cell, the expected regret,
    and the cells worth measuring next.  What the measurements do not reach is refused, with the
    reason; the exit status is then 1, so that a script does not train on a refusal.
    """
    from espalier.recommend import recommend as find

    budget, utility = pairs("budget", budgets), pairs("utility", weights)
    keep = pairs("floor", floors)
    opened, setting = open_setting(table, sources, items, store, sets, available, order)
    found = find(opened, budget=budget, utility=utility, floors=keep, model=model, setting=setting)
    if as_json:
        say_json(found.to_dict())
    else:
        show(found)
    sys.exit(0 if found.choice else 1)
