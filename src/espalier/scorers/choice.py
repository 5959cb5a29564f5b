"""Multiple choice: by the letters a reply gives, by the likelihood of the letters, or by both.

An item says in its facts what is chosen from: `options` (their texts, in order), `answer` (a
letter, or a list of letters where several may be right) and, where it is no choice of letters,
`kind`: `true_false` (the answer is true or false) or `cloze` (the answer is text).

The one thing to understand is where likelihoods are read.  `at: first` compares the *first* token
of the candidate replies, as exams are published (Hendrycks et al. 2021; CMMLU, Li et al. 2023): it
asks with which letter an answer would begin.  `at: whole` compares whole replies, as
lm-evaluation-harness does; after raw text, where a letter is one token, both are one number.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from math import comb
from typing import Any, Literal

from espalier.ability import Ask, Grade, Item, Likelihood, Reply, Scorer
from espalier.errors import DataError
from espalier.scorers._letters import blank, letters, squeezed, verdict

By = Literal["text", "likelihood", "text_then_likelihood"]
At = Literal["first", "whole"]
Per = Literal["reply", "token", "character"]

_Grader = Callable[[Item, Reply], Grade]

_ASKS: Mapping[By, tuple[Ask, Ask | None]] = {
    "text": ("generate", None),
    "likelihood": ("likelihood", None),
    "text_then_likelihood": ("generate", "likelihood"),
}


def choice(
    *,
    by: By = "text",
    at: At = "first",
    per: Per = "reply",
    average: Literal["items", "clusters"] = "items",
) -> Scorer:
    """Score 1 where the right option is chosen, and no other, else 0.

    `by: text` reads letters (or option texts) out of the reply; a reply without an answer is wrong.
    `by: likelihood` takes the likeliest candidate; of candidates that tie each gets its part of the
    point.  Where several options are right it takes as many letters as there are right ones, so
    that guessing scores 1 / C(n, k).  `by: text_then_likelihood` takes a reply of one character at
    its word and else the likeliest letter (Song et al. 2023, their code).  With `at: whole`,
    likelihoods may be taken `per` token or character.  `average: clusters` counts every subject
    alike, and calls itself macro_accuracy.
    """
    asks, also = _ASKS[by]
    likely = partial(_likeliest, at, per)
    graders: dict[By, _Grader] = {
        "text": _said,
        "likelihood": likely,
        "text_then_likelihood": partial(_one, likely),
    }
    return Scorer(
        metric="accuracy" if average == "items" else "macro_accuracy",
        asks=asks,
        also=also,
        grade=graders[by],
        chance=_chance,
        average=average,
    )


def _chance(item: Item) -> float | None:
    """Return what guessing scores among the candidates of an item with one right answer."""
    return 1 / len(item.candidates) if len(item.candidates) > 1 else None


def _said(item: Item, reply: Reply) -> Grade:
    """Grade by what the reply says."""
    if reply.text is None:
        return Grade(score=None, reason="no reply")
    said, right = _READ[item.facts.get("kind", "letters")](item, reply.text)
    if said is None:
        return Grade(score=0.0, reason="the reply has no answer")
    return Grade(score=float(right), extracted=said)


def _letters(item: Item, text: str) -> tuple[str | None, bool]:
    answer = _fact(item, "answer")
    wanted = tuple(sorted(answer)) if isinstance(answer, list) else (str(answer),)
    found = letters(text, options=_fact(item, "options"), several=isinstance(answer, list))
    return None if found is None else "".join(found), found == wanted


def _true_false(item: Item, text: str) -> tuple[str | None, bool]:
    answer, found = _fact(item, "answer"), verdict(text)
    wanted = answer if isinstance(answer, bool) else verdict(str(answer))
    return None if found is None else str(found).lower(), found is not None and found is wanted


def _cloze(item: Item, text: str) -> tuple[str | None, bool]:
    found = blank(text)
    return found, found is not None and squeezed(found) == squeezed(str(_fact(item, "answer")))


_READ = {"letters": _letters, "true_false": _true_false, "cloze": _cloze}
"""What a reply says, and whether that is the answer, for each kind of question."""


def _likeliest(at: At, per: Per, item: Item, reply: Reply) -> Grade:
    """Grade by the likelihoods of the item's candidates."""
    candidates = item.candidates or (item.target,)
    if len(reply.likelihoods) != len(candidates):
        return Grade(score=None, reason="no likelihoods")
    if len(candidates) < 2:
        raise DataError(f"item {item.id} has a single candidate; a choice needs two or more")
    values = _values(reply.likelihoods, at, per)
    if values is None:
        return Grade(score=None, reason="the likelihood of the first token was not kept")
    answer = item.facts.get("answer")
    if isinstance(answer, list):
        letter = {c.strip(): value for c, value in zip(candidates, values, strict=True)}
        return _several(letter, answer, item)
    best = max(values)
    tied = [c for c, value in zip(candidates, values, strict=True) if value == best]
    score = 1 / len(tied) if candidates[0] in tied else 0.0
    reason = f"{len(tied)} candidates tie" if len(tied) > 1 else None
    return Grade(score=score, extracted=tied[0].strip() if len(tied) == 1 else None, reason=reason)


def _several(values: Mapping[str, float], answer: Sequence[str], item: Item) -> Grade:
    """Grade the likeliest letters, as many as are right."""
    if not set(answer) <= set(values):
        raise DataError(f"item {item.id}: its candidates lack letters of the answer")
    single = {c: value for c, value in values.items() if len(c) == 1}
    last = sorted(single.values(), reverse=True)[len(answer) - 1]
    sure = {c for c, value in single.items() if value > last}
    tied = {c for c, value in single.items() if value == last}
    right = sure <= set(answer) <= sure | tied
    score = right / comb(len(tied), len(answer) - len(sure))
    chosen = sure | tied if len(sure | tied) == len(answer) else None
    return Grade(score=score, extracted="".join(sorted(chosen)) if chosen else None)


def _one(likely: _Grader, item: Item, reply: Reply) -> Grade:
    """Take a reply of one character at its word; else ask the likelihoods.

    Only a single letter is chosen so; lists, verdicts and blanks are read from the text.
    """
    if reply.text is None:
        return Grade(score=None, reason="no reply")
    kind = item.facts.get("kind", "letters")
    letter = kind == "letters" and not isinstance(_fact(item, "answer"), list)
    if not letter or len(reply.text.strip()) == 1:
        return _said(item, reply)
    return likely(item, reply)


def _values(given: Sequence[Likelihood], at: At, per: Per) -> list[float] | None:
    """Return what is compared.

    Candidates that all begin with one and the same token cannot be told apart by it; then the
    whole of them is compared.
    """
    if at == "first":
        firsts = [likelihood.first for likelihood in given]
        if None in firsts:
            return None
        if len(set(firsts)) > 1:
            return [value for value in firsts if value is not None]
    return [likelihood.total / _length(likelihood, per) for likelihood in given]


def _length(likelihood: Likelihood, per: Per) -> int:
    lengths = {"reply": 1, "token": likelihood.tokens, "character": likelihood.characters}
    return max(1, lengths[per])


def _fact(item: Item, name: str) -> Any:
    if name not in item.facts:
        raise DataError(
            f"item {item.id} has no fact '{name}'; `choice` needs facts['options'] and "
            "facts['answer'] (a letter, or a list of letters)"
        )
    return item.facts[name]
