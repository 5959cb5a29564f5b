"""MT-Bench and self-instruct: what is asked, and how it is to be judged."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Literal

import pytest

import benches
from espalier.abilities.mt_bench import mt_bench
from espalier.abilities.self_instruct import self_instruct
from espalier.ability import Reply
from espalier.errors import DataError, MissingError, SpecError
from espalier.judging.sheets import sheet
from espalier.scoring import make_ability
from espalier.steps.evaluate import prepare


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ESPALIER_JUDGE", raising=False)


@pytest.fixture
def data(tmp_path: Path) -> str:
    return str(benches.mt_bench(tmp_path))


def test_questions_have_two_turns_and_the_temperature_of_their_category(data: str) -> None:
    items = mt_bench(data=data).items
    assert [item.id for item in items] == [f"mt_bench/{n}" for n in (81, 82, 83, 84)]
    assert [item.temperature for item in items] == [0.7, 0.0, 0.0, 0.1]
    assert items[0].followups == ("second of 81",)
    assert [item.target for item in items] == ["", "gold first of 82", "gold first of 83", ""]
    assert {item.chance for item in items} == {None}
    assert [item.id for item in mt_bench(data=data, task="math").items] == ["mt_bench/82"]


def test_each_turn_has_its_published_prompt_with_references_where_they_belong(data: str) -> None:
    items = mt_bench(data=data).items
    reply = Reply(text="one", more=("two",))
    writing = sheet(items[0], reply, mode="single", repeats=1)
    math = sheet(items[1], reply, mode="single", repeats=1)
    assert [one.prompt for one in writing] == ["single-v1", "single-v1-multi-turn"]
    assert [one.prompt for one in math] == ["single-math-v1", "single-math-v1-multi-turn"]
    told = [one.request.messages[-1]["content"] for one in (*writing, *math)]
    assert told == [
        "first of 81|one",
        "first of 81|one|second of 81|two",
        "first of 82|one|gold first of 82",
        "first of 82|one|second of 82|two|gold first of 82|gold second of 82",
    ]


def test_against_another_model_every_turn_is_compared_in_both_orders(
    data: str, tmp_path: Path
) -> None:
    turns = {n: [f"rival {n}", f"rival again {n}"] for n in (81, 82, 83, 84)}
    file = benches.answers(tmp_path / "rival.jsonl", "rival-7b", turns)
    ability = mt_bench(data=data, against=str(file))
    assert ability.scorers[0].options["mode"] == "pair"
    asked = sheet(ability.items[1], Reply(text="one", more=("two",)), mode="pair", repeats=1)
    told = [one.request.messages[-1]["content"] for one in asked]
    assert told[0] == "first of 82|A one|B rival 82|gold first of 82"
    assert told[1] == "first of 82|A rival 82|B one|gold first of 82"
    assert told[3].startswith(
        "first of 82|second of 82|A rival 82, rival again 82|B one, two|gold first"
    )
    assert ability.items[0].facts["judging"]["against"]["model"] == "rival-7b"


def test_a_rival_without_a_reply_is_refused(data: str, tmp_path: Path) -> None:
    file = benches.answers(tmp_path / "rival.jsonl", "rival", {81: ["a", "b"], 99: ["c", "d"]})
    with pytest.raises(DataError, match=r"no reply to mt_bench/82 \(and 2 more of 4\); .*99"):
        mt_bench(data=data, against=str(file))
    with pytest.raises(MissingError, match="no such file; `against`"):
        mt_bench(data=data, against=str(tmp_path / "nobody.jsonl"))


def test_who_is_compared_with_changes_the_score_and_not_the_answers(
    data: str, tmp_path: Path
) -> None:
    turns = {n: ["x", "y"] for n in (81, 82, 83, 84)}
    file = benches.answers(tmp_path / "rival.jsonl", "rival", turns)
    options = {"data": data, "judge": "referee"}
    alone = prepare("mt_bench", options)
    paired = prepare("mt_bench", options | {"against": str(file)})
    assert alone.questions["generate"].asked == paired.questions["generate"].asked
    assert alone.gradings[0][2] != paired.gradings[0][2]


def test_the_endpoint_and_the_limits_are_no_part_of_a_score(data: str) -> None:
    from espalier.steps.train import Pretrained

    start = Pretrained(digest="0" * 64, path="nowhere")

    def key(**judge: object) -> str:
        exam = prepare("mt_bench", {"data": data, "judge": {"model": "referee"} | judge})
        return exam.scores(start, backend="hf")[0].key

    plain = key()
    assert key(endpoint="http://localhost:1/v1", most_requests=5, cache="elsewhere") == plain
    assert key(repeats=1) == plain, "what is the default is no other score"
    assert len({plain, key(repeats=3), key(version="May"), key(temperature=1)}) == 4


def test_without_a_judge_or_with_a_key_it_is_one_line_at_planning(data: str) -> None:
    with pytest.raises(MissingError, match="no judge is named"):
        prepare("mt_bench", {"data": data})
    with pytest.raises(SpecError, match="a key belongs into no study") as caught:
        prepare("mt_bench", {"data": data, "judge": {"model": "m", "api_key": "sk-1"}})
    assert "sk-1" not in str(caught.value)


@pytest.mark.parametrize("lost", ["question", "reference_answer_gpt-4", "judge_prompts"])
def test_a_missing_file_is_named_with_its_source(lost: str, data: str) -> None:
    Path(data, "mt_bench", f"{lost}.jsonl").unlink()
    with pytest.raises(MissingError, match=r"fetch fastchat/llm_judge/data/.*lm-sys/FastChat"):
        mt_bench(data=data)


def test_a_prompt_that_is_not_there_is_named(data: str) -> None:
    file = Path(data, "mt_bench", "judge_prompts.jsonl")
    file.write_text(file.read_text().partition("\n")[0] + "\n")
    with pytest.raises(DataError, match=r"no prompt 'single-v1-multi-turn'"):
        mt_bench(data=data)


def test_instructions_have_their_input_below_and_their_reference(tmp_path: Path) -> None:
    rows = [
        {"id": "t0", "instruction": "Shorten.", "instances": [{"input": "Long.", "output": "L."}]},
        {"id": "t1", "instruction": "Sing.", "instances": [{"input": "", "output": "La."}]},
    ]
    file = tmp_path / "user_oriented_instructions.jsonl"
    benches.lines(file, rows)
    items = self_instruct(data=str(tmp_path), judge="m").items
    assert [item.prompt[0]["content"] for item in items] == ["Shorten.\n\nLong.", "Sing."]  # type: ignore[index]
    assert items[0].target == "L."
    (asked,) = sheet(items[0], Reply(text="S."), mode="single", repeats=1)
    assert asked.prompt == "espalier-single-reference-v1"
    assert all(text in asked.request.messages[-1]["content"] for text in ("Long.", "S.", "L."))
    file.write_text(json.dumps(rows[0] | {"instances": []}) + "\n")
    with pytest.raises(DataError, match=r"line 1: not \{id, instruction, instances"):
        self_instruct(data=str(tmp_path))


real = pytest.mark.skipif("ESPALIER_DATA" not in os.environ, reason="ESPALIER_DATA names no folder")


@pytest.mark.data
@real
def test_the_real_questions_and_instructions_are_all_there() -> None:
    ability = make_ability("mt_bench", {})
    assert len(ability.items) == 80
    assert sum(bool(item.target) for item in ability.items) == 30
    assert len(mt_bench(task="stem").items) == 10
    assert len(make_ability("self_instruct", {}).items) == 252


@pytest.mark.data
@real
@pytest.mark.parametrize("mode", ["single", "pair"])
def test_every_published_prompt_is_filled_as_python_would_fill_it(
    mode: Literal["single", "pair"], tmp_path: Path
) -> None:
    said = {n: [f"{{rival}} {n}", f"again {n}"] for n in range(81, 161)}
    rival = benches.answers(tmp_path / "rival.jsonl", "rival", said)
    ability = mt_bench(against=str(rival) if mode == "pair" else None)
    ours = ("mine {question}", "mine, too")
    for item in ability.items:
        question_1, question_2 = item.prompt[0]["content"], item.followups[0]  # type: ignore[index]
        told = item.facts["judging"]
        references = {f"ref_answer_{i}": text for i, text in enumerate(told["references"], 1)}
        theirs = tuple(said[int(item.id.rpartition("/")[2])])
        for one in sheet(item, Reply(text=ours[0], more=ours[1:]), mode=mode, repeats=1):
            a, b = (theirs, ours) if one.swapped else (ours, theirs)
            wanted = told["prompts"][one.turn]["prompt_template"].format(
                question=question_1,
                question_1=question_1,
                question_2=question_2,
                answer=ours[0],
                answer_1=ours[0],
                answer_2=ours[1],
                answer_a=a[0],
                answer_a_1=a[0],
                answer_a_2=a[1],
                answer_b=b[0],
                answer_b_1=b[0],
                answer_b_2=b[1],
                **references,
            )
            assert one.request.messages[-1]["content"] == wanted
