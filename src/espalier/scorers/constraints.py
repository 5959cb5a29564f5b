"""Verifiable constraints on a reply, in the manner of IFEval (Zhou et al. 2023).

An item's `facts["constraints"]` is a list of them, each a mapping with its `kind`:

* `{"kind": "contains", "words": ["river", "old stone"]}`: every one of the words is there;
* `{"kind": "avoids", "words": [...]}`: none of them is;
* `{"kind": "lines", "count": 2}`: so many lines, empty ones not counted;
* `{"kind": "words", "at_least": 5, "at_most": 20}`: so many words (either bound may be left out);
* `{"kind": "starts_with", "text": "..."}`, `{"kind": "ends_with", "text": "..."}`.

Case, punctuation, width of characters and white space make no difference.  A word is a whole word
(`star` is not in `start`); of Chinese and Japanese text every character counts as one, so `山水` is
in `青山水秀` and in `山 水`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from espalier.ability import Grade, Item, Reply, Scorer
from espalier.errors import DataError, choices

_WORD = re.compile(
    r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003ffff]"
    r"|(?:(?![\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003ffff])[^\W_])+"
)

Constraint = Mapping[str, Any]


def constraints(*, average: bool = False) -> Scorer:
    """Score 1 where a reply keeps every constraint of its item, else 0.

    With `average` the score is the share of them that it keeps.  The reason names the first one
    that is broken.  Raises `DataError` for an item without constraints, or with one that is not
    known or lacks what it needs.
    """
    return Scorer(
        metric="share_of_constraints" if average else "keeps_constraints",
        asks="generate",
        grade=partial(_grade, average),
    )


def _grade(average: bool, item: Item, reply: Reply) -> Grade:
    wanted = _wanted(item)
    if reply.text is None:
        return Grade(score=None, reason="no reply")
    broken = [
        reason
        for constraint in wanted
        if (reason := _KINDS[constraint["kind"]][0](reply.text, constraint)) is not None
    ]
    kept = 1 - len(broken) / len(wanted) if average else float(not broken)
    return Grade(score=kept, extracted=reply.text.strip(), reason=broken[0] if broken else None)


def _wanted(item: Item) -> Sequence[Constraint]:
    """Return an item's constraints, each known and complete."""
    given = item.facts.get("constraints")
    if not isinstance(given, list | tuple) or not given:
        raise DataError(
            f"item {item.id} has no constraints; `constraints` judges by facts['constraints'], "
            'a list such as [{"kind": "lines", "count": 2}]'
        )
    for constraint in given:
        kind = constraint.get("kind") if isinstance(constraint, Mapping) else constraint
        if not isinstance(constraint, Mapping) or not isinstance(kind, str) or kind not in _KINDS:
            raise DataError(f"item {item.id}: no constraint {kind!r}; {choices(str(kind), _KINDS)}")
        _, fields, complete = _KINDS[kind]
        if not complete({name: value for name, value in constraint.items() if name != "kind"}):
            raise DataError(f"item {item.id}: the constraint '{kind}' needs {fields}")
    return given


def _words(text: str) -> tuple[str, ...]:
    """Return the words of `text` in small letters; a Chinese character is one word."""
    return tuple(_WORD.findall(unicodedata.normalize("NFKC", text).casefold()))


def _has(text: Sequence[str], part: Sequence[str]) -> bool:
    return any(text[i : i + len(part)] == part for i in range(len(text) - len(part) + 1))


def _contains(text: str, constraint: Constraint) -> str | None:
    said = _words(text)
    lacking = [word for word in constraint["words"] if not _has(said, _words(word))]
    return f"'{lacking[0]}' is not in it" if lacking else None


def _avoids(text: str, constraint: Constraint) -> str | None:
    said = _words(text)
    found = [word for word in constraint["words"] if _has(said, _words(word))]
    return f"'{found[0]}' is in it" if found else None


def _lines(text: str, constraint: Constraint) -> str | None:
    count, wanted = sum(bool(line.strip()) for line in text.splitlines()), constraint["count"]
    return None if count == wanted else f"it has {count} lines, not {wanted}"


def _length(text: str, constraint: Constraint) -> str | None:
    count = len(_words(text))
    least, most = constraint.get("at_least", 0), constraint.get("at_most", count)
    if count < least:
        return f"it has {count} words, fewer than {least}"
    return f"it has {count} words, more than {most}" if count > most else None


def _starts_with(text: str, constraint: Constraint) -> str | None:
    wanted = _words(constraint["text"])
    if _words(text)[: len(wanted)] == wanted:
        return None
    return f"it does not start with '{constraint['text']}'"


def _ends_with(text: str, constraint: Constraint) -> str | None:
    wanted = _words(constraint["text"])
    if _words(text)[-len(wanted) :] == wanted:
        return None
    return f"it does not end with '{constraint['text']}'"


def _are_words(fields: Constraint) -> bool:
    match fields:
        case {"words": [_, *_] as words, **rest} if not rest:
            return all(isinstance(word, str) and _words(word) for word in words)
    return False


def _is_text(fields: Constraint) -> bool:
    match fields:
        case {"text": str(text), **rest} if not rest:
            return bool(_words(text))
    return False


def _is_count(fields: Constraint) -> bool:
    return set(fields) == {"count"} and _are_numbers(fields)


def _are_bounds(fields: Constraint) -> bool:
    return bool(fields) and set(fields) <= {"at_least", "at_most"} and _are_numbers(fields)


def _are_numbers(fields: Constraint) -> bool:
    return all(type(value) is int and value >= 0 for value in fields.values())


_Check = Callable[[str, Constraint], str | None]
_Complete = Callable[[Constraint], bool]

_KINDS: Mapping[str, tuple[_Check, str, _Complete]] = {
    "contains": (_contains, "'words', a list of words", _are_words),
    "avoids": (_avoids, "'words', a list of words", _are_words),
    "lines": (_lines, "'count', a whole number", _is_count),
    "words": (_length, "'at_least', 'at_most' or both, whole numbers", _are_bounds),
    "starts_with": (_starts_with, "'text', a text", _is_text),
    "ends_with": (_ends_with, "'text', a text", _is_text),
}
"""What says why a reply breaks a constraint (None: it does not), and what the constraint needs."""
