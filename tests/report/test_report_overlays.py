import json

import made_up as fake
import pandas as pd
import pytest

from espalier.commands.report import PAPERS as OFFERED
from espalier.errors import SpecError
from espalier.report import report
from espalier.report.overlays import PAPERS, published
from espalier.report.overlays.dong2023 import dong2023
from espalier.report.overlays.song2023 import song2023
from espalier.report.view import view
from espalier.report.words import Words
from espalier.results import tidy
from published import PAPERS as TABLES

NOTHING = {"version": 1, "findings": [], "claims": [], "left_out": []}


def test_the_command_offers_every_paper_there_is():
    assert OFFERED == PAPERS


def test_dongs_numbers_are_those_of_the_tables_that_the_analysis_is_tested_on():
    typed = pd.read_csv(TABLES / "dong2023_table2_3.csv")
    known = {
        (row.model, row.suite, len(rows), rows[row.ability], row.score)
        for row in typed.itertuples()
        for rows in [json.loads(row.amounts)]
    }
    sources = {"single": 1, "together": 3}
    own = {
        (r["model"], r["benchmark"], sources[r["design"]], int(r["rows"]), float(r["score"]))
        for r in published("dong2023")
    }
    assert own == known
    assert len(published("dong2023")) == len(typed) == 90


def test_songs_numbers_are_those_of_the_tables_that_the_analysis_is_tested_on():
    typed = pd.concat(pd.read_csv(TABLES / f"song2023_table{n}.csv") for n in (2, 3))
    own = sorted(float(r["score"]) for r in published("song2023") if r["set"] != "+0")
    assert set(own) <= set(typed["score"].round(2))
    assert len(published("song2023")) == 72
    maximum, added = (
        [r["score"] for r in published("song2023") if r["set"] == name]
        for name in ("Maximum 40k", "+0")
    )
    assert maximum == added


def test_both_curves_end_at_one_where_all_rows_give_the_best_score():
    figure = dong2023(view(fake.table()), fake.findings()["findings"], Words())
    growth = figure.panels[0]
    assert growth.title == "math: growth alone"
    dots = growth.spec["datasets"]["dots"]
    ours = [d for d in dots if d["_whose"] == "ours"]
    theirs = [d for d in dots if d["Line"] == "published llama-7b"]
    assert [d["_x"] for d in ours] == [1 / 64, 1 / 16, 1 / 4, 1]
    assert ours[-1]["_y"] == theirs[-1]["_y"] == 1
    assert theirs[0]["Score"] == "12.70"
    assert theirs[0]["share of all rows"] == "1/256"
    assert [d["_y"] for d in theirs] == sorted(d["_y"] for d in theirs)


def test_where_no_ability_has_the_papers_name_only_the_paper_is_drawn_and_the_panel_says_so():
    row = {"model": "m", "strategy": "multitask", "metric": "accuracy", "n": 100}
    rows = [
        row | {"ability": "law", "amounts": json.dumps({"law": n}), "score": s}
        for n, s in ((16, 0.2), (64, 0.4))
    ]
    figure = dong2023(view(tidy(pd.DataFrame(rows))), [], Words())
    assert "you have no growing ability called math" in figure.panels[0].note
    assert all(d["_whose"] == "published" for d in figure.panels[0].spec["datasets"]["dots"])


def test_a_loss_is_never_set_beside_a_share_of_right_answers():
    row = {"model": "m", "strategy": "multitask", "metric": "nll", "higher_is_better": False}
    rows = [
        row | {"ability": "math", "amounts": json.dumps({"math": n}), "score": s, "stderr": 0.1}
        for n, s in ((16, 2.0), (64, 1.4))
    ]
    figure = dong2023(view(tidy(pd.DataFrame(rows))), [], Words())
    assert all(d["_whose"] == "published" for d in figure.panels[0].spec["datasets"]["dots"])


def test_the_readers_level_is_drawn_only_on_the_very_benchmark():
    row = {"model": "m", "strategy": "multitask", "metric": "accuracy", "n": 100}
    rows = [
        row | {"ability": a, "suite": a, "amounts": json.dumps({"math": 16}), "score": s}
        for a, s in (("cmmlu", 0.41), ("math", 0.9))
    ]
    figure = song2023(view(tidy(pd.DataFrame(rows))), [], Words())
    notes = {panel.title: panel.note for panel in figure.panels}
    assert notes["CMMLU, 0-shot"] == "published, single runs, your best is 41.0% (m)"
    assert notes["AGIEval, 5-shot"] == "published, single runs"


def test_the_page_says_what_may_be_compared_and_what_may_not(tmp_path):
    report(fake.table(), NOTHING, tmp_path / "r.html", overlays=PAPERS)
    html = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "only shapes may be compared, not levels" in html
    assert "What may not: the height of the scores" in html
    assert "smoothed figures without numbers" in html


def test_an_unknown_paper_is_refused_with_those_there_are(tmp_path):
    with pytest.raises(SpecError, match=r"no published curves of 'dong'; there are .*dong2023"):
        report(fake.table(), NOTHING, tmp_path / "r.html", overlays=("dong",))
    assert not (tmp_path / "r.html").exists()
