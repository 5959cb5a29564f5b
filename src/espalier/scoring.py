"""Grading: replies become graded rows, and graded rows become one number with its error.

Grading needs no model.  A study grades what its `Answer` steps kept; `score_replies` grades replies
that were made elsewhere.  An item that cannot be graded is unscored: it is counted and left out of
the mean, never taken for zero.
"""

from __future__ import annotations

import json
import math
import statistics
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import ConfigDict, ValidationError, validate_call

from espalier.ability import Ability, Grade, Item, Prompt, Reply, Scorer, Use, abilities, scorers
from espalier.errors import DataError, SpecError, choices
from espalier.files import write_whole
from espalier.records import BadRow, records

GradedRow = dict[str, Any]
"""item, prompt, reply, target, extracted, score (None: unscored), chance, cluster, reason."""


def make_ability(use: str, options: Mapping[str, Any]) -> Ability:
    """Return the shelf's ability with these options, or refuse them in one line."""
    ability: Ability = _called(f"ability {use}", abilities[use], options)
    ids = [item.id for item in ability.items]
    if not ids:
        raise DataError(f"ability {use}: there are no items to ask")
    if len(set(ids)) < len(ids):
        twice = next(name for name in ids if ids.count(name) > 1)
        raise DataError(f"ability {use}: two items are called '{twice}'")
    if ability.samples > 1 and any(not i.temperature or i.followups for i in ability.items):
        raise SpecError(
            f"ability {use}: {ability.samples} samples of each item need a temperature above 0, "
            "and items of a single turn"
        )
    return ability


def make_scorer(use: Use) -> Scorer:
    """Return the shelf's scorer with its options, or refuse them in one line."""
    scorer: Scorer = _called(
        f"scorer {use.scorer}", scorers[use.scorer], {**use.options, **use.means}
    )
    return scorer


def grade(item: Item, reply: Reply | None, scorer: Scorer) -> GradedRow:
    """Grade one reply; `None` is a reply that was never made."""
    given = Grade(score=None, reason="no reply") if reply is None else scorer.grade(item, reply)
    return _row(item, reply, given, scorer)


def grade_all(
    items: Sequence[Item], replies: Sequence[Reply | None], scorer: Scorer
) -> Iterator[GradedRow]:
    """Yield a graded row for each item; a scorer that grades many at once is given all of them."""
    if scorer.grade_all is None:
        for item, reply in zip(items, replies, strict=True):
            yield grade(item, reply, scorer)
        return
    pairs = list(zip(items, replies, strict=True))
    given = iter(scorer.grade_all([(i, r) for i, r in pairs if r is not None]))
    for item, reply in pairs:
        yield grade(item, None, scorer) if reply is None else _row(item, reply, next(given), scorer)


def _row(item: Item, reply: Reply | None, given: Grade, scorer: Scorer) -> GradedRow:
    if given.score is not None and not math.isfinite(given.score):
        given = replace(given, score=None, reason=f"the score is {given.score}")
    return {
        "item": item.id,
        "prompt": prompt_text(item.prompt),
        "reply": _said(reply),
        "target": item.target,
        "extracted": given.extracted,
        "score": given.score,
        "chance": _chance(item, scorer),
        "cluster": item.cluster,
        "reason": given.reason,
    }


def summary(rows: Sequence[GradedRow], scorer: Scorer) -> dict[str, Any]:
    """Return the mean score of graded rows with its standard error, in the table's words."""
    scored = [row for row in rows if row["score"] is not None]
    chances = [row["chance"] for row in scored]
    clusters = _clusters(scored) if scorer.average == "clusters" else []
    means = [math.fsum(scores) / len(scores) for scores in clusters]
    return {
        "metric": scorer.metric,
        "score": _mean(means or [row["score"] for row in scored]),
        "stderr": _spread(means) if clusters else _stderr(scored),
        "n": len(scored),
        "unscored": len(rows) - len(scored),
        "chance": None if None in chances else _mean(chances),
        "higher_is_better": scorer.higher_is_better,
    } | ({"remark": said} if scorer.remark and (said := scorer.remark(rows)) else {})


def _chance(item: Item, scorer: Scorer) -> float | None:
    """Return what guessing scores: what the item says, else what the scorer knows of it."""
    if not scorer.higher_is_better:  # a loss has none
        return None
    if item.chance is not None or scorer.chance is None:
        return item.chance
    return scorer.chance(item)


def prompt_text(prompt: Prompt) -> str:
    """Return a prompt as text: raw text as it is, a conversation as JSON."""
    return prompt if isinstance(prompt, str) else json.dumps(prompt, ensure_ascii=False)


@dataclass(frozen=True, kw_only=True)
class Graded:
    """Replies made elsewhere, graded."""

    rows: Mapping[str, list[GradedRow]]
    """Metric -> one graded row for each item, in the ability's order."""
    summaries: tuple[dict[str, Any], ...]
    left_out: tuple[BadRow, ...]
    """Rows of the file that answer no item, or one that already has its reply."""
    missing: tuple[str, ...]
    """Items without a reply; they are unscored."""
    not_graded: tuple[str, ...]
    """Metrics that need a model's likelihoods, so that replies alone cannot be graded."""

    def write(self, out: Path) -> None:
        """Write the graded rows as JSON lines, each with its metric."""
        lines = (
            json.dumps({"metric": metric} | row, ensure_ascii=False)
            for metric, rows in self.rows.items()
            for row in rows
        )
        write_whole(out, "".join(f"{line}\n" for line in lines))


def score_replies(ability: Ability, replies: Path) -> Graded:
    """Grade a file of replies to the items of `ability`, with no model at hand.

    Each row has `reply`, a text or a list of them (samples, or the replies to each turn), and says
    what it answers: `item` (or `id`), or else the text of the `question` (or `prompt`); or it is a
    row of FastChat's `model_answer`.  Raises `DataError` where no row answers any item.
    """
    made = [(use, make_scorer(use)) for use in ability.scorers]
    graders = [scorer for _, scorer in made if scorer.asks == "generate"]
    if not graders:
        raise DataError(f"ability {ability.name} is measured by likelihoods, not by replies")
    found, left_out = match(ability.items, replies)
    if not found:
        first = f"; {left_out[0]}" if left_out else ""
        raise DataError(
            f"{replies}: no row answers an item of {ability.name}{first}; its items are called "
            f"like '{ability.items[0].id}'"
        )
    given = [found.get(item.id) for item in ability.items]
    rows = {scorer.metric: list(grade_all(ability.items, given, scorer)) for scorer in graders}
    return Graded(
        rows=rows,
        summaries=tuple(summary(rows[scorer.metric], scorer) for scorer in graders),
        left_out=tuple(left_out),
        missing=tuple(item.id for item in ability.items if item.id not in found),
        not_graded=tuple(scorer.metric for _, scorer in made if scorer.asks != "generate"),
    )


def match(items: Sequence[Item], file: Path) -> tuple[dict[str, Reply], list[BadRow]]:
    """Return the first reply in `file` to each item, and the rows that are none."""
    asked = defaultdict(list)
    for item in items:
        asked[_squeezed(_question(item.prompt))].append(item.id)
    known = {item.id for item in items}
    found: dict[str, Reply] = {}
    left_out = []
    for line, record in records(file):
        try:
            name, reply = _reply(record, known, asked)
            if name in found:
                raise DataError(f"a second reply to '{name}'; the first one counts")
            found[name] = reply
        except DataError as error:
            left_out.append(BadRow(file=str(file), line=line, why=str(error)))
    return found, left_out


def _reply(
    record: Mapping[str, Any] | str, known: set[str], asked: Mapping[str, list[str]]
) -> tuple[str, Reply]:
    """Return what a row answers and its reply, or raise `DataError` with the reason."""
    if isinstance(record, str):
        raise DataError(record)
    first, *more = replied(record)
    reply = Reply(text=first, more=tuple(more))
    for column in ("item", "id"):
        if column in record:
            if str(record[column]) not in known:
                raise DataError(f"no item '{record[column]}'")
            return str(record[column]), reply
    if "question_id" in record:
        names = [name for name in known if name.endswith(f"/{record['question_id']}")]
        if len(names) != 1:
            raise DataError(f"{len(names) or 'no'} items are number {record['question_id']}")
        return names[0], reply
    for column in ("question", "prompt"):
        if isinstance(record.get(column), str):
            names = asked.get(_squeezed(record[column]), [])
            if not names:
                raise DataError(f"no item asks this {column}")
            if len(names) > 1:
                raise DataError(f"{len(names)} items ask this {column}; name the `item`")
            return names[0], reply
    raise DataError("it does not say what it answers; give `item`, or the `question`'s text")


def replied(record: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what a row of replies says: its `reply`, or the `turns` of FastChat's first choice.

    Raises `DataError` where there is neither.
    """
    match record:
        case {"reply": str(text)}:
            return (text,)
        case {"reply": [*texts]} | {"choices": [{"turns": [*texts]}, *_]}:
            if texts and all(isinstance(text, str) for text in texts):
                return tuple(texts)
    raise DataError("no text under 'reply', and no list of texts")


def _question(prompt: Prompt) -> str:
    return prompt if isinstance(prompt, str) else prompt[-1]["content"]


def _squeezed(text: str) -> str:
    return " ".join(text.split())


def _said(reply: Reply | None) -> str | None:
    """Return what was replied, all of it where there is more than one reply."""
    if reply is None or not reply.more:
        return reply.text if reply else None
    return json.dumps(reply.texts, ensure_ascii=False)


def _clusters(rows: Sequence[GradedRow]) -> list[list[float]]:
    """Return the scores of each cluster; an item without one is its own."""
    found: dict[Any, list[float]] = defaultdict(list)
    for number, row in enumerate(rows):
        found[("", number) if row["cluster"] is None else row["cluster"]].append(row["score"])
    return list(found.values())


def _spread(means: Sequence[float]) -> float | None:
    """Return the standard error of a mean of independent values."""
    return None if len(means) < 2 else statistics.stdev(means) / math.sqrt(len(means))


def _mean(values: Sequence[float]) -> float | None:
    return math.fsum(values) / len(values) if values else None


def _stderr(rows: Sequence[GradedRow]) -> float | None:
    """Return the standard error of the mean score, robust to clusters where there are any.

    Items of one cluster (a passage, a conversation) err together, so it is their sums that vary
    independently (Miller 2024, arXiv 2411.00640, section 2.2, with the usual G / (G - 1)).  Shares
    of right and wrong items without clusters follow the results table: sqrt(p (1 - p) / n), which
    is 0 where all are right or all are wrong; an interval needs more care there (Wilson's).
    """
    scores, n = [row["score"] for row in rows], len(rows)
    mean = _mean(scores)
    if mean is None:
        return None
    if all(row["cluster"] is None for row in rows) and set(scores) <= {0.0, 1.0}:
        return math.sqrt(mean * (1 - mean) / n)
    sums: dict[Any, float] = defaultdict(float)
    for number, row in enumerate(rows):
        alone = ("", number)
        sums[alone if row["cluster"] is None else row["cluster"]] += row["score"] - mean
    groups = len(sums)
    if groups < 2:
        return None
    return math.sqrt(groups / (groups - 1) * math.fsum(s * s for s in sums.values())) / n


def _called(what: str, factory: Any, options: Mapping[str, Any]) -> Any:
    """Call a shelf's factory with a user's options, checked against its signature."""
    checked = validate_call(config=ConfigDict(arbitrary_types_allowed=True))(factory)
    try:
        return checked(**options)
    except ValidationError as error:
        raise SpecError(f"{what}: {_refusal(error, factory)}") from None


def _refusal(error: ValidationError, factory: Any) -> str:
    first = error.errors()[0]
    name = ".".join(str(part) for part in first["loc"])
    if first["type"] == "unexpected_keyword_argument":
        known: Iterable[str] = factory.__annotations__.keys() - {"return"}
        return f"no option '{name}'; {choices(name, known)}"
    if first["type"] == "missing_keyword_only_argument":
        return f"the option '{name}' is missing"
    return f"{name}: {first['msg']}"
