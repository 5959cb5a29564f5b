"""What a base can do before any tuning, for its card: every task, asked in two ways.

*Untuned*, as a study measures it: a conversation, judged by the task's first scorer.  *Shown*, with
training rows before each question as raw text, which is what a base has read: the likeliest option
where one is chosen, else the task's first scorer, where a reply is one line.  Together
they tell whether a task begins at chance, and whether what it needs is there to be tuned.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from espalier.ability import Ability, Item, Reply, Scorer, Use, abilities, scorers
from espalier.backend import LM, backends
from espalier.step import Site
from espalier.tunnel.task import tasks

SHOTS = 5

_LETTERS = Use(scorer="choice", options={"by": "likelihood", "at": "whole"})


@dataclass(frozen=True, kw_only=True)
class Measured:
    """A score of a base with its 95 % interval (Wilson's, over the items)."""

    task: str
    shots: int
    metric: str
    score: float
    low: float
    high: float
    chance: float | None
    items: int


def measure(
    folder: Path, *, world: int = 0, items: int = 200, only: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """Return what the base in `folder` scores on every task of a world, untuned and shown."""
    with backends["hf"].load(folder, site=Site()) as lm:
        return [asdict(each) for each in _measured(lm, world, items, only or tuple(tasks))]


def table(scores: Sequence[dict[str, Any]]) -> str:
    """Return the scores as a table in Markdown, a line for each task."""
    lines = [f"| task | untuned | shown {SHOTS} rows | chance |", "|---|---|---|---|"]
    for task in dict.fromkeys(score["task"] for score in scores):
        own = {score["shots"]: score for score in scores if score["task"] == task}
        chance = next((s["chance"] for s in own.values() if s["chance"] is not None), None)
        cells = [task, *(_cell(own.get(shots)) for shots in (0, SHOTS))]
        lines.append(f"| {' | '.join(cells)} | {'' if chance is None else f'{chance:.2f}'} |")
    return "\n".join(lines)


def _cell(score: dict[str, Any] | None) -> str:
    if score is None:
        return ""
    return f"{score['score']:.2f} ({score['low']:.2f} to {score['high']:.2f})"


def _measured(lm: LM, world: int, items: int, names: Sequence[str]) -> Iterator[Measured]:
    for task in names:
        ability = abilities["tunnel"](task=task, items=items, world=world)
        yield _score(lm, ability, ability.scorers[0], shots=0)
        ability = abilities["tunnel"](
            task=task, items=items, world=world, shots=SHOTS, frame="text"
        )
        if lettered := [item for item in ability.items if "options" in item.facts]:
            ability = replace(ability, items=[_lettered(item) for item in lettered])
            yield _score(lm, ability, _LETTERS, shots=SHOTS)
        elif ability.stop or ability.items[0].candidates:  # else a reply may be of many lines
            yield _score(lm, ability, ability.scorers[0], shots=SHOTS)


def _lettered(item: Item) -> Item:
    """Return the item with a reply for every option as a candidate, the right one first.

    Where several options may be right, a reply is their letters alone.
    """
    options, right = item.facts["options"], item.facts["answer"]
    replies = {letter: f" {option}" for letter, option in zip("ABCD", options, strict=False)}
    if isinstance(right, list):
        replies = {letter: f" {letter}" for letter in replies}
    first = sorted(replies, key=lambda letter: letter not in right)
    return replace(item, candidates=tuple(replies[letter] for letter in first))


def _score(lm: LM, ability: Ability, use: Use, *, shots: int) -> Measured:
    from statsmodels.stats.proportion import proportion_confint

    scorer = scorers[use.scorer](**use.options)
    given = zip(ability.items, _asked(lm, ability, scorer), strict=True)
    scores = (scorer.grade(item, reply).score for item, reply in given)
    scored = [score for score in scores if score is not None]
    chances = [_chance(item, scorer) for item in ability.items]
    known = [chance for chance in chances if chance is not None]
    low, high = proportion_confint(sum(scored), len(scored), method="wilson")
    return Measured(
        task=ability.name,
        shots=shots,
        metric=scorer.metric,
        score=round(sum(scored) / len(scored), 4),
        low=round(float(low), 4),
        high=round(float(high), 4),
        chance=round(sum(known) / len(known), 4) if len(known) == len(chances) else None,
        items=len(scored),
    )


def _chance(item: Item, scorer: Scorer) -> float | None:
    if item.chance is not None or scorer.chance is None:
        return item.chance
    return scorer.chance(item)


def _asked(lm: LM, ability: Ability, scorer: Scorer) -> list[Reply]:
    """Ask as the scorer wants it: for replies, or for the likelihoods of candidates."""
    if scorer.asks == "generate":
        return lm.generate(
            [item.prompt for item in ability.items],
            max_new_tokens=ability.max_new_tokens,
            stop=ability.stop,
        )
    pairs = [(item.prompt, each) for item in ability.items for each in item.candidates]
    found = iter(lm.likelihoods(pairs))
    return [
        Reply(likelihoods=tuple(next(found) for _ in item.candidates)) for item in ability.items
    ]
