r"""Exact match: a reply's answer, found by a rule, is the target's answer or it is not.

The rules (each with examples in `docs/parsing.md`):

* `text`: the whole reply, white space aside;
* `gsm8k`: the number after the first `####` (as Cobbe et al. 2021 and Yuan et al. 2023 grade);
* `answer`: what follows the last word "answer", a number where a number is wanted;
* `last_number`: the last number of the reply;
* `value`: the number, fraction or percentage after the first `####`, else in the last `\boxed{}`,
  else after the last "answer" or 答案, else the last one of the reply;
* `doit`: the rule of DoIT (Song et al. 2023) for the item's `facts["kind"]`: choice, true_false,
  blank, multi_select or math (`scorers/_doit.py`).

Numbers are compared by value: `1,200`, `$1200`, `1200.0` and `１２００` are one number, and by the
rules `value` and `doit` so are `1/2`, `0.5` and `50%`.  A reply without an answer is wrong, not
unscored: the model was asked and did not give one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from operator import eq
from typing import Literal

from espalier.ability import Grade, Item, Reply, Scorer
from espalier.errors import DataError, choices
from espalier.scorers import _doit
from espalier.scorers._boxed import boxed
from espalier.scorers._numbers import NUMBER, number, plain_text, value, values

Rule = Literal["text", "gsm8k", "answer", "last_number", "value", "doit"]
Find = Callable[[str], str | None]
Same = Callable[[str, str], bool]

_GSM8K = re.compile(rf"####\s*({NUMBER.pattern})")
_GSM8K_PUBLISHED = re.compile(r"#### (-?[0-9.,]+)")
_ANSWER = re.compile(r".*\banswer\b(?:\s+is\b)?[\s:=]*(.*)", re.DOTALL | re.IGNORECASE)
_CUE = re.compile(r"答案|\banswer\b", re.IGNORECASE)


def exact(*, rule: Rule = "text", as_published: bool = False) -> Scorer:
    """Score 1 where the reply's answer equals the item's, else 0.

    The item's answer is `facts["answer"]`, or what the rule finds in its target; under the rule
    `text` it is the target.  `as_published` grades by `gsm8k` and `doit` as their authors' code
    does, its flaws included; other rules are our own.
    """
    if rule == "doit":
        grader = partial(_grade_doit, as_published)
        return Scorer(metric="accuracy", asks="generate", grade=grader, also="likelihood")
    find, same = _RULES[rule]
    if rule == "gsm8k" and as_published:
        find, same = _gsm8k_published, eq
    return Scorer(metric="accuracy", asks="generate", grade=partial(_grade, find, same))


def _grade(find: Find, same: Same, item: Item, reply: Reply) -> Grade:
    if reply.text is None:
        return Grade(score=None, reason="no reply")
    known = "answer" in item.facts and find not in (_text, _gsm8k_published)
    wanted = str(item.facts["answer"]) if known else find(item.target)
    if wanted is None:
        return Grade(score=None, reason="the target itself has no answer by this rule")
    given = find(reply.text)
    if given is None:
        return Grade(score=0.0, reason="the reply has no answer by this rule")
    return Grade(score=float(same(given, wanted)), extracted=given)


def _grade_doit(as_published: bool, item: Item, reply: Reply) -> Grade:
    """Grade by DoIT's rule; a choice without a letter is decided by the letters' likelihoods."""
    if reply.text is None:
        return Grade(score=None, reason="no reply")
    kind, wanted = str(item.facts.get("kind")), str(item.facts.get("answer", item.target))
    if kind not in _doit.KINDS:
        raise DataError(
            f"item {item.id}: its facts['kind'] is '{kind}'; {choices('', _doit.KINDS)}"
        )
    given = _doit.find(kind, reply.text, as_published=as_published)
    if given is None and kind == "choice":
        given = _likeliest(item, reply)
    if given is None:
        return Grade(score=0.0, reason="the reply has no answer by this rule")
    return Grade(score=float(_doit.same(kind, given, wanted)), extracted=given)


def _likeliest(item: Item, reply: Reply) -> str | None:
    """Return the candidate whose first token is the likeliest, or None where that is not known."""
    firsts = [likelihood.first for likelihood in reply.likelihoods]
    likely = [first for first in firsts if first is not None]
    if not likely or len(likely) < len(item.candidates) or len(firsts) > len(item.candidates):
        return None
    return item.candidates[likely.index(max(likely))].strip()


def _text(reply: str) -> str | None:
    return " ".join(reply.split()) or None


def _gsm8k(reply: str) -> str | None:
    found = _GSM8K.search(plain_text(reply))
    return number(found[1]) if found else None


def _gsm8k_published(reply: str) -> str | None:
    found = _GSM8K_PUBLISHED.search(reply)
    return found[1].replace(",", "") if found else None


def _answer(reply: str) -> str | None:
    found = _ANSWER.fullmatch(plain_text(reply))
    line = found[1].strip().partition("\n")[0].strip(" .;") if found else ""
    return line or None


def _last_number(reply: str) -> str | None:
    found = [*NUMBER.finditer(plain_text(reply))]
    return number(found[-1][0]) if found else None


def _value(reply: str) -> str | None:
    _, hashes, after = reply.partition("####")
    if hashes and (found := value(after)):
        return found
    for inside in reversed(boxed(reply)):
        if found := value(inside):
            return found
    for cue in reversed([*_CUE.finditer(reply)]):
        if found := value(reply[cue.end() :].strip().partition("\n")[0]):
            return found
    numbers = [*values(reply)]
    return numbers[-1].plain if numbers else None


def _same(given: str, wanted: str) -> bool:
    """Compare by value where a number is wanted, else as text."""
    if NUMBER.fullmatch(plain_text(wanted).strip(" .")):
        return number(given) == number(wanted)
    return _text(given) == _text(wanted)


def _same_value(given: str, wanted: str) -> bool:
    return given == value(wanted)


_RULES: Mapping[str, tuple[Find, Same]] = {
    "text": (_text, eq),
    "gsm8k": (_gsm8k, _same),
    "answer": (_answer, _same),
    "last_number": (_last_number, _same),
    "value": (_value, _same_value),
}
"""How a rule finds the answer in a reply, and how it compares two answers."""
