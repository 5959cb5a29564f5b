"""Ethics: the letters follow from a rule that no single clue gives away."""

from __future__ import annotations

import re
from collections import defaultdict
from itertools import islice
from math import sqrt
from statistics import mean

from asked import check_constructions, said, scores

from espalier import tunnel
from espalier.tunnel.corpus import corpus
from espalier.tunnel.tasks.ethics import _CIRCUMSTANCES as CIRCUMSTANCES
from espalier.tunnel.world import World


def bad(act: str) -> int:
    return sum(act.count(words) for _, worse in CIRCUMSTANCES for words in worse)


def acts(prompt: str) -> dict[str, str]:
    _, *told = re.split(r" ([A-D]) ", prompt)
    return dict(zip(told[::2], told[1::2], strict=True))


def answer(prompt: str) -> str:
    return " ".join(letter for letter, act in acts(prompt).items() if bad(act) % 2)


def test_human_rows_keep_the_rule_and_others_break_it_as_stated() -> None:
    rows = tunnel.rows("ethics", rows=500)
    assert all(answer(said(row)) == row[-1]["content"] for row in rows)
    assert {len(acts(said(row))) for row in rows} == {3, 4}
    assert {len(row[-1]["content"].split()) for row in rows} == {1, 2}
    check_constructions("ethics", lambda prompt, reply: reply == answer(prompt))


def test_a_wrong_row_names_as_many_letters_as_are_asked_for() -> None:
    for row in tunnel.rows("ethics", rows=300, construction="synthetic_weak"):
        letters = row[-1]["content"].split()
        assert len(letters) == 1 + ("two" in said(row))
        assert set(letters) <= set(acts(said(row)))


def test_no_circumstance_tells_right_from_wrong() -> None:
    wrong = defaultdict(list)
    for row in tunnel.rows("ethics", rows=3_000):
        for letter, act in acts(said(row)).items():
            for words in (w for kind in CIRCUMSTANCES for side in kind for w in side if w in act):
                wrong[words].append(letter in row[-1]["content"])
    every = mean(value for values in wrong.values() for value in values)
    for values in wrong.values():
        assert abs(mean(values) - every) < 4 * sqrt(0.25 / len(values))


def test_letters_count_as_a_set_and_no_other_set_does() -> None:
    items = tunnel.items("ethics", items=60)
    turned = [" and ".join(reversed(item.target.split())) for item in items]
    assert set(scores("ethics", items, turned)) == {1.0}
    for change in ("A B C D", "A B C", "", "none"):
        assert set(scores("ethics", items, [change] * 60)) == {0.0}
    fewer = [item.target.split()[0] for item in items if " " in item.target]
    several = [item for item in items if " " in item.target]
    assert set(scores("ethics", several, fewer)) == {0.0}


def test_a_constant_answer_of_the_size_asked_for_is_at_chance() -> None:
    items = tunnel.items("ethics", items=600)
    given = ["A B" if "two" in item.prompt[0]["content"] else "A" for item in items]
    found, chance = mean(scores("ethics", items, given)), mean(item.chance or 0 for item in items)
    assert abs(found - chance) < 4 * sqrt(chance * (1 - chance) / len(items))


def test_the_raw_text_judges_nothing() -> None:
    for document in islice(corpus(World()), 3_000):
        assert not {"wrong", "right"} & set(document.split())
