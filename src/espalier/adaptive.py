"""Ask for a study's cells in the order that decides soonest, and stop when it is decided.

    grid, scores so far --look--> questions with what is decided, and the cells to run next

What would the full grid say?  After each batch its missing scores are filled in many times over
from a forecast, each filled-in grid is put to the very analysis that the full grid would be put
to, and a question is *decided* when nearly all of them answer as the scores at hand do.  That
counts an effect that more runs would not take back, and as well a tie that they would not undo.
Until then the cells are asked for that take most of the remaining uncertainty for their training
tokens.  What is still open at the end is told as no effect, whatever its test says: a test after
few runs, chosen for what they may show, and with their noise learnt where runs are cheap, would
claim too much.  Beside it stands what most of the filled-in grids answer, with their share: a
forecast of the full grid's answer, called so.

`look` is a pure function of the cells asked for and their scores: a killed run asks for the same
cells again, finds what is done, and goes on.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from espalier.collect import origins, planned_row
from espalier.errors import SpecError
from espalier.finding import NO_EFFECT
from espalier.forecast import Forecast, doublings, forecast
from espalier.plan import Measurement, Plan
from espalier.step import Key, Step
from espalier.steps.train import Checkpoint, Train
from espalier.store import Store, read_json
from espalier.study import Adaptive, Cell

if TYPE_CHECKING:
    import pandas as pd

    from espalier.finding import Finding
    from espalier.results import Open, Origin, Table

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Scores = Mapping[str, Mapping[str, Any]]
"""What was measured, by key: metric, score, stderr, n, chance, higher_is_better."""

FILLINGS, LAST = 12, 40
"""Fillings of the grid at each look, and at the last, whose shares are told."""
FIRST = 0.5
"""Share of the budget that the first batch may take."""
SEEN = "seen"
NEITHER = ("tied", "keeps", "undecided")
"""Verdicts that count only where a question has no other."""
MEASURED = ("metric", "score", "stderr", "n", "chance", "higher_is_better")


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A cell of the grid: what must be trained for it, and what it measures."""

    label: str
    condition: tuple[str, ...]
    """What is trained, whatever the seeds."""
    stages: tuple[str, ...]
    """Keys of its training stages."""
    measures: tuple[str, ...]
    """Keys of its measurements."""


@dataclass(frozen=True, kw_only=True)
class Grid:
    """All that a study may ask for, and what it costs."""

    name: str
    cells: tuple[Candidate, ...]
    tokens: Mapping[str, float]
    """Training tokens of each stage; what cells share costs once."""
    frame: pd.DataFrame
    """The full results table without its scores; beside it `slot` (ability, metric, protocol) and
    `condition`, a place in the slot's features."""
    features: Mapping[str, Floats]
    models: Ints
    origins: tuple[Origin, ...]
    settings: Adaptive

    @cached_property
    def full(self) -> float:
        """Return the training tokens of the full grid."""
        return sum(self.tokens[key] for key in self._stages(range(len(self.cells))))

    def cost(self, cells: Iterable[int]) -> float:
        """Return the training tokens of some cells together."""
        return sum(self.tokens[key] for key in self._stages(cells))

    def measures(self, cells: Iterable[int]) -> frozenset[str]:
        """Return the keys of all that some cells measure, and of the untuned models."""
        untuned = self.frame.loc[self.frame["stage"] == 0, "key"]
        return frozenset(untuned) | {key for i in cells for key in self.cells[i].measures}

    def left(self, question: Question, asked: Sequence[int]) -> float:
        """Return the training tokens of all cells of a question that were not asked for."""
        wanted = [i for i, c in enumerate(self.cells) if not question.rows.isdisjoint(c.measures)]
        return self.cost([*asked, *wanted]) - self.cost(asked)

    def _stages(self, cells: Iterable[int]) -> dict[str, None]:
        return dict.fromkeys(key for i in cells for key in self.cells[i].stages)


Subject = tuple[str, ...]
"""kind, ability, model, metric, suite, the source or strategy where the kind has one, and the
protocol."""


@dataclass(frozen=True, kw_only=True)
class Question:
    """One question of the study, and how it stands."""

    subject: Subject
    answer: str
    """The verdict of the scores so far; several amounts or mixtures are one question."""
    sure: float
    """Share of the filled-in grids that answer the same."""
    decided: bool
    asked: bool
    """Whether its cells were run so far as to give any finding."""
    rows: frozenset[str]
    """Keys of all measurements that the full grid's answer rests on."""
    expected: str = "undecided"
    """What most of the filled-in grids answer: the forecast of what the full grid would say."""
    likely: float = 0.0
    """Share of the filled-in grids that say `expected`."""

    @property
    def told(self) -> str:
        """Return the answer as it may be told: an effect only where it is decided."""
        return self.answer if self.decided or self.answer in NO_EFFECT else "undecided"

    @property
    def gives_none(self) -> bool:
        """Say whether the scores bear no answer."""
        return self.answer == "undecided"

    @property
    def label(self) -> str:
        """Return the question in words."""
        kind, ability, model, metric, _, about, protocol = self.subject
        about = "" if about == ability else about
        metric = "" if ability == "overall" else metric
        of = f"({model})" if protocol == "epochs" else f"({model}, equal {protocol})"
        return " ".join(part for part in (f"{kind}:", ability, metric, about, of) if part)


@dataclass(frozen=True, kw_only=True)
class Look:
    """How the questions stand after some cells, and what to ask for next."""

    questions: tuple[Question, ...]
    cells: tuple[int, ...]
    """What to ask for next; none where the search ends."""
    spent: float
    """Training tokens of all cells asked for before."""
    why: str = ""
    """Why nothing more is asked for."""
    serves: Subject | None = None
    """The open question that the next cells serve most."""

    @property
    def decided(self) -> int:
        """Return how many questions are decided."""
        return sum(q.decided for q in self.questions)


# --- the grid -------------------------------------------------------------------------------


def grid(plan: Plan) -> Grid:
    """Return what a study may ask for, or refuse one that has nothing to decide."""
    import pandas as pd

    if len(plan.study.seeds.pairs) < 2:
        raise SpecError(
            f"{plan.study.name}: adaptive: one seed decides nothing, as another run may say "
            "otherwise; give `seeds: 3`, or run the whole grid without --adaptive"
        )
    if plan.study.checkpoints:
        raise SpecError(
            f"{plan.study.name}: adaptive: forecasts know the ends of stages, not their epochs; "
            "leave `checkpoints` out, or run the whole grid without --adaptive"
        )
    own = defaultdict(set)
    for source in plan.study.sources:
        own[source.ability].add(source.name)
    conditions: dict[tuple[str, ...], int] = {}
    described: list[tuple[Measurement, tuple[str, ...]]] = []
    for m in plan.measurements:
        what = _condition(m.model.name, m.cell, m.stage)
        conditions.setdefault(what, len(conditions))
        described.append((m, what))
    rows = [
        planned_row(m, plan)
        | {
            "design": m.cell.designs[0] if m.cell else "base",
            "slot": f"{m.use.name}/{m.score.scored}/{m.protocol}",
            "condition": conditions[what],
        }
        for m, what in described
    ]
    stages = {conditions[what]: m.cell.stages[: m.stage] if m.cell else () for m, what in described}
    features = {
        slot: np.array([doublings(stages[i], frozenset(own[ability])) for i in sorted(stages)])
        for slot, ability in {r["slot"]: r["ability"] for r in rows}.items()
    }
    names = sorted({m.model.name for m in plan.measurements})
    made = Grid(
        name=plan.study.name,
        cells=tuple(_candidates(plan)),
        tokens={step.key: plan.work[step.key].tokens for step in plan.stages},
        frame=pd.DataFrame(rows),
        features=features,
        models=np.array([names.index(what[0]) for what in conditions]),
        origins=origins(plan),
        settings=plan.study.adaptive,
    )
    _check(made)
    return made


def _condition(model: str, cell: Cell | None, stage: int) -> tuple[str, ...]:
    stages = cell.stages[:stage] if cell else ()
    return model, *(str(sorted(mixture.items())) for mixture in stages)


def _candidates(plan: Plan) -> Iterator[Candidate]:
    """Yield the cells in the order of the plan."""
    by_cell: dict[int, list[Measurement]] = defaultdict(list)
    for m in plan.measurements:
        by_cell[id(m.cell)].append(m)
    for cell in plan.cells:
        own = by_cell[id(cell)]
        last: Checkpoint = own[-1].score.answer.checkpoint
        stages = []
        while isinstance(last, Train):
            stages.append(last.key)
            last = last.start
        mixed = " → ".join(
            " + ".join(f"{rows:,} {name}" for name, rows in stage.items()) for stage in cell.stages
        )
        equal = f", equal {cell.protocol}" if len(plan.study.protocols) > 1 else ""
        yield Candidate(
            label=f"{cell.model.name} {mixed}{equal}, seed {cell.seed}/{cell.data_seed}",
            condition=(
                *_condition(cell.model.name, cell, len(cell.stages)),
                f"equal {cell.protocol}",
            ),
            stages=tuple(reversed(stages)),
            measures=tuple(m.score.key for m in own),
        )


def _check(made: Grid) -> None:
    """Refuse a study without a question, or whose budget does not pay for the first batch."""
    borne = {subject[0] for subject in answers(_analyze(_blank(made), ()).get(SEEN, ()))}
    if not borne:
        raise SpecError(f"{made.name}: adaptive: nothing to decide: its cells bear no question")
    if absent := [kind for kind in made.settings.questions if kind not in borne]:
        raise SpecError(
            f"{made.name}: adaptive.questions: nothing to decide about {absent[0]}: the study has "
            f"no cells for it; it bears {', '.join(sorted(borne))}"
        )
    _first(made)


# --- a look ---------------------------------------------------------------------------------


def look(grid: Grid, asked: Sequence[int], scores: Scores) -> Look:
    """Return how the questions stand after the cells `asked` for, and what to ask for next.

    Of `scores` only those count that the cells asked for measure; None is unscored.
    """
    keys = grid.measures(asked) if asked else frozenset()
    scores = {key: of for key, of in scores.items() if key in keys and of["score"] is not None}
    spent, settings = grid.cost(asked), grid.settings
    if not scores:
        return _begin(grid, asked)
    forecasts = _forecasts(grid, scores)
    complete = len(set(asked)) == len(grid.cells)
    for fillings in (FILLINGS, LAST):
        table = _fill(grid, scores, forecasts, fillings, seed=len(asked))
        questions = _judge(_analyze(table, settings.questions), fillings, settings.sure)
        open_ = [q for q in questions if not q.decided]
        if open_ and not complete:
            chosen, serves = _choose(grid, asked, scores, forecasts, open_)
            if chosen:
                return Look(questions=questions, cells=chosen, spent=spent, serves=serves)
    if complete:
        why = "the grid is complete"
    elif not open_:
        why = "every question is decided"
    elif any(grid.left(question, asked) for question in open_):
        why = "the budget is spent"
    else:
        why = "no cell is left that bears on what is open"
    return Look(questions=questions, cells=(), spent=spent, why=why)


def _begin(grid: Grid, asked: Sequence[int]) -> Look:
    """Return the look before anything is known: every question is open."""
    found = _analyze(_blank(grid), grid.settings.questions)
    questions = tuple(
        Question(
            subject=subject, answer="undecided", sure=0.0, decided=False, asked=False, rows=rows
        )
        for subject, (_, rows) in answers(found.get(SEEN, ())).items()
    )
    if asked:
        why = "nothing could be measured"
        return Look(questions=questions, cells=(), spent=grid.cost(asked), why=why)
    return Look(questions=questions, cells=_first(grid), spent=0.0)


def _first(grid: Grid) -> tuple[int, ...]:
    """Return the first batch: conditions once, the cheapest first, and the cheaper half twice.

    So every factor is seen where seeing costs least, and the noise is known from the start.
    """
    by_condition: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for i, cell in enumerate(grid.cells):
        by_condition[cell.condition].append(i)
    ordered = sorted(by_condition.values(), key=lambda cells: (grid.cost(cells[:1]), cells[0]))
    line = []
    for rank, own in enumerate(ordered):
        line.append(own[0])
        if rank % 2 == 0:
            line += ordered[rank // 2][1:2]
    left = FIRST * grid.settings.budget * grid.full
    chosen: list[int] = []
    trained: set[str] = set()
    for place in line:
        stages = set(grid.cells[place].stages) - trained
        cost = sum(grid.tokens[key] for key in sorted(stages))
        if cost <= left:
            chosen.append(place)
            trained |= stages
            left -= cost
    least = grid.cost(ordered[0][:2])
    if grid.cost(chosen) < least:
        needed = min(math.ceil(1000 * least / FIRST / grid.full) / 1000, 1.0)
        raise SpecError(
            f"{grid.name}: adaptive.budget: {grid.settings.budget:g} of {grid.full:,.0f} training "
            "tokens does not pay for the first batch, two runs of the cheapest cell; give "
            f"{needed:g} or more"
        )
    return tuple(sorted(chosen))


# --- the full grid, filled in ---------------------------------------------------------------


def _blank(grid: Grid) -> Table:
    """Return the full table with made-up scores, to see what questions it could bear."""
    random = np.random.default_rng(0)
    own = [
        grid.features[slot][condition, 0]
        for slot, condition in zip(grid.frame["slot"], grid.frame["condition"], strict=True)
    ]
    made_up = 0.3 + 0.01 * np.array(own) + random.normal(0, 0.01, len(own))
    metric = grid.frame["slot"].str.rpartition("/")[0]
    frame = grid.frame.assign(score=made_up, stderr=0.01, n=2000, metric=metric)
    frame = frame.assign(score=frame.groupby("key")["score"].transform("first"))
    table = _tidy(grid, frame)
    score, stderr = table.frame["score"].to_numpy(), table.frame["stderr"].to_numpy()
    return replace(table, frame=_copy(table.frame, SEEN, score, stderr))


def table(grid: Grid, scores: Scores) -> Table:
    """Return the results table of what was measured."""
    frame = grid.frame[[key in scores for key in grid.frame["key"]]]
    keys = frame["key"].tolist()
    columns = {name: [scores[key][name] for key in keys] for name in MEASURED}
    return _tidy(grid, frame.assign(**columns))


def _tidy(grid: Grid, frame: pd.DataFrame) -> Table:
    from espalier.results import COLUMNS, tidy

    columns = [name for name in COLUMNS if name in frame]
    return tidy(frame[columns], sources=grid.origins, where=grid.name, sidecar=True)


def _runs(grid: Grid, scores: Scores) -> Iterator[tuple[str, pd.DataFrame, Ints]]:
    """Yield each slot that was measured, its measurements by key, and places of those measured."""
    once = grid.frame.drop_duplicates(["slot", "key"])
    for slot, runs in once.groupby("slot", sort=False):
        known = [place for place, key in enumerate(runs["key"]) if key in scores]
        if known:
            yield str(slot), runs, np.array(known)


def _forecasts(grid: Grid, scores: Scores) -> dict[str, Forecast]:
    """Return what is expected of every condition on every ability."""
    found = {}
    for slot, runs, known in _runs(grid, scores):
        measured = [scores[key] for key in runs["key"].iloc[known]]
        found[slot] = forecast(
            grid.features[slot],
            grid.models,
            runs["condition"].to_numpy()[known],
            np.array([m["score"] for m in measured], dtype=np.float64),
            np.array([m["stderr"] for m in measured], dtype=np.float64),
        )
    return found


def _fill(
    grid: Grid, scores: Scores, forecasts: Mapping[str, Forecast], fillings: int, *, seed: int
) -> Table:
    """Return the scores so far and full grids that they may belong to, protocols of their own.

    The same scores are filled in alike in every process.
    """
    import pandas as pd

    random = np.random.default_rng(seed)
    columns: dict[str, dict[str, Any]] = {name: {} for name in MEASURED}
    drawn: dict[str, Floats] = {}
    errors: dict[str, Floats] = {}
    for slot, runs, known in _runs(grid, scores):
        example = scores[runs["key"].iloc[known[0]]]
        values = np.stack(
            [forecasts[slot].draw(random, runs["condition"].to_numpy()) for _ in range(fillings)]
        )
        measured = [scores[key] for key in runs["key"].iloc[known]]
        values[:, known] = [m["score"] for m in measured]
        spread = _errors(values, measured, share=forecasts[slot].share)
        for place, key in enumerate(runs["key"]):
            drawn[key], errors[key] = values[:, place], spread[:, place]
            for name in MEASURED:
                columns[name][key] = scores.get(key, example)[name]
            columns["score"][key] = values[0, place]
    frame = grid.frame[grid.frame["key"].isin(drawn.keys())]
    keys = frame["key"].tolist()
    frame = frame.assign(**{name: [of[key] for key in keys] for name, of in columns.items()})
    table = _tidy(grid, frame)
    values, spread = np.array([drawn[k] for k in keys]), np.array([errors[k] for k in keys])
    there = np.array([key in scores for key in keys])
    copies = [_copy(table.frame[there], SEEN, values[there, 0], spread[there, 0])]
    copies += [
        _copy(table.frame, str(copy), values[:, copy], spread[:, copy]) for copy in range(fillings)
    ]
    return replace(table, frame=pd.concat(copies, ignore_index=True))


def _errors(values: Floats, measured: Sequence[Mapping[str, Any]], *, share: bool) -> Floats:
    """Return standard errors for drawn scores, in keeping with those of measured ones."""
    given = np.array([m["stderr"] for m in measured], dtype=np.float64)
    if not share:
        return np.full_like(values, np.nanmean(given) if np.isfinite(given).any() else math.nan)
    scores = np.array([m["score"] for m in measured])
    inside = np.isfinite(given) & (scores > 0) & (scores < 1)
    if not inside.any():
        return np.full_like(values, math.nan)
    ratio = float(np.median(given[inside] ** 2 / (scores * (1 - scores))[inside]))
    return np.asarray(np.sqrt(ratio * values * (1 - values)), dtype=np.float64)


def _copy(frame: pd.DataFrame, name: str, score: Floats, stderr: Floats) -> pd.DataFrame:
    """Return the rows as a study of its own."""
    protocols, keys = frame["protocol"] + f"|{name}", frame["key"] + f"|{name}"
    return frame.assign(protocol=protocols, key=keys, score=score, stderr=stderr)


# --- questions ------------------------------------------------------------------------------


def _analyze(table: Table, kinds: Collection[str]) -> Mapping[str, tuple[Finding, ...]]:
    from espalier.analysis import analyze_each
    from espalier.finding import VERDICTS

    def study(finding: Finding) -> str:
        return finding.protocol.rpartition("|")[2]

    return analyze_each(table, kinds or VERDICTS, study)


def answers(findings: Iterable[Finding]) -> dict[Subject, tuple[str, frozenset[str]]]:
    """Return the answer to each question and the keys it rests on.

    What mixing does at several amounts, and what is forgotten in several mixtures, is one question;
    its answer is every verdict but that of no difference, or this where there is no other.  What
    the table cannot bear, such as growth from a single amount, is no question.
    """
    verdicts: dict[Subject, set[str]] = defaultdict(set)
    rows: dict[Subject, set[str]] = defaultdict(set)
    for f in findings:
        if f.facts.get("of") == "crossover" or f.estimate is None:
            continue
        subject = _subject(f)
        verdicts[subject].add(f.verdict)
        rows[subject].update(str(row).rpartition("|")[0] for row in f.rows)
    return {
        subject: (_answer(said), frozenset(rows[subject])) for subject, said in verdicts.items()
    }


def _subject(f: Finding) -> Subject:
    from espalier.analysis import subject

    *rest, protocol = subject(f)
    return *rest, protocol.partition("|")[0]


def _answer(verdicts: Collection[str]) -> str:
    effects = sorted(set(verdicts) - set(NEITHER))
    return " and ".join(effects) or next(word for word in NEITHER if word in verdicts)


def _judge(
    found: Mapping[str, tuple[Finding, ...]], fillings: int, sure: float
) -> tuple[Question, ...]:
    """Return every question of the full grid, with how many fillings answer as the scores do."""
    now = answers(found.get(SEEN, ()))
    filled = [answers(found[str(copy)]) for copy in range(fillings) if str(copy) in found]
    questions = []
    for subject, (_, rows) in {what: of for f in filled for what, of in f.items()}.items():
        answer = now[subject][0] if subject in now else "undecided"
        said = [f[subject][0] if subject in f else "undecided" for f in filled]
        same = np.mean([word == answer for word in said])
        expected = max(sorted(set(said)), key=lambda w: (said.count(w), w == answer))
        questions.append(
            Question(
                subject=subject,
                answer=answer,
                sure=float(same),
                decided=bool(same >= sure),
                asked=subject in now,
                rows=rows,
                expected=expected,
                likely=said.count(expected) / len(said),
            )
        )
    return tuple(questions)


# --- what to run next -----------------------------------------------------------------------


def _choose(
    grid: Grid,
    asked: Sequence[int],
    scores: Scores,
    forecasts: Mapping[str, Forecast],
    open_: Sequence[Question],
) -> tuple[tuple[int, ...], Subject | None]:
    """Return the next batch, and the open question that it serves most.

    One after the other, the cell that does most for the open questions for its training tokens.
    A question without any finding gains by each of its conditions that is run at all, the more
    the fewer are missing.  Any other counts by how open it is, and gains by what a run takes away
    of the variance of its conditions.
    """
    worth = _Worth(grid, asked, forecasts, open_)
    left = grid.settings.budget * grid.full - grid.cost(asked)
    batch, spent = [], 0.0
    while spent < grid.settings.batch * grid.full:
        cell, cost = worth.best(left - spent)
        if cell is None:
            break
        batch.append(cell)
        spent += cost
    if not batch:
        return (), None
    news = {key for cell in batch for key in grid.cells[cell].measures} - scores.keys()
    serves = max(open_, key=lambda q: (1 - q.sure) * len(q.rows & news) / len(q.rows))
    return tuple(sorted(batch)), serves.subject


class _Worth:
    """What cells not yet asked for are worth; choosing one lowers what those like it are."""

    def __init__(
        self,
        grid: Grid,
        asked: Sequence[int],
        forecasts: Mapping[str, Forecast],
        open_: Sequence[Question],
    ) -> None:
        once = grid.frame.drop_duplicates("key")
        where = {
            key: (slot, int(condition))
            for key, slot, condition in zip(
                once["key"], once["slot"], once["condition"], strict=True
            )
            if slot in forecasts
        }
        self.spread, self.noise, self.wanted = {}, {}, {}
        for slot, expected in forecasts.items():
            unit = float(expected.noise.mean())
            self.spread[slot] = expected.covariance / unit
            self.noise[slot] = expected.noise / unit
            self.wanted[slot] = np.zeros(len(expected.mean))
        self.seen = set(grid.measures(asked))
        run = {where[key] for key in self.seen if key in where}
        self.missing: list[set[tuple[str, int]]] = []
        for question in open_:
            places = {where[key] for key in question.rows if key in where}
            if not question.asked and places - run:
                self.missing.append(places - run)
                continue
            whole = sum(self.spread[slot][place, place] for slot, place in places)
            for slot, place in places:
                self.wanted[slot][place] += (1 - question.sure) / whole
        gone = set(asked)
        self.trained = {key for cell in asked for key in grid.cells[cell].stages}
        self.grid, self.where = grid, where
        self.cells = [cell for cell in range(len(grid.cells)) if cell not in gone]

    def best(self, most: float) -> tuple[int | None, float]:
        """Take the cell of most worth a token that costs at most so many; return its cost."""
        gains = {
            slot: np.square(spread) @ self.wanted[slot] / (spread.diagonal() + self.noise[slot])
            for slot, spread in self.spread.items()
        }
        first: dict[tuple[str, int], float] = defaultdict(float)
        for places in self.missing:
            for place in places:
                first[place] += 1 / len(places)
        best, best_rate, best_cost = None, 0.0, 0.0
        for cell in self.cells:
            cost = self._cost(cell)
            if cost > most:
                continue
            news = set(self._news(cell))
            worth = sum(gains[slot][place] + first.get((slot, place), 0.0) for slot, place in news)
            rate = worth / max(cost, 1.0)
            if rate > best_rate:
                best, best_rate, best_cost = cell, rate, cost
        if best is not None:
            self._take(best)
        return best, best_cost

    def _cost(self, cell: int) -> float:
        stages = self.grid.cells[cell].stages
        return sum(self.grid.tokens[key] for key in stages if key not in self.trained)

    def _news(self, cell: int) -> list[tuple[str, int]]:
        return [
            self.where[key]
            for key in self.grid.cells[cell].measures
            if key not in self.seen and key in self.where
        ]

    def _take(self, cell: int) -> None:
        """Count a cell as run: what it measures is known better, and what is like it."""
        for slot, place in self._news(cell):
            for places in self.missing:
                places.discard((slot, place))
            spread = self.spread[slot]
            column = spread[:, place].copy()
            spread -= np.outer(column, column) / (column[place] + self.noise[slot][place])
        self.seen.update(self.grid.cells[cell].measures)
        self.trained.update(self.grid.cells[cell].stages)
        self.cells.remove(cell)


# --- the study's own ends -------------------------------------------------------------------


def scores_of(plan: Plan, store: Store) -> Scores:
    """Return what was measured so far, by key."""
    found: dict[str, Mapping[str, Any]] = {}
    for m in plan.measurements:
        if m.score.key not in found and store.has(m.score):
            read = read_json(store.path(m.score) / "score.json")
            found[m.score.key] = {name: read.get(name) for name in MEASURED}
    return found


def steps_of(plan: Plan, grid: Grid, asked: Sequence[int]) -> dict[Key, Step]:
    """Return the steps of the cells asked for and of the untuned models, parents first."""
    keys = grid.measures(asked)
    wanted = {
        step.key for m in plan.measurements if m.score.key in keys for step in m.score.ancestry()
    }
    return {key: step for key, step in plan.steps.items() if key in wanted}


def left_open(last: Look) -> tuple[Open, ...]:
    """Return the questions that are open when a run ends, as its sidecar names them."""
    from espalier.results import Open

    names = ("kind", "ability", "model", "metric", "suite", "about", "protocol")
    return tuple(
        Open(
            **dict(zip(names, q.subject, strict=True)),
            sure=q.sure,
            expected=q.expected,
            likely=q.likely,
        )
        for q in last.questions
        if not q.decided
    )


def reasons(grid: Grid, asked: Sequence[int], last: Look) -> dict[Key, str]:
    """Return, for each training stage that was not asked for, why it was not."""
    open_ = {key for q in last.questions if not q.decided for key in q.rows}
    trained = {key for cell in asked for key in grid.cells[cell].stages}
    told: dict[Key, str] = {}
    for cell in grid.cells:
        needed = not open_.isdisjoint(cell.measures)
        for key in map(Key, cell.stages):
            if key not in trained and (needed or key not in told):
                told[key] = f"adaptive: {last.why}" if needed else "not needed: decided without it"
    return told
