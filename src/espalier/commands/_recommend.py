"""What `recommend` and `run --verify` share: reading the options, and showing the answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from espalier.commands._common import console, open_plan

if TYPE_CHECKING:
    from rich.console import Console

    from espalier.recommend import Setting
    from espalier.recommendation import Choice, Recommendation
    from espalier.results import Table
    from espalier.verify import Verification

F = TypeVar("F", bound=Callable[..., Any])


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
    from rich.table import Table

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
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("95 % intervals", no_wrap=True)
    for name in (*(e.ability for e in found.choice.expected), "utility", "rows"):
        table.add_column(name, justify="right", no_wrap=True)
    for choice in (found.choice, *found.baselines):
        table.add_row(*row(choice), style="bold" if choice is found.choice else "")
    out.print(table)
    out.print()
    for line in facts(found):
        out.print(line, markup=False)
    if found.next_runs:
        out.print("Next most useful runs, by the regret that they would save:")
        for run in found.next_runs:
            what = f"{amounts(run.amounts)}, {label(run.strategy, run.k)}, {run.seeds} seeds"
            out.print(f"  {run.regret_saved:.4f}  {what}: {run.why}", markup=False)
    notes = [f"{c.label}: {c.note}" for c in found.baselines if c.note]
    _notes(out, (*found.beyond, *transfers(found), *found.warnings, *notes))


def recipe(choice: Choice) -> Iterable[str]:
    """Yield what to train, stage by stage where the order is known."""
    yield f"Train {amounts(choice.amounts)}, {label(choice.strategy, choice.k)}"
    if len(choice.stages) > 1:
        for number, stage in enumerate(choice.stages, 1):
            yield f"  stage {number}: {amounts(stage)}"
    if choice.note:
        yield f"  {choice.note}"


def row(choice: Choice) -> list[str]:
    """Return a line of the table of choices."""
    cells = [choice.label]
    for e in choice.expected:
        half = f" ±{(e.interval[1] - e.interval[0]) / 2:.3f}" if e.interval else ""
        kept = f", floor {e.floor_probability:.0%}" if e.floor_probability is not None else ""
        cells.append(f"{e.score:.3f}{half}{kept}")
    return [*cells, f"{choice.utility:.4f}", f"{choice.cost['rows']:,.0f}"]


def facts(found: Recommendation) -> Iterable[str]:
    """Yield how sure the choice is, and what it rests on."""
    if found.regret is not None and found.regret_interval is not None:
        sure = ""
        if found.best_probability is not None:
            sure = f"; no baseline is better with probability {found.best_probability:.2f}"
        yield f"Expected regret {found.regret:.4f}, at most {found.regret_interval[1]:.4f}{sure}."
    rests = found.rests_on
    yield (
        f"It rests on {rests['cells']} cells, {rests['runs']} runs, {rests['rows']} rows of the "
        f"table; --json has the Pareto front ({len(found.front)}) and the fit."
    )


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
