"""The published tables of Dong et al. (2023): what their numbers bear, and what they do not.

Errors are binomial, worked out from the benchmarks' sizes (GSM8K 1,319, HumanEval 164); MT-Bench
has none.  All runs are single seeds.
"""

from pathlib import Path

import pandas as pd
import pytest

from espalier.analysis import analyze
from espalier.results import tidy

PAPERS = Path(__file__).parent.parent / "papers"
TABLES = ("table1", "table2_3", "table4", "table5")


@pytest.fixture(scope="module")
def findings():
    frames = [pd.read_csv(PAPERS / f"dong2023_{name}.csv") for name in TABLES]
    return analyze(tidy(pd.concat(frames, ignore_index=True)))


def test_gsm8k_grows_at_all_three_sizes(findings):
    growth = list(findings.of("growth", ability="math"))
    assert len(growth) == 3
    assert {f.verdict for f in growth} <= {"grows", "plateaus"}
    assert {f.noise for f in growth} == {"scatter about the curve"}


def test_the_crossover_of_gsm8k_lies_between_a_64th_and_a_16th_at_all_sizes(findings):
    crossings = list(findings.of("mixing", of="crossover", ability="math"))
    assert len(crossings) == 3
    for crossing in crossings:
        assert 110142 / 64 < crossing.estimate < 110142 / 16
        assert crossing.interval[0] <= 110142 / 64
        assert crossing.interval[1] >= 110142 / 16


def test_the_conflict_at_full_amount_is_within_the_noise(findings):
    full = list(findings.of("mixing", of="difference", ability="math", amount=110142))
    assert len(full) == 3
    for finding in full:
        assert finding.interval[0] < 0 < finding.interval[1]
        assert finding.verdict == "undecided"


def test_sequential_training_loses_gsm8k_beyond_its_items(findings):
    for strategy in ("sequential", "mixed_sequential"):
        lost = list(findings.of("strategy", ability="math", strategy=strategy))
        assert len(lost) == 3
        assert all(f.interval[1] < 0 and f.p < 0.01 for f in lost)
        assert {f.verdict for f in lost} == {"undecided"}


def test_humaneval_gaps_of_one_standard_error_decide_nothing(findings):
    gaps = list(findings.of("strategy", ability="code"))
    assert len(gaps) > 10
    assert {f.verdict for f in gaps} == {"undecided"}


CLAIMS = {
    "dong2023.1": "holds",
    "dong2023.2": "undecided",
    "dong2023.3": "undecided",
    "dong2023.4": "holds",
    "dong2023.5": "undecided",
    "dong2023.6": "not tested",
    "dong2023.7": "not tested",
    "song2023.2": "not tested",
    "song2023.3": "not tested",
}


@pytest.mark.parametrize("claim", CLAIMS)
def test_a_claim_has_the_verdict_that_the_numbers_bear(findings, claim):
    found = {c.id: c for c in findings.claims}[claim]
    assert found.verdict == CLAIMS[claim], found.because
    assert found.because
    assert found.verdict == "not tested" or found.findings
