"""The claims of Dong et al. (2023, arXiv 2310.05492), in the authors' order.

`general` is the ability of that name; all other in-domain abilities are the specialised ones.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from itertools import combinations

from scipy.stats import norm

from espalier.analysis._claims import Part, Placed, Statement, vote
from espalier.finding import SEEDS, Finding, Interval

GENERAL, OVERALL = "general", "overall"


def _of(placed: Sequence[Placed], kind: str) -> list[Placed]:
    return [(i, f) for i, f in placed if f.kind == kind and f.ability != OVERALL]


def _scaling(placed: Sequence[Placed]) -> list[Part]:
    growth = _of(placed, "growth")
    special = [(i, f) for i, f in growth if f.ability != GENERAL]
    return [
        Part(says="specialised abilities grow with their own data", votes=vote(special)),
        Part(says="abilities differ in how they grow", votes=_differ(growth)),
        Part(says="larger models are better", votes=vote(_of(placed, "size")), needed=False),
    ]


def _differ(growth: Sequence[Placed]) -> list[tuple[int, int | None]]:
    """Vote for two abilities of one model that differ in verdict, or in gain where units agree."""
    by_model: dict[tuple[str, str], list[Placed]] = defaultdict(list)
    for i, f in growth:
        by_model[f.model, f.protocol].append((i, f))
    votes: dict[int, int | None] = {}
    for case in by_model.values():
        for (i, a), (j, b) in combinations(case, 2):
            if a.ability == b.ability:
                continue
            apart = a.metric == b.metric and _apart(a.interval, b.interval)
            decided = "undecided" not in (a.verdict, b.verdict)
            for place in (i, j):
                differ = apart or (decided and a.verdict != b.verdict)
                votes[place] = 1 if differ else votes.get(place, 0)
    return list(votes.items())


def _apart(a: Interval | None, b: Interval | None) -> bool:
    return a is not None and b is not None and (a[1] < b[0] or b[1] < a[0])


def _case(finding: Finding) -> tuple[str, ...]:
    """Return what two findings share that may be compared."""
    f = finding
    return f.ability, f.model, f.metric, f.suite, f.protocol


def _mixing(placed: Sequence[Placed]) -> list[Part]:
    by_case: dict[tuple[str, ...], list[Placed]] = defaultdict(list)
    for i, f in _of(placed, "mixing"):
        if f.facts.get("of") == "difference":
            by_case[*_case(f), f["source"]].append((i, f))
    ordered = [sorted(case, key=lambda p: p[1]["amount"]) for case in by_case.values()]
    several = [case for case in ordered if len(case) > 1]
    return [
        Part(says="mixing helps at the smallest amount", votes=vote(case[0] for case in several)),
        Part(says="mixing hurts at the largest amount", votes=vote((c[-1] for c in several), -1)),
    ]


def _ratio(placed: Sequence[Placed]) -> list[Part]:
    votes: list[tuple[int, int | None]] = []
    for i, f in _of(placed, "factors"):
        says = {"amount": 1, "ratio": -1, "both": -1}
        votes.append((i, None if f.estimate is None else says.get(f.verdict, 0)))
    return [Part(says="the amount of other data matters and its ratio does not", votes=votes)]


def _strategies(placed: Sequence[Placed]) -> list[Part]:
    found = _of(placed, "strategy")
    ordered = [(i, f) for i, f in found if f["strategy"] in ("sequential", "mixed_sequential")]
    special = [(i, f) for i, f in ordered if f.ability != GENERAL]
    general = [(i, f) for i, f in ordered if f.ability == GENERAL]
    staged: dict[tuple[str, ...], list[Finding]] = defaultdict(list)
    for _, f in special:
        staged[_case(f)].append(f)
    pairs = [
        (i, f, other)
        for i, f in found
        if f["strategy"] == "dmt" and f.ability != GENERAL
        for other in staged[_case(f)]
    ]
    return [
        Part(says="one stage after the other loses specialised skill", votes=vote(special, -1)),
        Part(
            says="DMT keeps more of it", votes=[(i, _above(f, s, len(pairs))) for i, f, s in pairs]
        ),
        Part(
            says="training the general data last is better for the general ability",
            votes=vote(general),
            needed=False,
        ),
    ]


def _above(better: Finding, worse: Finding, tests: int) -> int | None:
    """Return 1 where a strategy beats another; both are measured against the same third."""
    if better.estimate is None or worse.estimate is None:
        return None
    gap = better.estimate - worse.estimate
    errors = [_error(f) for f in (better, worse)]
    if None in errors:
        return None
    # Both intervals hold the third strategy's noise, so this errs on the side of caution.
    spread = math.hypot(*(e for e in errors if e is not None))
    if abs(gap) <= (2.0 + math.log10(max(tests, 1))) * spread:
        return 0
    return 1 if (gap > 0) == better.higher_is_better else -1


def _error(finding: Finding) -> float | None:
    """Return the standard error that a finding's test used: from its p-value, or its interval."""
    if finding.noise != SEEDS:
        if finding.p is None or not finding.estimate:
            return None
        return abs(finding.estimate) / float(norm.isf(max(finding.p, 1e-300) / 2) or 1e-9)
    if finding.interval is None:
        return None
    return (finding.interval[1] - finding.interval[0]) / 2 / 1.96


def _replay(placed: Sequence[Placed]) -> list[Part]:
    found = _of(placed, "strategy")
    none: dict[tuple[str, ...], list[Finding]] = defaultdict(list)
    for _, f in found:
        if f["strategy"] == "mixed_sequential" and f.ability != GENERAL:
            none[_case(f)].append(f)
    sweeps: dict[tuple[str, ...], list[Placed]] = defaultdict(list)
    for i, f in found:
        if f["strategy"] == "dmt" and f["k"]:
            sweeps[_case(f)].append((i, f))
    first: list[tuple[int, int | None]] = []
    rises: list[tuple[int, int | None]] = []
    falls: list[tuple[int, int | None]] = []
    for case, sweep in sweeps.items():
        sweep.sort(key=lambda p: p[1]["k"])
        place, smallest = sweep[0]
        first += [(place, _above(smallest, f, len(sweeps))) for f in none[case]]
        if len(sweep) > 2:
            slope = _slope([f for _, f in sweep])
            if case[0] == GENERAL:
                falls.append((place, None if slope is None else -slope))
            else:
                rises.append((place, slope))
    return [
        Part(says="the smallest k helps the specialised abilities over none", votes=first),
        Part(says="specialised abilities rise with k", votes=rises),
        Part(says="the general ability falls with k", votes=falls, needed=False),
    ]


def _slope(sweep: Sequence[Finding]) -> int | None:
    """Return the sign of the trend over log k, 0 where it is within its error."""
    errors = [_error(f) for f in sweep]
    if any(e is None or not e for e in errors):
        return None
    x = [math.log2(f["k"]) for f in sweep]
    middle = sum(x) / len(x)
    square = sum((v - middle) ** 2 for v in x)
    weights = [(v - middle) / square for v in x]
    slope = sum(w * (f.estimate or 0.0) for w, f in zip(weights, sweep, strict=True))
    error = math.sqrt(sum((w * (e or 0.0)) ** 2 for w, e in zip(weights, errors, strict=True)))
    if abs(slope) <= 2 * error:
        return 0
    return 1 if (slope > 0) == sweep[0].higher_is_better else -1


dong2023 = (
    Statement(
        id="dong2023.1",
        text="Abilities scale differently with their own data; larger models are better.",
        parts=_scaling,
    ),
    Statement(
        id="dong2023.2",
        text="Mixing abilities helps at low amounts of data and hurts at high amounts.",
        parts=_mixing,
    ),
    Statement(
        id="dong2023.3",
        text="The amount of other data matters and its ratio does not, where the sources differ.",
        parts=_ratio,
    ),
    Statement(
        id="dong2023.4",
        text="Sequential training forgets specialised skill, and dual-stage mixing keeps it.",
        parts=_strategies,
    ),
    Statement(
        id="dong2023.5",
        text="A small k already helps; a larger k trades general against specialised skill.",
        parts=_replay,
    ),
    Statement(
        id="dong2023.6",
        text="Hidden states of math lie apart; those of code and general data overlap.",
        untested="it is about hidden states, which no results table holds",
    ),
    Statement(
        id="dong2023.7",
        text="Without the code and math hidden in general data the conflict shrinks.",
        untested="it needs a general source with and without its hidden code and math, and no "
        "finding compares two such sources",
    ),
)
