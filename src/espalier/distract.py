"""Distractors: wrong answers made out of right ones, for a person to accept, edit or reject.

    gold answers --distract--> review file --a person--> verdicts --apply--> items

A *fine* distractor is the gold answer with one detail turned wrong: a number, an operator, a loop's
bound, a comparison, a name, a term, a negation.  A *coarse* one is the gold answer to another item
of the same set, of like length: fluent, and beside the point.  Both kinds are Song et al.'s (2023),
who wrote them by hand.  What rules make is wrong or readable only mostly; that is what the review
is for, and the share it rejects is part of the result.
"""

from __future__ import annotations

import csv
import io
import json
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from random import Random
from typing import Any, Literal, cast, get_args

from espalier.ability import Prompt
from espalier.corruption import final_number, fine_edits
from espalier.errors import DataError, SpecError
from espalier.files import write_whole
from espalier.records import BadRow, records
from espalier.scoring import prompt_text

Verdict = Literal["", "accept", "edit", "reject"]
VERDICTS = get_args(Verdict)
NEAR = 12
"""Among so many answers of the nearest lengths a coarse distractor is drawn."""


@dataclass(frozen=True, kw_only=True)
class Gold:
    """A question with its right answer."""

    item: str
    prompt: Prompt
    text: str


@dataclass(frozen=True, kw_only=True)
class Distractor:
    """One line of a review file."""

    item: str
    kind: str
    """What was turned wrong: number, loop, name..., or coarse."""
    change: str
    verdict: Verdict = ""
    distractor: str
    gold: str
    prompt: str
    """Text, or a conversation as JSON."""
    note: str = field(default="")
    """For the reviewer."""


def distract(
    golds: Sequence[Gold],
    *,
    among: Sequence[Gold] = (),
    fine: int = 1,
    coarse: int = 1,
    seed: int = 0,
) -> Iterator[Distractor]:
    """Yield up to `fine` and `coarse` distractors of each gold answer; the same for one seed.

    Coarse ones are taken from `among`, by default from the gold answers themselves.  None equals
    its gold answer, nor another distractor of it, nor ends in its number.
    """
    others = sorted(among or golds, key=lambda gold: (len(gold.text), gold.item))
    lengths = [len(gold.text) for gold in others]
    for gold in golds:
        random = Random(f"{seed}/{gold.item}")  # noqa: S311  (no secret)
        near = [others[i] for i in _around(bisect_left(lengths, len(gold.text)), len(others))]
        made = [*_fine(gold, random, fine), *_coarse(gold, near, random, coarse)]
        for kind, change, text in made:
            yield Distractor(
                item=gold.item,
                kind=kind,
                change=change,
                distractor=text,
                gold=gold.text,
                prompt=prompt_text(gold.prompt),
            )


def write_review(rows: Iterable[Distractor], out: Path) -> None:
    """Write a review file: `.csv` for a spreadsheet, else JSON lines."""
    table = [asdict(row) for row in rows]
    if out.suffix != ".csv":
        write_whole(out, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in table))
        return
    text = io.StringIO()
    writer = csv.DictWriter(text, [f.name for f in fields(Distractor)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(table)
    write_whole(out, text.getvalue())


def read_review(file: Path) -> list[Distractor]:
    """Read a review file back; a line that is none is refused with its place."""
    found = []
    for line, record in records(file):
        try:
            found.append(_reviewed(record))
        except DataError as error:
            raise DataError(str(BadRow(file=str(file), line=line, why=str(error)))) from None
    if not found:
        raise DataError(f"{file}: holds no distractors; `espalier data distract` writes them")
    return found


def items(rows: Sequence[Distractor], *, accept_rest: bool = False) -> list[dict[str, Any]]:
    """Return an item for every gold answer that keeps a distractor, as `own:FILE` reads it.

    Refused where a line has no verdict yet, unless `accept_rest` takes those as they are.
    """
    open_rows = [row for row in rows if not row.verdict]
    if open_rows and not accept_rest:
        raise SpecError(
            f"{len(open_rows)} of {len(rows)} distractors have no verdict (the first is of "
            f"{open_rows[0].item}); write accept, edit or reject, or pass --accept-rest"
        )
    kept: dict[str, list[Distractor]] = {}
    for row in rows:
        if row.verdict != "reject":
            kept.setdefault(row.item, []).append(row)
    return [
        {
            "id": name,
            **_asked(group[0].prompt),
            "target": group[0].gold,
            "candidates": [group[0].gold, *dict.fromkeys(row.distractor for row in group)],
        }
        for name, group in kept.items()
    ]


def rejected(rows: Iterable[Distractor]) -> dict[str, tuple[int, int]]:
    """Return for each kind, and for `all`, how many were rejected of how many with a verdict."""
    looked: Counter[str] = Counter()
    out: Counter[str] = Counter()
    for row in rows:
        for kind in (row.kind, "all") if row.verdict else ():
            looked[kind] += 1
            out[kind] += row.verdict == "reject"
    return {
        kind: (out[kind], looked[kind]) for kind in sorted(looked, key=lambda k: (k == "all", k))
    }


def _fine(gold: Gold, random: Random, count: int) -> Iterator[tuple[str, str, str]]:
    """Yield edited answers, each by another kind of edit as far as there are any."""
    by_kind: dict[str, list[tuple[str, str]]] = {}
    for edit in fine_edits(gold.text, random):
        text = edit.apply(gold.text)
        if not _same(text, gold.text):
            by_kind.setdefault(edit.kind, []).append((edit.shown(gold.text), text))
    given = {_squeezed(gold.text)}
    kinds = sorted(by_kind)
    random.shuffle(kinds)
    while count and by_kind:
        for kind in list(kinds):
            if not by_kind.get(kind):
                by_kind.pop(kind, None)
                kinds.remove(kind)
                continue
            change, text = by_kind[kind].pop(random.randrange(len(by_kind[kind])))
            if _squeezed(text) not in given and count:
                given.add(_squeezed(text))
                count -= 1
                yield kind, change, text


def _coarse(
    gold: Gold, near: Sequence[Gold], random: Random, count: int
) -> Iterator[tuple[str, str, str]]:
    """Yield answers to other questions, of like length."""
    fit = [other for other in near if _beside_the_point(gold, other)]
    pool = fit[: max(NEAR, count)]
    for other in random.sample(pool, min(count, len(pool))):
        yield "coarse", f"the answer to {other.item}", other.text


def _beside_the_point(gold: Gold, other: Gold) -> bool:
    """Say whether another's answer is no answer here: not this one, not nearly, not its number."""
    if other.prompt == gold.prompt or _same(other.text, gold.text):
        return False
    ours, theirs = _pieces(gold.text), _pieces(other.text)
    return len(ours & theirs) <= 0.5 * min(len(ours), len(theirs))


def _same(one: str, other: str) -> bool:
    """Say whether two answers are one: as text, or by the number they end with."""
    if _squeezed(one) == _squeezed(other):
        return True
    number = final_number(one)
    return number is not None and number == final_number(other)


def _squeezed(text: str) -> str:
    return "".join(text.split()).lower()


def _pieces(text: str) -> set[str]:
    plain = _squeezed(text)
    return {plain[i : i + 4] for i in range(max(1, len(plain) - 3))}


def _around(place: int, count: int) -> list[int]:
    """Return the places next to `place`, nearest first, a hundred at most."""
    return sorted(range(max(0, place - 50), min(count, place + 50)), key=lambda i: abs(i - place))


def _reviewed(record: Mapping[str, Any] | str) -> Distractor:
    if isinstance(record, str):
        raise DataError(record)
    names = {f.name for f in fields(Distractor)}
    if missing := sorted(names - {"note", "change"} - set(record)):
        raise DataError(f"no column '{missing[0]}'; a review file has {', '.join(sorted(names))}")
    given = {name: str(record.get(name) or "") for name in names}
    given["verdict"] = given["verdict"].strip().lower()
    if given["verdict"] not in VERDICTS:
        raise DataError(f"verdict '{given['verdict']}' is none of accept, edit, reject")
    if given["verdict"] != "reject" and _squeezed(given["distractor"]) in (
        "",
        _squeezed(given["gold"]),
    ):
        raise DataError("the distractor is empty, or the gold answer itself; edit or reject it")
    return Distractor(**cast(Any, given))


def _asked(prompt: str) -> dict[str, Any]:
    """Return a prompt as a row has it: a conversation, or text."""
    try:
        turns = json.loads(prompt)
    except ValueError:
        return {"prompt": prompt}
    if isinstance(turns, list) and turns and all(isinstance(t, dict) for t in turns):
        return {"prompt": turns}
    return {"prompt": prompt}
