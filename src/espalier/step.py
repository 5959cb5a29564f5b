"""A step: one piece of work, identified by its own description.

A step's fields say what to make.  Where it runs, on what and how fast are not fields, so
moving a study to another machine never changes a key.  A field that is itself a step is a
parent, and enters the description as the parent's key.  What only helps a reader or says where
something lies is declared with `beside()`: it travels with the step, is written into the record,
and is no part of the key.
"""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from fractions import Fraction
from functools import cache, cached_property
from pathlib import Path
from typing import Any, ClassVar, NewType

from pydantic import BaseModel

from espalier.errors import IdentityError

Key = NewType("Key", str)
"""Sixteen hex digits that name a step in the store."""

Locate = Callable[["Step"], Path]
"""Where a parent's output lies."""


PLAIN = frozenset((str, int, bool, type(None)))
"""Types that are JSON as they stand."""


_canonical = json.JSONEncoder(sort_keys=True, allow_nan=False).encode


def beside(**options: Any) -> Any:
    """Declare a dataclass field that is no part of the step's identity."""
    return field(metadata={"identity": False}, **options)


@dataclass(frozen=True, kw_only=True)
class Site:
    """Where a step runs: never a part of what it makes."""

    device: str = "cpu"
    threads: int = 1
    micro_tokens: int = 16_384
    """The most tokens (padding included) in one forward pass."""
    gradient_checkpointing: bool = False
    """Compute activations twice instead of keeping them: slower, for models that barely fit."""
    checkpoint_seconds: float = 20.0
    """How often a training step saves its state, at the least work lost to a kill."""
    progress: Path | None = None
    """A small JSON file that a running step may rewrite to say how far it is."""


@dataclass(frozen=True, kw_only=True)
class Step(ABC):
    """Base of the steps.  A subclass adds fields (what to make) and `run` (how)."""

    VERSION: ClassVar[int] = 1
    """Raise it when `run` starts to make something else from the same fields."""

    @abstractmethod
    def run(self, out: Path, at: Locate, site: Site) -> None:
        """Make this step's output in the folder `out`; parents lie at `at(parent)`.

        `out` may hold what an earlier, killed attempt left there; a step that cannot go on from
        it begins anew.
        """

    def check(self) -> None:  # noqa: B027
        """Raise `MissingError` where this machine lacks what `run` needs; asked before a start."""

    @property
    def kind(self) -> str:
        """Return the step's type in one lower-case word, which is also its shelf in the store."""
        return type(self).__name__.lower()

    @cached_property
    def parents(self) -> tuple[Step, ...]:
        """Return the steps this one reads."""
        values = (getattr(self, f.name) for f in _identity(self))
        return tuple(value for value in values if isinstance(value, Step))

    @cached_property
    def key(self) -> Key:
        """Hash the description without its defaults.

        So a new field with a default re-keys nothing; a default that moves is caught by the store.
        """
        text = _canonical(self.describe(defaults=False))
        return Key(hashlib.sha256(text.encode()).hexdigest()[:16])

    def describe(self, *, defaults: bool = True) -> dict[str, Any]:
        """Return the step's identity as plain JSON values, parents by key."""
        given = {f.name: getattr(self, f.name) for f in _identity(self)}
        if not defaults:
            given = {f.name: given[f.name] for f in _identity(self) if given[f.name] != _default(f)}
        plain = {n: _plain(v, f"{self.kind}.{n}", defaults) for n, v in given.items()}
        return {"kind": self.kind, "version": self.VERSION} | plain

    def remarks(self) -> dict[str, str]:
        """Return what lies beside the identity, for a reader of the record."""
        given = {f.name: getattr(self, f.name) for f in fields(self) if f not in _identity(self)}
        return {name: str(value) for name, value in given.items() if value is not None}

    def ancestry(self) -> Iterator[Step]:
        """Yield every ancestor, parents first, then this step."""
        for parent in self.parents:
            yield from parent.ancestry()
        yield self


def _identity(step: Step) -> tuple[Field[Any], ...]:
    return _declared(type(step))


@cache
def _declared(kind: type[Step]) -> tuple[Field[Any], ...]:
    return tuple(f for f in fields(kind) if f.metadata.get("identity", True))


def _default(f: Field[Any]) -> Any:
    if f.default is not MISSING:
        return f.default
    return f.default_factory() if f.default_factory is not MISSING else MISSING


def _plain(value: object, where: str, defaults: bool) -> Any:
    """Return `value` as JSON that is the same in every process, or refuse."""
    if type(value) in PLAIN:
        return value
    if isinstance(value, float):
        return int(value) if value.is_integer() else value  # 1 and 1.0 are one number, one key
    if isinstance(value, Step):
        return {"step": value.key}
    if isinstance(value, Fraction | str):
        return str(value)
    if isinstance(value, BaseModel):
        return _plain(value.model_dump(mode="json", exclude_defaults=not defaults), where, defaults)
    if isinstance(value, Mapping):
        return {str(name): _plain(v, f"{where}.{name}", defaults) for name, v in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(v, f"{where}[{i}]", defaults) for i, v in enumerate(value)]
    raise IdentityError(
        f"{where} is a {type(value).__name__}, which has no stable description; "
        "use a number, a string, a tuple, a mapping, a spec or a step"
    )
