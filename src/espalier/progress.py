"""Show a run as it goes: the whole study, each running step, and a time left that is honest.

The time left comes from work done in *this* run: finished steps, and the share of the running
ones that they say they have done, weighed by what each was expected to cost.  Until a twentieth
of the work is done nothing is foretold.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Self

from espalier.run import Ending
from espalier.step import Key, Step
from espalier.store import Store

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

SURE_AFTER = 0.05
"""Share of the work after which a time left is told."""

QUIET = 20.0
"""Seconds of silence in a log after which a line says that the run goes on."""


class Ledger:
    """Who runs, what is done, and how long the rest may take."""

    def __init__(
        self, steps: Mapping[Key, Step], store: Store, seconds: Callable[[Step], float], slots: int
    ) -> None:
        self.steps, self.store, self.slots = steps, store, slots
        self.expected = {key: max(seconds(step), 1e-3) for key, step in steps.items()}
        self.ended: dict[Key, Ending] = {}
        self.running: dict[Key, float] = {}
        self.begun = time.monotonic()
        self.done = 0.0  # expected seconds of what this run has made

    def start(self, step: Step) -> None:
        """Enter a step that has begun."""
        self.running.setdefault(step.key, time.monotonic())

    def end(self, step: Step, how: Ending) -> None:
        """Enter what became of a step."""
        self.running.pop(step.key, None)
        self.ended[step.key] = how
        if how == "made":
            self.done += self.expected[step.key]

    def count(self, how: Ending) -> int:
        """Return how many steps ended so."""
        return sum(1 for ending in self.ended.values() if ending == how)

    def share(self, key: Key) -> float:
        """Return how far a running step says it is, 0 to 1."""
        said = self.store.progress(self.steps[key])
        total = said.get("updates") or said.get("total") or 0
        return min(1.0, said.get("update", said.get("done", 0)) / total) if total else 0.0

    @property
    def left(self) -> float:
        """Return the expected seconds of work that remain, by the plan's own measure."""
        open_ = sum(s for key, s in self.expected.items() if key not in self.ended)
        return open_ - sum(self.share(key) * self.expected[key] for key in self.running)

    def seconds_left(self) -> float | None:
        """Return the wall seconds left, or None while too little has been seen to tell."""
        partly = sum(self.share(key) * self.expected[key] for key in self.running)
        done, left = self.done + partly, self.left
        if not done or done < SURE_AFTER * (done + left):
            return None
        elapsed = time.monotonic() - self.begun
        return elapsed * left / done


def watching(
    steps: Mapping[Key, Step],
    store: Store,
    slots: int,
    *,
    seconds: Callable[[Step], float] = lambda _: 1.0,
    quiet: bool = False,
) -> Plain | Live:
    """Return the watch that fits: a live picture in a terminal, else lines on stderr."""
    from rich.console import Console

    ledger = Ledger(steps, store, seconds, slots)
    console = Console(stderr=True, highlight=False)
    if console.is_terminal and not quiet:
        return Live(ledger, console)
    return Plain(ledger, lambda line: print(line, file=sys.stderr, flush=True))  # noqa: T201


def clock(seconds: float) -> str:
    """Say seconds as 0:42 or 1:03:07."""
    minutes, s = divmod(int(seconds), 60)
    hours, m = divmod(minutes, 60)
    return f"{hours}:{m:02}:{s:02}" if hours else f"{m}:{s:02}"


def name(step: Step) -> str:
    """Say in a few words what a step makes."""
    remarks = step.remarks()
    return f"{step.kind} {remarks.get('label') or remarks.get('ability') or ''}".strip()


class Plain:
    """Lines for logs and pipes: every trained stage, every failure, and a sign of life."""

    def __init__(self, ledger: Ledger, say: Callable[[str], None]) -> None:
        self.ledger, self.say = ledger, say
        self.said = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        """Leave nothing behind."""

    def started(self, step: Step) -> None:
        """Enter the step; lines are for endings."""
        self.ledger.start(step)

    def ended(self, step: Step, how: Ending, why: str = "") -> None:
        """Say that a stage was trained, or that a step failed."""
        began = self.ledger.running.get(step.key)
        self.ledger.end(step, how)
        if how == "failed":
            self._say(f"failed {name(step)} {step.key}: {why}")
        elif how == "made" and step.kind == "train" and began:
            self._say(f"{name(step)} {step.key} in {clock(time.monotonic() - began)}")

    def tick(self) -> None:
        """Say how far the run is, where nothing has been said for a while."""
        if time.monotonic() - self.said > QUIET and self.ledger.running:
            self._say(f"{len(self.ledger.running)} running")

    def _say(self, what: str) -> None:
        left = self.ledger.seconds_left()
        rest = f", {clock(left)} left" if left is not None else ""
        self.say(f"[{len(self.ledger.ended)}/{len(self.ledger.steps)}{rest}] {what}")
        self.said = time.monotonic()


class Live:
    """A live picture in a terminal."""

    def __init__(self, ledger: Ledger, console: Console) -> None:
        from rich.live import Live as Picture

        self.ledger, self.console = ledger, console
        self.picture = Picture(console=console, auto_refresh=False, transient=True)

    def __enter__(self) -> Self:
        self.picture.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.picture.stop()

    def started(self, step: Step) -> None:
        """Enter the step."""
        self.ledger.start(step)

    def ended(self, step: Step, how: Ending, why: str = "") -> None:
        """Enter the ending; a failure is also said above the picture, to stay."""
        self.ledger.end(step, how)
        if how == "failed":
            self.console.print(f"failed {name(step)} {step.key}: {why}", style="red", markup=False)

    def tick(self) -> None:
        """Draw anew."""
        self.picture.update(self._draw(), refresh=True)

    def _draw(self) -> RenderableType:
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.table import Table

        ledger = self.ledger
        made = sum(ledger.expected[k] for k, how in ledger.ended.items() if how == "made")
        left = ledger.left
        partly = sum(ledger.share(k) * ledger.expected[k] for k in ledger.running)
        whole = Table.grid(padding=(0, 1))
        seconds = ledger.seconds_left()
        whole.add_row(
            ProgressBar(total=max(made + partly + left, 1e-9), completed=made + partly, width=40),
            f"{len(ledger.ended)}/{len(ledger.steps)} steps",
            f"{ledger.count('found')} found" if ledger.count("found") else "",
            f"[red]{ledger.count('failed')} failed[/]" if ledger.count("failed") else "",
            clock(time.monotonic() - ledger.begun),
            f"{clock(seconds)} left" if seconds is not None else "time left: not yet known",
        )
        each = Table.grid(padding=(0, 2))
        for key in list(ledger.running):
            said = ledger.store.progress(ledger.steps[key])
            loss, speed = said.get("loss"), said.get("tokens_per_s")
            each.add_row(
                f"  {name(ledger.steps[key])}",
                f"{ledger.share(key):4.0%}",
                f"loss {loss:.3f}" if loss is not None else "",
                f"{speed:,.0f} tokens/s" if speed else "",
            )
        return Group(whole, each)
