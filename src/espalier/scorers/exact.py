r"""Exact match: a reply's answer, found by a rule, is the target's answer or it is not.

The rules:

* `text`: the whole reply, white space aside;
* `gsm8k`: the number after the first `####` (as Cobbe et al. 2021 and Yuan et al. 2023 grade);
* `answer`: what follows the last word "answer", a number where a number is wanted;
* `last_number`: the last number of the reply.

Numbers are compared by value: `1,200`, `$1200`, `1200.0` and `１２００` are one number.  A reply
without an answer is wrong, not unscored: the model was asked and did not give one.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from functools import partial
from operator import eq
from typing import Literal

from espalier.ability import Grade, Item, Reply, Scorer

Rule = Literal["text", "gsm8k", "answer", "last_number"]

_NUMBER = re.compile(
    r"(?:(?<![\w.)])-)?"  # a sign, not the minus of `10-3`
    r"(?:[$€£¥]\s?)?"
    r"(?:(?:[0-9]+(?:,[0-9]{3})+(?![0-9])|[0-9]+)(?:\.[0-9]+)?|\.[0-9]+)"
)
_GSM8K = re.compile(rf"####\s*({_NUMBER.pattern})")
_ANSWER = re.compile(r".*\banswer\b(?:\s+is\b)?[\s:=]*(.*)", re.DOTALL | re.IGNORECASE)


def exact(*, rule: Rule = "text") -> Scorer:
    """Score 1 where the reply's answer equals the item's, else 0.

    The item's answer is `facts["answer"]`, or what the rule finds in its target; under the rule
    `text` it is the target.
    """
    return Scorer(metric="accuracy", asks="generate", grade=partial(_grade, rule))


def _grade(rule: Rule, item: Item, reply: Reply) -> Grade:
    if reply.text is None:
        return Grade(score=None, reason="no reply")
    find, same = _RULES[rule]
    known = rule != "text" and "answer" in item.facts
    wanted = str(item.facts["answer"]) if known else find(item.target)
    if wanted is None:
        return Grade(score=None, reason="the target itself has no answer by this rule")
    given = find(reply.text)
    if given is None:
        return Grade(score=0.0, reason="the reply has no answer by this rule")
    return Grade(score=float(same(given, wanted)), extracted=given)


def _text(reply: str) -> str | None:
    return " ".join(reply.split()) or None


def _gsm8k(reply: str) -> str | None:
    found = _GSM8K.search(_plain(reply))
    return number(found[1]) if found else None


def _answer(reply: str) -> str | None:
    found = _ANSWER.fullmatch(_plain(reply))
    line = found[1].strip().partition("\n")[0].strip(" .;") if found else ""
    return line or None


def _last_number(reply: str) -> str | None:
    found = [*_NUMBER.finditer(_plain(reply))]
    return number(found[-1][0]) if found else None


def number(text: str) -> str | None:
    """Return the first number in `text`, written in the one plain way: `-1200.5`.

    Its digits are handled as text, so that no number is too long and none is rounded.
    """
    found = _NUMBER.search(_plain(text))
    if not found:
        return None
    sign = "-" if found[0].startswith("-") else ""
    whole, _, part = re.sub(r"[^0-9.]", "", found[0]).partition(".")
    whole, part = whole.lstrip("0") or "0", part.rstrip("0")
    plain = f"{whole}.{part}" if part else whole
    return plain if plain == "0" else sign + plain


def _same(given: str, wanted: str) -> bool:
    """Compare by value where a number is wanted, else as text."""
    if _NUMBER.fullmatch(_plain(wanted).strip(" .")):
        return number(given) == number(wanted)
    return _text(given) == _text(wanted)


def _plain(text: str) -> str:
    """Return full-width digits and signs as ASCII, and the true minus as a hyphen."""
    return unicodedata.normalize("NFKC", text).replace("\N{MINUS SIGN}", "-")


_RULES: Mapping[Rule, tuple[Callable[[str], str | None], Callable[[str, str], bool]]] = {
    "text": (_text, eq),
    "gsm8k": (_gsm8k, _same),
    "answer": (_answer, _same),
    "last_number": (_last_number, _same),
}
"""How a rule finds the answer in a reply, and how it compares two answers."""
