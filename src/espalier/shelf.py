"""Shelves: folders in which one file adds one thing.

`strategies["dmt"]` imports `espalier.strategies.dmt` and returns its `dmt`.  The folder is the
registry: adding is adding a file, and nothing is imported before it is asked for.  Files that
begin with an underscore are shared helpers.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from pkgutil import iter_modules
from typing import Any, Generic, TypeVar, cast

from espalier.errors import DataError, EspalierError, MissingError, SpecError, choices

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


def digest_of(file: Path) -> str:
    """Return the digest of a file's content."""
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError as error:
        raise MissingError(f"{file}: cannot be read ({error.strerror})") from None


def from_file(file: Path, name: str) -> Callable[..., Any]:
    """Run the file and return its function `name`; what fails in it is said in one line."""
    module_name = f"espalier_own_{digest_of(file)[:16]}"
    if module_name not in sys.modules:
        spec = spec_from_file_location(module_name, file)
        if spec is None or spec.loader is None:
            raise SpecError(f"{file}: not a Python file")
        module = module_from_spec(spec)
        sys.modules[module_name] = module
        try:
            spec.loader.exec_module(module)
        except BaseException as error:
            del sys.modules[module_name]
            if isinstance(error, EspalierError | KeyboardInterrupt):
                raise
            raise SpecError(f"{file}: {_said(error)}") from None
    known = vars(sys.modules[module_name])
    found = known.get(name)
    if not callable(found):
        names = [n for n, v in known.items() if callable(v) and not n.startswith("_")]
        raise SpecError(f"{file}: no function '{name}'; {choices(name, names)}")
    return found  # type: ignore[no-any-return]


def failure_in(file: Path, name: str, error: BaseException) -> DataError:
    """Return the refusal for an error within a user's function."""
    return DataError(f"{file}: {name}: {_said(error)}")


def _said(error: BaseException) -> str:
    line, at = getattr(error, "lineno", None), error.__traceback__
    while line is None and at is not None and at.tb_next is not None:
        at = at.tb_next
    where = line or (at.tb_lineno if at is not None else None)
    said = " ".join(str(error.args[0] if isinstance(error, SyntaxError) else error).split())
    return f"line {where}: {type(error).__name__}: {said}"
