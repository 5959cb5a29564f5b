"""How much work a step is, and how long it will take on this machine.

    tokens, parameters --> FLOPs --rates--> seconds

Rates come from finished steps of the store, by kind and model size.  Where there are too few, a
guess is made from this machine's own matrix product, and said to be one.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from espalier.step import Key, Step
from espalier.store import Store

GUESSED_SHARE = 0.4
"""Share of a core's matmul peak that a step reaches, as a first guess."""
GUESSED_OVERHEAD = 5e-5
"""Seconds a token costs beside its FLOPs, as a first guess: tiny models do little else."""
ENOUGH, LONG = 3, 60.0
"""Finished steps that tell a rate, or seconds of one step that do: the first step of a process
also pays for its imports, which is more than a small exam takes."""


@dataclass(frozen=True, kw_only=True)
class Work:
    """What a step has to do, as far as it can be known before."""

    rows: int = 0
    tokens: float = 0.0
    flops: float = 0.0
    """6 per parameter and trained token, 2 per parameter and token that is only read or written."""
    disk: float = 0.0
    parameters: int = 0


@dataclass
class Rates:
    """Seconds per token, by kind of step and number of parameters."""

    seen: dict[tuple[str, int], float] = field(default_factory=dict)
    peak: float | None = None

    def seconds(self, step: Step, work: Work) -> float:
        """Return the expected seconds of a step on one slot."""
        if not work.tokens:
            return 0.05
        rate = self.seen.get((step.kind, work.parameters))
        if rate is None:
            if self.peak is None:
                self.peak = matmul_peak()
            return work.flops / (GUESSED_SHARE * self.peak) + GUESSED_OVERHEAD * work.tokens
        return rate * work.tokens

    def known(self, steps: Iterable[Step], work: Mapping[Key, Work]) -> bool:
        """Say whether every step that costs tokens has been seen before in its kind and size."""
        asked = {(s.kind, work[s.key].parameters) for s in steps if work[s.key].tokens}
        return asked <= self.seen.keys()


def rates(steps: Mapping[Key, Step], work: Mapping[Key, Work], store: Store) -> Rates:
    """Learn rates from those of `steps` that the store has finished: medians of seconds a token."""
    found: dict[tuple[str, int], list[float]] = {}
    long: set[tuple[str, int]] = set()
    present = store.present()
    for key, step in steps.items():
        expected = work[key]
        if expected.tokens and key in present:
            seconds = _busy(store.cost(step))
            if seconds:
                kind = (step.kind, expected.parameters)
                found.setdefault(kind, []).append(seconds / expected.tokens)
                if seconds >= LONG:
                    long.add(kind)
    return Rates(
        {
            kind: statistics.median(values)
            for kind, values in found.items()
            if len(values) >= ENOUGH or kind in long
        }
    )


def _busy(cost: Mapping[str, Any]) -> float:
    """Return the seconds a step kept its slot busy, whatever else the machine was doing."""
    if cost.get("device") == "cpu":
        return float(cost.get("cpu_seconds") or 0.0) / (cost.get("threads") or 1)
    return float(cost.get("wall_seconds") or 0.0)


def matmul_peak() -> float:
    """Measure one core's fp32 matrix product in FLOP/s, the best of a few (0.1 s).

    In CPU seconds, so that it is the same on a busy machine.
    """
    import numpy as np

    side = 768
    a = np.ones((side, side), dtype=np.float32)
    best = float("inf")
    for _ in range(6):
        begun = time.process_time()
        a @ a
        best = min(best, max(time.process_time() - begun, 1e-6))
    return 2 * side**3 / best
