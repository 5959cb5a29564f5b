r"""Numbers as people write them, compared by value.

`1,200`, `$1200`, `1200.0` and `１２００` are one number; so are `1/2`, `\frac{1}{2}`, `2分之1`,
`0.5` and `50%`.  Digits are handled as text, so that no number is too long and none is rounded.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from fractions import Fraction
from typing import NamedTuple

NUMBER = re.compile(
    r"(?:(?<![\w.)])-)?"  # a sign, not the minus of `10-3`
    r"(?:[$€£¥]\s?)?"
    r"(?:(?:[0-9]+(?:,[0-9]{3})+(?![0-9])|[0-9]+)(?:\.[0-9]+)?|\.[0-9]+)"
)
_VALUE = re.compile(
    r"(?:(?P<sign>(?<![\w.)])-)?\s?\\[dt]?frac\s*\{\s*(?P<top>[0-9]+)\s*\}\s*\{\s*(?P<under>[0-9]+)\s*\}"
    rf"|(?P<hundredths>百分之\s*)?(?P<number>{NUMBER.pattern})"
    r"(?:\s?/\s?(?P<divisor>[0-9]++)(?![./][0-9]))?)"
    r"(?:\s?\\?(?P<percent>%))?"
)
_SUPERSCRIPTS = dict.fromkeys(map(ord, "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿ"))
_LONGEST = 4_000
"""Digits up to which a fraction is worked out; Python reads no longer numbers."""


class Value(NamedTuple):
    """A number in a text."""

    start: int
    plain: str
    """Written in one way: `-1200.5`, or `2/3` where no decimal is exact."""


def plain_text(text: str) -> str:
    """Return full-width digits and signs as ASCII, and the true minus as a hyphen."""
    return unicodedata.normalize("NFKC", text).replace("\N{MINUS SIGN}", "-")


def number(text: str) -> str | None:
    """Return the first number in `text`, written in the one plain way: `-1200.5`."""
    found = NUMBER.search(plain_text(text))
    return _decimal(found[0]) if found else None


def value(text: str) -> str | None:
    """Return the first number, fraction or percentage in `text`, in the one plain way."""
    found = next(values(text), None)
    return found.plain if found else None


def values(text: str) -> Iterator[Value]:
    """Yield every number in `text` with its place in `value_text(text)`."""
    for found in _VALUE.finditer(value_text(text)):
        yield Value(found.start(), _value(found))


def value_text(text: str) -> str:
    r"""Return `text` as numbers are looked for in it: `m²` bare, `1{,}200` and `1\,200` joined."""
    bare = re.sub(r"[\u2460-\u24ff]", " ", text).translate(_SUPERSCRIPTS)  # ① is a label
    joined = plain_text(bare).replace("{,}", ",").replace("\N{FRACTION SLASH}", "/")
    joined = re.sub(r"(?<![0-9])([0-9]++)\s*分之\s*([0-9]+)", r"\2/\1", joined)
    return re.sub(r"(?<=[0-9])\\[,! ](?=[0-9])", "", re.sub(r"(?<=[0-9]),\\!", ",", joined))


def _value(found: re.Match[str]) -> str:
    if found["top"]:
        sign = "-" if found["sign"] else ""
        top, under = sign + found["top"], found["under"]
    else:
        top, under = _decimal(found["number"]), found["divisor"] or "1"
    share = bool(found["percent"] or found["hundredths"])
    if len(top) + len(under) > _LONGEST:
        return f"{top}/{under}" if under != "1" else top
    if not int(under):
        return top
    return _written(Fraction(top) / int(under) / (100 if share else 1))


def _written(value: Fraction) -> str:
    """Write a fraction as a decimal where that is exact."""
    rest, places = value.denominator, 0
    for prime in (2, 5):
        power = 0
        while rest % prime == 0:
            rest, power = rest // prime, power + 1
        places = max(places, power)
    if rest > 1:
        return str(value)
    digits = str(abs(value.numerator) * 10**places // value.denominator).rjust(places + 1, "0")
    split = len(digits) - places
    return _decimal(("-" if value < 0 else "") + digits[:split] + "." + digits[split:] + "0")


def _decimal(written: str) -> str:
    sign = "-" if written.startswith("-") else ""
    whole, _, part = re.sub(r"[^0-9.]", "", written).partition(".")
    whole, part = whole.lstrip("0") or "0", part.rstrip("0")
    plain = f"{whole}.{part}" if part else whole
    return plain if plain == "0" else sign + plain
