"""What `run` and `quickstart` share: making the steps of a plan, and telling what came of it."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from espalier.commands._common import console, minutes, open_executor, say_json

if TYPE_CHECKING:
    from espalier.commands._adaptive import Search
    from espalier.commands._verify import Verified
    from espalier.executor import Executor
    from espalier.plan import Plan
    from espalier.run import Outcome
    from espalier.step import Key, Step
    from espalier.store import Store


def execute(
    planned: Plan,
    store: Store,
    site: Mapping[str, Any],
    *,
    quiet: bool,
) -> Outcome:
    """Make the steps of a plan, showing how it goes."""
    with open_executor(site) as executor:
        return make(planned, planned.steps, store, executor, quiet=quiet)


def make(
    planned: Plan,
    steps: Mapping[Key, Step],
    store: Store,
    executor: Executor,
    *,
    quiet: bool,
) -> Outcome:
    """Make some steps of a plan, showing how it goes."""
    from espalier.progress import watching
    from espalier.run import run as make_all
    from espalier.work import rates

    learnt = rates(planned.steps, planned.work, store)

    def seconds(step: Any) -> float:
        return learnt.seconds(step, planned.work[step.key])

    with watching(steps, store, executor.slots, seconds=seconds, quiet=quiet) as watch:
        return make_all(steps, store, executor, weight=seconds, watch=watch)


def finish(
    planned: Plan,
    store: Store,
    outcome: Outcome,
    out: Path,
    *,
    study_text: str,
    as_json: bool,
    seconds: float,
    search: Search | None = None,
    check: Verified | None = None,
) -> None:
    """Write the outputs, say what came out, and leave with an honest status.

    `search` tells of an adaptive run what was asked for and why no more was, `check` what was
    verified of the recommendation.
    """
    from espalier.errors import DataError
    from espalier.outputs import conclude

    counts = {
        "found": len(outcome.found),
        "made": len(outcome.made),
        "failed": len(outcome.failed),
        "blocked": len(outcome.blocked),
    }
    try:
        written = conclude(
            planned,
            store,
            out,
            study_text=study_text,
            reasons=search.reasons if search else None,
            left=search.left if search else (),
            advice=check.advice if check else None,
        )
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
            | ({"cost": asdict(written.facts.cost)} if written and written.facts.cost else {})
            | ({"adaptive": search.to_dict()} if search else {})
            | ({"verify": check.to_dict()} if check else {})
        )
    else:
        if written:
            from espalier.report.summary import summary

            console().print(summary(written.table, written.findings))
        said = ", ".join(f"{n} {how}" for how, n in counts.items() if n or how == "made")
        console().print(f"{sum(counts.values())} steps: {said}; {minutes(seconds)}.")
        if written and (cost := written.facts.cost):
            console().print(
                f"{cost.cells} cells asked for {cost.stages_asked} training stages, "
                f"{cost.stages_trained} were trained: sharing saved {cost.minutes_saved:.1f} "
                f"CPU-minutes beside the {cost.cpu_minutes:.1f} spent."
            )
        for key, why in list(outcome.failed.items())[:5]:
            console().print(f"failed: {planned.steps[key].kind} {key}: {why}", markup=False)
        if check:
            check.show()
        if written:
            console().print(f"Report: {written.folder / 'report.html'}", markup=False)
    sys.exit(0 if outcome.complete and (check is None or check.complete) else 1)
