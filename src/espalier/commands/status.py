"""`espalier status STUDY`: what is done, what runs, what failed, what is left."""

from __future__ import annotations

from pathlib import Path

import click

from espalier.commands._common import console, json_option, open_plan, say_json, study_argument
from espalier.commands._common import store_option as store_option_

SHOWN = 8
"""Failures told to a person."""


@click.command()
@study_argument
@store_option_
@json_option
def status(
    study: str, overrides: tuple[str, ...], sets: tuple[str, ...], store: Path, as_json: bool
) -> None:
    """Say how far STUDY is: done, running, failed, left.

    May be asked from another terminal while a run goes on.
    """
    from espalier.progress import name
    from espalier.store import Store

    planned = open_plan(study, (*sets, *overrides))
    shelf = Store(store)
    kinds: dict[str, dict[str, int]] = {}
    running, failed = [], []
    for step in planned.steps.values():
        counts = kinds.setdefault(step.kind, {"done": 0, "left": 0, "failed": 0})
        if shelf.has(step):
            counts["done"] += 1
            continue
        counts["left"] += 1
        if why := shelf.failure(step):
            counts["failed"] += 1
            failed.append({"step": name(step), "key": step.key, "why": why})
        elif said := shelf.progress(step):
            now = "running" if shelf.running(step) else "stopped"
            running.append({"step": name(step), "key": step.key, "state": now} | said)
    left = sum(counts["left"] for counts in kinds.values())
    if as_json:
        say_json(
            {
                "study": planned.study.name,
                "complete": not left,
                "kinds": kinds,
                "running_or_stopped": running,
                "failed": failed,
            }
        )
        return
    from rich.table import Table

    out = console()
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("steps")
    for column in ("done", "left", "failed"):
        table.add_column(column, justify="right")
    for kind, counts in kinds.items():
        table.add_row(kind, *(str(counts[c]) for c in ("done", "left", "failed")))
    out.print(table)
    for entry in running:
        loss = f", loss {entry['loss']:.3f}" if entry.get("loss") is not None else ""
        done = entry.get("update", entry.get("done", 0))
        total = entry.get("updates", entry.get("total", "?"))
        out.print(
            f"{entry['state']}: {entry['step']} {entry['key']}: {done} of {total}{loss}",
            markup=False,
        )
    for entry in failed[:SHOWN]:
        out.print(f"failed: {entry['step']} {entry['key']}: {entry['why']}", markup=False)
    if len(failed) > SHOWN:
        out.print(f"and {len(failed) - SHOWN} more failed; --json names them all")
    out.print("Complete." if not left else f"{left} steps left; `espalier run` goes on.")
