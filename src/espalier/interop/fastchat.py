"""FastChat's files: `model_answer` and `model_judgment`, written and read.

    DIR/mt_bench/model_answer/MODEL.jsonl            replies, a row a question
    DIR/mt_bench/model_judgment/JUDGE_single.jsonl   ratings, a row a turn, all models in one file
    DIR/mt_bench/model_judgment/JUDGE_pair.jsonl     comparisons, a row a turn, in both orders

Judgments that others have paid for are read into scores without asking anybody.  FastChat writes a
rating that it could not read as -1 and its winner as "error"; here they are unscored.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from espalier.ability import Ability, Grade, Item, Reply, Scorer
from espalier.errors import DataError
from espalier.files import write_whole
from espalier.judging import Answers, Judge, Judgment, Means
from espalier.judging.agreement import mean, of_pairs, of_ratings, outcome
from espalier.judging.sheets import Asked, Mode, brief, sheet, unjudged
from espalier.judging.verdicts import HIGHEST, LOWEST, rating, verdict
from espalier.records import BadRow, records
from espalier.scoring import GradedRow, grade_all, summary

if TYPE_CHECKING:
    import pandas as pd

Row = dict[str, Any]
Replies = Mapping[str, Reply]
"""Item -> its reply."""

LOST = -1
"""FastChat's rating where it could not read one."""


def write_answers(
    folder: Path, model: str, items: Sequence[Item], replies: Replies, *, at: float
) -> Path:
    """Write `model_answer` of one model; `at` is when it answered, in seconds since 1970.

    Rows of other questions that the file already has stay in it.
    """
    rows = [
        {
            "question_id": number(item),
            "answer_id": _short_id(model, item.id, *replies[item.id].texts),
            "model_id": model,
            "choices": _choices(item, replies[item.id]),
            "tstamp": at,
        }
        for item in items
        if item.id in replies
    ]
    return _merged(folder / "model_answer" / f"{_file_name(model)}.jsonl", rows)


def write_judgments(
    folder: Path,
    model: str,
    items: Sequence[Item],
    replies: Replies,
    *,
    judge: Judge,
    means: Means,
    mode: Mode,
) -> Path:
    """Write `model_judgment` of one model from what the judge's cache holds; nobody is asked.

    Rows of other models and questions that the file already has stay in it.
    """
    kept = Answers(judge, means)
    rows: list[Row] = []
    for item in items:
        reply = replies.get(item.id)
        if reply is None or unjudged(item, reply, mode):
            continue
        asked = sheet(item, reply, mode=mode, repeats=judge.repeats)
        given = [(one, found) for one in asked if (found := kept.find(one.request))]
        if mode == "single":
            rows += [_rated(item, model, judge, one, found) for one, found in given]
        else:
            rows += _compared(item, model, judge, given)
    file = folder / "model_judgment" / f"{_file_name(judge.model)}_{mode}.jsonl"
    return _merged(file, rows)


def is_judgments(file: Path) -> bool:
    """Say whether a file of JSON lines holds FastChat's judgments."""
    first = next((record for _, record in records(file)), None)
    return isinstance(first, Mapping) and "judge" in first and "question_id" in first


@dataclass(frozen=True, kw_only=True)
class Judged:
    """What a file of judgments says of one model."""

    model: str
    judge: str
    rows: list[GradedRow]
    """One graded row for each item, in the ability's order."""
    summary: dict[str, Any]


def read_judgments(ability: Ability, file: Path) -> tuple[list[Judged], list[BadRow]]:
    """Return the scores of every model, judge and opponent in `file`, and the rows left out.

    Several judgments of one turn are repeats.  Raises `DataError` where no row is of the ability.
    """
    numbers = {str(number(item)): item.id for item in ability.items}
    found: dict[tuple[str, str, Mode], dict[str, list[Row]]] = {}
    left_out = []
    for line, record in records(file):
        try:
            which, item = _recognised(record, numbers)
            found.setdefault(which, defaultdict(list))[item].append(dict(record))  # type: ignore[arg-type]
        except DataError as error:
            left_out.append(BadRow(file=str(file), line=line, why=str(error)))
    if not found:
        first = f"; {left_out[0]}" if left_out else ""
        raise DataError(f"{file}: no judgment of {ability.name}'s items{first}")
    judged = [_judged(ability, *which, rows) for which, rows in found.items()]
    return judged, left_out


def table(ability: Ability, judged: Sequence[Judged]) -> pd.DataFrame:
    """Return judgments made elsewhere as rows of the results table: models as they are."""
    import pandas as pd

    from espalier.results import COLUMNS

    taken = ("metric", "score", "stderr", "n", "chance", "higher_is_better")
    rows = [
        {"model": one.model, "strategy": "base", "design": "base", "stage": 0, "stages": 0}
        | {"amounts": "{}", "protocol": "epochs", "ability": ability.name, "role": "out"}
        | {"split": "test", "suite": ability.suite or ability.name, "seed": 0, "data_seed": 0}
        | {"key": _short_id(one.model, one.judge, json.dumps(one.rows))}
        | {name: one.summary[name] for name in taken}
        for one in judged
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def number(item: Item) -> int | str:
    """Return FastChat's `question_id` of an item: the last part of its id."""
    last = item.id.rpartition("/")[2]
    return int(last) if last.isdecimal() else last


def _choices(item: Item, reply: Reply) -> list[Row]:
    """Return the turns of one sample, or one turn of each of several samples."""
    if item.followups or not reply.more:
        return [{"index": 0, "turns": list(reply.texts)}]
    return [{"index": index, "turns": [text]} for index, text in enumerate(reply.texts)]


def _rated(item: Item, model: str, judge: Judge, asked: Asked, given: Judgment) -> Row:
    value = rating(given.text)
    return {
        "question_id": number(item),
        "model": model,
        "judge": [judge.model, asked.prompt],
        "user_prompt": asked.request.messages[-1]["content"],
        "judgment": given.text,
        "score": LOST if value is None else _plain(value),
        "turn": asked.turn + 1,
        "tstamp": given.asked,
    }


def _compared(
    item: Item, model: str, judge: Judge, given: Sequence[tuple[Asked, Judgment]]
) -> Iterator[Row]:
    """Yield one row for both orders of each comparison."""
    rival = brief(item).against
    for (turn, _), both in groupby(given, key=lambda pair: (pair[0].turn, pair[0].repeat)):
        games = list(both)
        if len(games) < 2 or rival is None:
            continue
        row: Row = {"question_id": number(item), "model_1": model, "model_2": rival.model}
        for name, (asked, answer) in zip(("g1", "g2"), games, strict=True):
            row[f"{name}_winner"] = _winner(asked, answer)
            row[f"{name}_user_prompt"] = asked.request.messages[-1]["content"]
            row[f"{name}_judgment"] = answer.text
        row["judge"] = [judge.model, games[0][0].prompt]
        yield row | {"turn": turn + 1, "tstamp": games[-1][1].asked}


def _winner(asked: Asked, given: Judgment) -> str:
    first, second = ("model_2", "model_1") if asked.swapped else ("model_1", "model_2")
    names = {"A": first, "B": second, "tie": "tie"}
    return names.get(verdict(given.text) or "", "error")


def _recognised(
    record: Mapping[str, Any] | str, numbers: Mapping[str, str]
) -> tuple[tuple[str, str, Mode], str]:
    """Return (model, judge, mode) and the item of a row, or raise `DataError` with the reason."""
    if isinstance(record, str):
        raise DataError(record)
    item = numbers.get(str(record.get("question_id")))
    if item is None:
        raise DataError(f"no item is number {record.get('question_id')}")
    judge = record.get("judge")
    name = str(judge[0]) if isinstance(judge, list) and judge else str(judge)
    match record:
        case {"model": str(model), "score": int() | float(), "turn": int()}:
            return (model, name, "single"), item
        case {"model_1": str(one), "model_2": str(two), "g1_winner": str(), "g2_winner": str()}:
            return (f"{one} against {two}", name, "pair"), item
    raise DataError("neither {model, score, turn} nor {model_1, model_2, g1_winner, g2_winner}")


def _judged(
    ability: Ability, model: str, judge: str, mode: Mode, rows: Mapping[str, list[Row]]
) -> Judged:
    """Grade every item by its rows, as if this judge had been asked."""
    read = _read_rating if mode == "single" else _read_pair
    scorer = Scorer(
        metric="judge" if mode == "single" else "win_rate",
        asks="generate",
        grade=lambda item, _: _grade(item, rows[item.id], mode, read),
        remark=of_ratings if mode == "single" else of_pairs,
    )
    given = [Reply(text=None) if item.id in rows else None for item in ability.items]
    graded = list(grade_all(ability.items, given, scorer))
    return Judged(model=model, judge=judge, rows=graded, summary=summary(graded, scorer))


def _grade(item: Item, rows: Sequence[Row], mode: Mode, read: Any) -> Grade:
    turns: list[list[Any]] = [[] for _ in range(1 + len(item.followups))]
    for row in rows:
        turn = row.get("turn", 1) - 1
        if 0 <= turn < len(turns):
            turns[turn].append(read(row))
    worth = [mean(t if mode == "single" else map(outcome, t)) for t in turns]
    extracted = json.dumps(turns)
    if None in worth:
        turn = worth.index(None) + 1
        return Grade(score=None, extracted=extracted, reason=f"turn {turn}: no readable judgment")
    said = [str(row["judgment"]) for row in rows if row.get("judgment")]
    return Grade(score=mean(worth), extracted=extracted, reason="\n---\n".join(said) or None)


def _read_rating(row: Row) -> float | int | None:
    return _plain(row["score"]) if LOWEST <= row["score"] <= HIGHEST else None


def _read_pair(row: Row) -> list[str | None]:
    names = {"model_1": "win", "model_2": "loss", "tie": "tie"}
    return [names.get(row["g1_winner"]), names.get(row["g2_winner"])]


def _plain(value: float) -> float | int:
    return int(value) if float(value).is_integer() else value


def _short_id(*parts: str) -> str:
    """Return FastChat's kind of id, the same for the same answer."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:22]


def _file_name(model: str) -> str:
    return re.sub(r"[^\w.-]+", "-", model)


def _merged(file: Path, rows: Sequence[Row]) -> Path:
    """Write rows in place of those that `file` has of the same models and questions."""
    ours = {_about(row) for row in rows}
    before = [record for _, record in records(file)] if file.exists() else []
    others = [one for one in before if isinstance(one, Mapping) and _about(one) not in ours]
    write_whole(
        file, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in [*others, *rows])
    )
    return file


def _about(row: Mapping[str, Any]) -> tuple[str, ...]:
    """Return whose answer to what a row is about."""
    names = ("question_id", "model_id", "model", "model_1", "model_2")
    return tuple(str(row.get(name)) for name in names)
