import csv
import hashlib
import json
import re
import subprocess
import sys
from base64 import b64encode

import altair as alt
import made_up as fake
import pandas as pd
import pytest

from espalier.errors import SpecError
from espalier.finding import VERDICTS
from espalier.report import StudyFacts, report
from espalier.report.overlays import PAPERS
from espalier.report.page import _counts
from espalier.report.tables import tests as rows_of
from espalier.report.tables import tone
from espalier.report.view import view
from espalier.report.words import ENGLISH, LANGUAGES, Words
from espalier.results import tidy

NOTHING = {"version": 1, "findings": [], "claims": [], "left_out": []}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    out, figures = folder / "deep" / "report.html", folder / "figures"
    report(
        fake.table(),
        fake.findings(),
        out,
        study=fake.facts(),
        recommendation=fake.recommendation(),
        overlays=PAPERS,
        figures=figures,
    )
    return out.read_text(encoding="utf-8"), figures


def own(html):
    """Return the page without the charting library, whose source is not ours."""
    return re.sub(r"<script>.*?</script>", "", html, count=1, flags=re.DOTALL)


def charts(html):
    text = re.search(r'<script type="application/json" id="charts">(.*?)</script>', html, re.DOTALL)
    return json.loads(text[1])


def test_the_page_asks_the_network_for_nothing(made):
    html = own(made[0])
    assert not re.search(r'href="(?!#)', html)
    assert "@import" not in html
    assert "url(" not in html.split("</style>")[0]


def test_only_our_own_scripts_may_run_and_nothing_may_be_fetched(made):
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', made[0])[1].replace(
        "&#39;", "'"
    )
    scripts = re.findall(r"<script>(.*?)</script>", made[0], re.DOTALL)
    hashes = [b64encode(hashlib.sha256(s.encode()).digest()).decode() for s in scripts]
    assert re.findall(r"'sha256-([^']*)'", policy) == hashes
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe-eval" not in policy
    assert "script-src 'unsafe-inline'" not in policy


def test_what_models_wrote_can_close_no_tag_and_open_none(made):
    html = made[0]
    assert html.count("</script") == 3
    assert "<img" not in own(html)
    assert "onerror=alert(1)&gt;" in html
    assert "{{ 7*7 }}" in html
    assert "\0" not in html


def test_hostile_names_of_models_and_abilities_survive_as_text(tmp_path):
    row = {"model": fake.HOSTILE.replace("\0", ""), "strategy": "multitask", "metric": "accuracy"}
    row |= {"ability": "a.b[0]</script>", "n": 50}
    rows = [
        row | {"score": s, "amounts": json.dumps({"a.b[0]</script>": n})}
        for s, n in ((0.2, 16), (0.5, 64))
    ]
    report(tidy(pd.DataFrame(rows)), NOTHING, tmp_path / "r.html")
    html = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert html.count("</script") == 3
    (chart,) = charts(html)
    assert "a.b[0]</script>" in json.dumps(chart)


def test_every_chart_is_valid_vega_lite(made):
    specs = charts(made[0])
    assert len(specs) == made[0].count('class="chart"') > 20
    for spec in specs:
        alt.LayerChart.from_dict(spec, validate=True)


def test_every_chart_says_in_words_what_it_shows(made):
    labels = re.findall(r'class="chart" role="img" aria-label="([^"]*)"', made[0])
    assert len(labels) == len(charts(made[0]))
    assert all(re.match(".+: .+", label) for label in labels)


def test_the_order_is_the_readers(made):
    names = re.findall(r'<section id="([\w-]+)"', made[0])
    assert names == [
        "recommendation",
        "growth",
        "size",
        "mixing",
        "factors",
        "strategy",
        "forgetting",
        "exchange",
        "ood",
        "sensitivity",
        "overlay-dong2023",
        "overlay-song2023",
        "claims",
        "replies",
        "costs",
        "left-out",
        "provenance",
    ]


def test_claims_failures_costs_and_provenance_are_on_the_page(made):
    html = made[0]
    for text in (
        "Ethics resists.",
        "not tested",
        "killed by the user",
        "runs/quickstart",
        "rows without a score",
        "0000000000000008",
    ):
        assert text in html


def test_a_trained_cell_is_counted_once_for_each_seed():
    words, facts = Words(), StudyFacts()
    one, three = (dict(_counts(view(fake.table(seeds=n)), facts, words)) for n in (1, 3))
    assert int(three["trained cells"]) == 3 * int(one["trained cells"])


def test_the_untuned_level_is_named_in_the_legend_and_over_no_dot(made):
    growth = own(made[0]).split('<section id="growth"')[1].split("</section>")[0]
    assert re.search(r'<i class="dotted"[^>]*></i>untuned', growth)
    assert all('"_text": "untuned"' not in json.dumps(chart) for chart in charts(made[0]))


def test_the_figures_stand_alone(made):
    folder = made[1]
    stems = {path.stem for path in folder.iterdir()}
    assert stems == {
        "recipes",
        "front",
        "factors",
        "sensitivity",
        *PAPERS,
        "growth",
        "size",
        "mixing",
        "vary",
        "strategies",
        "sweep",
        "forgetting",
        "exchange",
        "ood",
    }
    for stem in stems:
        assert (folder / f"{stem}.png").read_bytes().startswith(b"\x89PNG")
        assert (folder / f"{stem}.pdf").read_bytes().startswith(b"%PDF")
        svg = (folder / f"{stem}.svg").read_text(encoding="utf-8")
        assert "var(--" not in svg
        assert "<path" in svg
    with (folder / "growth.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {row["Rows"] for row in rows if row["Trained"] == "alone"} >= {"math 16", "code 1,024"}
    assert all(row["95% interval"] for row in rows)


def test_a_bare_table_gives_a_page_that_says_what_it_cannot_say(tmp_path):
    rows = [
        {
            "model": "m",
            "strategy": "multitask",
            "ability": "math",
            "metric": "accuracy",
            "amounts": json.dumps({"math": n}),
            "score": s,
        }
        for n, s in ((16, 0.2), (64, 0.4))
    ]
    report(tidy(pd.DataFrame(rows)), NOTHING, tmp_path / "r.html")
    html = (tmp_path / "r.html").read_text(encoding="utf-8")
    for name in (
        "answer.growth.none",
        "answer.mixing.none",
        "answer.strategy.none",
        "answer.certainty.none",
        "mixing.absent",
        "costs.unknown",
    ):
        assert ENGLISH[name] in html
    assert 'id="growth"' in html
    assert 'id="mixing"' not in html
    assert len(charts(html)) == 1


def test_one_score_is_enough_for_a_page(tmp_path):
    row = {"model": "m", "strategy": "s", "ability": "a", "amounts": '{"a": 1}', "score": 0.5}
    report(tidy(pd.DataFrame([row])), NOTHING, tmp_path / "r.html")
    assert charts((tmp_path / "r.html").read_text(encoding="utf-8")) == []


def test_the_page_stays_small_when_the_table_is_large(tmp_path):
    rows = [
        {
            "model": "m",
            "strategy": "multitask",
            "ability": f"a{a}",
            "n": 100,
            "seed": s,
            "amounts": json.dumps({f"a{a}": 2**x}),
            "score": 0.01 * x,
            "metric": "accuracy",
        }
        for a in range(40)
        for s in range(3)
        for x in range(17)
    ]
    report(tidy(pd.DataFrame(rows)), NOTHING, tmp_path / "r.html")
    html = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert len(charts(html)) == 24
    assert ENGLISH["more panels"].format(n=16) in html
    assert f"{40 * 17 - 300} more rows" in html
    assert len(html) < 5_000_000


def test_a_crowded_panel_is_thinned_and_says_so(tmp_path):
    row = {"model": "m", "strategy": "multitask", "ability": "math", "metric": "accuracy"}
    rows = [row | {"amounts": json.dumps({"math": n}), "score": n / 9000} for n in range(1, 4000)]
    report(tidy(pd.DataFrame(rows)), NOTHING, tmp_path / "r.html")
    html = (tmp_path / "r.html").read_text(encoding="utf-8")
    (chart,) = charts(html)
    assert len(chart["datasets"]["dots"]) == 1000
    assert chart["datasets"]["dots"][0]["Rows"] == "math 1"
    assert "1 of 4 dots shown" in html


def test_two_sources_of_one_ability_are_never_one_curve(tmp_path):
    from espalier.results import Origin

    sources = [Origin(name="human", ability="math"), Origin(name="rft", ability="math")]
    rows = [
        {
            "model": "m",
            "strategy": "multitask",
            "ability": "math",
            "metric": "accuracy",
            "amounts": json.dumps({source: n}),
            "score": s,
            "n": 100,
        }
        for source, s in (("human", 0.6), ("rft", 0.3))
        for n in (16, 64)
    ]
    report(tidy(pd.DataFrame(rows), sources=sources), NOTHING, tmp_path / "r.html")
    html = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert len(charts(html)) == 2
    assert "math · human" in html
    assert "math · rft" in html


def test_an_unknown_language_is_refused_with_those_there_are(tmp_path):
    with pytest.raises(SpecError, match=r"no report in 'xx'; there are .*en"):
        report(fake.table(), NOTHING, tmp_path / "r.html", lang="xx")
    assert not (tmp_path / "r.html").exists()


def test_a_report_in_chinese_says_its_verdicts_in_chinese(tmp_path):
    report(fake.table(), fake.findings(), tmp_path / "r.html", lang="zh")
    html = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert '<html lang="zh">' in html
    assert "遗忘" in html
    assert "每种能力如何随自身数据增长" in html
    assert ENGLISH["growth.title"] not in html


def test_every_verdict_has_a_word_and_a_colour():
    for verdicts in VERDICTS.values():
        for verdict in verdicts:
            assert f"verdict.{verdict}" in Words()
            assert tone(verdict) in ("good", "bad", "even", "open", "plain")


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_every_sentence_with_the_same_places(language):
    def places(sentence):
        return sorted(re.findall(r"{(\w+)}", sentence))

    words = LANGUAGES[language]
    assert words.keys() == ENGLISH.keys()
    for name, sentence in words.items():
        assert places(sentence) == places(ENGLISH[name]), name


def test_a_report_needs_no_torch_and_its_import_no_charts():
    script = "import sys, espalier.report; print(sorted({'torch', 'altair'} & set(sys.modules)))"
    out = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_facts_are_all_optional():
    assert StudyFacts().cost is None


def test_what_a_mixture_does_to_an_ability_without_rows_of_its_own_is_told_by_the_mixture():
    mixed = next(f for f in fake.findings()["findings"] if f["kind"] == "mixing")
    mixture = {"code": 1024, "general": 768}
    outside = mixed | {"of": "construction", "amount": None, "mixture": mixture}
    (told,) = rows_of(view(fake.table()), [outside], Words("en"))
    assert told.what == Words("en").amounts(mixture)
