"""Shelves: folders in which one file adds one thing.

`strategies["dmt"]` imports `espalier.strategies.dmt` and returns its `dmt`.  The folder is the
registry: adding is adding a file, and nothing is imported before it is asked for.  Files that
begin with an underscore are shared helpers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from importlib import import_module
from pkgutil import iter_modules
from typing import Generic, TypeVar, cast

from espalier.errors import SpecError, choices

T = TypeVar("T")


class Shelf(Mapping[str, T], Generic[T]):
    """A package whose modules each define one object of the module's own name."""

    def __init__(self, package: str) -> None:
        self.package = package

    @cached_property
    def _names(self) -> tuple[str, ...]:
        path = import_module(self.package).__path__
        return tuple(sorted(m.name for m in iter_modules(path) if not m.name.startswith("_")))

    def __getitem__(self, name: str) -> T:
        if name not in self._names:
            shelf = self.package.rpartition(".")[2]
            raise SpecError(f"no '{name}' among the {shelf}; {choices(name, self._names)}")
        return cast(T, getattr(import_module(f"{self.package}.{name}"), name))

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)
