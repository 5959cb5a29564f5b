import math
import re

import numpy as np
import pandas as pd
import pytest

import published
import simulate
from espalier.analysis import analyze
from espalier.analysis._reasons import TEMPLATES
from espalier.recommend import recommend
from espalier.report.reasons_zh import REASONS, reason
from espalier.results import Origin, tidy

ENGLISH = re.compile(r"[A-Za-z]{3,} [a-z]{2,}")
"""Two words of English in a row; names of models, metrics and sources stand alone."""


def truth(cell, ability):
    own = cell.amounts.get(ability, 0)
    other = sum(cell.amounts.values()) - own
    mixed = (0.03 if own < 1000 else -0.02) * (other > 0) * (own > 0)
    return (
        {"math": 0.05, "code": 0.1, "general": 0.3}[ability]
        + mixed
        + 0.04 * math.log2(1 + own / 64)
    )


def tables():
    """Yield tables that leave as many questions open, in as many ways, as we know of."""
    cells, draw = list(simulate.grid()), np.random.default_rng(0)
    one = simulate.table(cells, truth, draw, seeds=1)
    two = simulate.table(cells, truth, draw, seeds=2)
    yield tidy(one)
    yield tidy(simulate.table(cells, simulate.nothing, draw, seeds=2))
    yield tidy(simulate.table(cells, truth, draw, seeds=1, items=0))
    yield tidy(two[two["stage"] == 1].head(6))
    yield tidy(two[two["amounts"].str.contains("16384")])
    yield tidy(two.assign(score=two["score"].where(draw.random(len(two)) > 0.1), extra=1))
    synthetic = two.assign(amounts=two["amounts"].str.replace('"code"', '"rft"'))
    sources = [
        Origin(name="math", ability="math"),
        Origin(name="rft", ability="math", origin="synthetic"),
        Origin(name="general", ability="general"),
    ]
    yield tidy(synthetic[synthetic["ability"] != "code"], sources=sources)
    exam = two[~two["amounts"].str.contains("general")]
    exam = exam.assign(
        role=exam["ability"].map({"general": "out"}),
        ability=exam["ability"].replace("general", "exam"),
    )
    yield tidy(exam.assign(role=exam["role"].fillna("in")))
    yield published.table("dong2023", published.DONG2023)
    yield published.table("song2023", published.SONG2023)


def given(found):
    """Yield every reason in English that findings hold."""
    for f in found["findings"]:
        yield from (f.get("why") or "", f.get("plateau_why") or "")
        yield from (rate.get("why") or "" for rate in f.get("rates") or ())
        yield from (f.get("definitions") or {}).values()
    for claim in found["claims"]:
        yield from (claim["text"], claim["because"])
    for entry in found["left_out"]:
        yield from (entry["what"], entry["why"])


def advised(told):
    """Yield every reason in English that a recommendation holds."""
    yield from (told["refused"], *told["beyond"], *told["warnings"])
    yield from (run["why"] for run in told["next_runs"])
    yield from (one["why"] for one in told["transfer"])
    yield from (c["note"] for c in (told["choice"], *told["baselines"]) if c)


@pytest.mark.parametrize("template", TEMPLATES)
def test_every_template_of_analysis_is_known(template):
    said = reason(template.format(which="ratio", count=7, needed=8))
    assert not ENGLISH.search(said)
    assert "{" not in said


def test_no_reason_that_analysis_gives_stays_in_english():
    said = {text for table in tables() for text in given(analyze(table).to_dict())}
    assert len(said) > 40
    assert {text for text in said if ENGLISH.search(reason(text))} == set()


@pytest.mark.parametrize(
    ("rows", "options"),
    [
        (slice(0, 400), {}),
        (slice(0, 6), {}),
        (slice(0, 200), {"budget": {"rows": 1e9}}),
        (slice(0, 200), {"budget": {"rows": 3}}),
        (slice(0, 200), {"floors": {"general": 0.99}}),
    ],
)
def test_no_reason_that_a_recommendation_gives_stays_in_english(rows, options):
    cells = [c for c in simulate.grid(models=("small",)) if c.stage]
    frame = simulate.table(cells, truth, np.random.default_rng(0), seeds=1)
    frame = pd.concat([frame.iloc[rows]])
    told = recommend(tidy(frame), **options).to_dict()
    left = {text for text in advised(told) if ENGLISH.search(reason(text))}
    assert left == set()


@pytest.mark.parametrize("english", REASONS)
def test_every_reason_keeps_its_values(english):
    places = [sorted(re.findall(r"{(\w+)}", text)) for text in (english, REASONS[english])]
    assert places[0] == places[1]


def test_values_are_kept_and_words_of_ours_among_them_translated():
    assert reason("3 settings were measured on both; a rank correlation needs 8") == (
        "有 3 个单元两者都测量过；秩相关需要 8 个"
    )
    assert "多任务" in reason("whether dmt k=1/4 beats multitask")
    assert reason("confounded: the ratio of the other data never changes").count("比例") == 1


def test_what_no_pattern_knows_stays_as_it_is():
    assert reason("CUDA out of memory; tried to allocate 2 GiB") == (
        "CUDA out of memory；tried to allocate 2 GiB"
    )
    assert reason("") == ""
