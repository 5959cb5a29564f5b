"""A user's own ability: one YAML or Python file, and one line where it is broken."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from espalier.ability import Likelihood, Reply
from espalier.commands._common import asked_abilities
from espalier.errors import EspalierError
from espalier.scoring import grade, make_ability, make_scorer
from espalier.steps.evaluate import prepare

SHEET = """
items:
  - {q: "Capital of France?", a: Paris, wrong: [Lyon, Nice], about: {place: Europe}}
  - {q: "Capital of Peru?", a: Lima, wrong: [Cusco], about: {place: America}}
prompt: "{q} {{one word}}"
target: "{a}"
candidates: ["{a}", "{wrong}"]
cluster: "{about.place}"
scorers: [distractors, {scorer: exact, rule: text}, nll]
max_new_tokens: 8
role: out
"""

PYTHON = """
from espalier.ability import Ability, Item, Use

def ability(n: int = 2):
    items = tuple(Item(id=str(i), prompt=f"{i}+1=", target=str(i + 1)) for i in range(n))
    near = Use(scorer="own", options={"function": "near"})
    return Ability(name="x", items=items, scorers=(near,))

def near(item, reply):
    return 1 - abs(int(item.target) - int(reply.text)) / 10
"""


def put(folder: Path, name: str, text: str) -> str:
    (folder / name).write_text(text, encoding="utf-8")
    return str(folder / name)


def test_a_sheet_holds_rows_templates_and_scorers(tmp_path: Path) -> None:
    ability = make_ability("own", {"file": put(tmp_path, "capitals.yaml", SHEET)})
    first, second = ability.items
    assert first.prompt == ({"role": "user", "content": "Capital of France? {one word}"},)
    assert first.candidates == ("Paris", "Lyon", "Nice")
    assert (second.cluster, second.target) == ("America", "Lima")
    given = Reply(text="Lyon", likelihoods=(Likelihood(total=-1, tokens=1, characters=5),) * 3)
    chances = [grade(first, given, make_scorer(use))["chance"] for use in ability.scorers]
    assert chances == [1 / 3, None, None]  # who writes freely does not guess among three
    assert [use.scorer for use in ability.scorers] == ["distractors", "exact", "nll"]
    assert (ability.name, ability.role, ability.max_new_tokens) == ("capitals", "out", 8)


def test_rows_may_lie_in_a_file_beside_the_sheet_and_conversations_are_kept(tmp_path: Path) -> None:
    rows = [
        {"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "ho"}]}
    ]
    put(tmp_path, "rows.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    ability = make_ability("own", {"file": put(tmp_path, "a.yaml", "data: rows.jsonl")})
    assert ability.items[0].prompt == ({"role": "user", "content": "hi"},)
    assert ability.items[0].target == "ho"
    assert [use.scorer for use in ability.scorers] == ["nll"]


def test_raw_text_is_continued(tmp_path: Path) -> None:
    text = 'items: [{q: "2+2=", a: " 4"}]\nform: raw\nprompt: "{q}"\ntarget: "{a}"\nstop: ["\\n"]'
    ability = make_ability("own", {"file": put(tmp_path, "a.yaml", text)})
    assert (ability.items[0].prompt, ability.stop) == ("2+2=", ("\n",))


def test_a_python_file_makes_items_and_grades(tmp_path: Path) -> None:
    file = put(tmp_path, "sums.py", PYTHON)
    ability = make_ability("own", {"file": file, "options": {"n": 3}})
    assert len(ability.items) == 3
    (scorer,) = map(make_scorer, ability.scorers)
    assert scorer.metric == "near"
    assert scorer.grade(ability.items[0], Reply(text="3")).score == pytest.approx(0.8)


def test_a_changed_scorer_grades_anew_and_a_moved_one_does_not(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    here = prepare("own", {"file": put(tmp_path, "sums.py", PYTHON)})
    there = prepare("own", {"file": put(tmp_path / "elsewhere", "sums.py", PYTHON)})
    other = prepare("own", {"file": put(tmp_path, "other.py", PYTHON.replace("/ 10", "/ 5"))})

    def identity(exam: object) -> object:
        return [(dict(use.options), digest) for use, _, digest in exam.gradings]  # type: ignore[attr-defined]

    assert identity(here) == identity(there) != identity(other)
    assert here.questions["generate"].asked == other.questions["generate"].asked


def test_the_command_line_and_a_study_name_it_in_short() -> None:
    ((use, options),) = asked_abilities("own:some/my ability.yaml", None, 3)
    assert (use.name, options) == ("my_ability", {"file": "some/my ability.yaml", "limit": 3})


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [
        ("a.yaml", "items: []", "there are no items"),
        ("a.yaml", "itms: []", r"itms: no such field; .*Did you mean 'items'"),
        ("a.yaml", "prompt: x", "give the rows either as `items:` or as a file"),
        ("a.yaml", "items: [1, 2", "line 1: "),
        ("a.yaml", "- 1", "is no mapping"),
        ("a.yaml", "items: [{q: 1}]\nprompt: '{p}'", r"items\[0\]: no column 'p'; there are q"),
        ("a.yaml", "items: [{prompt: x}]", r"items\[0\]: no target"),
        ("a.yaml", "items: [{target: x}]", r"items\[0\]: no prompt"),
        ("a.yaml", "data: none.jsonl", "none.jsonl: no such file"),
        ("a.yaml", "items: [{prompt: x, target: y}]\nscorers: [exat]", "Did you mean 'exact'"),
        ("a.yaml", "items: [{prompt: x, target: y}]\nscorers: [{scorer: exact, rul: 1}]", "rul"),
        ("a.jsonl", '{"prompt": "x", "target": "y"}\n{"prompt": 3', r"a\.jsonl, line 2: not JSON"),
        ("a.py", "1 +", r"a\.py: line 1: SyntaxError"),
        ("a.py", "x = 1", "no function 'ability'"),
        ("a.py", "def ability():\n    return 1 / 0", "ability: line 2: ZeroDivisionError"),
        ("a.py", "def ability():\n    return 3", "must return an Ability"),
        ("a.py", "raise SystemExit(3)", "SystemExit"),
    ],
)
def test_a_broken_file_gets_one_line(name: str, text: str, line: str, tmp_path: Path) -> None:
    with pytest.raises(EspalierError, match=line) as caught:
        exam = prepare("own", {"file": put(tmp_path, name, text)})
        assert exam is None
    assert "\n" not in str(caught.value)


def test_a_missing_file_says_what_it_may_be(tmp_path: Path) -> None:
    with pytest.raises(EspalierError, match=r"no such file; an own ability is a \.yaml, \.py"):
        make_ability("own", {"file": str(tmp_path / "none.yaml")})


def test_a_scorer_that_fails_is_told_with_its_line(tmp_path: Path) -> None:
    ability = make_ability("own", {"file": put(tmp_path, "sums.py", PYTHON)})
    scorer = make_scorer(ability.scorers[0])
    with pytest.raises(EspalierError, match=r"sums\.py: near: line 10: ValueError"):
        scorer.grade(ability.items[0], Reply(text="three"))


def test_the_shipped_example_is_an_ability() -> None:
    example = Path(__file__).parents[2] / "docs/examples/opposites.yaml"
    ability = make_ability("own", {"file": str(example)})
    assert len(ability.items) > 4
    for item in ability.items:
        reply = Reply(text=item.target)
        assert make_scorer(ability.scorers[0]).grade(item, reply).score == 1.0
