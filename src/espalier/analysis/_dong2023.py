"""The claims of Dong et al. (2023, arXiv 2310.05492), in the authors' order.

`general` is the ability of that name; all other in-domain abilities are the specialised ones.
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any

from scipy.special import ndtr

from espalier.analysis._claims import (
    ANOTHER_RUN,
    NOWHERE,
    Part,
    Placed,
    Statement,
    Vote,
    adjusted,
    error,
    from_p,
    sign,
    vote,
)
from espalier.finding import Finding

if TYPE_CHECKING:
    import pandas as pd

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


def _differ(growth: Sequence[Placed]) -> list[Vote]:
    """Vote for two abilities of one model that differ in verdict, or in gain where units agree."""
    by_model: dict[tuple[str, str], list[Placed]] = defaultdict(list)
    for i, f in growth:
        by_model[f.model, f.protocol].append((i, f))
    votes: dict[int, int | None] = {}
    for case in by_model.values():
        for (i, a), (j, b) in combinations(case, 2):
            if a.ability == b.ability:
                continue
            apart = _unit(a) == _unit(b) and _apart(a, b)
            decided = "undecided" not in (a.verdict, b.verdict)
            for place in (i, j):
                differ = apart or (decided and a.verdict != b.verdict)
                votes[place] = 1 if differ else votes.get(place, 0)
    return list(votes.items())


def _unit(finding: Finding) -> object:
    """Return what a gain is counted in: shares, percents, or else the metric itself."""
    top = max(point["score"] for point in finding["points"])
    if not finding.higher_is_better or top > 100:
        return finding.metric
    return 1 if top <= 1 else 100 if top > 10 else finding.metric


def _apart(a: Finding, b: Finding) -> bool:
    """Say whether two gains are further apart than their two intervals reach."""
    errors = error(a), error(b)
    if a.estimate is None or b.estimate is None or errors[0] is None or errors[1] is None:
        return False
    return abs(a.estimate - b.estimate) > 1.96 * (errors[0] + errors[1])


def _case(finding: Finding) -> tuple[str, ...]:
    """Return what two findings share that may be compared."""
    f = finding
    return f.ability, f.model, f.metric, f.suite, f.protocol


def _mixing(placed: Sequence[Placed]) -> list[Part]:
    by_case: dict[tuple[str, ...], list[Placed]] = defaultdict(list)
    for i, f in _of(placed, "mixing"):
        if f.facts.get("of") == "difference":
            by_case[*_case(f), f["source"], *sorted(f["mixture"])].append((i, f))
    ordered = [sorted(case, key=lambda p: p[1]["amount"]) for case in by_case.values()]
    several = [case for case in ordered if len(case) > 1]
    return [
        Part(says="mixing helps at the smallest amount", votes=vote(case[0] for case in several)),
        Part(says="mixing hurts at the largest amount", votes=vote((c[-1] for c in several), -1)),
    ]


def _ratio(placed: Sequence[Placed]) -> list[Part]:
    votes: list[Vote] = []
    for i, f in _of(placed, "factors"):
        says = {"amount": 1, "ratio": -1, "both": -1}
        votes.append((i, None if f.estimate is None else says.get(f.verdict, 0)))
    return [Part(says="the amount of other data matters and its ratio does not", votes=votes)]


def _hidden(placed: Sequence[Placed]) -> list[Part]:
    """Hold mixtures with a variant of the general source against those with the whole of it."""
    by_case: dict[tuple[str, ...], list[Placed]] = defaultdict(list)
    for i, f in _of(placed, "mixing"):
        if f["of"] == "construction" and f["change"] == "exchanged" and f["amount"]:
            other = f.ability != GENERAL and f["source"] not in f["against_mixture"]
            if other and f["source_ability"] == GENERAL:
                by_case[_case(f)].append((i, f))
    ordered = [sorted(case, key=lambda p: p[1]["amount"]) for case in by_case.values()]
    changed = {i: f["mixture"] for case in ordered for i, f in case}
    early: dict[tuple[str, ...], list[Placed]] = defaultdict(list)
    for i, f in _of(placed, "mixing"):
        if f["of"] == "difference" and f["mixture"] in changed.values():
            early[_case(f)].append((i, f))
    smallest = [min(case, key=lambda p: p[1]["amount"]) for case in early.values()]
    return [
        Part(
            says="at the largest amount, specialised abilities are better without the hidden rows",
            votes=vote(case[-1] for case in ordered),
        ),
        Part(
            says="at the smallest amount, mixing still helps without them",
            votes=vote(smallest),
        ),
    ]


def _strategies(placed: Sequence[Placed]) -> list[Part]:
    found = _of(placed, "strategy")
    ordered = [(i, f) for i, f in found if f["strategy"] in ("sequential", "mixed_sequential")]
    special = [(i, f) for i, f in ordered if f.ability != GENERAL]
    general = [(i, f) for i, f in ordered if f.ability == GENERAL]
    kept = [(i, f) for i, f in found if f["strategy"] == "dmt" and f.ability != GENERAL]
    return [
        Part(says="one stage after the other loses specialised skill", votes=vote(special, -1)),
        Part(says="DMT keeps more of it", votes=_beats(kept, _ordered)),
        Part(
            says="training the general data last is better for the general ability",
            votes=vote(general),
            needed=False,
        ),
    ]


def _ordered(pair: Mapping[str, Any]) -> bool:
    return pair["against"] in ("sequential", "mixed_sequential")


def _beats(found: Sequence[Placed], wanted: Callable[[Mapping[str, Any]], bool]) -> list[Vote]:
    """Vote for strategies that are better than those wanted, by their own paired differences."""
    pairs = [(i, f, pair) for i, f in found for pair in f["pairs"] if wanted(pair)]
    values = adjusted([_pair_p(pair) for _, _, pair in pairs])
    return [
        (
            i,
            None if p is None else sign(pair["difference"], p, higher_is_better=f.higher_is_better),
        )
        for (i, f, pair), p in zip(pairs, values, strict=True)
    ]


def _pair_p(pair: Mapping[str, Any]) -> tuple[float | None, bool]:
    spread = _pair_error(pair)
    if pair["p"] is not None or not spread:
        return pair["p"], False
    return float(2 * ndtr(-abs(pair["difference"]) / spread)), False


def _pair_error(pair: Mapping[str, Any]) -> float | None:
    """Return the standard error of one strategy's difference from another."""
    if pair["p"] is not None and pair["difference"]:
        return from_p(pair["difference"], pair["p"])
    if pair["interval"] is None:
        return None
    low, high = pair["interval"]
    return float((high - low) / 2 / 1.96 * (1 if pair["p"] is not None else ANOTHER_RUN))


def _replay(placed: Sequence[Placed]) -> list[Part]:
    sweeps: dict[tuple[str, ...], list[Placed]] = defaultdict(list)
    for i, f in _of(placed, "strategy"):
        if f["strategy"] == "dmt" and f["k"]:
            sweeps[_case(f)].append((i, f))
    ordered = [sorted(sweep, key=lambda p: p[1]["k"]) for sweep in sweeps.values()]
    smallest = [sweep[0] for sweep in ordered if sweep[0][1].ability != GENERAL]
    swept = [sweep for sweep in ordered if len(sweep) > 2]
    special = [sweep for sweep in swept if sweep[0][1].ability != GENERAL]
    general = [sweep for sweep in swept if sweep[0][1].ability == GENERAL]
    return [
        Part(
            says="the smallest k helps the specialised abilities over none",
            votes=_beats(smallest, lambda pair: pair["against"] == "mixed_sequential"),
        ),
        Part(says="specialised abilities rise with k", votes=_trends(special, 1)),
        Part(says="the general ability falls with k", votes=_trends(general, -1), needed=False),
    ]


def _trends(sweeps: Sequence[Sequence[Placed]], wanted: int) -> list[Vote]:
    """Vote by the slope of each sweep over log k."""
    slopes = [_slope([f for _, f in sweep]) for sweep in sweeps]
    values = adjusted([(p, False) for _, p in slopes])
    votes: list[Vote] = []
    for sweep, (slope, _), p in zip(sweeps, slopes, values, strict=True):
        place, first = sweep[0]
        found = None if p is None else sign(slope, p, higher_is_better=first.higher_is_better)
        votes.append((place, None if found is None else found * wanted))
    return votes


def _slope(sweep: Sequence[Finding]) -> tuple[float, float | None]:
    """Return the slope over log2 k and its p-value.

    What all share of the strategy they are measured against cancels; a cell's own error is that
    of a pair of them by the square root of two.
    """
    x = [math.log2(f["k"]) for f in sweep]
    middle = sum(x) / len(x)
    square = sum((v - middle) ** 2 for v in x)
    slope = sum((v - middle) / square * (f.estimate or 0.0) for v, f in zip(x, sweep, strict=True))
    inside = {f["label"] for f in sweep}
    errors = [_pair_error(p) for f in sweep for p in f["pairs"] if p["against"] in inside]
    known = [e for e in errors if e]
    if not known or len(known) < len(errors):
        return slope, None
    spread = sum(known) / len(known) / math.sqrt(2 * square)
    return slope, float(2 * ndtr(-abs(slope) / spread))


OVERLAP = 0.25
"""The silhouette below which there is no substantial structure (Kaufman and Rousseeuw, 1990)."""


def apart(probes: pd.DataFrame) -> list[Part]:
    """Test on the drawn layers whether math lies apart, and whether code and general overlap.

    Of several protocols one is judged, that of equal epochs where it is there, as in the paper.
    """
    protocols = sorted(set(probes["protocol"]))
    drawn = probes[probes["drawn"] & (probes["protocol"] == next(iter(protocols), ""))]
    wanted = {
        "math lies farther from code and from general data than these from each other": (
            ("margin", {"math"}, 0.0, 1)
        ),
        "code and general data overlap": ("silhouette", {"code", GENERAL}, OVERLAP, -1),
    }
    parts = []
    for says, (measure, of, level, sense) in wanted.items():
        about = drawn["of"].map(lambda names, of=of: set(json.loads(names)) == of).astype(bool)
        rows = drawn[(drawn["measure"] == measure) & about]
        for tuned, when in ((False, "before tuning"), (True, "after tuning")):
            own = rows[(rows["strategy"] != "base") == tuned]
            votes = _beyond(own, level, sense)
            parts.append(Part(says=f"{says}, {when}", votes=votes))
    return parts


def _beyond(rows: pd.DataFrame, level: float, sense: int) -> list[Vote]:
    """Vote by whether each estimate lies clearly on one side of a level."""
    gaps = (rows["estimate"].to_numpy(dtype=float) - level).tolist()
    spreads = (rows["high"] - rows["low"]).to_numpy(dtype=float) / 2 / 1.96
    values = adjusted(
        [
            (float(2 * ndtr(-abs(gap) / spread)) if spread else None, False)
            for gap, spread in zip(gaps, spreads, strict=True)
        ]
    )
    return [
        (NOWHERE, None if p is None else sign(gap, p, higher_is_better=True) * sense)
        for gap, p in zip(gaps, values, strict=True)
    ]


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
        probed=apart,
        untested="it is about hidden states, which no results table holds",
    ),
    Statement(
        id="dong2023.7",
        text="Without the code and math hidden in general data the conflict shrinks.",
        parts=_hidden,
        untested="it needs a general source with and without its hidden code and math, both mixed "
        "with the same rows of the others",
    ),
)
