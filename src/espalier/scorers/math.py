r"""Mathematical equivalence: `\frac{1}{2}` is `0.5`, `x=3` is `3`, `(1,2]` is not `[1,2]`.

A reply's answer is what stands in its last `\boxed{}`, else what the `math-verify` library finds in
it (after "the final answer is", in `$...$`, the last number).  An answer written as the target is
written is right without further ado, and the only right one where the library cannot read the
target; everything else is compared by the library.  A comparison that takes too long is a failure
of the grader: unscored.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Annotated

from pydantic import Field

from espalier.ability import Grade, Item, Reply, Scorer
from espalier.scorers._boxed import boxed
from espalier.scorers._equivalence import Equivalence

_LABEL = re.compile(r"\\textcircled\{([1-9])\}")  # ①
_WORDS = re.compile(r"\\(?:text|mbox|mathrm|textbf|mathbf)\s*\{([^{}]*)\}")
_SPACING = re.compile(r"\\(?:left|right|[,!;: ])|\s")
_LEAD = re.compile(r"^.*(?:答案|answers?)\s*(?:[是为]|is|are)?\s*[:：]?", re.IGNORECASE)
_BLANKS = re.compile(r"\s*[;；]\s*")


def math(*, seconds: Annotated[float, Field(gt=0)] = 5.0) -> Scorer:
    """Score 1 where the reply's answer is equivalent to the item's, else 0.

    The item's answer is `facts["answer"]`, a text, or a list of them where several blanks are to be
    filled in their order; else what is boxed in the target.  `seconds` is the CPU time a comparison
    may take.  Raises `MissingError` without math-verify.
    """
    many = partial(_grade_all, seconds)
    return Scorer(
        metric="accuracy",
        asks="generate",
        grade=lambda item, reply: next(many([(item, reply)])),
        grade_all=many,
    )


def _grade_all(seconds: float, pairs: Sequence[tuple[Item, Reply]]) -> Iterator[Grade]:
    with Equivalence(seconds=seconds) as equivalence:
        for item, reply in pairs:
            yield _grade(equivalence, item, reply)


def _grade(equivalence: Equivalence, item: Item, reply: Reply) -> Grade:
    if reply.text is None:
        return Grade(score=None, reason="no reply")
    wanted = _wanted(item)
    if not wanted:
        return Grade(score=None, reason="the target itself has no answer")
    written = _written(reply.text, len(wanted))
    if _tidy(written or [reply.text]) == _tidy(wanted):
        return Grade(score=1.0, extracted="; ".join(written) or reply.text.strip())
    if len(wanted) > 1 and not written:
        return Grade(score=0.0, reason=f"the reply has not {len(wanted)} answers")
    texts = [rf"$\boxed{{{_bare(answer)}}}$" for answer in written] or [reply.text]
    verdict = equivalence.compare(wanted, texts)
    score = None if verdict.equal is None else float(verdict.equal)
    return Grade(score=score, extracted=verdict.extracted, reason=verdict.reason)


def _wanted(item: Item) -> list[str]:
    """Return the item's answers without dollar signs."""
    given = item.facts.get("answer")
    found = given if isinstance(given, list | tuple) else [given] if given else []
    return [_bare(str(answer)) for answer in found or boxed(item.target)[-1:]]


def _written(reply: str, count: int) -> list[str]:
    """Return the `count` answers that a reply marks as such, or nothing."""
    inside = boxed(reply)
    if count == 1:
        return inside[-1:]
    if len(inside) >= count:
        return inside[-count:]
    lines = [line for line in reply.splitlines() if line.strip()]
    for text in (*inside[-1:], *lines[-1:]):
        parts = [part.strip(" $.。") for part in _BLANKS.split(_LEAD.sub("", text))]
        if len(parts) == count:
            return parts
    return []


def _bare(answer: str) -> str:
    r"""Return an answer without dollar signs, and thousands without the `,\!` between them."""
    return answer.replace(",\\!", "").strip().strip("$").strip()


def _tidy(answers: Sequence[str]) -> list[str]:
    labels = [_LABEL.sub(lambda n: chr(0x245F + int(n[1])), answer) for answer in answers]
    return [_SPACING.sub("", _WORDS.sub(r"\1", answer)).strip("$") for answer in labels]
