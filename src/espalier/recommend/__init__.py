"""From the results table to a recipe: how much of which data, in which order, within a budget.

    table --gather--> cells --fit--> a surface per ability --decide--> Recommendation

A *surface* (`_surface`) says what any recipe would score and how sure that is; the choice is the
surest of the recipes of a large expected utility (`_decide`), among those that the budget allows
and the measurements reach (`_candidates`).  Utility is the weighted mean of the abilities, each
in shares of its metric's range, better positive.

What is never recommended: more than twice the most rows of a source that were measured; a set of
sources that was never trained as such; a mixture of which no measured one has, of every source, a
number of rows within a factor (4 for the same strategy, 8 for the plain one).  A budget of more
than twice what the largest cell took is refused.  Where nothing is left, `refused` says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from espalier.analysis._evidence import collect
from espalier.recommend._answer import Teller, fit_of, rests_on, stages_of
from espalier.recommend._asked import ask
from espalier.recommend._decide import Question, decide
from espalier.recommend._ground import beyond_reach, ground, limits_of, too_little
from espalier.recommend._price import UNITS, Setting, check_budget
from espalier.recommend._surface import fit
from espalier.recommendation import Recommendation
from espalier.results import Table

__all__ = ["UNITS", "Setting", "check_budget", "recommend", "stages_of"]


def recommend(
    table: Table,
    *,
    budget: Mapping[str, float] | None = None,
    utility: Mapping[str, float] | None = None,
    floors: Mapping[str, float] | None = None,
    model: str | None = None,
    setting: Setting | None = None,
    level: float = 0.95,
) -> Recommendation:
    """Return the recipe to train within `budget`, beside the baselines.

    `budget` is in `UNITS`; by default the rows of the largest measured cell.  `utility` weighs
    abilities (default: the in-domain ones alike), `floors` are scores to keep, in the metric's own
    unit (for a loss, at most).  `model` defaults to the one with most cells.  `setting` is what a
    study knows beyond its table.  Raises `SpecError` for what the options name wrongly; what the
    data cannot bear is an answer, in `refused`.
    """
    asked = ask(
        table,
        collect(table, level),
        budget=dict(budget or {}),
        utility=utility or {},
        floors=floors or {},
        model=model,
        setting=setting or Setting(),
    )
    on = ground(asked)
    answer = Recommendation(
        model=asked.model,
        protocol=asked.protocol,
        budget=asked.budget,
        utility=asked.weights,
        floors=asked.floors,
        choice=None,
        refused=on.refused,
        transfer=on.transfers,
        warnings=(*on.warnings, *_left_open(table)),
    )
    if on.cells is None:
        return answer
    cells, limits = on.cells, limits_of(asked, on.cells)
    answer = replace(
        answer,
        budget={price.unit: price.budget for price in limits.prices},
        region=cells.region,
        rests_on=rests_on(cells),
        refused=beyond_reach(asked, cells, limits),
    )
    if answer.refused:
        return answer
    surfaces = {name: fit(cells.measurements(name), cells.space(name)) for name in cells.panels}
    question = Question(cells=cells, surfaces=surfaces, weights=asked.signed, floors=asked.floors)
    teller = Teller(asked=asked, cells=cells, limits=limits, question=question)
    others, left_out = teller.baselines()
    plain = [mix for mix, *_ in others if limits.feasible(mix)]
    decision = decide(question, limits, plain)
    answer = replace(
        answer,
        refused=decision.refused,
        baselines=tuple(teller.choice(*other) for other in others),
        fit={n: fit_of(s, cells, asked.signed.get(n, 0.0)) for n, s in surfaces.items()},
        warnings=(*answer.warnings, *decision.warnings, *left_out),
    )
    if decision.choice is None:
        return replace(answer, refused=answer.refused or too_little(cells, limits))
    told = teller.chosen(decision.choice, decision.rivals, plain)
    if asked.floors:
        free = decide(replace(question, floors={}), limits, plain).choice or decision.choice
        told |= teller.given_up(decision.choice, free)
    warnings = (*answer.warnings, *teller.remarks(decision.choice))
    return replace(answer, **told, warnings=warnings)


def _left_open(table: Table) -> tuple[str, ...]:
    """Say where the run behind the table stopped before its questions were decided."""
    if not table.open:
        return ()
    some = "1 question" if len(table.open) == 1 else f"{len(table.open)} questions"
    return (f"the adaptive run left {some} open: its cells not run may change this recipe",)
