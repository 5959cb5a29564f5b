"""How much runs are taken to scatter where an ability has one seed, which cannot tell.

From the other abilities of the table where those were repeated, as a share of their metrics'
ranges; else a stated and cautious value, two points of a hundred, which no measurement backs.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from espalier.analysis._evidence import Block, Panel
from espalier.finding import SEEDS

ASSUMED = 0.02
"""Standard deviation of a run, as a share of its metric's range, where nothing was repeated."""
SHARED = 0.5
"""What a seed does to all runs alike, as a part of that."""
FEWEST = 5.0
"""With fewer degrees of freedom, repeated runs say too little to be lent to other abilities."""
WEIGHT = 10.0
"""Degrees of freedom that a borrowed or stated value counts for: a fit may move it somewhat."""


@dataclass(frozen=True, kw_only=True)
class Scatter:
    """What runs are taken to scatter where that was not measured."""

    share: float
    """Standard deviation, as a share of a metric's range."""
    of: tuple[str, ...] = ()
    """The abilities that it was measured on; none where it is only stated."""

    @classmethod
    def among(cls, panels: Mapping[str, Panel]) -> Scatter:
        """Return what the abilities that were repeated say together, or the stated value."""
        found = {name: _known(p) for name, p in panels.items() if name == p.ability}
        known = {name: (df, share) for name, (df, share) in found.items() if df}
        total = sum(df for df, _ in known.values())
        if total < FEWEST:
            return cls(share=ASSUMED)
        square = sum(df * share**2 for df, share in known.values()) / total
        return cls(share=math.sqrt(square), of=tuple(known))

    def said(self, names: Iterable[str]) -> str:
        """Say what is taken for granted of abilities that have one seed."""
        told = ", ".join(names)
        if self.of:
            basis = f"by {self.share:.1%} of the range, as those of {', '.join(self.of)} do"
        else:
            basis = f"by {self.share:.1%} of the range, a stated guess"
        return (
            f"{told}: a single seed does not tell how much runs scatter; they are taken to scatter "
            f"{basis}, and every certainty told here rests on that"
        )


def _known(panel: Panel) -> tuple[float, float]:
    """Return the degrees of freedom and the scatter of a panel's runs, as a share of its range."""
    noise = max((b.noise for b in panel.blocks if known(b)), key=lambda n: n.df, default=None)
    if noise is None:
        return 0.0, 0.0
    return noise.df, math.sqrt(noise.run) / panel.scale


def known(block: Block) -> bool:
    """Say whether runs of a model were repeated, or of another model on the same ability."""
    return block.noise.source == SEEDS and block.noise.df > 0
