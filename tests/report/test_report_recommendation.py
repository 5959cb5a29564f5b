import json
import re
from dataclasses import replace

import made_up as fake
import pytest

from espalier.errors import DataError
from espalier.outputs import verified_in
from espalier.recommendation import LARGEST, read
from espalier.report import report
from espalier.report.charts.front import front
from espalier.report.charts.recipes import recipes
from espalier.report.facts import Verified
from espalier.report.recipe import recipe
from espalier.report.view import view
from espalier.report.words import Words

NOTHING = {"version": 1, "findings": [], "claims": [], "left_out": []}


@pytest.fixture(scope="module")
def seen():
    return view(fake.table())


def section(html, name="recommendation"):
    return html.split(f'<section id="{name}"')[1].split("</section>")[0]


def written(tmp_path, advice, **options):
    report(fake.table(), NOTHING, tmp_path / "r.html", recommendation=advice, **options)
    return (tmp_path / "r.html").read_text(encoding="utf-8")


def test_the_recipe_is_said_in_one_sentence_and_drawn_stage_by_stage(seen):
    told = recipe(seen, fake.recommendation().to_dict(), Words())
    assert told.headline == (
        "Train xs on 3,000 rows: 1,500 of math, 1,200 of code and 300 of general, DMT k=1/4."
    )
    assert [stage.name for stage in told.stages] == ["Stage 1", "Stage 2"]
    assert [stage.share for stage in told.stages] == [1.0, 675 / 2700]
    assert sum(part.share for part in told.stages[1].parts) == pytest.approx(1)
    colours = [{p.source: p.colour for p in stage.parts} for stage in told.stages]
    assert colours[0]["math"] == colours[1]["math"]


def test_regret_and_its_certainty_are_beside_the_recipe(seen):
    facts = dict(recipe(seen, fake.recommendation().to_dict(), Words()).facts)
    assert facts["expected regret"] == "1.1\u00a0points"
    assert facts["95% of the regret"] == "0.0\u00a0to\u00a03.4"
    assert facts["no baseline is better"] == "83%"
    assert facts["budget"] == "3,072 rows"


def test_the_recipe_stands_beside_every_baseline_with_intervals(seen):
    told = recipe(seen, fake.recommendation().to_dict(), Words())
    beside = told.sides[0]
    assert [row[0] for row in beside.rows] == [
        "recommended",
        "uniform",
        "proportional",
        "everything",
        "best measured",
    ]
    assert beside.columns[:4] == ("Recipe", "math · exact", "code", "general")
    assert re.search(r"\(\d+\.\d.to.\d+\.\d\)", beside.rows[0][1])
    assert "[floor kept: 97%]" in beside.rows[0][3]
    assert beside.rows[0][5] == "expected"
    assert beside.rows[1][5] == "measured"


def test_what_lies_beyond_the_measurements_is_said_aloud(tmp_path):
    html = section(written(tmp_path, fake.recommendation()))
    assert html.count('class="caution"') == 2
    assert "at most 1,024 were measured (1.46 times)" in html
    assert "a single seed: how much runs scatter is guessed" in html


def test_a_refusal_is_the_headline_and_draws_no_recipe(tmp_path):
    refused = replace(
        fake.recommendation(),
        choice=None,
        refused="a budget of 10 rows is too little",
        regret=None,
        best_probability=None,
        front=(),
    )
    html = section(written(tmp_path, refused))
    assert "For xs no recipe is recommended." in html
    assert "a budget of 10 rows is too little" in html
    assert 'class="stage"' not in html
    assert "best measured" in html


def test_no_recommendation_is_missing_with_its_reason(tmp_path):
    assert "because none was asked for" in written(tmp_path, None)
    html = written(tmp_path, {"failed": "the table has no finished cell"})
    assert "No recipe is recommended: the table has no finished cell" in section(html)


def test_the_page_says_the_same_of_a_recommendation_and_of_its_json(tmp_path):
    advice = fake.recommendation()
    plain = json.loads(json.dumps(advice.to_dict()))
    assert section(written(tmp_path, advice)) == section(written(tmp_path, plain))


def test_the_front_shows_every_pair_of_abilities_and_no_recipe_twice(seen):
    told = fake.recommendation().to_dict()
    figure = front(seen, told, Words())
    assert [panel.title for panel in figure.panels] == [
        "code / math",
        "general / math",
        "general / code",
    ]
    dots = figure.panels[0].spec["datasets"]["dots"]
    assert len(dots) == 9 + 5
    assert dots[-1]["_series"] == "recommended"
    assert dots[-1]["Rows"] == "math 1,500, code 1,200, general 300"
    assert front(seen, {**told, "front": []}, Words()) is None


def test_what_was_trained_since_lies_on_the_line_of_its_recipe(seen):
    told = fake.recommendation().to_dict()
    plain, checked = (recipes(seen, told, Words(), v) for v in ((), fake.verified()))
    one, other = (len(f.panels[0].spec["datasets"]["dots"]) for f in (plain, checked))
    assert (one, other) == (5, 7)
    assert {key.shape for key in checked.legend} == {"ring", "dot", "square"}


def test_predicted_and_measured_are_set_side_by_side_and_a_miss_is_called_one(seen):
    told = recipe(seen, fake.recommendation().to_dict(), Words(), fake.verified())
    side = next(side for side in told.sides if side.title == "Predicted against measured")
    verdicts = [row[-1] for row in side.rows]
    assert verdicts == ["held"] * 3 + ["missed"] * 3


def test_checks_that_were_never_measured_are_left_out():
    check = {"label": "uniform", "ability": "math", "metric": "exact", "predicted": 0.5}
    check |= {"interval": [0.4, 0.6], "prediction_interval": [0.3, 0.7], "stderr": 0.1}
    found = Verified.of([check | {"measured": 0.6}, check | {"measured": None}])
    assert [v.measured for v in found] == [0.6]
    assert found[0].interval == (0.3, 0.7)
    assert found[0].measured_interval == pytest.approx((0.404, 0.796))


def test_a_recommendation_in_chinese_has_no_english_sentence(tmp_path):
    html = section(written(tmp_path, fake.recommendation(), lang="zh"))
    assert "用 3,000 条训练 xs：math 1,500 条、code 1,200 条 和 general 300 条" in html
    for english in ("rows", "expected", "regret", "baseline", "budget"):
        text = re.sub(r"<[^>]*>", " ", html)
        assert not re.search(rf"\b{english}\b", text), english


# --- a file that is none ----------------------------------------------------------------------

RUBBISH = (None, True, "9", -1, 1e300, 2.5, float("nan"), [], {}, ["x"])
TOLD = json.loads(json.dumps(fake.recommendation().to_dict()))


def leaves(told, where=()):
    """Yield where a value lies, of every value; of a list, within its first."""
    if where:
        yield where
    inner = told.items() if isinstance(told, dict) else enumerate(told[:1])
    for name, value in inner:
        if isinstance(value, dict | list):
            yield from leaves(value, (*where, name))
        else:
            yield (*where, name)


def changed(where, value, told=TOLD):
    told = json.loads(json.dumps(told))
    at = told
    for name in where[:-1]:
        at = at[name]
    at[where[-1]] = value
    return told


def drawn(seen, file):
    """Read a file and put everything of it into words and charts."""
    told, _ = read(file)
    for words in (Words(), Words("zh")):
        recipe(seen, told, words)
    recipes(seen, told, Words())
    front(seen, told, Words())


@pytest.mark.parametrize("value", RUBBISH, ids=repr)
def test_rubbish_in_a_recommendation_is_one_line_or_harmless(seen, tmp_path, value):
    file, places, taken = tmp_path / "r.json", list(leaves(TOLD)), []
    for where in places:
        file.write_text(json.dumps(changed(where, value)))
        try:
            read(file)
        except DataError as error:
            assert str(error).startswith(f"{file}: is no recommendation")
            assert "\n" not in str(error)
        else:
            taken.append(where)
    assert len(taken) < len(places) * 2 / 3
    inside = {where[:n] for where in taken for n in range(1, len(where))}
    told = TOLD
    for where in taken:
        if where not in inside:
            told = changed(where, value, told)
    file.write_text(json.dumps(told))
    drawn(seen, file)


def test_what_is_missing_or_of_another_type_is_named(tmp_path):
    file = tmp_path / "r.json"
    for where, value, said in (
        (("choice", "expected", 0, "score"), "0.5", "choice.expected.0.score: Input should be a"),
        (("choice", "utility"), float("nan"), "NaN is no number"),
        (("choice", "utility"), 1e300, "choice.utility: no number of a recommendation is so large"),
        (("choice", "amounts", "math"), -3, "recommended: -3 rows of math"),
        (("choice", "utility_interval"), [0.6, 0.4], "0.6 to 0.4 ends before it begins"),
        (("best_probability",), 7.0, "best_probability: 7 is no probability"),
        (("version",), 2, "version: 2, and only 1 is known"),
    ):
        file.write_text(json.dumps(changed(where, value)))
        with pytest.raises(DataError, match=re.escape(said)):
            read(file)
    told = json.loads(json.dumps(TOLD))
    del told["choice"]["utility"]
    file.write_text(json.dumps({"recommendation": told, "checks": []}))
    with pytest.raises(DataError, match=r"choice\.utility: Field required"):
        read(file)


@pytest.mark.parametrize(
    "text",
    ["", "[1]", "null", '{"model": ', "[" * 100_000, "9" * 5000, "\x00", '{"recommendation": [1]}'],
    ids=range(8),
)
def test_what_is_no_json_of_ours_is_refused_in_one_line(tmp_path, text):
    file = tmp_path / "verify.json"
    file.write_text(text)
    with pytest.raises(DataError, match="is no recommendation; `recommend --json` or"):
        read(file)
    with pytest.raises(DataError, match="is no recommendation; `recommend --json` or"):
        verified_in(file, TOLD)


def test_a_huge_file_is_refused_unread(tmp_path):
    file = tmp_path / "r.json"
    with file.open("wb") as out:
        out.truncate(LARGEST + 1)
    with pytest.raises(DataError, match="of far less than 16 MiB"):
        read(file)


def test_checks_of_a_verification_are_looked_at_too(tmp_path):
    file = tmp_path / "verify.json"
    check = {"label": "uniform", "ability": "math", "metric": "exact", "predicted": 0.5}
    file.write_text(json.dumps({"recommendation": TOLD, "checks": [check | {"measured": 0.4}]}))
    assert [v.measured for v in verified_in(file, TOLD)] == [0.4]
    for wrong in ([check | {"measured": "0.4"}], [check | {"interval": [1]}], [3], {"a": 1}, 7):
        file.write_text(json.dumps({"recommendation": TOLD, "checks": wrong}))
        with pytest.raises(DataError, match="checks"):
            read(file)


def test_what_a_floor_costs_and_what_is_assumed_is_told(seen):
    told = fake.recommendation()
    free = replace(told.baselines[0], label="without floors")
    priced = replace(
        told, without_floors=free, floor_cost=0.021, floor_cost_interval=(0.01, 0.03), assumed="x"
    )
    facts = dict(recipe(seen, priced.to_dict(), Words()).facts)
    assert facts["given up for the floors"].startswith("+2.1\u00a0points (+1.0\u00a0to\u00a0+3.0")
    assert "of utility; without them: " in facts["given up for the floors"]
    sure = replace(told, best_probability=1.0)
    assert dict(recipe(seen, sure.to_dict(), Words()).facts)["no baseline is better"] == ">99%"
