"""What `run --adaptive` and `plan --adaptive` say: rounds of cells, and what they decide."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from espalier.commands._common import console, number, open_executor
from espalier.commands._run import make
from espalier.run import Outcome

if TYPE_CHECKING:
    from espalier.adaptive import Grid, Look, Question
    from espalier.plan import Plan
    from espalier.results import Open
    from espalier.step import Key
    from espalier.store import Store

LISTED = 8
"""Questions that are named at most in a list."""


@dataclass(frozen=True, kw_only=True)
class Search:
    """An adaptive run that has ended."""

    grid: Grid
    rounds: Sequence[Sequence[int]]
    last: Look
    reasons: Mapping[Key, str]
    left: tuple[Open, ...]
    """What is open, and so not to be told; nothing where the store holds more than was asked."""

    def to_dict(self) -> dict[str, Any]:
        """Return it for a program."""
        return {
            "tokens": round(self.last.spent),
            "tokens_full": round(self.grid.full),
            "share": round(self.last.spent / self.grid.full, 4),
            "ended": self.last.why,
            "rounds": [[self.grid.cells[i].label for i in batch] for batch in self.rounds],
            "questions": [
                {
                    "question": q.label,
                    "subject": list(q.subject),
                    "answer": q.told,
                    "so_far": q.answer,
                    "decided": q.decided,
                    "sure": round(q.sure, 3),
                    "expected": q.expected,
                    "likely": round(q.likely, 3),
                    "tokens_left": 0 if q.decided else round(self.grid.left(q, self._asked)),
                }
                for q in self.last.questions
            ],
        }

    @property
    def _asked(self) -> list[int]:
        return [cell for batch in self.rounds for cell in batch]


def searched(
    planned: Plan, store: Store, site: Mapping[str, Any], *, quiet: bool
) -> tuple[Outcome, Search]:
    """Run a study's cells round by round until it is decided or its budget spent.

    What to run next depends on the rounds before and on nothing else that the store may hold, so
    that the same command goes on after a kill as if there had been none.
    """
    from espalier.adaptive import grid, left_open, look, reasons, scores_of, steps_of

    made = grid(planned)
    outcome = Outcome()
    rounds: list[tuple[int, ...]] = []
    asked: list[int] = []
    now = look(made, asked, {})
    with open_executor(site) as executor:
        while now.cells:
            if not quiet:
                _tell(made, now, len(rounds) + 1)
            steps = steps_of(planned, made, now.cells)
            _merge(outcome, make(planned, steps, store, executor, quiet=quiet))
            rounds.append(now.cells)
            asked += now.cells
            before, now = now, look(made, asked, scores_of(planned, store))
            if not quiet:
                _tell_decided(made, before, now)
    if not quiet:
        _tell_end(made, now, asked)
    more = scores_of(planned, store).keys() - made.measures(asked)
    return outcome, Search(
        grid=made,
        rounds=rounds,
        last=now,
        reasons=reasons(made, asked, now),
        left=() if more else left_open(now),
    )


def _merge(whole: Outcome, part: Outcome) -> None:
    """Count the steps of one more round; what an earlier round made is not found."""
    whole.made |= part.made
    whole.found |= part.found - whole.made
    whole.failed = {k: v for k, v in (whole.failed | part.failed).items() if k not in part.made}
    whole.blocked = (whole.blocked | part.blocked) - part.made


def begun(planned: Plan) -> dict[str, Any]:
    """Return what an adaptive run of the plan would begin with."""
    from espalier.adaptive import grid, look

    made = grid(planned)
    first = look(made, (), {})
    return {
        "tokens_full": round(made.full),
        "tokens_budget": round(made.full * made.settings.budget),
        "questions": len(first.questions),
        "first_tokens": round(made.cost(first.cells)),
        "first": [made.cells[i].label for i in first.cells],
    }


def draw_begun(facts: Mapping[str, Any], show: int) -> None:
    """Print what an adaptive run would begin with."""
    out, full = console(), facts["tokens_full"]
    out.print(
        f"Adaptive: {facts['questions']} questions; the full grid trains on {number(full)} tokens, "
        f"the budget is {_percent(facts['tokens_budget'], full)} of it."
    )
    cells = facts["first"]
    share = _percent(facts["first_tokens"], full)
    out.print(f"It begins with {len(cells)} cells, {share} of the tokens:")
    for label in cells[:show]:
        out.print(f"  {label}", markup=False)
    if len(cells) > show:
        out.print(f"  [dim]and {len(cells) - show} more; --cells {len(cells)} shows them[/]")


def _tell(grid: Grid, now: Look, number: int) -> None:
    """Say which cells come next and why."""
    news = grid.cost(now.cells)
    why = next((q.label for q in now.questions if q.subject == now.serves), "")
    serves = f", most for {why}" if why else ", the cheapest of every factor"
    out = console()
    out.print(
        f"Round {number}: {len(now.cells)} cells for {_percent(news, grid.full)} of the full "
        f"grid's training{serves}",
        markup=False,
    )


def _tell_decided(grid: Grid, before: Look, now: Look) -> None:
    """Say what the round has decided."""
    known = {(q.subject, q.answer) for q in before.questions if q.decided}
    fresh = [q for q in now.questions if q.decided and (q.subject, q.answer) not in known]
    out = console()
    out.print(
        f"  {now.decided} of {len(now.questions)} questions decided with "
        f"{_percent(now.spent, grid.full)} of the training" + (":" if fresh else ".")
    )
    _list(fresh, lambda q: f"{q.answer}, as the full grid would be" if q.gives_none else q.answer)


def _tell_end(grid: Grid, last: Look, asked: Sequence[int]) -> None:
    """Say why the search ends, and what is left open at which cost."""
    out = console()
    out.print(f"Ended: {last.why}; {_percent(last.spent, grid.full)} of the full grid's training.")
    open_ = sorted((q for q in last.questions if not q.decided), key=lambda q: q.sure)
    if open_:
        out.print(
            f"  Open are {len(open_)}, with what most forecasts of the full grid say and the "
            "training that their cells still need:"
        )
        _list(
            open_,
            lambda q: (
                f"{q.answer} so far; {q.expected} by {q.likely:.0%} of the forecasts; "
                f"{_percent(grid.left(q, asked), grid.full)} more training"
            ),
        )


def _list(questions: Sequence[Question], about: Callable[[Question], str]) -> None:
    for question in questions[:LISTED]:
        console().print(f"    {question.label}: {about(question)}", markup=False)
    if len(questions) > LISTED:
        console().print(f"    and {len(questions) - LISTED} more", markup=False)


def _percent(part: float, whole: float) -> str:
    return f"{100 * part / whole:.0f} %"
