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
from espalier.commands._recommend import budget_option, pairs, question_options
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
@click.option(
    "--verify",
    is_flag=True,
    help="Then train the recommended recipe and its baselines, predicted against measured.",
)
@budget_option
@question_options
@json_option
def run(
    study: str,
    overrides: tuple[str, ...],
    sets: tuple[str, ...],
    store: Path,
    site: Mapping[str, Any],
    out: Path | None,
    adaptive: bool,
    verify: bool,
    budgets: tuple[str, ...],
    weights: tuple[str, ...],
    floors: tuple[str, ...],
    as_json: bool,
) -> None:
    """Run STUDY to its report; the same command goes on where it stopped.

    What the store holds already is not done again.  A step that fails blocks only what needs it;
    the rest is finished, the failure is named, and the exit status is 1.  With --adaptive, a
    later run without it completes the grid.  With --verify, what `espalier recommend` says of the
    study is trained as well, and held against its intervals; --budget, --utility and --floor are
    of that.
    """
    import time

    from espalier.errors import SpecError
    from espalier.files import check_output
    from espalier.load import find
    from espalier.store import Store

    begun = time.monotonic()
    question = {
        "budget": pairs("budget", budgets),
        "utility": pairs("utility", weights),
        "floors": pairs("floor", floors),
    }
    if any(question.values()) and not verify:
        raise SpecError("--budget, --utility and --floor go with --verify; add it, or leave them")
    if out is not None:
        check_output(out / "report.html")
    planned = open_plan(study, (*sets, *overrides))
    if verify:
        from espalier.verify import check as check_question

        check_question(planned, question["budget"], (*question["utility"], *question["floors"]))
    shelf = Store(store)
    search = None
    if adaptive:
        from espalier.commands._adaptive import searched

        outcome, search = searched(planned, shelf, site, quiet=as_json)
    else:
        outcome = execute(planned, shelf, site, quiet=as_json)
    folder, check = out or store / "studies" / planned.study.name, None
    if verify:
        from espalier.commands._verify import verified

        check = verified(planned, shelf, site, folder, **question, quiet=as_json)
    changes = [f"# --set {change}" for change in (*sets, *overrides)]
    finish(
        planned,
        shelf,
        outcome,
        folder,
        study_text="\n".join((find(study).read_text(encoding="utf-8"), *changes)),
        as_json=as_json,
        seconds=time.monotonic() - begun,
        search=search,
        check=check,
    )
