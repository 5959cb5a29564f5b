"""Dialogues: the answer is in what was said, whoever asks."""

from __future__ import annotations

import re
from statistics import mean

import pytest
from asked import asked, check_constructions, check_lengths, chosen, key, listed, said

from espalier import tunnel
from espalier.ability import Item
from espalier.tunnel.task import tasks
from espalier.tunnel.tasks.dialogue import _KINDS as KINDS
from espalier.tunnel.world import World

ITEMS = tunnel.items("dialogue", items=300)
KIND = {value: kind for kind in KINDS for value in kind.values}
SAID = re.compile(r"([A-Z][a-z]+) : ((?:i|we) [^.]*) \.\s?")


def told(text: str) -> dict[str, str]:
    """Return who speaks in a dialogue, each with the value that is said."""
    return {n: next(w for w in words.split() if w in KIND) for n, words in SAID.findall(text)}


def question(prompt: str) -> list[str]:
    """Return the words of what is asked, without dialogue and options."""
    return listed(SAID.sub("", prompt).strip())[0].split()


def right(prompt: str, reply: str) -> bool:
    """Answer by reading the dialogue word by word."""
    who, option = told(prompt), chosen(prompt, reply)
    named = [word for word in question(prompt) if word in who]
    if named:
        return option == who[named[0]]
    value = next(word for word in question(prompt) if word in KIND)
    return who.get(option) == value


def asks_who(item: Item) -> bool:
    return not set(question(asked(item))) & set(told(said(item.prompt)))


def test_constructions_are_as_wrong_and_as_narrow_as_they_say() -> None:
    check_constructions("dialogue", right)


def test_rows_are_short() -> None:
    check_lengths("dialogue")


def test_half_of_the_dialogues_are_told_in_two_turns() -> None:
    turns = [len(item.prompt) for item in ITEMS]
    assert set(turns) == {1, 3}
    assert mean(count == 3 for count in turns) == pytest.approx(0.5, abs=0.12)


def test_everybody_speaks_of_another_kind_of_thing() -> None:
    for item in ITEMS:
        kinds = [KIND[value].told for value in told(said(item.prompt)).values()]
        assert len(kinds) == len(set(kinds)) in (2, 3)


def test_what_is_asked_for_is_the_only_one_of_its_kind_that_was_said() -> None:
    """So its kind alone tells it: the other options are not in the dialogue."""
    some = [item for item in ITEMS if not asks_who(item)]
    assert len(some) / 300 == pytest.approx(0.5, abs=0.12)
    for item in some:
        dialogue = told(said(item.prompt))
        assert [option for option in item.facts["options"] if option in dialogue.values()] == [
            key(item)
        ]
        assert len({KIND[option].told for option in item.facts["options"]}) == 1


def test_who_it_was_is_not_told_by_who_spoke() -> None:
    """At least two options are speakers, so that one has to read who said what."""
    some = [item for item in ITEMS if asks_who(item)]
    assert len(some) / 300 == pytest.approx(0.5, abs=0.12)
    for item in some:
        speakers = set(told(said(item.prompt)))
        assert len(speakers & set(item.facts["options"])) == len(speakers)


def words_of(world: World) -> set[str]:
    return {word for words in world.numeral_words.values() for word in words}


def test_numbers_may_be_words_that_options_do_not_have() -> None:
    world = World(numerals="own")
    rows = tunnel.rows("dialogue", rows=300, world=world)
    counted = [row for row in rows if re.search(r"(bought|got) ", row[0]["content"])]
    words = {w for row in counted for w in row[0]["content"].split()}
    assert words & set(world.numeral_words["dialogue"])
    assert not words & set(world.numeral_words["shared"])
    for row in counted:
        question, options = listed(row[-2]["content"])
        assert not re.search(r" [2-9] ", question)
        assert not words_of(world) & set(options.values())


def test_the_raw_text_tells_again_what_was_said() -> None:
    world, random = World(), World().random("test")
    (write,) = tasks["dialogue"].documents
    for _ in range(200):
        text = write(world, random).replace("\n", "")
        who, again = told(text), SAID.sub("", text)
        assert len({KIND[value].told for value in who.values()}) == len(who) in (2, 3)
        for part in again.rstrip(" .").split(" . "):
            assert any({n, v} <= set(part.split()) for n, v in who.items())
