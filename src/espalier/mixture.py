"""A mixture: how many rows of each source.

Amounts are rows, never bare weights, so a mixture says what is trained without knowing what else
there is.  Mixtures are values: every operation returns a new one, and sources with no rows are
left out, so that two mixtures that train the same rows are equal.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction

from espalier.errors import SpecError


class Mixture(Mapping[str, int]):
    """Source -> number of rows, in the order the sources were given."""

    __slots__ = ("_rows",)

    def __init__(self, rows: Mapping[str, int]) -> None:
        if negative := [name for name, n in rows.items() if n < 0]:
            raise SpecError(f"{negative[0]}: {rows[negative[0]]} rows; amounts are 0 or more")
        self._rows = {name: n for name, n in rows.items() if n}

    def __getitem__(self, source: str) -> int:
        return self._rows[source]

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    def __hash__(self) -> int:
        return hash(frozenset(self._rows.items()))

    def __repr__(self) -> str:
        return f"Mixture({self._rows})"

    def __add__(self, other: Mapping[str, int]) -> Mixture:
        names = dict.fromkeys([*self, *other])
        return Mixture({name: self.get(name, 0) + other.get(name, 0) for name in names})

    def only(self, *sources: str) -> Mixture:
        """Keep just these sources, in the order given."""
        return Mixture({name: self[name] for name in sources if name in self})

    def without(self, *sources: str) -> Mixture:
        """Leave these sources out."""
        return Mixture({name: n for name, n in self.items() if name not in sources})

    def scaled(self, share: Fraction) -> Mixture:
        """Take `share` of every source, rounded down to whole rows, as both papers do.

        Refuse a share so small that a source would silently vanish.
        """
        rows = {name: int(n * share) for name, n in self.items()}
        if share and (gone := [name for name, n in rows.items() if not n]):
            raise SpecError(
                f"{share} of the {self[gone[0]]} rows of '{gone[0]}' is less than one row; "
                "use a larger share or more rows"
            )
        return Mixture(rows)
