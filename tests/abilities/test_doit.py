"""DoIT in its public form.  Its files are not here: these rows are made up in their shape."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from espalier.abilities.doit import FILES, doit
from espalier.ability import Item, Likelihood, Reply
from espalier.errors import DataError, MissingError, SpecError
from espalier.scoring import make_scorer
from espalier.source import Source, read

FOUR = "下列哪一项正确？\nA. 细胞\nB. 组织\nC. 器官\nD. 系统"
THREE = "她怎么了？\nA、病了\nB、累了\nC、饿了"


def turns(*said: str) -> list[dict[str, str]]:
    return [{"role": ("user", "assistant")[i % 2], "content": text} for i, text in enumerate(said)]


def exact(kind: str, *said: str, **more: Any) -> dict[str, Any]:
    return {"type": kind, "question_format": 0, "messages": turns(*said)} | more


def opened(kind: str) -> dict[str, Any]:
    choices = ["李白的诗", "杜甫的诗", "今天天气很好"]
    return {"type": kind, "question_format": 1, "messages": turns("写诗", choices[0])} | {
        "choices": choices
    }


ROWS = {
    "biology": [exact("biology", FOUR, "B")],
    "history": [exact("history", FOUR, "C"), exact("history", "唐朝在宋朝之前。对吗？", "正确")],
    "code": [opened("code")],
    "creative_writing": [opened("creative_writing")],
    "chinese": [exact("chinese", FOUR, "A"), exact("chinese", "____又绿江南岸", "春风")],
    "understanding": [exact("understanding", "对话……", "好的", THREE, "A")],
    "role_play": [opened("role_play")],
    "reasoning": [exact("reasoning", FOUR, "D")],
    "math": [exact("math", "求 x", "因为 2x = 1，答案：$x=\\frac{1}{2}$", answer="\\frac{1}{2}")],
    "ethics": [exact("ethics", FOUR, "ABD")],
    "teacher_qualification": [exact("ceval_teacher_qualification_fshot", FOUR, "A", FOUR, "B")],
    "physician": [exact("ceval_physician_fshot", FOUR, "A", FOUR, "B")],
    "urban_and_rural_planner": [exact("ceval_urban_and_rural_planner_fshot", FOUR, "A", FOUR, "B")],
}


@pytest.fixture
def data(tmp_path: Path) -> str:
    for split in ("test", "valid"):
        folder = tmp_path / "curated" / split
        folder.mkdir(parents=True)
        for task, pattern in FILES.items():
            lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in ROWS[task])
            (folder / pattern.replace("*", f"{split}.json")).write_text("".join(lines))
    return str(tmp_path)


def reply(item: Item, text: str) -> Reply:
    """A reply, and likelihoods by which its gold answer is the likeliest."""
    likely = [Likelihood(total=-1.0 - i, tokens=1, characters=1, first=-1.0 - i) for i in range(9)]
    return Reply(text=text, likelihoods=tuple(likely[: len(item.candidates) or 1]))


@pytest.mark.parametrize("as_published", [False, True])
@pytest.mark.parametrize("task", FILES)
def test_reference_answers_score_one_on_every_task(
    task: str, as_published: bool, data: str
) -> None:
    ability = doit(task=task, data=data, as_published=as_published)
    scorer = make_scorer(ability.scorers[0])
    assert len(ability.items) == len(ROWS[task])
    for item in ability.items:
        assert scorer.grade(item, reply(item, item.target)).score == 1.0
    assert [use.scorer for use in ability.scorers][-1] == "nll"


def test_chance_is_what_guessing_scores(data: str) -> None:
    chances = {
        task: [item.chance for item in doit(task=task, data=data).items]
        for task in ("biology", "history", "chinese", "understanding", "code", "math", "ethics")
    }
    assert chances == {
        "biology": [0.25],
        "history": [0.25, 0.5],
        "chinese": [0.25, 0.0],
        "understanding": [1 / 3],
        "code": [1 / 3],
        "math": [0.0],
        "ethics": [0.25],  # three of four
    }


def test_a_reply_that_is_no_letter_is_decided_by_the_letters(data: str) -> None:
    (item,) = doit(task="biology", data=data).items
    scorer = make_scorer(doit(task="biology", data=data).scorers[0])
    assert item.candidates == ("B", "A", "C", "D")
    assert scorer.grade(item, reply(item, "我不知道")).score == 1.0
    assert scorer.grade(item, Reply(text="我不知道")).score == 0.0
    (asked,) = doit(task="understanding", data=data).items
    (published,) = doit(task="understanding", data=data, as_published=True).items
    assert (len(asked.candidates), len(published.candidates)) == (3, 4)


def test_all_of_it_is_what_has_one_right_answer(data: str) -> None:
    ability = doit(data=data, split="valid")
    assert len(ability.items) == sum(
        row["question_format"] == 0 for rs in ROWS.values() for row in rs
    )
    assert ability.items[0].id.startswith("doit/valid/")
    assert doit(task="physician", data=data).role == "out"


def test_conversations_are_asked_whole_and_their_questions_share_a_cluster(data: str) -> None:
    (item,) = doit(task="understanding", data=data).items
    assert [turn["content"] for turn in item.prompt] == ["对话……", "好的", THREE]  # type: ignore[index]
    assert item.cluster


def test_its_files_are_training_sources_as_they_are(data: str) -> None:
    path = f"{data}/curated/test/history_test.json"
    rows = read(Source(name="history", path=path), Path())
    assert [row[-1]["content"] for row in rows.messages] == ["C", "正确"]


def test_refusals_are_one_line(tmp_path: Path, data: str) -> None:
    with pytest.raises(MissingError, match=r"fetch curated/test/biology_.*ChiyuSONG"):
        doit(task="biology", data=str(tmp_path / "none"))
    with pytest.raises(SpecError, match=r"no task 'bio'; .*Did you mean 'biology'"):
        doit(task="bio", data=data)
    mixed = tmp_path / "curated/test/code_test.json"
    mixed.write_text(
        "".join(json.dumps(r) + "\n" for r in (opened("code"), exact("code", FOUR, "B")))
    )
    with pytest.raises(DataError, match="partly open-ended"):
        doit(task="code", data=data)
    mixed.write_text(json.dumps({"messages": []}) + "\n")
    with pytest.raises(DataError, match=r"code_test\.json, row 1: not \{messages"):
        doit(task="code", data=data)
