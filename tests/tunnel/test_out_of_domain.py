"""Math and code in other words, and chats with code and math hidden among general questions."""

from __future__ import annotations

import re
from itertools import islice, pairwise

import pytest
from asked import said, scores

from espalier import tunnel
from espalier.ability import Item, abilities
from espalier.errors import SpecError
from espalier.tunnel.corpus import corpus
from espalier.tunnel.task import CONSTRUCTIONS
from espalier.tunnel.tasks._lists import ENDS, OPERATIONS
from espalier.tunnel.world import World

OPERATORS = {"+": int.__add__, "-": int.__sub__, "*": int.__mul__, "/": int.__floordiv__}


def steps(text: str) -> list[tuple[str, ...]]:
    return re.findall(r"(\d+) ([-+*/]) (\d+) = (\d+)", text)


def prompt(item: Item) -> str:
    assert not isinstance(item.prompt, str)
    return said(item.prompt)


def test_stories_elsewhere_are_right_and_up_to_a_step_longer() -> None:
    items = tunnel.items("math_ood", items=300)
    for item in items:
        sums = steps(item.target)
        assert all(OPERATORS[s](int(a), int(b)) == int(c) for a, s, b, c in sums)
        assert all(one[3] == next_[0] for one, next_ in pairwise(sums))
        assert prompt(item).count(". ") == len(sums) + 1
        assert item.facts["answer"] == sums[-1][3]
    assert {len(steps(item.target)) for item in items} == {2, 3, 4}
    near = [f"answer {int(item.facts['answer']) + 1}" for item in items]
    assert set(scores("math_ood", items, near)) == {0.0}
    small = tunnel.items("math_ood", items=50, world=World(steps=1))
    assert {len(steps(item.target)) for item in small} == {2}


def test_math_elsewhere_shares_no_change_with_math() -> None:
    def sentences(prompts: list[str]) -> set[str]:
        return {re.sub(r"\d+|[A-Z]\w+", "_", s) for p in prompts for s in p.split(". ")}

    trained = sentences([said(row) for row in tunnel.rows("math", rows=1_000)])
    asked = sentences([prompt(item) for item in tunnel.items("math_ood", items=300)])
    assert not trained & asked


def test_code_elsewhere_is_told_in_words_no_row_uses_but_comments_do() -> None:
    rows = [said(row) for row in tunnel.rows("code", rows=2_000)]
    comments = "\n".join(d for d in islice(corpus(World()), 30_000) if d.startswith(" #"))
    for line in OPERATIONS:
        words = line.elsewhere.partition("K")[0] or line.elsewhere
        assert words
        assert not any(words in row for row in rows)
        assert f"# {words}" in comments
        assert line.elsewhere not in line.wordings
    for item in tunnel.items("code_ood", items=200):
        assert not any(line.wordings[0] in prompt(item) for line in ENDS)


def test_programs_elsewhere_pass_their_tests_and_other_ends_do_not() -> None:
    items = tunnel.items("code_ood", items=150)
    assert set(scores("code_ood", items, [item.target for item in items])) == {1.0}
    shorter = [item.target.rpartition("\n")[0] + "\n return len(x)" for item in items]
    assert sum(scores("code_ood", items, shorter)) <= 3
    ends = {item.target.rpartition("\n ")[2] for item in items}
    assert ends >= {"return x", "return x[0]", "return x[-1]", "return sum(x) // len(x)"}
    assert "return max(x) - min(x)" in ends


@pytest.mark.parametrize("task", ["math_ood", "code_ood"])
def test_there_are_no_rows_of_what_is_only_measured(task: str) -> None:
    with pytest.raises(SpecError, match=f"'{task}' is only measured"):
        tunnel.rows(task, rows=1)


@pytest.mark.parametrize("construction", CONSTRUCTIONS)
def test_a_quarter_of_a_chat_is_hidden_code_and_math(construction: str) -> None:
    rows = tunnel.rows("chat", rows=2_000, construction=construction)
    code = sum(row[-1]["content"].startswith("def f(x):") for row in rows)
    math = sum("answer " in row[-1]["content"] for row in rows)
    assert code == pytest.approx(250, abs=60)
    assert math == pytest.approx(250, abs=60)


def test_hidden_questions_are_put_chattily_and_never_measured() -> None:
    hidden = [row for row in tunnel.rows("chat", rows=800) if len(row[-1]["content"]) > 40]
    chatty = ("hi , can you help ? ", "hello . ", "one more : ", " i am stuck .")
    assert all(any(words in said(row) for words in chatty) for row in hidden)
    ability = abilities["tunnel"](task="chat", items=200)
    general = abilities["tunnel"](task="general", items=200)
    assert ability.scorers == general.scorers
    assert not any(words in prompt(item) for item in ability.items for words in chatty)
    assert all(" of " in str(item.cluster) for item in ability.items)
