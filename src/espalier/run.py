"""Run a plan: what is done is left alone, what failed blocks only what needs it.

The loop keeps the executor's slots full, the longest remaining chain first, so that no slot ends
the study alone with a long one.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field
from functools import partial
from graphlib import TopologicalSorter
from typing import Literal, Protocol

from espalier.errors import EspalierError
from espalier.executor import Executor
from espalier.step import Key, Site, Step
from espalier.store import BusyError, Store

LOOK_AGAIN = 1.0
"""Seconds between two looks at a step that another run is making."""

Ending = Literal["found", "made", "failed", "blocked"]


@dataclass
class Outcome:
    """What became of every step."""

    found: set[Key] = field(default_factory=set)
    made: set[Key] = field(default_factory=set)
    failed: dict[Key, str] = field(default_factory=dict)
    blocked: set[Key] = field(default_factory=set)

    @property
    def complete(self) -> bool:
        """Say whether everything that was asked for is there."""
        return not self.failed and not self.blocked


class Watch(Protocol):
    """Who is told how a run goes."""

    def started(self, step: Step) -> None:
        """Say that `step` has begun."""

    def ended(self, step: Step, how: Ending, why: str = "") -> None:
        """Say what became of `step`."""

    def tick(self) -> None:
        """Look around; called a few times a second."""


class Silent:
    """A watch that says nothing."""

    def started(self, step: Step) -> None:
        """Say nothing."""

    def ended(self, step: Step, how: Ending, why: str = "") -> None:
        """Say nothing."""

    def tick(self) -> None:
        """Say nothing."""


def run(
    steps: Mapping[Key, Step],
    store: Store,
    executor: Executor,
    *,
    weight: Callable[[Step], float] = lambda _: 1.0,
    watch: Watch | None = None,
    poll: float = 0.25,
) -> Outcome:
    """Make every step.  A failed step is an entry in the outcome, not an exception.

    `weight` is the expected cost of a step; it only decides what is begun first.
    Raises `MissingError` before anything is begun where this machine lacks what a step needs.
    """
    for step in steps.values():
        if type(step).check is not Step.check and not store.has(step):
            step.check()
    loop = _Loop(steps, store, executor, watch or Silent(), _urgency(steps, weight))
    while loop.active:
        loop.settle()
        loop.fill()
        loop.watch.tick()
        loop.gather(poll)
    return loop.outcome


class _Loop:
    """The state of a run."""

    def __init__(
        self,
        steps: Mapping[Key, Step],
        store: Store,
        executor: Executor,
        watch: Watch,
        urgency: Mapping[Key, float],
    ) -> None:
        self.steps, self.store, self.executor = steps, store, executor
        self.watch, self.urgency = watch, urgency
        self.outcome = Outcome()
        self.ready: list[Key] = []
        self.busy: set[Key] = set()  # being made by another run on this store
        self.look_again = 0.0
        self.running: dict[Future[bool], Key] = {}
        self.order = TopologicalSorter({k: [p.key for p in s.parents] for k, s in steps.items()})
        self.order.prepare()

    @property
    def active(self) -> bool:
        return self.order.is_active()

    def settle(self) -> None:
        """Settle at once what needs no work; line up the rest, the most urgent last."""
        made_elsewhere = [key for key in self.busy if self.store.has(self.steps[key])]
        self.busy.difference_update(made_elsewhere)
        fresh = [*self.order.get_ready(), *made_elsewhere]
        while fresh:
            for key in fresh:
                step = self.steps[key]
                if any(self._missing(p.key) for p in step.parents):
                    self.outcome.blocked.add(key)
                    self._end(step, "blocked")
                elif self._found(step):
                    self.outcome.found.add(key)
                    self._end(step, "found")
                elif key not in self.outcome.failed:
                    self.ready.append(key)
            fresh = list(self.order.get_ready())
        self.ready.sort(key=lambda key: self.urgency[key])

    def _missing(self, key: Key) -> bool:
        return key in self.outcome.failed or key in self.outcome.blocked

    def _found(self, step: Step) -> bool:
        """Look into the store; a damaged or drifted folder is that step's failure, not the end."""
        try:
            return self.store.has(step)
        except EspalierError as error:
            self._fail(step, error)
            return False

    def fill(self) -> None:
        """Give every free slot the most urgent step."""
        if self.busy and time.monotonic() >= self.look_again:  # has its maker died?
            self.ready, self.busy = [*sorted(self.busy), *self.ready], set()
            self.look_again = time.monotonic() + LOOK_AGAIN
        while self.ready and len(self.running) < self.executor.slots:
            step = self.steps[self.ready.pop()]
            self.watch.started(step)
            future = self.executor.submit(partial(_make, self.store, step))
            self.running[future] = step.key

    def gather(self, poll: float) -> None:
        """Wait a little for what runs, and enter what has ended."""
        if not self.running:
            time.sleep(poll if self.busy else 0)
            return
        for future in wait(self.running, timeout=poll, return_when=FIRST_COMPLETED).done:
            step = self.steps[self.running.pop(future)]
            error = future.exception()
            if isinstance(error, BusyError):
                self.busy.add(step.key)
            elif error is not None:
                self._fail(step, error)
            else:
                done = self.outcome.made if future.result() else self.outcome.found
                done.add(step.key)
                self._end(step, "made" if future.result() else "found")

    def _fail(self, step: Step, error: BaseException) -> None:
        reason = " ".join(str(error).split()) or type(error).__name__
        if not isinstance(error, EspalierError):
            reason = f"{type(error).__name__}: {reason}"
        self.outcome.failed[step.key] = reason
        self.store.fail(step, reason, "".join(traceback.format_exception(error)))
        self._end(step, "failed", reason)

    def _end(self, step: Step, how: Ending, why: str = "") -> None:
        self.order.done(step.key)
        self.watch.ended(step, how, why)


def _make(store: Store, step: Step, site: Site) -> bool:
    """Make `step` in a worker."""
    return store.make(step, site)


def _urgency(steps: Mapping[Key, Step], weight: Callable[[Step], float]) -> dict[Key, float]:
    """Return for each step the cost of the longest chain that begins with it."""
    urgency = {key: weight(step) for key, step in steps.items()}
    after: dict[Key, float] = dict.fromkeys(steps, 0.0)
    order = TopologicalSorter({k: [p.key for p in s.parents] for k, s in steps.items()})
    for key in reversed(list(order.static_order())):
        urgency[key] += after[key]
        for parent in steps[key].parents:
            after[parent.key] = max(after[parent.key], urgency[key])
    return urgency
