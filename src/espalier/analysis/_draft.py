"""A draft: a finding whose verdict waits until the tests of its whole family are known.

Each family is adjusted by the two-stage procedure of Benjamini, Krieger and Yekutieli, so that at
most 5 in 100 of its verdicts of an effect are false on average.  Before any is given, the family
must pass a gate: one test at least must stand at the family's share of the 5 %.  The shares add
up to one over the families that are asked at all, so that a table without any effect reports none
in 95 studies of 100; where much is
true the threshold comes near that of a single test, and would pass it: no adjusted p-value is
below the test's own, so that nothing is called an effect that alone would not be.  `p_adjusted` is
such that 0.05 is always the line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from statsmodels.stats.multitest import multipletests

from espalier.analysis._evidence import Block, Effect, Evidence, Panel
from espalier.finding import Finding, decided

ALPHA = 0.05
CLOSED = 0.051
"""The least adjusted p-value behind a closed gate."""
SHARES: Mapping[str, float] = {"interference": 0.5, "order": 0.3, "growth": 0.2}
"""What part of the 5 in 100 each family's gate may spend.

Interference is mixing, forgetting and factors; order is strategies and the exchange of sources;
growth is growth, size, out-of-domain and sensitivity, whose effects are large wherever real.
"""

Verdict = Callable[[Mapping[str, float]], str]


@dataclass(frozen=True, kw_only=True)
class Draft:
    """A finding with its tests by name; `verdict` reads their adjusted p-values.

    Of the test called `effect` or `joint` the finding tells `p` and `p_adjusted`.
    """

    finding: Finding
    family: str = "interference"
    tests: Mapping[str, float] = field(default_factory=dict)
    verdict: Verdict | None = None


def decide(drafts: Sequence[Draft]) -> Iterator[Finding]:
    """Adjust the tests of each family together, then give every finding its verdict."""
    asked = {draft.family for draft in drafts if draft.tests}
    whole = sum(SHARES[family] for family in asked)
    adjusted: dict[tuple[int, str], float] = {}
    for family in SHARES:
        places = [
            (place, name)
            for place, draft in enumerate(drafts)
            if draft.family == family
            for name in _outer(draft.tests)
        ]
        if places:
            values = [drafts[place].tests[name] for place, name in places]
            fair = _adjust(values, SHARES[family] / whole)
            adjusted |= dict(zip(places, fair, strict=True))
    for place, draft in enumerate(drafts):
        mine = {name: adjusted[place, name] for name in _outer(draft.tests)}
        if draft.verdict is None or not mine:
            yield draft.finding
            continue
        outer = _own(mine)
        mine |= {n: max(p, outer) for n, p in draft.tests.items() if n not in mine}
        yield decided(draft.finding, draft.verdict(mine), outer)


def _outer(tests: Mapping[str, float]) -> list[str]:
    """Return the tests that are adjusted: parts of a joint test are asked only where it passes.

    With two parts that is a closed procedure (Marcus, Peritz and Gabriel): each may be held
    against the full 5 %.
    """
    return ["joint"] if "joint" in tests else list(tests)


def _adjust(values: Sequence[float], share: float) -> list[float]:
    """Return the adjusted p-values of a family that may spend this share of the 5 in 100."""
    corrected = multipletests(values, alpha=ALPHA, method="fdr_tsbky")[1]
    gate = multipletests(values, method="fdr_bh")[1].min() <= ALPHA * share
    fair = corrected if gate else np.maximum(corrected / share, CLOSED)
    return [float(p) for p in np.clip(fair, values, 1.0)]


def _own(adjusted: Mapping[str, float]) -> float:
    """Return the adjusted p-value of the finding as a whole, else the least of its parts."""
    return next((adjusted[n] for n in ("effect", "joint") if n in adjusted), min(adjusted.values()))


def signed(effect: Effect, better: int, good: str, bad: str, neither: str) -> Verdict:
    """Return the verdict of a difference: good, bad, or not to be told from none."""

    def verdict(adjusted: Mapping[str, float]) -> str:
        if adjusted["effect"] > ALPHA or effect.value == 0:
            return neither
        return good if effect.value * better > 0 else bad

    return verdict


def tests_of(effect: Effect) -> dict[str, float]:
    """Return the test of no effect, none where runs were not repeated."""
    return {"effect": effect.p} if effect.testable and effect.p is not None else {}


def finding(
    kind: str,
    panel: Panel,
    block: Block | None,
    effect: Effect | None,
    evidence: Evidence,
    *,
    rows: tuple[int | str, ...],
    why: str = "",
    **facts: Any,
) -> Finding:
    """Return a finding of a panel with the fields that all kinds share."""
    return Finding(
        kind=kind,
        ability=panel.ability,
        model=block.model if block else "all",
        metric=panel.metric,
        suite=panel.suite,
        protocol=panel.protocol,
        higher_is_better=panel.higher_is_better,
        estimate=effect.value if effect else None,
        interval=effect.interval(evidence.level) if effect else None,
        verdict="undecided",
        rows=rows,
        why=why or (effect.why if effect else ""),
        noise=effect.noise if effect else "unknown",
        seeds=effect.seeds if effect else 0,
        p=effect.p if effect else None,
        facts=facts,
    )
