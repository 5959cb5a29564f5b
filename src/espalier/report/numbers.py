"""Numbers as a reader wants them: shares as percentages, differences signed, intervals whole.

One metric is written with one number of digits, so that a column of it can be read down.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

_GLUE = "\u00a0"
"""A space at which no line ends, so that a number stays with its unit."""


@dataclass(frozen=True)
class Unit:
    """How one metric is written."""

    share: bool
    points: str = "points"
    to: str = "to"
    percent: bool = False
    """Scores are percentages already."""
    digits: int | None = None
    """Decimals of a metric in its own unit; None for three figures of each number."""

    @property
    def per_cent(self) -> bool:
        """Say whether scores are written as percentages and differences in points."""
        return self.share or self.percent

    def score(self, value: float | None) -> str:
        """Write a score: `63.5 %`, or `1.83` in the metric's own unit."""
        if value is None:
            return "–"
        return f"{self._bare(value)}{_GLUE}%" if self.per_cent else self._bare(value)

    def difference(self, value: float | None) -> str:
        """Write an effect with its sign: `+4.1 points`, or `+0.12`."""
        if value is None:
            return "–"
        signed = self._signed(value)
        return f"{signed}{_GLUE}{self.points}" if self.per_cent else signed

    def score_interval(self, interval: Sequence[float] | None) -> str:
        """Write `58.1 to 68.6 %`."""
        if not interval:
            return "–"
        low, high = (self._bare(end) for end in interval)
        return _GLUE.join((low, self.to, high, *(("%",) if self.per_cent else ())))

    def difference_interval(self, interval: Sequence[float] | None) -> str:
        """Write `+3.2 to +5.0`."""
        if not interval:
            return "–"
        return _GLUE.join((self._signed(interval[0]), self.to, self._signed(interval[1])))

    def _bare(self, value: float) -> str:
        if self.per_cent:
            return _minus(f"{value * (100 if self.share else 1):.1f}")
        return plain(value) if self.digits is None else _minus(f"{value:,.{self.digits}f}")

    def _signed(self, value: float) -> str:
        if self.per_cent:
            return _minus(f"{value * (100 if self.share else 1):+.1f}")
        return _minus(f"{value:+.3g}" if self.digits is None else f"{value:+,.{self.digits}f}")


def decimals(low: float, high: float) -> int:
    """Return the decimals that tell three figures of the range of a metric's scores."""
    spread = high - low
    return 2 if spread <= 0 else min(max(2 - math.floor(math.log10(spread)), 0), 3)


def plain(value: float | None) -> str:
    """Write a number to three figures, whole numbers in full."""
    if value is None:
        return "–"
    if abs(value) >= 1000 or value == round(value):
        return _minus(f"{value:,.0f}")
    return _minus(f"{value:.3g}")


def rows(value: float | None) -> str:
    """Write a number of rows."""
    return "–" if value is None else f"{value:,.0f}"


def fraction(k: float) -> str:
    """Write 0.0625 as 1/16, and 0.3 as 0.3."""
    if k and k < 1 and abs(1 / k - round(1 / k)) < 1e-6:
        return f"1/{round(1 / k)}"
    return f"{k:g}"


def _minus(text: str) -> str:
    """Use the minus sign, and no sign on a zero."""
    if text.strip("+-0.") == "":
        text = text.lstrip("+-")
    return text.replace("-", "−")
