"""A judge's words become scores; what cannot be read is counted, and in no score."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from courtroom import court
from espalier.ability import Item, Message, Reply, Use
from espalier.errors import DataError, JudgeError, MissingError
from espalier.scoring import GradedRow, grade_all, make_scorer, summary

Say = Callable[[dict[str, Any]], str]

ITEM = Item(
    id="1",
    prompt=(Message(role="user", content="Name a colour."),),
    followups=("Another one.",),
    target="",
)
REPLY = Reply(text="Red.", more=("Blue.",))
OTHER = {"against": {"model": "rival", "turns": ["Green.", "Grey."]}}


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ESPALIER_JUDGE", "OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


def judged(
    say: Say, folder: Path, *items: Item, reply: Reply = REPLY, mode: str = "single", **judge: Any
) -> tuple[list[GradedRow], dict[str, Any], list[dict[str, Any]]]:
    with court(say=say) as held:
        means = {"endpoint": held.url, "cache": str(folder), "wait": 0.01, "retries": 0}
        options = {"judge": {"model": "referee"} | judge, "mode": mode}
        scorer = make_scorer(Use(scorer="judge", options=options, means={"means": means}))
        rows = list(grade_all(items, [reply] * len(items), scorer))
        return rows, summary(rows, scorer), held.asked


def told(request: dict[str, Any]) -> str:
    return str(request["messages"][-1]["content"])


def facing(**judging: Any) -> Item:
    return Item(id="1", prompt="Say hello.", target="", facts={"judging": judging})


def test_a_score_is_the_mean_of_the_turns(tmp_path: Path) -> None:
    rows, result, asked = judged(
        lambda request: "[[4]]" if "Blue." in told(request) else "[[9]]", tmp_path, ITEM
    )
    assert (rows[0]["score"], rows[0]["extracted"]) == (6.5, "[[9], [4]]")
    assert rows[0]["reason"] == "[[9]]\n---\n[[4]]"
    assert (result["metric"], result["remark"]) == ("judge", "turns 9.00, 4.00")
    assert len(asked) == 2
    assert "Red." in told(asked[0])


def test_a_judge_sees_the_conversation_up_to_the_turn_and_the_reference(tmp_path: Path) -> None:
    item = Item(id="1", prompt=ITEM.prompt, followups=ITEM.followups, target="Violet.")
    _, _, asked = judged(lambda request: "[[5]]", tmp_path, item, concurrency=1)
    first, second = sorted(map(told, asked), key=len, reverse=True)[::-1]
    first, second = (first, second) if "Another one." in second else (second, first)
    assert "Violet." in first
    assert "Another one." not in first
    assert all(text in second for text in ("Name a colour.", "Red.", "Another one.", "Blue."))
    assert "Violet." not in second, "a target is the reference of the first turn"


def test_what_cannot_be_read_is_unscored_and_counted_never_zero(tmp_path: Path) -> None:
    items = [Item(id=str(i), prompt=f"question {i}", target="") for i in range(4)]
    rows, result, _ = judged(
        lambda request: "I would rather not." if "question 2" in told(request) else "[[6]]",
        tmp_path,
        *items,
        reply=Reply(text="yes"),
    )
    assert [row["score"] for row in rows] == [6, 6, None, 6]
    assert rows[2]["reason"] == "turn 1: the judge's reply has no rating: I would rather not."
    assert (result["score"], result["n"], result["unscored"]) == (6, 3, 1)
    assert result["remark"] == "1 of 4 judgments without a rating, in no score"


def test_repeats_are_averaged_and_their_spread_is_told(tmp_path: Path) -> None:
    said = iter(["[[8]]", "[[6]]", "no", "[[3]]", "[[3]]", "[[3]]"])
    rows, result, asked = judged(lambda _: next(said), tmp_path, ITEM, repeats=3, concurrency=1)
    assert rows[0]["score"] == 5.0
    assert rows[0]["extracted"] == "[[8, 6, null], [3, 3, 3]]"
    assert result["remark"] == (
        "turns 7.00, 3.00; repeats 5.50, 4.50, 3.00; all repeats agree on 1 of 2 replies, "
        "spread 1.00; 1 of 6 judgments without a rating, in no score"
    )
    assert len(asked) == 6


def test_a_missing_turn_is_unscored_and_not_asked(tmp_path: Path) -> None:
    rows, _, asked = judged(lambda _: "[[5]]", tmp_path, ITEM, reply=Reply(text="Red."))
    assert rows[0]["reason"] == "1 replies to 2 turns"
    assert not asked


def test_a_judge_that_always_prefers_the_first_makes_a_tie_and_it_is_told(tmp_path: Path) -> None:
    rows, result, asked = judged(
        lambda _: "[[A]]", tmp_path, facing(**OTHER), reply=Reply(text="Hello."), mode="pair"
    )
    assert rows[0]["score"] == 0.5
    assert json.loads(rows[0]["extracted"]) == [[["win", "loss"]]]
    assert result["metric"] == "win_rate"
    assert result["remark"] == (
        "both orders agree on 0 of 1 comparisons; where they do not, 1 of 1 favour what is shown "
        "first; won 0, lost 0, tied 1"
    )
    assert len(asked) == 2


@pytest.mark.parametrize(("better", "score"), [("Hello.", 1.0), ("Green.", 0.0)])
def test_a_judge_that_sees_who_is_better_decides(better: str, score: float, tmp_path: Path) -> None:
    def say(request: dict[str, Any]) -> str:
        before, _, after = told(request).partition("Conversation with B")
        assert (better in before) != (better in after)
        return "[[A]]" if better in before else "[[B]]"

    rows, result, _ = judged(
        say, tmp_path, facing(**OTHER), reply=Reply(text="Hello."), mode="pair", repeats=2
    )
    assert rows[0]["score"] == score
    assert "both orders agree on 2 of 2" in result["remark"]


def test_half_a_comparison_is_none(tmp_path: Path) -> None:
    rows, result, _ = judged(
        lambda request: "[[A]]" if "B ===\nx" in told(request) else "hm",
        tmp_path,
        facing(**OTHER),
        reply=Reply(text="Hello."),
        mode="pair",
    )
    assert rows[0]["score"] is None
    assert "no verdict: hm" in rows[0]["reason"]
    assert "2 of 2 judgments without a verdict" in result["remark"]


def test_nobody_to_compare_with_is_unscored(tmp_path: Path) -> None:
    rows, _, asked = judged(lambda _: "[[A]]", tmp_path, facing(), mode="pair")
    assert rows[0]["reason"] == "there is no reply to compare it with"
    assert not asked


def test_published_prompts_are_used_word_for_word(tmp_path: Path) -> None:
    prompt = {"name": "p", "system_prompt": "Be fair.", "prompt_template": "{question}|{answer}"}
    multi = prompt | {"prompt_template": "{ref_answer_2}|{question_1}|{answer_1}|{answer_2}"}
    item = Item(
        id="1",
        prompt=ITEM.prompt,
        followups=ITEM.followups,
        target="",
        facts={"judging": {"prompts": [prompt, multi], "references": ["one", "two"]}},
    )
    _, _, asked = judged(lambda _: "[[5]]", tmp_path, item)
    assert {told(one) for one in asked} == {"Name a colour.|Red.", "two|Name a colour.|Red.|Blue."}
    assert asked[0]["messages"][0] == {"role": "system", "content": "Be fair."}


def test_an_endpoint_that_fails_ends_the_grading_though_every_row_was_read(tmp_path: Path) -> None:
    items = [Item(id=str(i), prompt=f"question {i}", target="") for i in range(3)]
    with court(mishaps=["", "", "500"]) as held:
        means = {"endpoint": held.url, "cache": str(tmp_path), "retries": 0, "concurrency": 1}
        use = Use(scorer="judge", options={"judge": {"model": "referee"}}, means={"means": means})
        with pytest.raises(JudgeError, match="2 of 3 judgments are kept"):
            list(grade_all(items, [Reply(text="yes")] * 3, make_scorer(use)))
        assert len(list(grade_all(items, [Reply(text="yes")] * 3, make_scorer(use)))) == 3
        assert len(held.asked) == 4


def test_without_a_judge_it_is_one_line() -> None:
    with pytest.raises(MissingError, match=r"no judge is named.*ESPALIER_JUDGE"):
        make_scorer(Use(scorer="judge"))


def test_broken_facts_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"item 1: facts\.judging\.prompts\.0\.name: Field required"
    ):
        judged(lambda _: "", tmp_path, facing(prompts=[{}]))
