"""The papers' claims, each put as a test over findings.

A claim is cut into parts, and each finding that bears on a part is for it, against it, or open.
The claim *fails* where a part has more findings against it than for it, *holds* where every part
that it cannot do without has findings for it and more of them than against, is *not tested* where
no finding bears on it, and is *undecided* otherwise.  A finding counts by its adjusted test.

A table of single seeds decides no finding, but a paper's sentence can still be held against it,
by a cautious test that says what it leaves open: another run is taken to scatter as the scores do
about smooth growth curves, or, where there are none, by as much again as its items do.  The tests
of one part are adjusted together (Benjamini and Hochberg).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import sqrt
from typing import TYPE_CHECKING

from scipy.special import ndtr, ndtri
from statsmodels.stats.multitest import multipletests

from espalier.analysis import _reasons as reasons
from espalier.finding import ITEMS_ONLY, SEEDS, UNKNOWN, Claim, ClaimVerdict, Finding, Interval

if TYPE_CHECKING:
    import pandas as pd

Placed = tuple[int, Finding]
"""A finding with its place."""
Vote = tuple[int, int | None]
"""Place of a finding, and 1 (for), -1 (against), 0 (open) or None (no test possible)."""
ALPHA = 0.05
ANOTHER_RUN = sqrt(2)
"""Where one seed is all there is, another run is taken to add as much noise as the items."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """One part of a claim: the findings that bear on it, and what each says."""

    says: str
    """What it would mean for the part to hold, in words."""
    votes: Sequence[Vote]
    needed: bool = True

    @property
    def result(self) -> str:
        """Return `holds`, `fails`, `undecided` or `not tested`."""
        pro = sum(vote == 1 for _, vote in self.votes)
        con = sum(vote == -1 for _, vote in self.votes)
        if not self.votes:
            return "not tested"
        if con > pro:
            return "fails"
        return "holds" if pro > con else "undecided"

    @property
    def count(self) -> str:
        """Return the votes in words."""
        pro = sum(vote == 1 for _, vote in self.votes)
        con = sum(vote == -1 for _, vote in self.votes)
        return f"{pro} for, {con} against, {len(self.votes) - pro - con} open"


@dataclass(frozen=True, kw_only=True)
class Statement:
    """A sentence of a paper and the parts it is cut into."""

    id: str
    text: str
    parts: Callable[[Sequence[Placed]], Sequence[Part]] | None = None
    probed: Callable[[pd.DataFrame], Sequence[Part]] | None = None
    """Parts that rest on measures of hidden states; their votes have no place among findings."""
    untested: str = "no findings bear on it"


NOWHERE = -1
"""The place of a vote that rests on no finding."""


def judge(findings: Sequence[Finding], probes: pd.DataFrame | None = None) -> Iterator[Claim]:
    """Yield every claim of both papers with its verdict on these findings and probes."""
    from espalier.analysis._dong2023 import dong2023
    from espalier.analysis._song2023 import song2023

    placed = list(enumerate(findings))
    protocols = sorted({f.protocol for f in findings})
    for statement in (*dong2023, *song2023):
        if len(protocols) < 2 or statement.parts is None:
            yield _judge(statement, placed, probes)
            continue
        apart = ([(i, f) for i, f in placed if f.protocol == protocol] for protocol in protocols)
        judged = [_judge(statement, own, probes) for own in apart]
        yield _side_by_side(dict(zip(protocols, judged, strict=True)))


def _side_by_side(claims: Mapping[str, Claim]) -> Claim:
    """Return a claim that was judged under each protocol: the first that tests it decides.

    That is equal epochs where it is there, as in both papers; the others are told beside it.
    """
    tested = {name: c for name, c in claims.items() if c.verdict != "not tested"}
    if not tested:
        return next(iter(claims.values()))
    parts = [f"at equal {name}: {c.verdict}; {c.because}" for name, c in tested.items()]
    return replace(
        next(iter(tested.values())),
        because="; ".join(parts),
        findings=tuple(place for c in tested.values() for place in c.findings),
    )


def _judge(statement: Statement, placed: Sequence[Placed], probes: pd.DataFrame | None) -> Claim:
    parts = list(statement.parts(placed)) if statement.parts else []
    if statement.probed and probes is not None:
        parts += statement.probed(probes)
    needed = [p.result for p in parts if p.needed]
    tested = [p for p in parts if p.votes]
    verdict: ClaimVerdict
    if not tested or all(result == "not tested" for result in needed):
        verdict = "not tested"
    elif any(p.result == "fails" for p in parts):
        verdict = "fails"
    elif all(result == "holds" for result in needed):
        verdict = "holds"
    else:
        verdict = "undecided"
    given = (place for p in parts for place, _ in p.votes)
    places = list(dict.fromkeys(place for place in given if place != NOWHERE))
    because = "; ".join(f"{p.says}: {p.result} ({p.count})" for p in tested)
    found = dict(placed)
    because += _caution([found[place] for place in places])
    return Claim(
        id=statement.id,
        text=statement.text,
        verdict=verdict,
        because=because if verdict != "not tested" else statement.untested,
        findings=tuple(places) if verdict != "not tested" else (),
    )


def _caution(findings: Sequence[Finding]) -> str:
    """Say what the judgement of single seeds takes for granted."""
    single = [
        f
        for f in findings
        if f.noise in (ITEMS_ONLY, UNKNOWN) and f.estimate is not None and f.seeds < 2
    ]
    if not single:
        return ""
    if any(f.p is not None for f in single):
        return (
            "; single seeds: what another run would give is only guessed, from the scatter of the "
            "scores about growth curves"
        )
    return (
        "; single seeds: what another run would give is only guessed, by taking it to scatter as "
        "much as the items do"
    )


def error(finding: Finding) -> float | None:
    """Return the standard error by which claims judge a finding, None where nothing tells it."""
    if finding.noise == SEEDS:
        return _half(finding.interval)
    if finding.p is not None and finding.estimate:
        return from_p(finding.estimate, finding.p)
    own = _half(finding.interval)
    return None if own is None else own * ANOTHER_RUN


def from_p(estimate: float, p: float) -> float:
    """Return the standard error behind a two-sided p-value."""
    return abs(estimate) / float(-ndtri(min(max(p, 1e-300), 1 - 1e-12) / 2))


def _half(interval: Interval | None) -> float | None:
    return None if interval is None else (interval[1] - interval[0]) / 2 / 1.96


def p_of(finding: Finding) -> tuple[float | None, bool]:
    """Return the p-value by which claims judge a finding, and whether it is adjusted already."""
    if finding.estimate is None:
        return None, False
    if finding.p_adjusted is not None:
        return finding.p_adjusted, True
    if finding.p is not None:
        return finding.p, False
    spread = error(finding)
    if spread is None or not spread:
        return None, False
    return float(2 * ndtr(-abs(finding.estimate) / spread)), False


def adjusted(values: Sequence[tuple[float | None, bool]]) -> list[float | None]:
    """Adjust p-values together (Benjamini and Hochberg), but for those that are so already."""
    raw = [(i, p) for i, (p, done) in enumerate(values) if p is not None and not done]
    result = [p for p, _ in values]
    if raw:
        for (i, _), fair in zip(
            raw, multipletests([p for _, p in raw], method="fdr_bh")[1], strict=True
        ):
            result[i] = float(fair)
    return result


def vote(chosen: Iterable[Placed], wanted: int = 1) -> list[Vote]:
    """Return the votes of findings whose effect should point to `wanted` (1 better, -1 worse)."""
    listed = list(chosen)
    values = adjusted([p_of(f) for _, f in listed])
    return [
        (place, None if p is None else _direction(f, p) * wanted)
        for (place, f), p in zip(listed, values, strict=True)
    ]


def _direction(finding: Finding, p: float) -> int:
    """Return where an effect points; a rise to what guessing gives is no gain of an ability."""
    found = sign(finding.estimate or 0.0, p, higher_is_better=finding.higher_is_better)
    return 0 if found > 0 and reasons.GUESSED in finding.why else found


def sign(estimate: float, p: float, *, higher_is_better: bool) -> int:
    """Return 1 where an estimate is clearly for the better, -1 for the worse, 0 for neither."""
    if p > ALPHA or not estimate:
        return 0
    return 1 if (estimate > 0) == higher_is_better else -1
