"""Exams of lettered options: how they are asked, and that their reference answers are right."""

from __future__ import annotations

import csv
import json
import os
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from espalier.ability import Ability, Item, Likelihood, Reply
from espalier.errors import DataError, MissingError, SpecError
from espalier.scorers.choice import choice
from espalier.scoring import grade_all, make_ability, summary

CMMLU = {"Question": "问{}", "A": "甲", "B": "乙", "C": "丙", "D": "丁", "Answer": "B"}
CEVAL = {"question": "问{}", "A": "甲", "B": "乙", "C": "丙", "D": "丁", "answer": "B"}


def table(file: Path, row: Mapping[str, str], count: int) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["", *row])
        writer.writerows([n, *(v.format(n) for v in row.values())] for n in range(count))


def lines(file: Path, rows: list[Any]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows), "utf-8")


def agieval_row(number: int, label: Any, **changes: Any) -> dict[str, Any]:
    options = [f"({letter})第{letter}{number}" for letter in "ABCD"]
    row = {"passage": None, "question": f"问{number}", "options": options, "label": label}
    return row | {"answer": None, "other": None} | changes


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Write some rows of every exam, in the sources' own layout."""
    for task in ("agronomy", "anatomy"):
        table(tmp_path / f"cmmlu/dev/{task}.csv", CMMLU, 5)
        table(tmp_path / f"cmmlu/test/{task}.csv", CMMLU, 4)
    for task, count in {"physician": 49, "law": 3}.items():
        table(tmp_path / f"ceval/dev/{task}_dev.csv", CEVAL, 5)
        table(tmp_path / f"ceval/val/{task}_val.csv", CEVAL, count)
    agieval = tmp_path / "agieval"
    shared = {"passage": "材料"}
    lines(
        agieval / "jec-qa-kd.jsonl",
        [
            *[agieval_row(n, ["A", "C"], **shared) for n in range(60)],
            *[agieval_row(n, ["B"], **shared) for n in range(60, 119)],
            agieval_row(119, []),
        ],
    )
    lines(
        agieval / "logiqa-zh.jsonl", [agieval_row(0, "D", **shared), agieval_row(1, "A", **shared)]
    )
    lines(agieval / "logiqa-en.jsonl", [agieval_row(0, "D"), agieval_row(1, "A")])
    lines(
        agieval / "gaokao-mathcloze.jsonl",
        [{"question": "a=?", "answer": "1; $2$"}, {"question": "b=?", "answer": "$x;$"}],
    )
    lines(agieval / "math.jsonl", [{"question": "1+1?", "answer": "2", "other": {}}])
    samples = [agieval_row(9, "A"), agieval_row(8, ["A", "B"]), agieval_row(7, ["C"])]
    with (agieval / "few_shot_prompts.csv").open("w", newline="", encoding="utf-8") as stream:
        tasks = ("jec-qa-kd", "logiqa-en", "math")
        cells = [c for sample in samples for c in (str(sample | {"answer": "2"}), "so it is")] + [
            "",
            "",
        ]
        writer = csv.writer(stream)
        writer.writerow(["", *tasks])
        writer.writerows([f"row {n}", *[cell] * len(tasks)] for n, cell in enumerate(cells))
    safe = {"options": ["是。", "否。"], "category": "Offensiveness", "question": "问", "answer": 1}
    lines(tmp_path / "safetybench/test_zh_subset.jsonl", [{"id": 2} | safe, {"id": 7} | safe])
    talk = {"id": "4-7", "dialogue": ["男：好", "女：不好"]}
    asked = {"question": "谁说好？", "choice": ["男", "女", "都不"], "answer": "男"}
    lines(tmp_path / "c3/c3-d-test.jsonl", [talk | {"questions": [asked, asked]}])
    lines(tmp_path / "dream/test.jsonl", [talk | {"questions": [asked]}])
    two = {"example_id": 3, "text": "段落", "question": "问", "options": ["1", "2", "3", "4"]}
    lines(tmp_path / "logiqa2_zh/dev_zh.jsonl", [two | {"answer": 3}])
    return tmp_path


def exam(use: str, data: Path | None, **options: Any) -> Ability:
    given = options if data is None else options | {"data": str(data)}
    return make_ability(use, given)


def told(ability: Ability, place: int = 0) -> str:
    prompt = ability.items[place].prompt
    return prompt if isinstance(prompt, str) else "|".join(m["content"] for m in prompt)


def test_cmmlu_is_asked_in_its_published_words(data: Path) -> None:
    asked = exam("cmmlu", data, task="agronomy", form="raw", shots=1)
    assert told(asked, 3) == (
        "以下是关于农学的单项选择题，请直接给出正确答案的选项。\n\n"
        "题目：问0\nA. 甲\nB. 乙\nC. 丙\nD. 丁\n答案是：B\n\n"
        "题目：问3\nA. 甲\nB. 乙\nC. 丙\nD. 丁\n答案是："
    )
    item = asked.items[3]
    assert item.candidates == ("B", "A", "C", "D")
    assert (item.target, item.chance, item.cluster) == ("B", 0.25, None)
    assert item.facts == {"options": ["甲", "乙", "丙", "丁"], "answer": "B"}
    chat = exam("cmmlu", data, task="agronomy", shots=1)
    assert chat.items[3].prompt == ({"role": "user", "content": told(asked, 3)},)


def test_ceval_asks_for_exams_out_of_domain_turn_by_turn(data: Path) -> None:
    ability = exam("ceval", data, task="ood_physician")
    assert len(ability.items) == 40
    assert ability.role == "out"
    assert [len(item.prompt) for item in ability.items] == [11] * 40
    assert told(ability).startswith(
        "以下是中国关于医师资格考试的单项选择题，请选出其中的正确答案。\n\n问0"
    )
    assert ability.scorers[0].options == {"by": "text_then_likelihood"}
    assert ability.items == exam("ceval", data, task="ood_physician").items
    plain = exam("ceval", data, task="physician", shots=0)
    assert (len(plain.items), plain.role) == (49, None)
    assert plain.scorers[0].options == {"by": "likelihood"}


def test_agieval_asks_as_published_alone_and_behind_examples(data: Path) -> None:
    alone = exam("agieval", data, task="jec-qa-kd")
    options = "(A)第A0 (B)第B0 (C)第C0 (D)第D0"
    assert told(alone) == f"材料问题：问0 选项：{options}\n答案：从A到D, 我们应选择"
    shots = exam("agieval", data, task="jec-qa-kd", shots=2, single=True, form="raw")
    assert told(shots).startswith(
        "以下是考试中各个问题的答案。\n问题 1.    问9\n从以下选项中选择:    (A)"
    )
    assert "问题 2.    问7" in told(shots)
    assert told(shots).endswith("(D)第D60\n答案：从A到D, 我们应选择")
    turns = exam("agieval", data, task="jec-qa-kd", shots=3)
    assert [m["role"] for m in turns.items[0].prompt if not isinstance(m, str)] == [
        *(["user", "assistant"] * 3),
        "user",
    ]
    assert turns.items[0].prompt[3]["content"] == "AB"  # type: ignore[index]
    english = exam("agieval", data, task="logiqa-en", form="raw")
    assert told(english).endswith("\nA: Among A through D, the answer is")
    assert english.items[0].candidates[0] == " D"


def test_agieval_knows_several_right_options_and_leaves_out_what_has_none(data: Path) -> None:
    ability = exam("agieval", data, task="jec-qa-kd")
    assert len(ability.items) == 119
    item = ability.items[0]
    assert (item.target, item.facts["answer"], item.chance) == ("AC", ["A", "C"], 1 / 6)
    assert item.candidates == ("AC", "A", "B", "C", "D")
    assert item.facts["options"] == ["第A0", "第B0", "第C0", "第D0"]
    assert {i.cluster for i in ability.items} == {"agieval/jec-qa-kd/0"}
    assert len(exam("agieval", data, task="jec-qa-kd", single=True).items) == 59


def test_a_task_with_many_questions_without_an_answer_is_refused(data: Path) -> None:
    lines(data / "agieval/logiqa-zh.jsonl", [agieval_row(0, "A"), agieval_row(1, "？")])
    with pytest.raises(DataError, match="agieval/logiqa-zh: 1 of 2 questions have no answer"):
        exam("agieval", data, task="logiqa-zh")


def test_options_that_are_shown_out_of_order_are_known_by_their_letters(data: Path) -> None:
    shown = ["(A)1", "(C)3", "(B)2", "D．4"]
    lines(data / "agieval/logiqa-zh.jsonl", [agieval_row(0, "B", options=shown)])
    [item] = exam("agieval", data, task="logiqa-zh").items
    assert item.facts["options"] == ["1", "2", "3", "4"]
    assert choice(by="text").grade(item, Reply(text="2")).score == 1


def test_answers_in_words_go_to_the_scorer_for_formulas(data: Path) -> None:
    ability = exam("agieval", data, task="gaokao-mathcloze")
    assert [use.scorer for use in ability.scorers] == ["math", "nll"]
    assert ability.items[0].facts["answer"] == ["1", "$2$"]
    assert told(ability) == "问题：a=?\n答案："
    worked = exam("agieval", data, task="math", shots=1)
    assert told(worked) == "Q: 问9\nA: The answer is|2|Q: 1+1?\nA: The answer is"
    with pytest.raises(SpecError, match="agieval:math has no options to compare"):
        exam("agieval", data, task="math", by="likelihood")


def test_dialogues_share_a_cluster_and_have_as_many_options_as_they_have(data: Path) -> None:
    ability = exam("c3", data)
    assert [item.id for item in ability.items] == ["c3/4-7/0", "c3/4-7/1"]
    assert {item.cluster for item in ability.items} == {"c3/4-7"}
    assert ability.items[0].chance == 1 / 3
    assert told(ability) == "男：好\n女：不好\n\n问题：谁说好？\nA. 男\nB. 女\nC. 都不\n答案："
    assert exam("dream", data, form="raw").items[0].candidates == (" A", " B", " C")


def test_dialogues_are_read_in_their_authors_own_files(data: Path, tmp_path: Path) -> None:
    row = json.loads((data / "c3/c3-d-test.jsonl").read_text("utf-8"))
    own = tmp_path / "own"
    (own / "data").mkdir(parents=True)
    file = own / "data/c3-d-test.json"
    file.write_text(json.dumps([[row["dialogue"], row["questions"], row["id"]]]), "utf-8")
    assert exam("c3", own).items == exam("c3", data).items
    file.write_text(json.dumps([[row["dialogue"], row["questions"]]]), "utf-8")
    with pytest.raises(DataError, match=r"row 1: not \[dialogue, questions, id\]"):
        exam("c3", own)


def test_safety_and_logic(data: Path) -> None:
    safe = exam("safetybench", data, task="offensiveness")
    assert told(safe) == "问题：问\n选项：\n(A) 是。\n(B) 否。\n答案："
    assert (safe.items[0].target, safe.items[0].chance) == ("B", 0.5)
    with pytest.raises(DataError, match="no question of mental_health"):
        exam("safetybench", data, task="mental_health")
    assert exam("logiqa", data).items[0].cluster == "logiqa/zh/0"
    assert exam("logiqa", data, task="zh2").items[0].target == "D"


def test_many_subjects_are_averaged_over_subjects_and_a_limit_takes_turns(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import espalier.abilities.cmmlu as module

    two = {name: module.SUBJECTS[name] for name in ("agronomy", "anatomy")}
    monkeypatch.setattr(module, "SUBJECTS", two)
    ability = exam("cmmlu", data, limit=3)
    assert [i.id for i in ability.items] == [
        "cmmlu/agronomy/0",
        "cmmlu/agronomy/1",
        "cmmlu/anatomy/0",
    ]
    assert [i.cluster for i in ability.items] == ["agronomy", "agronomy", "anatomy"]
    averages = [use.options.get("average") for use in ability.scorers]
    assert averages == ["clusters", None, None]


def test_what_is_missing_or_wrong_is_one_line(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ESPALIER_DATA", raising=False)
    for use in ("cmmlu", "ceval", "agieval", "safetybench", "c3", "dream", "logiqa"):
        with pytest.raises(MissingError, match=r"fetch .* put it into DATA/") as caught:
            exam(use, None)
        assert "\n" not in str(caught.value)
    with pytest.raises(SpecError, match=r"no task 'agronomie'.*Did you mean 'agronomy'"):
        exam("cmmlu", data, task="agronomie")
    with pytest.raises(SpecError, match="shots: Input should be less than or equal to 5"):
        exam("cmmlu", data, task="agronomy", shots=6)
    with pytest.raises(SpecError, match="4 shots asked for; there are 3 examples"):
        exam("agieval", data, task="jec-qa-kd", shots=4)
    table(data / "cmmlu/test/agronomy.csv", CMMLU | {"Answer": "E"}, 1)
    with pytest.raises(DataError, match=r"agronomy\.csv, line 2: not \{Question, A, B, C, D"):
        exam("cmmlu", data, task="agronomy")


COUNTS = {
    ("cmmlu", ""): 11_582,
    ("ceval", ""): 1_346,
    ("ceval", "ood"): 120,
    ("agieval", ""): 5_203,
    ("agieval", "zh"): 4_298,
    ("agieval", "logiqa-en"): 651,
    ("agieval", "aqua-rat"): 254,
    ("safetybench", ""): 2_100,
    ("c3", ""): 1_890,
    ("dream", ""): 2_041,
    ("logiqa", "zh"): 651,
    ("logiqa", "en"): 651,
    ("logiqa", "zh2"): 1_593,
}

needs_data = pytest.mark.skipif(
    "ESPALIER_DATA" not in os.environ, reason="ESPALIER_DATA names no folder"
)


@pytest.mark.data
@needs_data
@pytest.mark.parametrize(("use", "task"), COUNTS)
def test_every_reference_answer_is_right_and_guessing_scores_chance(use: str, task: str) -> None:
    ability = exam(use, None, **({"task": task} if task else {}))
    assert len(ability.items) == COUNTS[use, task]
    right = [_right(item) for item in ability.items]
    lucky = random.Random(0)
    guessed = [_guessed(item, lucky) for item in ability.items]
    for by in ("text", "likelihood", "text_then_likelihood"):
        scorer = choice(by=by)  # type: ignore[arg-type]
        scores = [row["score"] for row in grade_all(ability.items, right, scorer)]
        assert scores == [1.0] * len(scores), by
        found = summary(list(grade_all(ability.items, guessed, scorer)), scorer)
        assert abs(found["score"] - found["chance"]) < 4 * found["stderr"], by


def _right(item: Item) -> Reply:
    """Answer as the reference does, with its letters the likeliest."""
    letters = set(item.target.strip())
    values = [0.0 if set(c.strip()) <= letters else -1.0 for c in item.candidates]
    return Reply(text=item.target, likelihoods=tuple(map(_likelihood, values)))


def _guessed(item: Item, lucky: random.Random) -> Reply:
    """Choose as many letters as are right, without looking."""
    letters = sorted(c.strip() for c in item.candidates if len(c.strip()) == 1)
    chosen = sorted(lucky.sample(letters, len(item.target.strip())))
    values = tuple(_likelihood(lucky.random()) for _ in item.candidates)
    return Reply(text="".join(chosen), likelihoods=values)


def _likelihood(value: float) -> Likelihood:
    return Likelihood(total=value, tokens=1, characters=1, first=value)


@pytest.mark.data
@needs_data
def test_song_et_al_ask_3269_questions_of_agieval() -> None:
    assert len(exam("agieval", None, task="zh", single=True).items) == 3_269
