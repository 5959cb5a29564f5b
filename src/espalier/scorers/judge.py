"""A judge: another model reads each reply, and rates it or compares it with another model's.

Single: every turn is rated from 1 to 10; an item's score is the mean of its turns, a turn's the
mean of its repeats.  Pair: every turn is compared with the other model's reply in both orders; a
win in both counts 1, a loss in both 0, and anything else is a tie, 0.5.

A judgment that cannot be read enters no score: it is counted, and a turn without any that can be
leaves its item unscored.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from typing import Any

from espalier.ability import Grade, Item, Reply, Scorer
from espalier.errors import MissingError
from espalier.judging import Judge, Judgment, Means, Named, Unanswered, ask, judge_named
from espalier.judging.agreement import mean, of_pairs, of_ratings, outcome
from espalier.judging.options import NAME
from espalier.judging.sheets import Asked, Mode, sheet, unjudged
from espalier.judging.verdicts import rating, verdict

Answered = tuple[Asked, Judgment | Unanswered]


def judge(*, judge: Named = None, mode: Mode = "single", means: Mapping[str, Any] = {}) -> Scorer:
    """Score each reply by what a judge says of it; see `judging.Judge` and `judging.Means`.

    Raises `MissingError` where no judge is named.
    """
    given = {"model": judge} if isinstance(judge, str) else judge
    named = judge_named({**given, **means}) if given else None
    if named is None:
        raise MissingError(
            "no judge is named: give the ability `judge: MODEL` (or {model: ..., endpoint: ...}), "
            f"or set {NAME}"
        )
    every = partial(_grade_all, *named, mode)
    return Scorer(
        metric="judge" if mode == "single" else "win_rate",
        asks="generate",
        grade=lambda item, reply: next(iter(every([(item, reply)]))),
        grade_all=every,
        remark=of_ratings if mode == "single" else of_pairs,
    )


def _grade_all(
    judge: Judge, means: Means, mode: Mode, pairs: Sequence[tuple[Item, Reply]]
) -> Iterator[Grade]:
    """Yield a grade for each reply, in order; all replies' requests are asked together."""
    reasons = [unjudged(item, reply, mode) for item, reply in pairs]
    sheets = [
        () if reason else sheet(item, reply, mode=mode, repeats=judge.repeats)
        for (item, reply), reason in zip(pairs, reasons, strict=True)
    ]
    given = ask(judge, means, [one.request for asked in sheets for one in asked])
    grade = _rated if mode == "single" else _compared
    for asked, reason in zip(sheets, reasons, strict=True):
        if reason:
            yield Grade(score=None, reason=reason)
        else:
            yield grade(list(zip(asked, islice(given, len(asked)), strict=True)))


def _rated(answered: Sequence[Answered]) -> Grade:
    """Return the mean over the turns of one reply."""
    turns = _by_turn([(one, rating(_said(given))) for one, given in answered])
    return _graded(turns, [mean(ratings) for ratings in turns], answered, "rating")


def _compared(answered: Sequence[Answered]) -> Grade:
    """Return the mean over the turns of one reply; both orders of a comparison stand together."""
    flat = _by_turn([(one, _outcome(one, given)) for one, given in answered])
    turns = [[turn[i : i + 2] for i in range(0, len(turn), 2)] for turn in flat]
    worth = [mean(outcome(game) for game in turn) for turn in turns]
    return _graded(turns, worth, answered, "verdict")


def _outcome(asked: Asked, given: Judgment | Unanswered) -> str | None:
    """Return what a verdict means for the model that is measured."""
    ours, theirs = ("B", "A") if asked.swapped else ("A", "B")
    names = {ours: "win", theirs: "loss", "tie": "tie"}
    said = verdict(_said(given))
    return names[said] if said else None


def _graded(
    turns: list[Any], scores: list[float | None], answered: Sequence[Answered], what: str
) -> Grade:
    """Return the grade of an item whose turns all have a score, or why it has none."""
    extracted = json.dumps(turns)
    if None not in scores:
        words = [_said(given) for one, given in answered if not one.repeat and not one.swapped]
        return Grade(score=mean(scores), extracted=extracted, reason="\n---\n".join(words))
    turn = scores.index(None)
    lost = next(given for one, given in answered if one.turn == turn and not _readable(given, what))
    return Grade(score=None, extracted=extracted, reason=f"turn {turn + 1}: {_why(lost, what)}")


def _readable(given: Judgment | Unanswered, what: str) -> bool:
    read = rating if what == "rating" else verdict
    return read(_said(given)) is not None


def _why(given: Judgment | Unanswered, what: str) -> str:
    if isinstance(given, Unanswered):
        return f"the judge gave no answer: {given.reason}"
    cut = ", cut at `max_tokens`" if given.finish == "length" else ""
    return f"the judge's reply has no {what}{cut}: {' '.join(given.text.split())[-120:]}"


def _by_turn(values: Sequence[tuple[Asked, Any]]) -> list[list[Any]]:
    """Group values by their turn, whole numbers written as such."""
    turns: list[list[Any]] = [[] for _ in range(1 + max(one.turn for one, _ in values))]
    for one, value in values:
        whole = isinstance(value, float) and value.is_integer()
        turns[one.turn].append(int(value) if whole else value)
    return turns


def _said(given: Judgment | Unanswered) -> str:
    return given.text if isinstance(given, Judgment) else ""
