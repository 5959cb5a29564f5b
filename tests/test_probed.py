"""A study that looks inside its models: planned, run, beside the table, on the page."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import mini
from conftest import Cli
from espalier.analysis import analyze, withhold
from espalier.errors import SpecError
from espalier.executors.local import Local
from espalier.load import load
from espalier.outputs import conclude, measured, tabulate
from espalier.plan import Plan, plan
from espalier.probed import COLUMNS, pooled
from espalier.report.reasons_zh import reason
from espalier.results import Table
from espalier.run import run as make_all
from espalier.store import Store

SOURCES = ("math", "code", "general")
INSIDE: dict[str, Any] = {
    "models": ["tunnel:xs"],
    "sources": [{"name": n, "path": f"tunnel:{n}?rows=60"} for n in SOURCES],
    "designs": [{"name": "single", "rows": 8}, {"name": "together", "rows": [8, 16]}],
    "strategies": ["multitask", {"name": "dmt", "general": "general", "k": ["1/4", "1/2"]}],
    "seeds": 2,
    "abilities": [{"use": f"tunnel:{n}", "items": 10} for n in SOURCES],
    "probe": {"queries": 10, "strategies": ["dmt"], "k": ["1/4"], "seeds": "all"},
}

RUN = INSIDE | {
    "designs": [{"name": "together", "rows": 8}],
    "strategies": [{"name": "dmt", "general": "general", "k": "1/4"}],
    "seeds": 1,
}
"""Runs in seconds."""


def planned(folder: Path, **changes: Any) -> Plan:
    return plan(load(mini.study(folder, **(INSIDE | changes))))


def looked_at(found: Plan) -> list[tuple[str, float | None, int, int]]:
    """Return (strategy, k, rows, seed) of each look."""
    return [
        (c.strategy, c.k, sum(c.mixture.values()), c.seed) if c else ("untuned", None, 0, 0)
        for c in (look.cell for look in found.looks)
    ]


def test_a_study_looks_into_the_untuned_model_and_each_strategys_largest_cell(
    tmp_path: Path,
) -> None:
    assert planned(tmp_path, probe=None).looks == ()
    asked = {"queries": 10}
    assert looked_at(planned(tmp_path, probe=asked)) == [
        ("untuned", None, 0, 0),
        ("multitask", None, 48, 0),
        ("dmt", 0.25, 48, 0),
        ("dmt", 0.5, 48, 0),
    ]
    chosen = planned(tmp_path)
    assert looked_at(chosen) == [
        ("untuned", None, 0, 0),
        ("dmt", 0.25, 48, 0),
        ("dmt", 0.25, 48, 1),
    ]
    probes = [step for step in chosen.steps.values() if step.kind == "probe"]
    assert len(probes) == 3
    assert all(parent.key in chosen.steps for step in probes for parent in step.parents)
    assert all(chosen.work[step.key].tokens > 0 for step in probes)


def test_asking_for_probes_changes_no_other_step(tmp_path: Path) -> None:
    without = planned(tmp_path, probe=None).steps
    assert {k for k, s in planned(tmp_path).steps.items() if s.kind != "probe"} == set(without)


@pytest.mark.parametrize(
    ("probe", "says"),
    [
        ({"of": ["math", "cook"]}, "probe.of: no 'cook'; there are code, general, math"),
        ({"of": ["math"]}, "'math' alone cannot be told apart; name two or more"),
        ({"strategies": ["dtm"]}, "probe.strategies: no 'dtm'.*Did you mean 'dmt'"),
        ({"queries": 10, "strategies": ["dmt"], "k": ["1/8"]}, "no cell is trained by dmt at k"),
        ({"queries": 50}, "ability 'math' has 10 items, 50 are asked for; ask for fewer"),
        ({"queries": 10, "layers": [15]}, r"no layer 15 in model 'xs'; it has 0 .* to 2"),
        ({"queries": 3}, "probe.queries"),
        ({"pool": "max"}, "probe.pool"),
    ],
)
def test_what_cannot_be_looked_at_is_refused_in_one_line(
    probe: dict[str, Any], says: str, tmp_path: Path
) -> None:
    with pytest.raises(SpecError, match=says) as refusal:
        planned(tmp_path, probe=probe)
    assert "\n" not in str(refusal.value)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder in which the study was run."""
    folder = tmp_path_factory.mktemp("inside")
    found, store = plan(load(mini.study(folder, **RUN))), Store(folder / "runs")
    with Local(workers=0, device="cpu") as executor:
        assert make_all(found.steps, store, executor).complete
    conclude(found, store, folder / "out", study_text="")
    return folder


def test_probes_are_rows_beside_the_table(run: Path) -> None:
    rows = pd.read_csv(run / "out/probe.csv")
    assert set(rows["strategy"]) == {"base", "dmt"}
    assert set(rows["measure"]) == {"silhouette", "accuracy", "margin"}
    # 2 checkpoints, layers 0 to 2, all sources and three pairs twice, and three margins
    assert len(rows) == 2 * 3 * (2 * 4 + 3)
    assert (rows["low"] <= rows["estimate"] + 1e-9).all()
    assert (rows["estimate"] <= rows["high"] + 1e-9).all()
    assert rows.loc[rows["strategy"] == "base", "change"].isna().all()
    assert rows.loc[rows["strategy"] == "dmt", "change"].notna().all()
    table = pd.read_csv(run / "out/results.csv")
    assert "probe" not in table.columns
    assert set(table["ability"]) == set(SOURCES)


def test_a_change_is_the_tuned_measure_minus_the_untuned_one(run: Path) -> None:
    rows = pd.read_csv(run / "out/probe.csv")
    base = rows[rows["strategy"] == "base"].set_index(["layer", "of", "measure"])["estimate"]
    tuned = rows[rows["strategy"] == "dmt"].set_index(["layer", "of", "measure"])
    before = base.reindex(tuned.index).to_numpy()
    np.testing.assert_allclose(tuned["change"], tuned["estimate"].to_numpy() - before)
    paired = tuned[tuned["measure"] == "silhouette"] if "measure" in tuned else tuned
    paired = paired.dropna(subset=["change_low"])
    apart = paired["high"] - paired["low"]
    assert ((paired["change_high"] - paired["change_low"]) < 2 * apart + 1e-9).all()


def test_a_margin_is_that_of_the_pairs(run: Path) -> None:
    rows = pd.read_csv(run / "out/probe.csv")
    one = rows[(rows["strategy"] == "base") & (rows["layer"] == 1)]
    told = {(r.measure, tuple(json.loads(r.of))): r.estimate for r in one.itertuples()}
    pairs = [told["silhouette", pair] for pair in (("math", "code"), ("math", "general"))]
    expected = min(pairs) - told["silhouette", ("code", "general")]
    assert told["margin", ("math",)] == pytest.approx(expected)


def test_replicates_are_pooled_with_their_own_scatter() -> None:
    row = {"model": "xs", "strategy": "dmt", "k": 0.25, "layer": 1, "of": "[]", "measure": "margin"}
    row |= {"low": 0.1, "high": 0.3, "change": 0.0, "change_low": -0.1, "change_high": 0.1}
    alike = [row | {"estimate": 0.2, "seed": seed} for seed in range(3)]
    apart = [row | {"estimate": 0.2 + 0.1 * seed, "seed": seed} for seed in range(3)]
    columns = list(COLUMNS)
    (same,) = pooled(pd.DataFrame(alike, columns=columns)).to_dict("records")
    (wide,) = pooled(pd.DataFrame(apart, columns=columns)).to_dict("records")
    assert (same["low"], same["high"], same["seeds"]) == (pytest.approx(0.1), pytest.approx(0.3), 3)
    assert wide["estimate"] == pytest.approx(0.3)
    half = np.hypot(0.1, 4.3027 * 0.1 / 3**0.5)
    assert wide["high"] - wide["estimate"] == pytest.approx(half, rel=1e-3)


def test_the_page_shows_pictures_measures_and_a_sentence(run: Path, cli: Cli) -> None:
    html = (run / "out/report.html").read_text(encoding="utf-8")
    section = re.search(r'<section id="probe".*?</section>', html, re.DOTALL)
    assert section
    text = section[0]
    assert "lies apart" in text
    assert "xs, untuned" in text
    assert "DMT k=1/4" in text
    assert "t-SNE" in text
    assert text.count('class="chart"') == 4 + 4  # two checkpoints: two pictures, two measures each
    assert html.index('<section id="probe"') < html.index('<section id="claims"')
    again = run / "again.html"
    said = cli(
        *("report", run / "study.yaml", "--store", run / "runs", "--out", again, "--lang", "zh"),
        *("--figures", run / "figures"),
    )
    assert said.status == 0, said.err
    assert "轮廓系数" in again.read_text(encoding="utf-8")
    for name in ("probe", "states"):
        assert (run / f"figures/{name}.png").stat().st_size > 5000
    points = pd.read_csv(run / "figures/states.csv")
    assert len(points) == 2 * 2 * 30


def test_a_finished_study_is_complete_and_plans_nothing(run: Path, cli: Cli) -> None:
    facts = json.loads(cli("plan", run / "study.yaml", "--store", run / "runs", "--json").out)
    assert facts["kinds"]["probe"]["steps"] == 2
    assert facts["to_make"] == 0


@pytest.fixture(scope="module")
def table(run: Path) -> Table:
    found, store = plan(load(run / "study.yaml")), Store(run / "runs")
    return tabulate(found, store, measured(found, store))


def probes_of(margin: float, overlap: float, *, spread: float = 0.02) -> pd.DataFrame:
    """Return what probes of an untuned and a tuned model found."""
    rows = [
        {"model": "xs", "strategy": strategy, "protocol": "epochs", "drawn": drawn, "layer": layer}
        | {"of": json.dumps(of), "measure": measure, "estimate": value}
        | {"low": value - spread, "high": value + spread}
        for strategy in ("base", "dmt")
        for layer, drawn in ((1, True), (2, False))
        for of, measure, value in (
            (["math"], "margin", margin if drawn else -9.0),
            (["code", "general"], "silhouette", overlap),
        )
    ]
    return pd.DataFrame(rows)


@pytest.mark.parametrize(
    ("given", "verdict"),
    [
        (probes_of(0.2, 0.1), "holds"),
        (probes_of(-0.2, 0.1), "fails"),
        (probes_of(0.2, 0.6), "fails"),
        (probes_of(0.2, 0.1, spread=0.5), "undecided"),
        (None, "not tested"),
    ],
)
def test_the_papers_claim_is_judged_by_the_drawn_layers(
    given: pd.DataFrame | None, verdict: str, table: Table
) -> None:
    findings = analyze(replace(table, probes=given))
    claim = next(c for c in findings.claims if c.id == "dong2023.6")
    assert claim.verdict == verdict
    assert claim.findings == ()
    assert not re.search(r"[A-Za-z]{3,} [a-z]{2,}", reason(claim.because))
    doubted = withhold(findings, lambda _: "not decided yet")
    assert next(c for c in doubted.claims if c.id == "dong2023.6") == claim
