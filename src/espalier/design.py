"""A design: which mixtures a question needs.

A design is a pure function from the sources at hand, and its own amounts, to labelled mixtures.
The shelf `designs/` holds one a file; its keyword-only parameters are what a study file may give,
except `origins`: who wrote each source, for the designs that tell human rows from synthetic ones.
Amounts carry their unit in their name: `rows`, `share` (of the source), `epochs` (passes over the
source, more than one repeats its rows), `tokens`, `supervised_tokens`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction
from typing import Any, Literal, Self

from pydantic import field_validator, model_validator

from espalier.errors import SpecError, choices
from espalier.mixture import Mixture
from espalier.shelf import Shelf
from espalier.spec import Share, Spec

Unit = Literal["rows", "share", "epochs", "tokens", "supervised_tokens"]
UNITS: tuple[Unit, ...] = ("rows", "share", "epochs", "tokens", "supervised_tokens")


class Amount(Spec):
    """One amount with its unit, as `{rows: 256}` or `{share: 1/4}`."""

    rows: int | None = None
    share: Share | None = None
    epochs: Share | None = None
    tokens: int | None = None
    supervised_tokens: int | None = None

    @field_validator("rows", "tokens", "supervised_tokens", mode="before")
    @classmethod
    def _whole(cls, value: Any) -> Any:
        """Refuse 0.5 rows, true and words; read 256.0 as 256."""
        whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
        if value is not None and (isinstance(value, bool) or not whole):
            raise ValueError(f"{value} is no whole number; for a part of a source use `share`")
        return value

    @model_validator(mode="after")
    def _one_unit(self) -> Self:
        given = [unit for unit in UNITS if getattr(self, unit) is not None]
        if len(given) != 1:
            raise ValueError(f"give one amount with its unit, one of {', '.join(UNITS)}")
        if self.value <= 0:
            raise ValueError(f"{given[0]}: {self.value} is nothing to train on; give more than 0")
        return self

    @property
    def unit(self) -> Unit:
        """Return the unit the amount is given in."""
        return next(unit for unit in UNITS if getattr(self, unit) is not None)

    @property
    def value(self) -> Fraction:
        """Return the number, exactly."""
        return Fraction(getattr(self, self.unit))

    def __str__(self) -> str:
        return f"{self.value} {self.unit}"


Count = Callable[[str, Amount], int]
"""`count(source, amount)` returns whole rows, or refuses what the source cannot fill."""

Labelled = tuple[str, Mixture]
"""A mixture with the label of the design that asked for it, as the table's column `design`."""

Design = Callable[..., Iterable[Labelled]]
"""`design(sources, count, **options)`"""


def human(sources: Iterable[str], origins: Mapping[str, str]) -> list[str]:
    """Return the sources that people wrote, users too."""
    return [source for source in sources if origins[source] != SYNTHETIC]


def synthetic(sources: Iterable[str], origins: Mapping[str, str]) -> list[str]:
    """Return the sources that models wrote."""
    return [source for source in sources if origins[source] == SYNTHETIC]


def share(total: int, have: Mapping[str, int], what: str) -> dict[str, int]:
    """Deal `total` rows to sources evenly, none getting more than it has; or refuse.

    What small ones cannot take goes to the others; what does not divide, to the first of them.
    """
    if total > sum(have.values()):
        raise SpecError(
            f"{what}: {total} rows are to be shared by {', '.join(have) or 'no source'}, which "
            f"have {sum(have.values())}; ask for less, or name more sources"
        )
    dealt: dict[str, int] = {}
    for left, source in enumerate(sorted(have, key=lambda s: have[s])):
        dealt[source] = min(have[source], (total - sum(dealt.values())) // (len(have) - left))
    return {source: dealt[source] for source in have}


SYNTHETIC = "synthetic"
"""The origin of rows that a model wrote."""

designs: Shelf[Design] = Shelf("espalier.designs")


def amounts(given: Mapping[str, Any], where: str) -> list[Amount]:
    """Read `{rows: [64, 256]}` or `{share: 1/4}` as a list of amounts, in the order given."""
    units = [unit for unit in UNITS if given.get(unit) is not None]
    if len(units) != 1:
        raise SpecError(f"{where}: give the amounts in one unit, one of {', '.join(UNITS)}")
    values = given[units[0]]
    values = values if isinstance(values, list | tuple) else [values]
    if not values:
        raise SpecError(f"{where}.{units[0]}: no amounts; give at least one")
    return [read_amount({units[0]: value}, f"{where}.{units[0]}") for value in values]


def read_amount(given: Mapping[str, Any], where: str) -> Amount:
    """Read one `{unit: value}`."""
    from pydantic import ValidationError

    if unknown := [name for name in given if name not in UNITS]:
        raise SpecError(f"{where}: no unit '{unknown[0]}'; {choices(str(unknown[0]), UNITS)}")
    try:
        return Amount.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        raise SpecError(f"{where}: {first['msg'].removeprefix('Value error, ')}") from None
