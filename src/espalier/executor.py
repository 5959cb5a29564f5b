"""An executor runs calls in slots: a process on some cores, a GPU, a worker of a cluster.

It decides *where*, so it hands each call the `Site` of the slot it got.  The shelf `executors/`
holds one a file.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Protocol, Self, TypeVar

from espalier.shelf import Shelf
from espalier.step import Site

T = TypeVar("T")


class Executor(Protocol):
    """Where steps run.  Use it as a context manager, so that its workers never outlive it."""

    slots: int
    """How many calls run at once; `run` keeps at most that many in flight."""

    def submit(self, call: Callable[[Site], T]) -> Future[T]:
        """Run `call(site)` in a free slot.  A slot that dies fails its own call alone."""

    def __enter__(self) -> Self:
        """Start the slots."""

    def __exit__(self, *error: object) -> None:
        """Stop the slots, and at once what runs in them."""


executors: Shelf[Callable[..., Executor]] = Shelf("espalier.executors")
"""`executors["local"](**options) -> Executor`"""
