"""The page on what the tunnel shows: every claim and finding, and only figures that are there."""

from __future__ import annotations

import re
from pathlib import Path
from runpy import run_path
from typing import Any

import pytest

import published
from espalier.report.facts import Cost, StudyFacts

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def bench() -> dict[str, Any]:
    return run_path(str(ROOT / "bench/tunnel.py"))


@pytest.fixture(scope="module")
def run(bench: dict[str, Any]) -> Any:
    """Return the paper's own tables, as if they were a run."""
    cost = Cost(cells=3, stages_asked=5, stages_trained=4, cpu_minutes=2.0, minutes_saved=1.0)
    return bench["Run"](
        study="dong2023",
        world=7,
        scale="hour",
        table=published.table("dong2023", published.DONG2023),
        findings=published.dong2023(),
        facts=StudyFacts(cost=cost),
    )


def test_every_claim_is_told_with_its_verdict_and_reason(bench: dict[str, Any], run: Any) -> None:
    page = bench["page"]([run], "## Why\n\nBecause.")
    for claim in published.dong2023().claims:
        told = [line for line in page.splitlines() if line.startswith(f"| {claim.id} |")]
        assert len(told) == 2 * claim.id.startswith("dong2023")
        assert all(f"**{claim.verdict}**" in line for line in told)
        assert not told or claim.because in told[1]
    assert page.endswith("Because.\n")
    assert "| 3 | 5 | 4 | 2 | 1 |" in page


def test_every_kind_of_finding_has_its_table(bench: dict[str, Any], run: Any) -> None:
    shown = list(bench["shown"](run))
    assert [part.splitlines()[0] for part in shown] == [
        f"### {title}"
        for title, kind, keep, _ in bench["SECTIONS"]
        if any(keep(f) and bench["told"](f) for f in run.findings.of(kind))
    ]
    for part in shown:
        _, _, head, *rows = part.splitlines()
        assert {row.count(" | ") for row in rows} == {head.count(" | ")}


def test_the_page_shows_only_what_lies_beside_it() -> None:
    page = ROOT / "docs/tunnel.md"
    text = page.read_text(encoding="utf-8")
    linked = re.findall(r"\]\((tunnel/[^)]+)\)", text)
    assert linked
    assert all((page.parent / name).is_file() for name in linked)
