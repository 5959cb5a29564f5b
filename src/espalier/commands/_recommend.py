"""What `recommend` and `run --verify` share: reading the options, and showing the answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from espalier.commands._common import console, open_plan

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table as Grid

    from espalier.recommend import Setting
    from espalier.recommendation import Choice, Recommendation
    from espalier.results import Table
    from espalier.verify import Verification

F = TypeVar("F", bound=Callable[..., Any])

NOTHING = 0.00005
"""What rounds to nothing with the digits that are told."""

EXAMPLE = {
    "budget": "rows=10000",
    "utility": "math=2,code=1",
    "floor": "general=0.5",
    "available": "math=7473",
}


def pairs(option: str, given: Sequence[str]) -> dict[str, float]:
    """Read `math=2,code=1`, given once or several times; refuse what is no name and number."""
    from espalier.errors import SpecError

    found: dict[str, float] = {}
    for part in (part.strip() for text in given for part in text.split(",")):
        name, equals, value = (piece.strip() for piece in part.rpartition("="))
        try:
            number = float(value.replace("_", ""))
        except ValueError:
            equals = ""
        if not (name and equals):
            raise SpecError(f"--{option} {part}: write it as in --{option} {EXAMPLE[option]}")
        if name in found:
            raise SpecError(f"--{option}: {name} is there twice")
        found[name] = number
    return found


def budget_option(f: F) -> F:
    """Say how much may be spent."""
    return click.option(
        "--budget",
        "budgets",
        multiple=True,
        metavar="UNIT=AMOUNT",
        help="rows, tokens, updates or gpu_hours; several hold together.  "
        "Default: the rows of the largest measured cell.",
    )(f)


def question_options(f: F) -> F:
    """Say what counts, and what must be kept."""
    f = click.option(
        "--floor",
        "floors",
        multiple=True,
        metavar="ABILITY=SCORE",
        help="Keep at least this score (of a loss: at most).",
    )(f)
    return click.option(
        "--utility",
        "weights",
        multiple=True,
        metavar="ABILITY=WEIGHT",
        help="What counts how much, as math=2,code=1.  Default: all in-domain abilities alike.",
    )(f)


def show(found: Recommendation) -> None:
    """Print a recommendation for a person."""
    out = console()
    told = ", ".join(f"{figure(amount)} {unit}" for unit, amount in found.budget.items())
    out.print(f"{found.model}, at most {told}" if told else found.model, style="bold", markup=False)
    if found.choice is None:
        out.print(f"Refused: {found.refused}.", markup=False)
        _notes(out, (*transfers(found), *found.warnings))
        return
    for line in recipe(found.choice):
        out.print(line, markup=False)
    out.print()
    out.print(beside(found))
    out.print()
    for line in facts(found):
        out.print(line, markup=False)
    if found.next_runs:
        out.print("Next most useful runs, with the regret that each saves after those above it:")
        for run in found.next_runs:
            seeds = f"{run.seeds} seed{'s' if run.seeds > 1 else ''}"
            what = f"{amounts(run.amounts)}, {label(run.strategy, run.k)}, {seeds}"
            out.print(f"  {small(run.regret_saved)}  {what}: {run.why}", markup=False)
    notes = [f"{c.label}: {c.note}" for c in found.baselines if c.note]
    warned = (said for said in found.warnings if said != found.assumed)
    _notes(out, (*found.beyond, *transfers(found), *warned, *notes))


def recipe(choice: Choice) -> Iterable[str]:
    """Yield what to train, stage by stage where the order is known."""
    yield f"Train {amounts(choice.amounts)}, {label(choice.strategy, choice.k)}"
    if len(choice.stages) > 1:
        for number, stage in enumerate(choice.stages, 1):
            yield f"  stage {number}: {amounts(stage)}"
    if choice.note:
        yield f"  {choice.note}"


def beside(found: Recommendation) -> Grid:
    """Return the recipe beside the baselines: a column each, so that any abilities fit."""
    from rich.table import Table as Grid

    every = [c for c in (found.choice, *found.baselines) if c is not None]
    grid = Grid(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="dim")
    grid.add_column("95 % intervals", overflow="fold")
    for choice in every:
        style = "bold" if choice is found.choice else ""
        grid.add_column(choice.label, justify="right", overflow="fold", style=style)
    for scores in zip(*(c.expected for c in every), strict=True):
        grid.add_row(scores[0].ability, *(around(e.score, e.interval) for e in scores))
        if scores[0].floor is not None:
            kept = (e.floor_probability for e in scores)
            asked = f"  floor {scores[0].floor:g}"
            grid.add_row(asked, *("" if p is None else f"kept: {percent(p)}" for p in kept))
    grid.add_row("utility", *(f"{c.utility:.4f}" for c in every))
    grid.add_row("rows", *(f"{c.cost['rows']:,.0f}" for c in every))
    if not all(c.feasible for c in every):
        grid.add_row("can be had", *("yes" if c.feasible else "no" for c in every))
    return grid


def around(score: float, interval: tuple[float, float] | None) -> str:
    """Return `0.532 ±0.034`, with fewer digits where a metric's numbers are large."""
    half = (interval[1] - interval[0]) / 2 if interval else 0.0
    digits = max(0, 3 - len(f"{int(max(abs(score), half)) // 10 or ''}"))
    return f"{score:.{digits}f}" + (f" ±{half:.{digits}f}" if interval else "")


def percent(p: float) -> str:
    """Return a probability; draws never make one sure."""
    return ">99%" if p > 0.99 else "<1%" if p < 0.01 else f"{p:.0%}"


def facts(found: Recommendation) -> Iterable[str]:
    """Yield how sure the choice is, and what it rests on."""
    if found.regret is not None and found.regret_interval is not None:
        sure = ""
        if found.best_probability is not None:
            sure = f"; no baseline is better with probability {percent(found.best_probability)}"
        lost, most = (small(value) for value in (found.regret, found.regret_interval[1]))
        yield f"Expected regret {lost}, at most {most}{sure}."
    if found.assumed:
        yield f"That certainty is not measured: {found.assumed}."
    if found.floor_cost is not None:
        yield f"{price(found)}."
    rests = found.rests_on
    yield (
        f"It rests on {rests['cells']} cells, {rests['runs']} runs, {rests['rows']} rows of the "
        f"table; --json has the Pareto front ({len(found.front)}) and the fit."
    )


def price(found: Recommendation) -> str:
    """Say what the floors cost in expected utility, against the recipe chosen without them."""
    free, cost, span = found.without_floors, found.floor_cost, found.floor_cost_interval
    if free is None or cost is None or span is None or cost < NOTHING:
        return "The floor costs no expected utility"
    what = f"{amounts(free.amounts)}, {label(free.strategy, free.k)}"
    return (
        f"The floor costs {cost:.4f} of expected utility ({span[0]:.4f} to {span[1]:.4f}): "
        f"without it, {what}, {free.utility:.4f}"
    )


def small(value: float) -> str:
    """Return `0.0123`; of next to nothing, that it is not quite nothing."""
    return f"{value:.4f}" if value >= NOTHING else "below 0.0001"


def figure(amount: float) -> str:
    """Return `10,000` or `0.25`."""
    return f"{amount:,.0f}" if amount >= 1000 else f"{amount:.4g}"


def amounts(rows: Any) -> str:
    """Return `4,096 math + 256 code`."""
    return " + ".join(f"{n:,} {name}" for name, n in rows.items())


def label(strategy: str, k: float | None) -> str:
    """Return a strategy with its `k`."""
    from espalier.analysis._evidence import label as words

    return words(strategy, k)


def transfers(found: Recommendation) -> Iterable[str]:
    """Yield whether what was measured on one size may be carried to another."""
    for t in found.transfer:
        tau = "" if t.rank_agreement is None else f", Kendall's tau {t.rank_agreement:.2f}"
        span = "" if t.interval is None else f" ({t.interval[0]:.2f} to {t.interval[1]:.2f})"
        yield f"from {t.smaller} to {t.larger}: {t.verdict}{tau}{span}, {t.cells} cells; {t.why}"


def _notes(out: Console, notes: Iterable[str]) -> None:
    for note in notes:
        out.print(f"Note: {note}", markup=False, style="yellow")


def show_verification(found: Verification) -> None:
    """Print what was predicted beside what was measured."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("recipe")
    table.add_column("ability")
    for column in ("predicted", "95 % for this many runs", "measured", "inside"):
        table.add_column(column, justify="right")
    for check in found.checks:
        span = check.prediction_interval
        table.add_row(
            check.label,
            check.ability,
            f"{check.predicted:.3f}",
            f"{span[0]:.3f} to {span[1]:.3f}" if span else "unknown",
            "missing" if check.measured is None else f"{check.measured:.3f}",
            "" if check.inside is None else ("yes" if check.inside else "no"),
        )
    out = console()
    out.print(table)
    for name, (predicted, measured) in found.utilities.items():
        told = "missing" if measured is None else f"{measured:.4f}"
        out.print(f"utility of {name}: predicted {predicted:.4f}, measured {told}", markup=False)
    out.print(f"{found.inside} of {found.measured} scores lie in their intervals.")


def open_setting(
    name: str,
    sources: Path | None,
    items: Path | None,
    store: Path,
    sets: tuple[str, ...],
    available: tuple[str, ...],
    order: str | None,
) -> tuple[Table, Setting]:
    """Open a table or a study's, with what a study knows beyond it and what the options say."""
    from dataclasses import replace

    from espalier.commands._table import is_study, open_table
    from espalier.recommend import Setting

    setting = Setting()
    if is_study(name, sources, items):
        from espalier.outputs import measured, tabulate
        from espalier.store import Store
        from espalier.verify import setting_of

        planned, shelf = open_plan(name, sets), Store(store)
        table = tabulate(planned, shelf, measured(planned, shelf))
        setting = setting_of(planned, shelf)
    else:
        table, _ = open_table(name, sources, items, store, sets)
    rows = {source: int(n) for source, n in pairs("available", available).items()}
    setting = replace(setting, available={**setting.available, **rows})
    if order is not None:
        setting = replace(setting, orders={**setting.orders, **orders(order, table)})
    return table, setting


def orders(given: str, table: Table) -> dict[str, dict[str, Any]]:
    """Return what the strategies that train in stages take from one order of the sources."""
    from espalier.errors import SpecError, choices

    names = tuple(name.strip() for name in given.split(","))
    known = {name for mixture in table.mixtures for name in mixture}
    for name in names:
        if name not in known:
            raise SpecError(f"--order: no source '{name}' in the table; {choices(name, known)}")
    if len(set(names)) < len(names):
        raise SpecError(f"--order {given}: a source is named twice")
    return {
        "sequential": {"order": names},
        "mixed_sequential": {"general": names[-1]},
        "dmt": {"general": names[-1]},
    }
