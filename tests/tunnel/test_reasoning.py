"""Logic: the answer follows from what is told, and from nothing shorter."""

from __future__ import annotations

import re
from statistics import mean

import pytest
from asked import check_constructions, check_lengths, said, scores

from espalier import tunnel
from espalier.tunnel.task import tasks
from espalier.tunnel.tasks.reasoning import _SCALES as SCALES
from espalier.tunnel.world import World

MORE = {scale[1] for scale in SCALES}
MOST = {scale[3] for scale in SCALES}


def order(told: str) -> list[str]:
    """Return the people of some comparisons, the first one first."""
    above: dict[str, str] = {}
    for one, word, other in re.findall(r"(\w+) is (\w+) than (\w+)", told):
        first, second = (one, other) if word in MORE else (other, one)
        above[first] = second
    start = next(name for name in above if name not in above.values())
    chain = [start]
    while chain[-1] in above:
        chain.append(above[chain[-1]])
    assert len(chain) == len(above) + 1
    return chain


def answer(prompt: str) -> str:
    chain = order(prompt)
    return chain[0] if prompt.rstrip(" .?").split()[-1] in MOST else chain[-1]


def worked(prompt: str) -> str:
    """Return the reply that is right: the order, then who was asked for."""
    return f"{' > '.join(order(prompt))} ; answer {answer(prompt)}"


def test_every_human_row_is_right_and_narrow_ones_are_wrong_as_stated() -> None:
    rows = tunnel.rows("reasoning", rows=500)
    assert all(worked(said(row)) == row[-1]["content"] for row in rows)
    check_constructions("reasoning", lambda prompt, reply: reply == worked(prompt))
    check_lengths("reasoning")


def test_a_wrong_row_names_another_of_the_people_compared() -> None:
    for row in tunnel.rows("reasoning", rows=300, construction="synthetic_weak"):
        chain, named = row[-1]["content"].split(" ; answer ")
        assert chain.split(" > ") == order(said(row))
        assert named in chain.split(" > ")


def test_guessing_among_the_names_is_chance() -> None:
    items = tunnel.items("reasoning", items=400)
    assert {item.chance for item in items} == {1 / 2, 1 / 3, 1 / 4}
    first = [f"answer {order(item.prompt[0]['content'])[0]}" for item in items]
    chance = mean(item.chance or 0 for item in items)
    assert mean(scores("reasoning", items, first)) == pytest.approx(0.5, abs=0.1)
    named = [re.findall(r"[A-Z]\w+", item.prompt[0]["content"])[0] for item in items]
    named = [f"answer {name}" for name in named]
    assert mean(scores("reasoning", items, named)) == pytest.approx(chance, abs=0.12)


def test_only_the_answer_counts_not_how_the_order_is_written() -> None:
    items = tunnel.items("reasoning", items=20)
    short = [f"answer {item.facts['answer']}" for item in items]
    assert set(scores("reasoning", items, short)) == {1.0}


@pytest.mark.parametrize("near", ["{o}", "{o} ; {a}", "answer {a} Nobody", "answer {a}{a}", "{a}"])
def test_a_reply_without_the_answer_and_nothing_else_is_wrong(near: str) -> None:
    items = tunnel.items("reasoning", items=20)
    given = [near.format(o=i.target.split(" ; ")[0], a=i.facts["answer"]) for i in items]
    assert set(scores("reasoning", items, given)) == {0.0}


def test_narrow_rows_compare_one_way_round() -> None:
    rows = tunnel.rows("reasoning", rows=300, construction="synthetic")
    words = {word for row in rows for word in said(row).split()}
    assert words & {word for scale in SCALES for word in scale[1:3]} == {"older", "taller"}


def test_the_raw_text_says_true_orders_and_asks_for_no_superlative() -> None:
    world, [write] = World(), tasks["reasoning"].documents
    random = world.random("test")
    for text in (write(world, random) for _ in range(500)):
        _, _, chain = text.removesuffix(" .").rpartition(" : ")
        assert order(text) == chain.split(" > ")
        assert not set(text.split()) & {word for scale in SCALES for word in scale[3:]}
