"""Findings speak the contract's words."""

from __future__ import annotations

import pytest

from espalier.finding import Finding, Findings, aloud

CONTRACT = {
    "growth": {"grows", "plateaus", "resists", "falls", "undecided"},
    "size": {"grows", "resists", "inverts", "undecided"},
    "mixing": {"helps", "hurts", "tied"},
    "factors": {"amount", "ratio", "both", "neither", "undecided"},
    "strategy": {"better", "worse", "tied"},
    "forgetting": {"forgets", "keeps", "improves"},
    "ood": {"follows", "does not follow", "undecided"},
    "exchange": {"human better", "synthetic better", "tied", "undecided"},
    "sensitivity": {"predicts", "does not predict", "undecided"},
}


def finding(kind: str, verdict: str) -> Finding:
    return Finding(
        kind=kind,
        ability="math",
        model="s",
        metric="accuracy",
        estimate=None,
        interval=None,
        verdict=verdict,
        rows=(1,),
        why="one seed",
    )


@pytest.mark.parametrize("kind", CONTRACT)
def test_what_is_undecided_is_written_in_the_words_of_the_contract(kind: str) -> None:
    written = finding(kind, "undecided").to_dict()
    assert written["verdict"] in CONTRACT[kind]
    assert written["decided"] is False


def test_a_reader_of_the_json_is_told_aloud_that_nothing_was_decided() -> None:
    made = Findings(findings=(finding("mixing", "undecided"), finding("mixing", "tied")))
    assert [f["verdict"] for f in made.to_dict()["findings"]] == ["tied", "tied"]
    assert [f["verdict"] for f in aloud(made.to_dict())["findings"]] == ["undecided", "tied"]
