"""Distractors: wrong, near, the same for one seed; and the way from a review to items."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from espalier.ability import Message
from espalier.cli import main
from espalier.corruption import final_number, fine_edits
from espalier.distract import Gold, distract, items, read_review, rejected, write_review
from espalier.errors import DataError, SpecError

ANSWERS = {
    "math": "She has 6 + 8 = <<6+8=14>>14 apples.\nEach gets 14 / 2 = $<<14/2=7>>7.\n#### 7",
    "box": r"So $x = 3$, hence \boxed{12}.",
    "english": "Water is always denser than ice, so ice floats. It melts before it boils.",
    "chinese": "李白是唐代诗人，比杜甫早出生十一年，《静夜思》是他的作品，他不是宋代人。",
    "python": "def f(n):\n    for i in range(n):\n        if i % 2 == 0:\n            return i + 1",
    "sql": "```sql\nSELECT * FROM t WHERE age >= 18 ORDER BY age DESC\n```",
}


def gold(name: str, text: str) -> Gold:
    return Gold(item=name, prompt=(Message(role="user", content=f"question {name}"),), text=text)


GOLDS = [gold(name, text) for name, text in ANSWERS.items()]


def edits(text: str) -> dict[str, str]:
    return {edit.shown(text): edit.apply(text) for edit in fine_edits(text, Random(0))}


@pytest.mark.parametrize("name", ANSWERS)
def test_every_kind_of_answer_is_turned_wrong_in_one_detail(name: str) -> None:
    text = ANSWERS[name]
    (fine,) = distract([gold(name, text)], coarse=0)
    assert fine.kind != "coarse"
    assert fine.distractor != text
    assert fine.gold == text


def test_of_an_answer_that_ends_in_a_number_only_that_is_changed_and_everywhere_it_ends() -> None:
    for changed in edits(ANSWERS["math"]).values():
        assert final_number(changed) not in ("7", None)
        assert changed.startswith("She has 6 + 8 = <<6+8=14>>14 apples.")
        wrong = final_number(changed)
        assert f"<<14/2={wrong}>>{wrong}" in changed


def test_words_and_code_are_turned_by_what_they_mean() -> None:
    english, chinese = edits(ANSWERS["english"]), edits(ANSWERS["chinese"])
    assert {"always -> never", "before -> after"} <= set(english)
    assert any(change.startswith("唐代 -> ") for change in chinese)
    assert "不是 -> 是" in chinese
    python, sql = edits(ANSWERS["python"]), edits(ANSWERS["sql"])
    assert "range(n) -> range(n - 1)" in python
    assert " ==  ->  != " in python
    assert "DESC -> ASC" in sql
    assert all("SELECT *" in changed for changed in sql.values())


@pytest.mark.parametrize(
    "text", ["他是不是这样？", "1. one\n2. two", "above all, be kind", "for the first time"]
)
def test_what_would_not_be_wrong_is_left_alone(text: str) -> None:
    assert edits(text) == {}


def test_one_seed_makes_one_set_and_the_rest_of_the_set_does_not_matter() -> None:
    whole = list(distract(GOLDS, seed=3))
    assert whole == list(distract(GOLDS, seed=3))
    assert whole != list(distract(GOLDS, seed=4))
    some = [row for row in whole if row.item in ("math", "sql")]
    assert list(distract([GOLDS[0], GOLDS[5]], among=GOLDS, seed=3)) == some


def test_a_coarse_one_answers_another_question_with_another_number() -> None:
    same = [gold(f"g{i}", f"so <<{i}+{8 - i}=8>>8 it is\n#### 8") for i in range(4)]
    assert not list(distract(same, fine=0))  # all of them end in 8
    other = gold("other", "entirely another matter\n#### 9")
    made = list(distract([*same, other], fine=0))
    assert [row.distractor for row in made if row.item != "other"] == [other.text] * 4


@given(st.lists(st.text(min_size=1), min_size=1, max_size=6), st.integers(0, 3))
def test_no_distractor_is_its_gold_answer_or_given_twice(texts: list[str], fine: int) -> None:
    golds = [gold(str(i), text) for i, text in enumerate(texts)]
    seen = set()
    for row in distract(golds, fine=fine, coarse=2):
        plain = "".join(row.distractor.split()).lower()
        assert plain != "".join(row.gold.split()).lower()
        wanted, number = final_number(row.gold), final_number(row.distractor)
        assert wanted is None or wanted != number
        seen.add((row.item, row.distractor))


@pytest.mark.parametrize("name", ["review.csv", "review.jsonl"])
def test_a_review_comes_back_as_it_was_written(name: str, tmp_path: Path) -> None:
    rows = list(distract(GOLDS))
    write_review(rows, tmp_path / name)
    assert read_review(tmp_path / name) == rows
    with pytest.raises(SpecError, match=r"\d+ of \d+ distractors have no verdict .*--accept-rest"):
        items(rows)
    assert {item["id"] for item in items(rows, accept_rest=True)} == {row.item for row in rows}


def test_the_command_goes_from_golds_to_items_that_can_be_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    lines = [{"prompt": f"q{i}", "completion": text} for i, text in enumerate(ANSWERS.values())]
    Path("gold.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert run(monkeypatch, "data distract gold.jsonl --out review.jsonl") == 0
    rows = [json.loads(line) for line in Path("review.jsonl").read_text().splitlines()]
    rows[0]["verdict"] = "reject"
    rows[1] |= {"verdict": "edit", "distractor": "mended by a person"}
    for row in rows[2:]:
        row["verdict"] = "accept"
    Path("review.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    capsys.readouterr()
    assert run(monkeypatch, "data distract --apply review.jsonl --out items.jsonl --json") == 0
    said = json.loads(capsys.readouterr().out)
    assert said["rejected"]["all"]["rejected"] == 1
    from espalier.scoring import make_ability, make_scorer

    ability = make_ability("own", {"file": "items.jsonl"})
    assert [use.scorer for use in ability.scorers] == ["distractors", "nll"]
    assert ability.items[0].candidates == (ANSWERS["math"], "mended by a person")
    chance = make_scorer(ability.scorers[0]).chance
    assert chance and chance(ability.items[0]) == 0.5


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ("--out x.jsonl", "nothing is given; name a FILE"),
        ("gold.jsonl --ability gsm8k --out x.jsonl", "more than one is given"),
        ("none.jsonl --out x.jsonl", "no such file"),
        ("--apply none.csv --out x.jsonl", "none.csv: no such file; `espalier data distract`"),
        ("--apply bad.jsonl --out x.jsonl", "bad.jsonl, line 1: verdict 'perhaps' is none of"),
        ("--apply gold.jsonl --out x.jsonl", "no column 'distractor'"),
        ("gold.jsonl --out gold.jsonl", "is read and may not be written over"),
    ],
)
def test_refusals_are_one_line(
    arguments: str,
    line: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("gold.jsonl").write_text('{"prompt": "q", "completion": "a"}\n')
    row = {"item": "1", "kind": "x", "gold": "a", "distractor": "b", "prompt": "q"}
    Path("bad.jsonl").write_text(json.dumps(row | {"verdict": "perhaps"}) + "\n")
    assert run(monkeypatch, f"data distract {arguments}") == 2
    told = capsys.readouterr().err
    assert line in told
    assert told.count("\n") == 1


def test_the_gold_answer_itself_is_no_distractor_whoever_wrote_it(tmp_path: Path) -> None:
    row = {"item": "1", "kind": "x", "gold": "a b", "distractor": "A  b", "prompt": "q"}
    (tmp_path / "r.jsonl").write_text(json.dumps(row | {"verdict": "edit"}) + "\n")
    with pytest.raises(DataError, match="or the gold answer itself"):
        read_review(tmp_path / "r.jsonl")


def test_the_share_that_is_rejected_is_counted_by_kind() -> None:
    rows = list(distract(GOLDS))
    from dataclasses import replace

    looked = [replace(rows[0], verdict="reject"), replace(rows[1], verdict="accept"), *rows[2:]]
    assert rejected(looked)["all"] == (1, 2)


def run(monkeypatch: pytest.MonkeyPatch, arguments: str) -> int:
    monkeypatch.setattr("sys.argv", ["espalier", *arguments.split()])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)
