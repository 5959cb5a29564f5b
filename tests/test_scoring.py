"""Grading without a model: the mean, its error, and replies made elsewhere."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from espalier.ability import Ability, Grade, Item, Message, Reply, Scorer, Use
from espalier.errors import DataError, SpecError
from espalier.scoring import (
    GradedRow,
    grade,
    grade_all,
    make_ability,
    make_scorer,
    score_replies,
    summary,
)


def scorer(metric: str = "points") -> Scorer:
    return Scorer(metric=metric, asks="generate", grade=lambda i, r: Grade(score=None))


def row(score: float | None, cluster: str | None = None, chance: float | None = None) -> GradedRow:
    return {"score": score, "cluster": cluster, "chance": chance}


def told(rows: list[GradedRow]) -> dict[str, Any]:
    return summary(rows, scorer())


def test_the_unscored_are_counted_and_never_zero() -> None:
    result = told([row(1.0), row(None), row(0.0), row(None)])
    assert (result["score"], result["n"], result["unscored"]) == (0.5, 2, 2)


def test_a_share_has_its_binomial_error() -> None:
    rows = [row(1.0)] * 30 + [row(0.0)] * 10
    assert told(rows)["stderr"] == pytest.approx(math.sqrt(0.75 * 0.25 / 40))
    assert told(rows[:30])["stderr"] == 0.0


def test_other_scores_have_the_standard_error_of_a_mean() -> None:
    scores = [0.3, 1.7, 2.0, 5.5]
    expected = np.std(scores, ddof=1) / 2
    assert told([row(score) for score in scores])["stderr"] == pytest.approx(expected)
    assert told([row(0.3)])["stderr"] is None


def test_items_of_one_cluster_err_together() -> None:
    alone = [row(float(i % 2)) for i in range(40)]
    same = [row(float(i % 2), cluster=str(i % 4)) for i in range(40)]
    # four clusters, each all right or all wrong: as good as four items
    assert told(same)["stderr"] == pytest.approx(np.std([0, 1, 0, 1], ddof=1) / 2)
    assert told(alone)["stderr"] == pytest.approx(0.5 / math.sqrt(40))
    assert told([row(1.0, cluster="a"), row(0.0, cluster="a")])["stderr"] is None


def test_clusters_of_one_item_are_as_none() -> None:
    scores = [0.3, 1.7, 2.0, 5.5]
    single = [row(score, cluster=str(i)) for i, score in enumerate(scores)]
    assert told(single)["stderr"] == told([row(score) for score in scores])["stderr"]


def test_chance_is_the_mean_of_the_scored_or_unknown() -> None:
    assert told([row(1.0, chance=0.25), row(0.0, chance=0.5), row(None, chance=1.0)])[
        "chance"
    ] == pytest.approx(0.375)
    assert told([row(1.0, chance=0.25), row(0.0)])["chance"] is None


def test_nothing_scored_has_no_score() -> None:
    result = told([row(None)])
    assert (result["score"], result["stderr"], result["n"]) == (None, None, 0)


def test_a_score_that_is_no_number_is_unscored() -> None:
    broken = Scorer(metric="m", asks="generate", grade=lambda i, r: Grade(score=math.nan))
    graded = grade(Item(id="1", prompt="q", target="r"), Reply(text="r"), broken)
    assert graded["score"] is None
    assert graded["reason"] == "the score is nan"


def test_options_of_a_scorer_are_checked() -> None:
    with pytest.raises(SpecError, match=r"scorer exact: no option 'rul'; .*Did you mean 'rule'"):
        make_scorer(Use(scorer="exact", options={"rul": "text"}))
    with pytest.raises(SpecError, match="scorer exact: rule: Input should be 'text', 'gsm8k'"):
        make_scorer(Use(scorer="exact", options={"rule": "texts"}))
    with pytest.raises(SpecError, match="no 'exat' among the scorers"):
        make_scorer(Use(scorer="exat"))


@pytest.mark.parametrize(
    ("names", "why"), [([], "there are no items"), (["a", "b", "a"], "two items are called 'a'")]
)
def test_an_ability_needs_items_with_names_of_their_own(
    names: list[str], why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    items = tuple(Item(id=name, prompt="q", target="r") for name in names)
    made = Ability(name="x", items=items, scorers=())
    monkeypatch.setattr("espalier.scoring.abilities", {"x": lambda: made})
    with pytest.raises(DataError, match=f"ability x: {why}"):
        make_ability("x", {})


SCORERS = (Use(scorer="exact", options={"rule": "gsm8k"}), Use(scorer="nll"))
ABILITY = Ability(
    name="sums",
    items=tuple(
        Item(
            id=f"sums/{i}",
            prompt=(Message(role="user", content=f"What is {i} + 1?"),),
            target=f"#### {i + 1}",
        )
        for i in range(4)
    ),
    scorers=SCORERS,
)


def replies(folder: Path, rows: list[Any]) -> Path:
    file = folder / "replies.jsonl"
    file.write_text("".join(f"{json.dumps(given)}\n" for given in rows))
    return file


def test_replies_made_elsewhere_are_graded_by_item_or_by_question(tmp_path: Path) -> None:
    file = replies(
        tmp_path,
        [
            {"item": "sums/2", "reply": "#### 3"},
            {"id": "sums/0", "reply": "#### 7"},
            {"question": " What is  1 + 1? ", "reply": "#### 2"},
        ],
    )
    graded = score_replies(ABILITY, file)
    assert [row["score"] for row in graded.rows["accuracy"]] == [0.0, 1.0, 1.0, None]
    assert graded.missing == ("sums/3",)
    assert graded.not_graded == ("nll",)
    (result,) = graded.summaries
    assert (result["score"], result["n"], result["unscored"]) == (pytest.approx(2 / 3), 3, 1)
    graded.write(tmp_path / "out.jsonl")
    written = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert written[0]["metric"] == "accuracy"
    assert written[3]["reason"] == "no reply"


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        ({"item": "sums/9", "reply": "#### 3"}, "no item 'sums/9'"),
        ({"item": "sums/0", "reply": "#### 3"}, "a second reply to 'sums/0'; the first one counts"),
        ({"item": "sums/1"}, "no text under 'reply'"),
        ({"item": "sums/1", "reply": None}, "no text under 'reply'"),
        ({"item": "sums/1", "reply": 3}, "no text under 'reply'"),
        ({"reply": "#### 3"}, "it does not say what it answers"),
        ({"question": "What is 8 + 1?", "reply": "#### 3"}, "no item asks this question"),
        (["sums/1", "#### 3"], "a list, not an object"),
    ],
)
def test_a_row_that_answers_nothing_is_told_with_its_line(
    bad: object, why: str, tmp_path: Path
) -> None:
    file = replies(tmp_path, [{"item": "sums/0", "reply": "#### 1"}, bad])
    graded = score_replies(ABILITY, file)
    (left_out,) = graded.left_out
    assert str(left_out).startswith(f"{file}, line 2: ")
    assert why in left_out.why
    assert graded.summaries[0]["score"] == 1.0
    assert graded.summaries[0]["unscored"] == 3


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        ([], "no row answers an item of sums; its items are called like 'sums/0'"),
        ([{"item": "x", "reply": "y"}], "line 1: no item 'x'; its items are called like 'sums/0'"),
    ],
)
def test_a_file_that_answers_nothing_is_refused(rows: list[Any], why: str, tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        score_replies(ABILITY, replies(tmp_path, rows))
    assert why in str(caught.value)


def test_questions_that_are_asked_twice_need_the_item_named(tmp_path: Path) -> None:
    twice = tuple(Item(id=name, prompt="same", target="#### 1") for name in "ab")
    ability = Ability(name="x", items=twice, scorers=SCORERS)
    rows = [{"item": "a", "reply": "#### 1"}, {"prompt": "same", "reply": "#### 1"}]
    (left_out,) = score_replies(ability, replies(tmp_path, rows)).left_out
    assert "2 items ask this prompt; name the `item`" in left_out.why


def test_an_ability_of_likelihoods_alone_cannot_be_graded_from_replies(tmp_path: Path) -> None:
    ability = Ability(name="x", items=ABILITY.items, scorers=(Use(scorer="nll"),))
    with pytest.raises(DataError, match="x is measured by likelihoods, not by replies"):
        score_replies(ability, replies(tmp_path, [{"item": "sums/0", "reply": "1"}]))


def test_scorers_may_grade_many_at_once_and_missing_replies_stay_unscored() -> None:
    def all_of(pairs: Sequence[tuple[Item, Reply]]) -> Iterator[Grade]:
        for item, reply in pairs:
            yield Grade(score=float(reply.text == item.target))

    scorer = Scorer(
        metric="m", asks="generate", grade=lambda i, r: Grade(score=9), grade_all=all_of
    )
    items = [Item(id=str(n), prompt="?", target=str(n)) for n in range(3)]
    rows = list(grade_all(items, [Reply(text="0"), None, Reply(text="3")], scorer))
    assert [row["score"] for row in rows] == [1.0, None, 0.0]
    assert rows[1]["reason"] == "no reply"


def test_a_mean_over_clusters_counts_every_cluster_alike() -> None:
    scorer = Scorer(
        metric="m", asks="generate", grade=lambda i, r: Grade(score=0), average="clusters"
    )
    rows = [
        {"score": score, "chance": 0.25, "cluster": cluster}
        for cluster, scores in (("a", [1.0, 1.0, 1.0, 0.0]), ("b", [0.0]), ("c", [0.5, 0.5]))
        for score in scores
    ]
    found = summary(rows, scorer)
    assert found["score"] == pytest.approx((0.75 + 0 + 0.5) / 3)
    assert found["stderr"] == pytest.approx(statistics.stdev([0.75, 0, 0.5]) / math.sqrt(3))
