"""`espalier plan STUDY`: what a study will do, and what it will cost, before it does it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from espalier.commands._common import (
    console,
    json_option,
    minutes,
    number,
    open_plan,
    say_json,
    size,
    store_option,
    study_argument,
)

if TYPE_CHECKING:
    from espalier.plan import Plan
    from espalier.store import Store
    from espalier.work import Rates


@click.command()
@study_argument
@store_option
@click.option("--slots", type=click.IntRange(min=1), help="Steps at once; default: cores or GPUs.")
@click.option("--cells", "show", default=12, show_default=True, help="Cells to show.")
@click.option("--adaptive", is_flag=True, help="Also show what an adaptive run begins with.")
@json_option
def plan(
    study: str,
    overrides: tuple[str, ...],
    sets: tuple[str, ...],
    store: Path,
    slots: int | None,
    show: int,
    adaptive: bool,
    as_json: bool,
) -> None:
    """Show what STUDY will do and cost, without doing it.

    STUDY is a study file, or the name of one that comes with Espalier.
    """
    from espalier.store import Store

    planned = open_plan(study, (*sets, *overrides))
    facts = summarise(planned, Store(store), slots)
    if adaptive:
        from espalier.commands._adaptive import begun, draw_begun

        facts["adaptive"] = begun(planned)
    if as_json:
        say_json(facts)
    else:
        draw(planned, facts, show)
        if adaptive:
            draw_begun(facts["adaptive"], show)


def summarise(planned: Plan, store: Store, slots: int | None = None) -> dict[str, Any]:
    """Return the plan's counts and cost: what is there, what will be made."""
    from espalier.executors.local import available_cores, count_gpus
    from espalier.work import rates

    slots = slots or count_gpus() or available_cores()
    present = store.present()
    todo = [s for s in planned.steps.values() if s.key not in present or not store.has(s)]
    learnt = rates(planned.steps, planned.work, store)
    seconds = {step.key: learnt.seconds(step, planned.work[step.key]) for step in todo}
    kinds: dict[str, dict[str, Any]] = {}
    for step in planned.steps.values():
        kind = kinds.setdefault(
            step.kind, {"steps": 0, "found": 0, "to_make": 0, "tokens": 0, "flops": 0, "seconds": 0}
        )
        work = planned.work[step.key]
        kind["steps"] += 1
        kind["to_make" if step.key in seconds else "found"] += 1
        if step.key in seconds:
            kind["tokens"] += round(work.tokens)
            kind["flops"] += work.flops
            kind["seconds"] += seconds[step.key]
    trained = sum(planned.work[step.key].tokens for step in planned.stages)
    total = sum(seconds.values())
    return {
        "study": planned.study.name,
        "question": planned.study.question,
        "cells": len(planned.cells),
        "stages_asked": planned.stages_asked,
        "stages_distinct": len(planned.stages),
        "measurements": len(planned.measurements),
        "steps": len(planned.steps),
        "found": len(planned.steps) - len(todo),
        "to_make": len(todo),
        "rows": sum(planned.work[s.key].rows for s in todo if s.kind == "train"),
        "tokens": round(sum(planned.work[s.key].tokens for s in todo)),
        "flops": sum(planned.work[s.key].flops for s in todo),
        "disk_bytes": round(sum(planned.work[s.key].disk for s in todo)),
        "slots": slots,
        "seconds_of_work": round(total, 1),
        "seconds_expected": round(max(total / slots, max(seconds.values(), default=0)), 1),
        "measured_rates": learnt.known(todo, planned.work),
        "tokens_saved_by_sharing": round(planned.tokens_asked - trained),
        "minutes_saved_by_sharing": round(_again(planned, learnt) / 60, 2),
        "kinds": kinds,
        "unusable_rows": {
            name: len(rows.bad) for name, (_, rows) in planned.catalog.sources.items() if rows.bad
        },
    }


def _again(planned: Plan, learnt: Rates) -> float:
    """Return the seconds that shared stages would take if every cell trained its own."""
    return sum(
        (planned.asked[step.key] - 1) * learnt.seconds(step, planned.work[step.key])
        for step in planned.stages
    )


def draw(planned: Plan, facts: dict[str, Any], show: int) -> None:
    """Print the plan as a tree with its cost."""
    from rich.markup import escape
    from rich.table import Table
    from rich.tree import Tree

    out = console()
    study = planned.study
    out.print(f"[bold]{study.name}[/]  {escape(study.question)}")
    tree = Tree(f"{facts['cells']} cells, {facts['measurements']} numbers asked for")
    for name, opened in planned.catalog.models.items():
        parameters = number(opened.parameters) if opened.parameters else "unknown"
        branch = tree.add(f"[bold]{name}[/]  {parameters} parameters, {opened.digest[:12]}")
        mine = [cell for cell in planned.cells if cell.model.name == name]
        for cell in mine[:show]:
            stages = "  →  ".join(
                " + ".join(f"{rows:,} {source}" for source, rows in stage.items())
                for stage in cell.stages
            )
            options = f" k={cell.options['k']}" if "k" in cell.options else ""
            seeds = f"seed {cell.seed}/{cell.data_seed}"
            equal = f"equal {cell.protocol}, " if len(study.protocols) > 1 else ""
            branch.add(f"{cell.strategy}{options}  {stages}  [dim]{equal}{seeds}[/]")
        if len(mine) > show:
            branch.add(f"[dim]and {len(mine) - show} more; --cells {len(mine)} shows them[/]")
    out.print(tree)
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("steps", "in all", "found", "to make", "tokens", "FLOPs", "work"):
        table.add_column(column, justify="left" if column == "steps" else "right")
    for kind, counts in facts["kinds"].items():
        table.add_row(
            kind,
            *(str(counts[name]) for name in ("steps", "found", "to_make")),
            number(counts["tokens"]) if counts["tokens"] else "",
            number(counts["flops"]) if counts["flops"] else "",
            minutes(counts["seconds"]),
        )
    out.print(table)
    out.print(
        f"{facts['cells']} cells ask for {facts['stages_asked']} training stages, "
        f"{facts['stages_distinct']} are trained: sharing saves "
        f"{number(facts['tokens_saved_by_sharing'])} tokens, about "
        f"{facts['minutes_saved_by_sharing']:.1f} CPU-minutes."
    )
    how = "from finished steps" if facts["measured_rates"] else "a rough guess until steps finish"
    if facts["to_make"]:
        out.print(
            f"About {minutes(facts['seconds_expected'])} with {facts['slots']} at once ({how}), "
            f"{size(facts['disk_bytes'])} of disk."
        )
    else:
        out.print("Everything is in the store: nothing to make.")
    for name, count in facts["unusable_rows"].items():
        bad = planned.catalog.sources[name][1].bad
        out.print(
            f"[yellow]source {name}: {count} rows cannot be used[/]; first: {escape(str(bad[0]))}"
        )
