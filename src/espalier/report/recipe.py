"""The recommended recipe as a reader wants it: what to train on, what it should score, how sure.

It reads a `Recommendation` as JSON values and computes nothing: counts, scores and regrets are the
engine's.  A refusal is said first and aloud.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from espalier.report.facts import Verified
from espalier.report.lookup import measured, title, unit
from espalier.report.numbers import Unit, fraction, plain
from espalier.report.view import View
from espalier.report.words import Words

Told = Mapping[str, Any]

PERCENT = "\u00a0%"


@dataclass(frozen=True, kw_only=True)
class Part:
    """One source's rows in a stage."""

    source: str
    rows: str
    share: float
    """Of the stage."""
    colour: str


@dataclass(frozen=True, kw_only=True)
class Stage:
    """What one stage trains on, as a bar."""

    name: str
    parts: tuple[Part, ...]
    share: float
    """Of the largest stage, which is as long as the bar can be."""


@dataclass(frozen=True, kw_only=True)
class Side:
    """A table beside the recipe, folded where it is not the answer itself."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    folded: bool = True


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything the section says."""

    headline: str
    stages: tuple[Stage, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    refused: str = ""
    cautions: tuple[str, ...] = ()
    """What lies beyond the measured region, and other warnings."""
    rests: str = ""
    sides: tuple[Side, ...] = ()


def choices(told: Told) -> list[Told]:
    """Return the recommended recipe, if there is one, and the baselines."""
    return [c for c in (told.get("choice"), *(told.get("baselines") or ())) if c]


def label(choice: Told, words: Words) -> str:
    """Name a recipe in the page's language; a front's own label stays as it is."""
    name = f"recipe.{choice['label']}"
    return words(name) if name in words else str(choice["label"])


def recipe(view: View, told: Told, words: Words, verified: Sequence[Verified] = ()) -> Recipe:
    """Return the section's words, bars and tables."""
    choice = told.get("choice")
    sides = (
        _beside(view, told, words),
        _verified(view, verified, words),
        _next(told, words),
        _transfer(told, words),
        _fit(told, words),
    )
    return Recipe(
        headline=_headline(told, choice, words),
        stages=_stages(choice, words) if choice else (),
        facts=tuple(_facts(told, choice, words)) if choice else (),
        refused=words.reason(told.get("refused") or "") if not choice else "",
        cautions=tuple(
            words.reason(said) for said in (*told.get("beyond", ()), *told.get("warnings", ()))
        ),
        rests=_rests(told, words),
        sides=tuple(side for side in sides if side and side.rows),
    )


def _headline(told: Told, choice: Told | None, words: Words) -> str:
    if not choice:
        return words("recommendation.refused", model=told["model"])
    total = sum(choice["amounts"].values())
    return words(
        "recommendation.headline",
        model=told["model"],
        rows=words.rows(total),
        amounts=words.names(
            words("recommendation.amount", source=source, n=f"{n:,.0f}")
            for source, n in choice["amounts"].items()
            if n
        ),
        strategy=words.strategy(choice),
    )


def _stages(choice: Told, words: Words) -> tuple[Stage, ...]:
    """Draw each stage as a bar; a strategy without stages is one stage of everything."""
    stages = [s for s in choice.get("stages") or (choice["amounts"],) if sum(s.values())]
    names = dict.fromkeys([*choice["amounts"], *(source for s in stages for source in s)])
    tones = {source: f"c{place % 8}" for place, source in enumerate(names)}
    most = max((sum(s.values()) for s in stages), default=1)
    return tuple(
        Stage(
            name=words("recommendation.stage", n=place) if len(stages) > 1 else "",
            share=sum(stage.values()) / most,
            parts=tuple(
                Part(
                    source=source,
                    rows=f"{n:,.0f}",
                    share=n / sum(stage.values()),
                    colour=tones[source],
                )
                for source, n in stage.items()
                if n
            ),
        )
        for place, stage in enumerate(stages, 1)
    )


def _facts(told: Told, choice: Told, words: Words) -> Iterator[tuple[str, str]]:
    write = Unit(True, words("unit.points"), words("unit.to"))
    if told.get("budget"):
        yield words("recommendation.budget"), _amounts(told["budget"], words)
    if choice.get("k") is not None:
        yield "k", fraction(choice["k"])
    if told.get("regret") is not None:
        size = write.difference(told["regret"]).lstrip("+")
        yield words("recommendation.regret"), size
        if told.get("regret_interval"):
            ends = write.difference_interval(told["regret_interval"]).replace("+", "")
            yield words("recommendation.regret.interval"), ends
    if told.get("best_probability") is not None:
        yield words("recommendation.probability"), _sure(told["best_probability"])
    if told.get("floor_cost") is not None:
        yield words("recommendation.floor_cost"), _given_up(told, write, words)


def _sure(probability: float) -> str:
    """Write a probability; the draws that it is counted from never make one sure."""
    return ">99%" if probability > 0.99 else f"{probability:.0%}"


def _given_up(told: Told, write: Unit, words: Words) -> str:
    """Say what the floors cost, and what would be trained without them."""
    size = write.difference(told["floor_cost"])
    if told.get("floor_cost_interval"):
        size += f" ({write.difference_interval(told['floor_cost_interval'])})"
    free = told.get("without_floors")
    if not free:
        return size
    other = words.clauses(words.amounts(free["amounts"]), words.strategy(free))
    return words("recommendation.without_floors", cost=size, recipe=other)


def _amounts(amounts: Mapping[str, float], words: Words) -> str:
    """Write `10,000 rows`, `4 GPU hours`: names of budgets are translated where they are known."""
    return words("list.comma").join(
        f"{n:,.10g} {words(f'budget.{name}') if f'budget.{name}' in words else name}"
        for name, n in amounts.items()
    )


def _rests(told: Told, words: Words) -> str:
    """Say what it rests on, and the region in which it was measured."""
    said = []
    on = told.get("rests_on") or {}
    if on:
        counts = words("list.comma").join(
            f"{n:,} {words(f'rests.{name}') if f'rests.{name}' in words else name}"
            for name, n in on.items()
        )
        said.append(words("recommendation.rests", counts=counts))
    if region := told.get("region"):
        spans = words("list.comma").join(
            f"{source} {low:,.0f} {words('unit.to')} {high:,.0f}"
            for source, (low, high) in region.items()
        )
        said.append(words("recommendation.region", spans=spans))
    if weights := told.get("utility"):
        shares = words("list.comma").join(f"{name} {w:g}" for name, w in weights.items())
        said.append(words("recommendation.utility", weights=shares))
    if floors := told.get("floors"):
        shares = words("list.comma").join(f"{name} {v:g}" for name, v in floors.items())
        said.append(words("recommendation.floors", floors=shares))
    return words.sentences(said)


def _beside(view: View, told: Told, words: Words) -> Side | None:
    """Set the recipe beside the baselines: rows, strategy, expected scores, utility."""
    every = choices(told)
    if not every:
        return None
    expected = {(e["ability"], e["metric"]): e for c in every for e in c["expected"]}
    write = Unit(True, words("unit.points"), words("unit.to"))
    rows = []
    for c in every:
        scores = {(e["ability"], e["metric"]): e for e in c["expected"]}
        basis = "recipe.measured" if c["measured"] else "recipe.foretold"
        rows.append(
            (
                label(c, words),
                *(_score(view, scores.get(name), words) for name in expected),
                _within(write, c["utility"], c.get("utility_interval")),
                words(basis),
                words.amounts(c["amounts"]),
                words.strategy(c),
                _amounts(c.get("cost") or {}, words),
                words.reason(c.get("note") or ""),
            )
        )
    heads = [
        title(m, view) if (m := measured(e, view)) else e["ability"] for e in expected.values()
    ]
    columns = (
        words("tip.recipe"),
        *heads,
        words("recipe.utility"),
        words("recipe.basis"),
        words("tip.amounts"),
        words("tip.strategy"),
        words("recipe.cost"),
        words("recipe.note"),
    )
    return _side(words("recommendation.beside"), columns, rows, folded=False)


def _score(view: View, e: Told | None, words: Words) -> str:
    if e is None:
        return "–"
    text = _within(unit(e, view, words), e["score"], e.get("interval"))
    if e.get("floor_probability") is not None:
        text += " " + words("recipe.floor", sure=f"{e['floor_probability']:.0%}")
    return text


def _within(write: Unit, score: float, interval: Sequence[float] | None) -> str:
    """Write `63.5 % (58.1 to 68.6)`."""
    if not interval:
        return write.score(score)
    return f"{write.score(score)} ({write.score_interval(interval).removesuffix(PERCENT)})"


def _verified(view: View, verified: Sequence[Verified], words: Words) -> Side | None:
    """Set predicted beside measured, and say whether the interval held."""
    rows = []
    for v in verified:
        write = unit({"ability": v.ability, "metric": v.metric}, view, words)
        held = ""
        if v.interval:
            inside = v.interval[0] <= v.measured <= v.interval[1]
            held = words("verified.inside" if inside else "verified.outside")
        rows.append(
            (
                label({"label": v.label}, words),
                v.ability,
                write.score(v.predicted),
                write.score_interval(v.interval),
                write.score(v.measured),
                write.score_interval(v.measured_interval),
                write.difference(v.measured - v.predicted),
                held,
            )
        )
    columns = (
        *(words("tip.recipe"), words("tip.ability"), words("verified.predicted")),
        *(words("tip.interval"), words("verified.measured"), words("tip.interval")),
        *(words("verified.gap"), words("verified.held")),
    )
    return _side(words("verified.title"), columns, rows, folded=False)


def _next(told: Told, words: Words) -> Side | None:
    write = Unit(True, words("unit.points"), words("unit.to"))
    rows = [
        (
            words.amounts(run["amounts"]),
            words.strategy(run),
            str(run["model"]),
            str(run["seeds"]),
            write.difference(run["regret_saved"]).lstrip("+"),
            words.reason(run["why"]),
        )
        for run in told.get("next_runs") or ()
    ]
    columns = (
        *(words("tip.amounts"), words("tip.strategy"), words("tip.model"), words("tip.seeds")),
        *(words("next.saved"), words("left_out.why")),
    )
    return _side(words("next.title"), columns, rows)


def _transfer(told: Told, words: Words) -> Side | None:
    rows = []
    for one in told.get("transfer") or ():
        verdict = f"transfer.{one['verdict']}"
        span = one.get("interval")
        rows.append(
            (
                f"{one['smaller']} → {one['larger']}",
                plain(one.get("rank_agreement")),
                f" {words('unit.to')} ".join(plain(v) for v in span) if span else "–",
                str(one["cells"]),
                words(verdict) if verdict in words else str(one["verdict"]),
                words.reason(one.get("why") or ""),
            )
        )
    columns = (
        *(words("tip.model"), words("transfer.tau"), words("tip.interval"), words("tip.cells")),
        *(words("test.verdict"), words("left_out.why")),
    )
    return _side(words("transfer.title"), columns, rows)


def _fit(told: Told, words: Words) -> Side | None:
    """List what the engine says of each ability's surface, under its own names."""
    about = {n: v for n, v in (told.get("fit") or {}).items() if isinstance(v, Mapping)}
    fields = list(dict.fromkeys(field for v in about.values() for field in v))
    rows = [(str(n), *(_told(v.get(f), words) for f in fields)) for n, v in about.items()]
    heads = (words(f"fit.{f}") if f"fit.{f}" in words else str(f) for f in fields)
    return _side(words("fit.title"), (words("tip.ability"), *heads), rows)


def _told(value: Any, words: Words) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return words("yes" if value else "no")
    if isinstance(value, int | float):
        return plain(value)
    if isinstance(value, Mapping):
        return ", ".join(f"{n} {_told(v, words)}" for n, v in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(_told(v, words) for v in value)
    return words.reason(str(value))


def _side(
    title: str, columns: tuple[str, ...], rows: Sequence[tuple[str, ...]], *, folded: bool = True
) -> Side | None:
    """Return the table without columns that are empty in every row."""
    if not rows:
        return None
    kept = [i for i in range(len(columns)) if any(row[i] not in ("", "–") for row in rows)]
    return Side(
        title=title,
        columns=tuple(columns[i] for i in kept),
        rows=tuple(tuple(row[i] for i in kept) for row in rows),
        folded=folded,
    )
