"""The papers' claims, each put as a test over findings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from espalier.finding import Claim, Finding


def judge(findings: Sequence[Finding]) -> Iterator[Claim]:
    """Yield every claim with its verdict on these findings."""
    return iter(() if findings else ())
