"""The papers' claims, each put as a test over findings.

A claim is cut into parts, and each finding that bears on a part is for it, against it, or open.
The claim *fails* where a part has more findings against it than for it, *holds* where every part
that it cannot do without has findings for it and more of them than against, is *not tested* where
no finding bears on it, and is *undecided* otherwise.  A finding counts by its adjusted test; in a
table of single seeds by its cautious one (items, and the scatter about growth curves), with
Bonferroni's correction within the part.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from espalier.finding import ITEMS_ONLY, Claim, ClaimVerdict, Finding

Placed = tuple[int, Finding]
"""A finding with its place."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """One part of a claim: the findings that bear on it, and what each says."""

    says: str
    """What it would mean for the part to hold, in words."""
    votes: Sequence[tuple[int, int | None]]
    """Place of a finding, and 1 (for), -1 (against), 0 (open) or None (no test possible)."""
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
    untested: str = "no findings bear on it"


def judge(findings: Sequence[Finding]) -> Iterator[Claim]:
    """Yield every claim of both papers with its verdict on these findings."""
    from espalier.analysis._dong2023 import dong2023
    from espalier.analysis._song2023 import song2023

    placed = list(enumerate(findings))
    for statement in (*dong2023, *song2023):
        yield _judge(statement, placed)


def _judge(statement: Statement, placed: Sequence[Placed]) -> Claim:
    parts = list(statement.parts(placed)) if statement.parts else []
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
    places = list(dict.fromkeys(place for p in parts for place, _ in p.votes))
    because = "; ".join(f"{p.says}: {p.result} ({p.count})" for p in tested)
    single = any(placed[place][1].noise == ITEMS_ONLY for place in places)
    if verdict != "not tested" and single:
        because += "; single seeds: what another run would give is only guessed from the curves"
    return Claim(
        id=statement.id,
        text=statement.text,
        verdict=verdict,
        because=because if verdict != "not tested" else statement.untested,
        findings=tuple(places) if verdict != "not tested" else (),
    )


def direction(finding: Finding, tests: int) -> int | None:
    """Return 1 where the estimate is significantly for the better, -1 for the worse, 0 for neither.

    None where no test was possible.  `tests` is how many findings the part looks at.
    """
    if finding.estimate is None:
        return None
    if finding.p_adjusted is not None:
        clear = finding.p_adjusted <= 0.05
    elif finding.p is not None:
        clear = finding.p * tests <= 0.05
    else:
        return None
    if not clear:
        return 0
    return 1 if (finding.estimate > 0) == finding.higher_is_better else -1


def vote(chosen: Iterable[Placed], wanted: int = 1) -> list[tuple[int, int | None]]:
    """Return the votes of findings whose effect should point to `wanted` (1 better, -1 worse)."""
    listed = list(chosen)
    votes: list[tuple[int, int | None]] = []
    for place, finding in listed:
        found = direction(finding, len(listed))
        votes.append((place, None if found is None else found * wanted))
    return votes
