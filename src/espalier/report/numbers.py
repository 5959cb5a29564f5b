"""Numbers as a reader wants them: shares as percentages, differences signed, intervals whole."""

from __future__ import annotations

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

    def score(self, value: float | None) -> str:
        """Write a score: `63.5 %`, or `1.83` in the metric's own unit."""
        if value is None:
            return "–"
        return f"{_minus(f'{value * 100:.1f}')}{_GLUE}%" if self.share else plain(value)

    def difference(self, value: float | None) -> str:
        """Write an effect with its sign: `+4.1 points`, or `+0.12`."""
        if value is None:
            return "–"
        return f"{self._signed(value)}{_GLUE}{self.points}" if self.share else self._signed(value)

    def score_interval(self, interval: Sequence[float] | None) -> str:
        """Write `58.1 to 68.6 %`."""
        if not interval:
            return "–"
        if self.share:
            low, high = (_minus(f"{end * 100:.1f}") for end in interval)
            return _GLUE.join((low, self.to, high, "%"))
        return _GLUE.join((plain(interval[0]), self.to, plain(interval[1])))

    def difference_interval(self, interval: Sequence[float] | None) -> str:
        """Write `+3.2 to +5.0`."""
        if not interval:
            return "–"
        return _GLUE.join((self._signed(interval[0]), self.to, self._signed(interval[1])))

    def _signed(self, value: float) -> str:
        text = f"{value * 100:+.1f}" if self.share else f"{value:+.3g}"
        return _minus(text)


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
