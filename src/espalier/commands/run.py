"""`espalier run STUDY`: do what is not done yet, then say what the numbers can bear."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from espalier.commands._common import (
    console,
    json_option,
    minutes,
    open_executor,
    open_study,
    say_json,
    site_options,
    store_option,
    study_argument,
)

if TYPE_CHECKING:
    from espalier.plan import Plan
    from espalier.run import Outcome
    from espalier.store import Store


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
@json_option
def run(
    study: str,
    overrides: tuple[str, ...],
    sets: tuple[str, ...],
    store: Path,
    site: Mapping[str, Any],
    out: Path | None,
    as_json: bool,
) -> None:
    """Run STUDY to its report; the same command goes on where it stopped.

    What the store holds already is not done again.  A step that fails blocks only what needs it;
    the rest is finished, the failure is named, and the exit status is 1.
    """
    import time

    from espalier.load import find
    from espalier.plan import plan
    from espalier.store import Store

    begun = time.monotonic()
    planned = plan(open_study(study, sets, overrides))
    shelf = Store(store)
    outcome = execute(planned, shelf, site, quiet=as_json)
    finish(
        planned,
        shelf,
        outcome,
        out or store / "studies" / planned.study.name,
        study_text=find(study).read_text(encoding="utf-8"),
        as_json=as_json,
        seconds=time.monotonic() - begun,
    )


def execute(
    planned: Plan,
    store: Store,
    site: Mapping[str, Any],
    *,
    quiet: bool,
) -> Outcome:
    """Make the steps of a plan, showing how it goes."""
    from espalier.progress import watching
    from espalier.run import run as make_all
    from espalier.work import rates

    learnt = rates(planned.steps, planned.work, store)

    def seconds(step: Any) -> float:
        return learnt.seconds(step, planned.work[step.key])

    with (
        open_executor(site) as executor,
        watching(planned.steps, store, executor.slots, seconds=seconds, quiet=quiet) as watch,
    ):
        return make_all(planned.steps, store, executor, weight=seconds, watch=watch)


def finish(
    planned: Plan,
    store: Store,
    outcome: Outcome,
    out: Path,
    *,
    study_text: str,
    as_json: bool,
    seconds: float,
) -> None:
    """Write the outputs, say what came out, and leave with an honest status."""
    from espalier.errors import DataError
    from espalier.outputs import conclude

    counts = {
        "found": len(outcome.found),
        "made": len(outcome.made),
        "failed": len(outcome.failed),
        "blocked": len(outcome.blocked),
    }
    try:
        written = conclude(planned, store, out, study_text=study_text)
    except DataError as error:
        if not outcome.failed:
            raise
        written = None
        click.echo(f"espalier: {error}", err=True)
    if as_json:
        say_json(
            {
                "study": planned.study.name,
                "steps": counts,
                "failed": dict(outcome.failed),
                "seconds": round(seconds, 1),
                "outputs": str(out) if written else None,
            }
        )
    else:
        if written:
            from espalier.report.summary import summary

            console().print(summary(written.table, written.findings))
        said = ", ".join(f"{n} {how}" for how, n in counts.items() if n or how == "made")
        console().print(f"{len(planned.steps)} steps: {said}; {minutes(seconds)}.")
        for key, why in list(outcome.failed.items())[:5]:
            console().print(f"failed: {planned.steps[key].kind} {key}: {why}", markup=False)
        if written:
            console().print(f"Report: {written.folder / 'report.html'}", markup=False)
    sys.exit(0 if outcome.complete else 1)
