"""The page `docs/tunnel.md`: what the wind tunnel shows of both papers' claims, as measured.

    espalier run dong2023 --scale hour --store STORE
    espalier run song2023 --scale hour --store STORE
    python bench/tunnel.py --store STORE [--world 0 --world 100 ...]

A study that has not been run to its end in a world is left out.  Beside the page lie its figures
and the measured tables; `docs/tunnel/why.md` is written by hand and closes the page.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click

sys.path.insert(0, str(Path(__file__).parent))

from espalier import analysis, results
from espalier.analysis._claims import judge
from espalier.errors import DataError
from espalier.finding import Claim, Finding, Findings, aloud
from espalier.load import find, load
from espalier.outputs import facts_of, measured, tabulate
from espalier.plan import plan
from espalier.report import report
from espalier.report.facts import StudyFacts
from espalier.store import Store
from markup import number, table

DOCS = Path(__file__).parent.parent / "docs"
PAPERS = {"dong2023": "Dong et al. (2023)", "song2023": "Song et al. (2023)"}
FIGURES = {
    "dong2023": (
        *("growth", "size", "mixing", "vary", "strategies", "sweep", "forgetting", "probe"),
        "states",
    ),
    "song2023": ("growth", "size", "exchange", "ood"),
}
LABELS = re.compile(r' aria-(?:label|roledescription)="[^"]*"| role="[^"]*"')
"""What every mark of a figure says to a screen reader; the tables beneath say it all."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """One study, measured in one world."""

    study: str
    world: int
    scale: str
    table: results.Table
    findings: Findings
    facts: StudyFacts

    @property
    def name(self) -> str:
        """Return what its files are called."""
        return f"{self.study}-world{self.world}"

    @property
    def protocols(self) -> list[str]:
        """Return its protocols, that of the papers first."""
        return sorted({f.protocol for f in self.findings.findings})

    def claims(self, protocol: str) -> list[Claim]:
        """Return the paper's claims, judged under one protocol alone."""
        own = [f for f in self.findings.findings if f.protocol == protocol]
        probes = self.table.probes if protocol == "epochs" else None
        return [c for c in judge(own, probes) if c.id.startswith(self.study)]


def opened(study: str, world: int, scale: str, store: Store) -> Run | None:
    """Return a study as measured in a world, or None where it was not run to its end."""
    path = find(study)
    planned = plan(load(path, [f"scale={scale}", f"variables.world={world}"]))
    try:
        table = tabulate(planned, store, measured(planned, store))
    except DataError:
        return None
    facts = facts_of(planned, store, path.read_text(encoding="utf-8"))
    if facts.not_run:
        return None
    findings = analysis.analyze(table)
    return Run(study=study, world=world, scale=scale, table=table, findings=findings, facts=facts)


# --- the page ----------------------------------------------------------------------------------


def page(runs: Sequence[Run], why: str) -> str:
    """Return the whole page."""
    parts = [HEAD, costs(runs), verdicts(runs)]
    for run in runs:
        parts += [f"## {PAPERS[run.study]} in world {run.world}", pictures(run)]
        parts += list(shown(run))
    parts += [reasons(run) for run in runs]
    parts.append(why)
    return "\n\n".join(part.strip() for part in parts if part.strip()) + "\n"


HEAD = """
# What the wind tunnel shows

<!-- Made by `python bench/tunnel.py` from runs of the two studies; see there. -->

Every number here was measured, on tiny models (0.07 to 0.5 M parameters) in a procedural world.
Scores are shares of right replies over 200 items; effects are differences of such scores, with
95 % intervals that allow for both seeds and items. A verdict counts only if its test, adjusted for
all tests of its family in the study, is below 0.05. *Epochs* is the papers' own protocol: every
cell makes three passes over its rows, so a larger mixture also gets more updates. *Updates* is the
control: every cell gets the same number of updates.

What the tunnel shows is how the claims can come about and how much it takes to see them. It says
nothing about models of billions of parameters.
"""


def costs(runs: Sequence[Run]) -> str:
    """Return what was run, and what sharing saved."""
    rows = []
    for run in runs:
        c = run.facts.cost
        assert c
        rows.append(
            [
                f"`espalier run {run.study} --scale {run.scale}"
                + (f" --set variables.world={run.world}`" if run.world else "`"),
                number(c.cells, 0),
                number(c.stages_asked, 0),
                number(c.stages_trained, 0),
                number(c.cpu_minutes, 0),
                number(c.minutes_saved, 0),
                f"{len(run.table.frame):,}",
            ]
        )
    head = ["run", "cells", "stages asked for", "stages trained", "CPU-minutes", "saved", "scores"]
    return "## What was run\n\n" + table(head, rows)


def verdicts(runs: Sequence[Run]) -> str:
    """Return every claim of both papers with its verdict in every world, under every protocol."""
    parts = []
    for study, paper in PAPERS.items():
        own = [run for run in runs if run.study == study]
        columns = [(run, protocol) for run in own for protocol in run.protocols]
        if not columns:
            continue
        judged = [{c.id: c for c in run.claims(protocol)} for run, protocol in columns]
        rows = [
            [i, c.text, *(f"**{claims[i].verdict}**" for claims in judged)]
            for i, c in judged[0].items()
        ]
        head = ["", "claim", *(f"world {run.world}, {protocol}" for run, protocol in columns)]
        parts.append(f"### {paper}\n\n{table(head, rows)}")
    return "## The claims\n\n" + "\n\n".join(parts)


def reasons(run: Run) -> str:
    """Return why each claim was judged as it was."""
    rows = [
        [c.id, protocol, f"**{c.verdict}**", c.because]
        for protocol in run.protocols
        for c in run.claims(protocol)
    ]
    title = f"## Why: {PAPERS[run.study]} in world {run.world}"
    return f"{title}\n\n{table(['', 'protocol', 'verdict', 'because'], rows)}"


def pictures(run: Run) -> str:
    """Return the figures that were drawn."""
    there = [n for n in FIGURES[run.study] if (DOCS / "tunnel" / f"{run.name}-{n}.svg").is_file()]
    return "\n\n".join(f"![{n} of {run.name}](tunnel/{run.name}-{n}.svg)" for n in there)


# --- what was found, kind by kind ---------------------------------------------------------------


def shown(run: Run) -> Iterator[str]:
    """Yield a table for every question that the study answers."""
    for title, kind, keep, columns in SECTIONS:
        found = [f for f in run.findings.of(kind) if keep(f) and f.higher_is_better and told(f)]
        if not found:
            continue
        rows = [
            [
                f.ability,
                f.model,
                *(tell(f) for tell in columns.values()),
                *effect(f),
                f.protocol,
                str(f.seeds),
                f"**{f.verdict}**",
            ]
            for f in found
        ]
        head = ["ability", "model", *columns, "effect", "95 %", "protocol", "seeds", "verdict"]
        yield f"### {title}\n\n{table(head, rows)}"


def told(f: Finding) -> bool:
    """Say whether a finding has anything to tell: an effect, or why there can be none."""
    return f.estimate is not None or f.kind in ("exchange", "growth")


def effect(f: Finding) -> tuple[str, str]:
    """Return an estimate and its interval."""
    big = f.kind == "exchange" or f.facts.get("of") == "crossover"
    digits = 0 if big and abs(f.estimate or 0) >= 10 else 3
    if f.estimate is None:
        return f"– ({f.why})" if f.why else "–", "–"
    low, high = f.interval or (None, None)
    return number(f.estimate, digits), f"{number(low, digits)} to {number(high, digits)}"


def _always(_: Finding) -> bool:
    return True


def _overall(f: Finding) -> bool:
    return f.facts.get("against") == "multitask" and f.ability != "overall"


def _difference(f: Finding) -> bool:
    return f.facts.get("of") == "difference"


def _construction(f: Finding) -> bool:
    return f.facts.get("of") == "construction" and f.facts.get("name") is not None


Tell = Callable[[Finding], str]
SECTIONS: tuple[tuple[str, str, Callable[[Finding], bool], Mapping[str, Tell]], ...] = (
    (
        "Growth: gain per doubling of the rows",
        "growth",
        _always,
        {
            "design": lambda f: f"{f['design']}, {f['origin']}",
            "form": lambda f: str(f["form"]),
            "level from (rows)": lambda f: number(f["plateau_at"], 0),
        },
    ),
    (
        "Size: gain per doubling of the parameters",
        "size",
        _always,
        {
            "inversions": lambda f: str(len(f["inversions"])),
        },
    ),
    (
        "Mixing: together minus alone, at equal own rows",
        "mixing",
        _difference,
        {
            "own rows": lambda f: number(f["amount"], 0),
            "others": lambda f: number(f["others"], 0),
            "alone": lambda f: number(f["single"], 3),
        },
    ),
    (
        "Amount against ratio of the other data",
        "factors",
        _always,
        {
            "by amount": lambda f: _factor(f, "amount"),
            "by ratio": lambda f: _factor(f, "ratio"),
        },
    ),
    (
        "Strategies: score minus that of multi-task training",
        "strategy",
        _overall,
        {
            "strategy": lambda f: str(f["label"]),
            "score": lambda f: number(f["score"], 3),
        },
    ),
    (
        "Forgetting: after the last stage, minus the best earlier one",
        "forgetting",
        _always,
        {
            "strategy": lambda f: str(f["label"]),
        },
    ),
    (
        "Human against synthetic rows: synthetic rows that one human row is worth",
        "exchange",
        _always,
        {
            "human minus synthetic": lambda f: _with(
                f["at_equal_amounts"], f["at_equal_amounts_interval"]
            ),
            "ceiling of synthetic": lambda f: _with(f["ceiling"], f["ceiling_interval"]),
        },
    ),
    (
        "Mixtures of another make",
        "mixing",
        _construction,
        {"mixture": lambda f: f"{f['name']} against {f['against']}"},
    ),
    (
        "Out of domain: rank correlation with the in-domain scores",
        "ood",
        _always,
        {"cells": lambda f: str(f["cells"])},
    ),
    (
        "Sensitivity: predicted against measured gain, each ability left out once",
        "sensitivity",
        _always,
        {},
    ),
)
"""Title, kind of finding, which of them, and the columns beside those that all have."""


def _factor(f: Finding, name: str) -> str:
    told = f.facts.get(name) or {}
    return _with(told.get("effect"), told.get("interval"))


def _with(value: float | None, interval: Sequence[float] | None) -> str:
    if value is None:
        return "–"
    if interval is None:
        return number(value, 3)
    return f"{number(value, 3)} ({number(interval[0], 3)} to {number(interval[1], 3)})"


# --- words, numbers, files ----------------------------------------------------------------------


def draw(run: Run, folder: Path) -> None:
    """Write the figures of a run as the report draws them, of scores only, and its table."""
    every = run.table.frame
    scores = replace(run.table, frame=every[every["higher_is_better"].astype(bool)])
    found = tuple(f for f in run.findings.findings if f.higher_is_better)
    with TemporaryDirectory() as aside:
        report(
            scores,
            aloud(replace(run.findings, findings=found, claims=()).to_dict()),
            Path(aside) / "report.html",
            study=run.facts,
            figures=Path(aside),
        )
        for name in FIGURES[run.study]:
            drawn = Path(aside) / f"{name}.svg"
            if drawn.is_file():
                text = LABELS.sub("", drawn.read_text(encoding="utf-8"))
                (folder / f"{run.name}-{name}.svg").write_text(text, encoding="utf-8")
    frame: Any = run.table.frame
    results.write(frame, folder / f"{run.name}.parquet")


@click.command()
@click.option("--store", type=click.Path(path_type=Path, file_okay=False), required=True)
@click.option("--world", "worlds", type=int, multiple=True, default=(0,), show_default=True)
@click.option("--scale", default="hour", show_default=True)
def main(store: Path, worlds: tuple[int, ...], scale: str) -> None:
    """Write docs/tunnel.md and what belongs to it."""
    folder = DOCS / "tunnel"
    folder.mkdir(exist_ok=True)
    found = [
        run
        for study in PAPERS
        for world in worlds
        if (run := opened(study, world, scale, Store(store)))
    ]
    for run in found:
        draw(run, folder)
    why = folder / "why.md"
    told = why.read_text(encoding="utf-8") if why.is_file() else ""
    (DOCS / "tunnel.md").write_text(page(found, told), encoding="utf-8")
    click.echo(f"{DOCS / 'tunnel.md'}: {', '.join(run.name for run in found) or 'no run'}")


if __name__ == "__main__":
    main()
