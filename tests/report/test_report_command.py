import json

import made_up as fake
import numpy as np
import pytest
from click.testing import CliRunner

import simulate
from espalier.cli import verbs
from espalier.results import write


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    path = tmp_path_factory.mktemp("table") / "table.csv"
    cells = list(simulate.grid(models=("small",), amounts=(64, 256, 1024), full=1024))
    frame = simulate.table(cells, simulate.only_growth, np.random.default_rng(0), seeds=2)
    write(frame, path)
    return path


def asked(*arguments):
    return CliRunner().invoke(verbs, ["report", *map(str, arguments)])


def test_a_table_is_reported_with_a_recipe_and_a_papers_curves(table, tmp_path):
    out = tmp_path / "r.html"
    done = asked(table, "--out", out, "--overlay", "dong2023", "--lang", "zh", "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.output)["report"] == str(out)
    html = out.read_text(encoding="utf-8")
    assert '<section id="recommendation"' in html
    assert '<section id="overlay-dong2023"' in html
    assert 'class="stage"' in html


def test_what_recommend_wrote_is_shown_as_it_is(table, tmp_path):
    advice, out = tmp_path / "advice.json", tmp_path / "r.html"
    advice.write_text(json.dumps(fake.recommendation().to_dict()))
    assert asked(table, "--out", out, "--recommendation", advice).exit_code == 0
    assert "Train xs on 3,000 rows" in out.read_text(encoding="utf-8")


def test_a_verification_brings_what_was_measured(table, tmp_path):
    told, out = tmp_path / "verify.json", tmp_path / "r.html"
    check = {"label": "recommended", "ability": "math", "metric": "exact", "stderr": 0.01}
    check |= {"predicted": 0.5, "interval": [0.4, 0.6], "measured": 0.9}
    inside = {"recommendation": fake.recommendation().to_dict(), "checks": [check]}
    told.write_text(json.dumps(inside))
    assert asked(table, "--out", out, "--recommendation", told).exit_code == 0
    html = out.read_text(encoding="utf-8")
    assert "Predicted against measured" in html
    assert "missed" in html


@pytest.mark.parametrize("text", ["", "[1]", "{}", '{"recommendation": 3}', '{"checks": [1]}'])
def test_a_file_that_is_no_recommendation_is_refused_in_one_line(table, tmp_path, text):
    advice, out = tmp_path / "advice.json", tmp_path / "r.html"
    advice.write_text(text)
    done = asked(table, "--out", out, "--recommendation", advice)
    assert done.exit_code != 0
    assert "is no recommendation; `recommend --json` or" in str(done.exception or done.output)
    assert not out.exists()
