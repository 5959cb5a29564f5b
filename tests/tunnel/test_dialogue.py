"""Dialogues: the answer is in what was said, whoever asks."""

from __future__ import annotations

import re
from statistics import mean

import pytest
from asked import (
    check_chance,
    check_constructions,
    check_lengths,
    check_splits,
    chosen,
    listed,
    misses,
    scores,
)

from espalier import tunnel
from espalier.tunnel.task import tasks
from espalier.tunnel.tasks.dialogue import _KINDS as KINDS
from espalier.tunnel.world import World

ITEMS = tunnel.items("dialogue", items=300)
VALUES = {value for kind in KINDS for value in kind.values}
SAID = re.compile(r"([A-Z][a-z]+) : ((?:i|we) [^.]*) \.\s?")


def right(prompt: str, reply: str) -> bool:
    """Answer by reading the dialogue word by word."""
    who = {n: next(w for w in text.split() if w in VALUES) for n, text in SAID.findall(prompt)}
    asked, _ = listed(SAID.sub("", prompt).strip())
    option = chosen(prompt, reply)
    named = [word for word in asked.split() if word in who]
    if named:
        return option == who[named[0]]
    value = next(word for word in asked.split() if word in VALUES)
    return who.get(option) == value


def test_references_are_right_and_other_replies_are_not() -> None:
    assert scores("dialogue", ITEMS, [item.target for item in ITEMS]) == [1.0] * 300
    for item in ITEMS:
        assert set(scores("dialogue", [item] * 12, misses(item))) == {0.0}
    for spoilt in ("", "?", "\ud800", "D", "A B C", "A or B", "9" * 500):
        assert mean(scores("dialogue", ITEMS, [spoilt] * 300)) == 0


def test_shuffled_references_score_chance() -> None:
    turned = [item.target for item in (*ITEMS[1:], ITEMS[0])]
    check_chance(ITEMS, scores("dialogue", ITEMS, turned), chance=1 / 3)
    assert {item.chance for item in ITEMS} == {1 / 3}


def test_rows_and_items_never_meet() -> None:
    check_splits("dialogue")


def test_constructions_are_as_wrong_and_as_narrow_as_they_say() -> None:
    check_constructions("dialogue", right)


def test_rows_are_short() -> None:
    check_lengths("dialogue")


def test_half_of_the_dialogues_are_told_in_two_turns() -> None:
    turns = [len(item.prompt) for item in ITEMS]
    assert set(turns) == {1, 3}
    assert mean(count == 3 for count in turns) == pytest.approx(0.5, abs=0.12)


def test_who_only_knows_what_was_mentioned_cannot_answer() -> None:
    """At least two options are in the dialogue, so that one has to read who said what."""
    for item in ITEMS:
        assert not isinstance(item.prompt, str)
        told = listed(" ".join(m["content"] for m in item.prompt))[0].split()
        assert sum(option in told for option in item.facts["options"]) >= 2


def test_numbers_may_be_words_that_options_do_not_have() -> None:
    world = World(numerals="own")
    rows = tunnel.rows("dialogue", rows=300, world=world)
    counted = [row for row in rows if re.search(r"(bought|got) ", row[0]["content"])]
    words = {w for row in counted for w in row[0]["content"].split()}
    assert words & set(world.numeral_words["dialogue"])
    assert not words & set(world.numeral_words["shared"])
    for row in counted:
        assert not re.search(r" [2-9] ", listed(row[-2]["content"])[0])


def test_the_raw_text_tells_again_what_was_said() -> None:
    world, random = World(), World().random("test")
    (write,) = tasks["dialogue"].documents
    for _ in range(200):
        text = write(world, random).replace("\n", "")
        who = {n: next(w for w in t.split() if w in VALUES) for n, t in SAID.findall(text)}
        again = SAID.sub("", text)
        assert all(
            any(f"{n} " in part and v in part for n, v in who.items())
            for part in again.rstrip(" .").split(" . ")
        )
