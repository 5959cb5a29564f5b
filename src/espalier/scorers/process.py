"""Credit for each right step of a chain of thought, beside the final answer.

The steps of a reference are the results it works out, in their order: those of its calculator
annotations (`<<48/2=24>>`, as in GSM8K), or, where it has none, the right sides of its equations
(`48 / 2 = 24`, as in the tunnel).  A reply reaches a step by value, wherever it states that value
as a result: in an annotation, right of an equals sign, or in prose where the question does not
mention it.  Steps count in their order: the score is the longest common subsequence of the
reference's results and the reply's, over the number of the reference's.

So a reply that says only the final answer gets credit for the last step; a right value that was
given in the question is none unless it is worked out; and a reply is not fined for what it adds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from espalier.ability import Grade, Item, Prompt, Reply, Scorer
from espalier.scorers._numbers import NUMBER, number, value, value_text

_ANNOTATION = re.compile(r"<<[^<>]*=([^<>=]*)>>\s*([^\s<]*)")
_OPERATOR = r"(?:[-+*/×÷^]\s*[$€£¥(]?\s*[.0-9]|[*×÷^]|\([$€£¥0-9])"
_STATED = re.compile(
    rf"(?:(?P<equals>[=≈])\s*|(?<![-+*/×÷^.\w])(?<![-+*/×÷^]\s))(?P<number>{NUMBER.pattern})"
    rf"(?P<under>\s?/\s?[0-9]+)?(?![0-9]|[.,][0-9]|\s*{_OPERATOR}|\s*=)"
)
"""A number that is no operand: right of an equals sign, or in prose."""


def process() -> Scorer:
    """Score the share of the target's intermediate results that the reply reaches, in order.

    A target without a worked result is unscored: there is no step to reach.
    """
    return Scorer(metric="process", asks="generate", grade=_grade)


def _grade(item: Item, reply: Reply) -> Grade:
    if reply.text is None:
        return Grade(score=None, reason="no reply")
    steps = worked(item.target)
    if not steps:
        return Grade(score=None, reason="the target works nothing out")
    given = reached(reply.text, known=numbers_of(item.prompt))
    right = _in_order(steps, given)
    return Grade(
        score=right / len(steps),
        extracted=" ".join(given),
        reason=f"{right} of {len(steps)} steps" if right < len(steps) else None,
    )


def worked(text: str) -> list[str]:
    """Return the results that a reference works out, in order, each as a plain value."""
    annotated = [value(found[1]) for found in _ANNOTATION.finditer(value_text(text))]
    stated = annotated or [result for equals, result in _stated(value_text(text)) if equals]
    return [result for result in stated if result is not None]


def reached(text: str, *, known: frozenset[str]) -> list[str]:
    """Return the results that a reply states, in order; `known` are those the question gives."""
    found: list[str] = []
    plain, at = value_text(text), 0
    for annotation in _ANNOTATION.finditer(plain):
        found += _results(plain[at : annotation.start()], known)
        result, after = value(annotation[1]), number(annotation[2])
        found += [result] if result is not None else []
        at = annotation.end() if after == result else annotation.start(2)
    return found + _results(plain[at:], known)


def numbers_of(prompt: Prompt) -> frozenset[str]:
    """Return the numbers that a question mentions, plain."""
    asked = prompt if isinstance(prompt, str) else prompt[-1]["content"]
    found = (number(match[0]) for match in NUMBER.finditer(value_text(asked)))
    return frozenset(given for given in found if given is not None)


def _results(text: str, known: frozenset[str]) -> list[str]:
    return [result for equals, result in _stated(text) if equals or result not in known]


def _stated(text: str) -> Iterator[tuple[bool, str]]:
    """Yield every number stated as a result: whether after an equals sign, and its value."""
    for found in _STATED.finditer(text):
        equals, under = bool(found["equals"]), found["under"] or ""
        result = value(found["number"] + under)
        if result is not None and (equals or not under):  # `14/2` in prose works nothing out
            yield equals, result


def _in_order(steps: Sequence[str], given: Sequence[str]) -> int:
    """Return the length of the longest common subsequence."""
    row = [0] * (len(steps) + 1)
    for result in given:
        before = row[:]
        for i, step in enumerate(steps):
            row[i + 1] = before[i] + 1 if step == result else max(row[i], before[i + 1])
    return row[-1]
