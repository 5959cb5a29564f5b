import io
import json

import made_up as fake
import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from espalier.analysis import analyze
from espalier.finding import aloud
from espalier.report import summary
from espalier.report.answer import answer, certainty
from espalier.report.charts.growth import growth
from espalier.report.charts.mixing import _located, mixing
from espalier.report.charts.size import size
from espalier.report.lookup import unit_of
from espalier.report.numbers import Unit, decimals, plain
from espalier.report.view import view
from espalier.report.words import Words
from espalier.results import Origin, tidy
from simulate import grid, only_growth
from simulate import table as simulated

WORDS = Words()


def said(findings, models=1):
    text = answer(view(fake.table(models, seeds=1)), findings, WORDS)
    return [sentence.replace("\u00a0", " ") for sentence in text]


def only(kind, **facts):
    found = [f for f in fake.findings()["findings"] if f["kind"] == kind]
    return [f for f in found if all(f.get(n) == v for n, v in facts.items())]


def test_three_sentences_name_amounts_effects_and_intervals():
    growth, mixing, order = said(fake.findings()["findings"])
    assert "math (+8.2 points per doubling, +7.1 to +9.3)" in growth
    assert "general (near 96 rows, 50 to 180) reaches a plateau" in growth
    assert "math gains at 16 and 64 rows (up to +5.0 points, +3.0 to +7.0)" in mixing
    assert "loses at 1,024 rows (−3.0 points, −5.0 to −1.0)" in mixing
    assert "general shows no difference at any measured amount" in mixing
    assert "DMT k=1/4 comes first overall (rank 1 with probability 0.91)" in order
    assert "sequential forgets math (−45.0 points, −50.0 to −40.0) and code;" in order
    assert "DMT k=1/4 forgets nothing that can be shown" in order


def test_undecided_is_said_and_carries_no_number():
    (math,) = only("growth", ability="math", design="single")
    unsure = math | {"verdict": "undecided"}
    growth, mixing, order = said([unsure])
    assert growth == "With more of its own data, math is undecided."
    assert mixing == WORDS("answer.mixing.none")
    assert order == WORDS("answer.strategy.none")


def test_where_the_headline_does_not_decide_the_other_metrics_are_heard():
    (math,) = only("growth", ability="math", design="single")
    told = [math | {"verdict": "undecided"}, math | {"metric": "nll"}]
    assert said(told)[0] == "With more of its own data, math (by nll it grows) is undecided."


def test_a_tie_at_one_amount_is_no_tie_at_all_amounts():
    tied, other, *_ = only("mixing", ability="math", of="difference")
    told = [tied | {"verdict": "tied"}, other | {"verdict": "undecided"}]
    assert said(told)[1] == "Beside the others’ data, math is undecided."


def test_if_nothing_is_forgotten_the_answer_says_so():
    kept = [f | {"verdict": "keeps"} for f in only("forgetting")]
    assert said(kept)[2] == "Of the strategies, no strategy forgets anything that can be shown."


def test_tied_strategies_have_no_winner():
    tied = [f | {"verdict": "tied"} for f in only("strategy")]
    assert said(tied)[2] == "Of the strategies, none can be told from the others overall."


def test_a_first_place_that_cannot_be_told_from_the_next_is_no_victory():
    ranks = {"dmt k=1/4": (1, "tied"), "mixed_sequential": (3, "worse")}
    told = [
        f | {"rank": ranks[f["label"]][0], "verdict": ranks[f["label"]][1]}
        for f in only("strategy")
        if f["label"] in ranks
    ]
    assert said(told)[2].endswith(
        "DMT k=1/4 comes first overall (rank 1 with probability 0.91), "
        "from which multitask cannot be told."
    )


def test_the_strategy_that_others_are_compared_against_can_come_first():
    ranks = {"dmt k=1/4": (2, "tied"), "mixed_sequential": (3, "worse")}
    told = [
        f | {"rank": ranks[f["label"]][0], "verdict": ranks[f["label"]][1]}
        for f in only("strategy")
        if f["label"] in ranks
    ]
    assert said(told)[2].endswith(
        "multitask comes first overall, from which DMT k=1/4 cannot be told."
    )


def test_only_the_headline_metric_and_the_largest_model_speak():
    small, large = "xs", "s"
    (math,) = only("growth", ability="math", design="single")
    told = [math | {"model": small}, math | {"model": large, "estimate": 0.5, "interval": None}]
    told.append(math | {"metric": "nll", "model": large, "estimate": 9.0})
    growth = said(told, models=2)[0]
    assert growth == "With more of its own data, math (+50.0 points per doubling) grows."
    sure = certainty(view(fake.table(2, seeds=1)), told, WORDS)
    assert "The sentences are about s, the largest model." in sure


def test_single_seeds_are_confessed():
    lone = [f | {"noise": "items only", "seeds": 1} for f in only("growth")]
    assert any("single seed" in s for s in certainty(view(fake.table(seeds=1)), lone, WORDS))


def test_the_tests_are_counted_by_what_they_show():
    found = [{**f, "verdict": v} for f, v in zip(only("mixing"), ("helps", "tied", "undecided"))]  # noqa: B905
    (first, *_) = certainty(view(fake.table(seeds=1)), found, WORDS)
    assert first == "Of 3 tests 1 show an effect, 1 show none, and 1 stay undecided."


def test_the_summary_fits_a_screen():
    for models in (1, 3):
        text = io.StringIO()
        findings = fake.findings(models)
        Console(file=text, width=80).print(summary(fake.table(models), findings))
        lines = text.getvalue().splitlines()
        assert len(lines) <= 34
        assert all(len(line) <= 80 for line in lines)
        for word in ("grows", "helps", "hurts", "better", "forgets", "keeps"):
            assert any(word in line for line in lines)


def printed(table, findings):
    text = io.StringIO()
    Console(file=text, width=80).print(summary(table, findings))
    return text.getvalue().strip()


@pytest.mark.parametrize(
    ("amounts", "score", "why"),
    [
        ('{"a": 1}', None, "no test row has a score; left out: rows without a score (unscored)"),
        ("{}", 0.5, "only untuned models have a score"),
    ],
)
def test_a_summary_without_a_finding_says_why_in_one_line(amounts, score, why):
    row = {"model": "m", "strategy": "multitask", "ability": "a", "metric": "accuracy"}
    table = tidy(pd.DataFrame([row | {"amounts": amounts, "score": score}]))
    assert printed(table, analyze(table)) == f"no finding: {why}"


def test_nothing_to_compare_is_said_too():
    row = {"model": "m", "strategy": "s", "ability": "a", "amounts": '{"a": 1}', "score": 0.5}
    table = tidy(pd.DataFrame([row]))
    assert printed(table, {"findings": []}) == "no finding: nothing here can be compared"


def test_a_larger_model_that_was_only_measured_untuned_hides_no_finding():
    one = {"strategy": "multitask", "ability": "a", "metric": "accuracy", "n": 100}
    rows = [
        one | {"model": "s", "parameters": 1e6, "amounts": f'{{"a": {n}}}', "score": n / 100}
        for n in (16, 64)
    ]
    rows.append(one | {"model": "l", "parameters": 9e6, "amounts": "{}", "score": 0.5})
    table = tidy(pd.DataFrame(rows))
    assert "Gain per doubling of own data (s)" in printed(table, analyze(table))


@pytest.mark.parametrize(("interval", "said"), [([0.01, 0.2], 1), ([-0.01, 0.2], 0)])
def test_a_tie_whose_interval_leaves_out_zero_is_explained_once(interval, said):
    tied = [
        f | {"verdict": "tied", "p_adjusted": 0.2, "estimate": 0.1, "interval": interval}
        for f in only("mixing", of="difference")
    ]
    text = printed(fake.table(seeds=1), {"findings": tied})
    assert text.count(WORDS("summary.adjusted")) == said


def test_numbers_are_written_for_readers():
    share, own = Unit(share=True), Unit(share=False)
    glued = str.maketrans({"\u00a0": " "})
    assert share.score(0.6349).translate(glued) == "63.5 %"
    assert share.difference(-0.03).translate(glued) == "−3.0 points"
    assert share.difference(-0.00001).translate(glued) == "0.0 points"
    assert own.difference(0.1234) == "+0.123"
    assert own.score_interval((1.2, 1.3)).translate(glued) == "1.2 to 1.3"
    assert share.score(None) == own.difference_interval(None) == "–"
    assert [plain(v) for v in (0.5, 12345.6, 3.0, -0.25)] == ["0.5", "12,346", "3", "−0.25"]


def test_an_ability_that_two_sources_teach_is_named_with_its_source():
    grown = only("growth", ability="math")[0]
    pair = [{**grown, "source": name, "design": "single"} for name in ("math", "rft")]
    sentence = said(pair)[0]
    assert "math · math (" in sentence
    assert "math · rft (" in sentence


def test_the_summary_tells_the_same_strategy_at_two_mixtures_apart():
    lost = only("forgetting", ability="math")[0]
    pair = [{**lost, "amounts": {"math": rows, "code": rows}} for rows in (256, 1024)]
    text = io.StringIO()
    table = fake.table(1, seeds=1)
    findings = {"version": 1, "findings": pair, "claims": [], "left_out": []}
    Console(file=text, width=80).print(summary(table, findings))
    assert " 512 rows, seq" in text.getvalue()
    assert " 2,048 rows, seq" in text.getvalue()


def test_a_crossover_that_may_be_anywhere_is_not_drawn():
    records = [{"_x": n, "_series": "m"} for n in (64, 1024)]
    anywhere = {"model": "m", "interval": [64, 1024]}
    assert not _located(anywhere, records)
    assert _located({**anywhere, "interval": [64, 512]}, records)


def test_a_metric_is_written_with_one_number_of_digits():
    glued = str.maketrans({"\u00a0": " "})
    rating = Unit(share=False, digits=decimals(4.2, 7.9))
    assert [rating.score(v) for v in (7, 6.5, 4.25)] == ["7.00", "6.50", "4.25"]
    assert rating.score_interval((5, 6.125)).translate(glued) == "5.00 to 6.12"
    assert rating.difference(0.3) == "+0.30"
    percent = Unit(share=False, percent=True)
    assert [percent.score(v).translate(glued) for v in (7, 63.25)] == ["7.0 %", "63.2 %"]
    assert percent.difference(-3).translate(glued) == "−3.0 points"
    assert [decimals(*ends) for ends in ((0, 900), (1.8, 1.9), (3, 3))] == [0, 3, 2]


def percents():
    row = {"model": "m", "strategy": "multitask", "ability": "a", "metric": "accuracy"}
    scores = ((64, 30), (256, 45.25), (1024, 7))
    rows = [row | {"amounts": f'{{"a": {n}}}', "score": s, "n": 100} for n, s in scores]
    return tidy(pd.DataFrame(rows))


def test_scores_in_percent_are_written_as_percentages():
    seen = view(percents())
    (measure,) = seen.measures
    assert (measure.share, measure.percent) == (False, True)
    written = [unit_of(measure, WORDS).score(p.score) for p in seen.points]
    assert [text.replace("\u00a0", " ") for text in written] == ["30.0 %", "45.2 %", "7.0 %"]


def test_two_protocols_are_told_side_by_side_in_one_sentence():
    random, frames = np.random.default_rng(0), []
    for protocol, more in (("epochs", 0.1), ("updates", 0.0)):

        def truth(cell, ability, more=more):
            mixed = cell.stage and len(cell.amounts) > 1 and ability == "math"
            return only_growth(cell, ability) + more * bool(mixed)

        cells = list(grid(models=("small",)))
        frames.append(simulated(cells, truth, random).assign(protocol=protocol))
    table = tidy(pd.concat(frames, ignore_index=True))
    findings = analyze(table)
    told = aloud(findings.to_dict())["findings"]
    sentences = certainty(view(table), told, WORDS)
    assert (
        "Side by side: at equal epochs, mixing helps math; "
        "at equal updates, mixing shows no effect." in sentences
    )
    assert "Beside the others’ data, math gains" in answer(view(table), told, WORDS)[1]
    assert "updates" in printed(table, findings)


def test_the_summary_says_which_of_several_models_it_shows():
    last = printed(fake.table(3), fake.findings(3)).splitlines()
    (model,) = {line.split("(")[1].rstrip(")") for line in last if line.startswith("Mixed minus")}
    assert any(f"Shown is {model}, one of 3 models" in line for line in last)
    assert "one of" not in printed(fake.table(1), fake.findings(1))


def test_panels_of_two_protocols_are_named_apart():
    random = np.random.default_rng(0)
    cells = list(grid(amounts=(64, 1024), full=1024))
    table = tidy(
        pd.concat(
            simulated(cells, only_growth, random, seeds=2).assign(protocol=protocol)
            for protocol in ("epochs", "updates")
        )
    )
    told, seen = aloud(analyze(table).to_dict())["findings"], view(table)
    for draw in (growth, mixing, size):
        titles = [panel.title for panel in draw(seen, told, WORDS).panels]
        assert len(set(titles)) == len(titles) == 6


def test_a_panel_of_one_source_counts_the_rows_of_that_source():
    row = {"model": "m", "strategy": "multitask", "ability": "math", "metric": "accuracy"}
    rows = [
        row | {"amounts": f'{{"{source}": {n}{more}}}', "score": 0.3, "n": 100}
        for source in ("math", "rft")
        for n in (64, 256)
        for more in ("", f', "code": {n}')
    ]
    taught = {"math": "math", "rft": "math", "code": "code"}
    sources = [Origin(name=name, ability=ability) for name, ability in taught.items()]
    table = tidy(pd.DataFrame(rows), sources=sources)
    told, seen = aloud(analyze(table).to_dict())["findings"], view(table)
    for draw in (growth, mixing):
        for panel, source in zip(draw(seen, told, WORDS).panels, ("math", "rft"), strict=True):
            assert panel.title == f"math · {source}"
            assert f'"rows of {source}"' in json.dumps(panel.spec)
