import json
import re

import made_up as fake
import pandas as pd

from espalier.report import Reply, eval_page, report
from espalier.report.words import ENGLISH
from espalier.results import tidy

NOTHING = {"version": 1, "findings": [], "claims": [], "left_out": []}
ROWS = (
    {"ability": "gsm8k", "metric": "accuracy", "score": 0.42, "n": 200, "chance": 0.0},
    {"ability": "cmmlu", "metric": "accuracy", "score": 0.27, "n": 400, "chance": 0.25},
    {"ability": "exam", "metric": "accuracy", "score": 0.61, "n": 400, "chance": 0.25},
    {"ability": "book", "metric": "nll", "score": 1.83, "stderr": 0.02, "n": 50}
    | {"higher_is_better": False, "unscored": 3},
)
REPLIES = (
    Reply(ability="gsm8k", prompt="2 + 2?", reply="#### 4", reference="4", score=1.0),
    Reply(ability="gsm8k", prompt="2 + 3?", reply="#### 6", reference="5", score=0.0),
    Reply(ability="exam", prompt="?", reply=fake.HOSTILE, reference="A", score=None),
)


def page(tmp_path, lang="en"):
    eval_page(ROWS, REPLIES, tmp_path / "e.html", model="tiny", lang=lang)
    return (tmp_path / "e.html").read_text(encoding="utf-8")


def sections(html):
    return re.findall(r'<section id="([\w-]+)"', html)


def test_an_evaluation_is_scores_beside_chance_and_replies_beside_references(tmp_path):
    html = page(tmp_path)
    assert sections(html) == ["scores", "replies", "missing", "left-out", "provenance"]
    assert "<h1>What does tiny score?</h1>" in html
    answer = re.sub(r"<[^>]*>", "", html.split('<div class="answer">')[1].split("</div>")[0])
    assert "tiny is above chance on exam · accuracy 61.0" in answer
    assert "cannot be told from chance on cmmlu · accuracy 27.0" in answer
    assert "book · nll 1.83 (1.79\u00a0to\u00a01.87)" in answer
    assert ENGLISH["answer.growth.none"] not in html
    assert "3 replies of book" in html


def test_every_score_has_its_interval_its_chance_and_its_items(tmp_path):
    table = page(tmp_path).split('<section id="scores"')[1].split("</table>")[0]
    cells = re.findall(r"<td>(.*?)</td>", table)
    assert cells[:5] == [
        "gsm8k · accuracy",
        "42.0\u00a0%",
        "35.4\u00a0to\u00a048.9\u00a0%",
        "0.0\u00a0%",
        "200",
    ]


def test_replies_are_folded_by_ability_and_can_be_sifted(tmp_path):
    html = page(tmp_path)
    assert html.count('<details class="replies"') == 2
    assert re.findall(r'<article class="reply" data-kind="(\w+)"', html) == [
        "right",
        "wrong",
        "unscored",
    ]
    bar = html.split('data-by="kind">')[1].split("</div>")[0]
    assert re.findall(r'data-only="(\w*)"', bar) == ["", "right", "wrong", "unscored"]


def test_what_a_model_wrote_stays_text(tmp_path):
    html = page(tmp_path)
    assert "<img" not in html.split("</style>")[1].split("<script")[0]
    assert html.count("</script") == 3


def test_a_reply_that_never_ends_is_cut_and_says_so(tmp_path):
    long = Reply(ability="gsm8k", prompt="?", reply="la " * 9000, score=0.0)
    eval_page(ROWS, [long], tmp_path / "e.html", model="tiny")
    html = (tmp_path / "e.html").read_text(encoding="utf-8")
    assert html.count("la la") < 4000
    assert "cut after 4,000 characters" in html


def test_an_empty_reply_is_called_empty(tmp_path):
    silent = Reply(ability="gsm8k", prompt="?", reply="", score=0.0)
    eval_page(ROWS, [silent], tmp_path / "e.html", model="tiny")
    assert "(no reply)" in (tmp_path / "e.html").read_text(encoding="utf-8")


def test_kinds_of_replies_follow_the_score():
    kinds = [Reply(ability="a", prompt="", reply="", score=s).kind for s in (1, 0, 0.5, 7, None)]
    assert kinds == ["right", "wrong", "partly", "scored", "unscored"]
    assert Reply(ability="a", prompt="", reply="", score=float("nan")).kind == "unscored"


def test_a_table_of_untuned_models_gets_the_same_page(tmp_path):
    rows = [
        {"model": m, "strategy": "multitask", "stage": 0, "amounts": "{}"} | row | {"score": s}
        for m, s in (("small", 0.3), ("large", 0.5))
        for row in ({"ability": "exam", "metric": "accuracy", "n": 100, "chance": 0.25},)
    ]
    report(tidy(pd.DataFrame(rows)), NOTHING, tmp_path / "r.html")
    html = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert sections(html)[0] == "scores"
    assert "<h1>What do these models score?</h1>" in html
    assert "small cannot be told from chance on exam" in html
    assert "large is above chance on exam" in html


def test_an_evaluation_in_chinese(tmp_path):
    html = page(tmp_path, lang="zh")
    assert "<h1>tiny 的得分是多少？</h1>" in html
    assert "与随机水平无法区分" in html
    assert "未评分" in html


def test_the_chart_marks_chance_where_there_is_any(tmp_path):
    text = re.search(r'id="charts">(.*?)</script>', page(tmp_path), re.DOTALL)[1]
    shares, loss = json.loads(text)
    assert [dot["_chance"] for dot in shares["datasets"]["dots"]] == [None, 0.25, 0.25]
    assert [dot["_chance"] for dot in loss["datasets"]["dots"]] == [None]


def test_a_metric_of_which_nothing_is_scored_is_no_reason_to_have_no_page(tmp_path):
    empty = {"ability": "talk", "metric": "nll", "score": None, "n": 0, "unscored": 1}
    eval_page([*ROWS, empty], REPLIES, tmp_path / "e.html", model="tiny")
    assert "1 replies of talk" in (tmp_path / "e.html").read_text()
