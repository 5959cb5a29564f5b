"""Creatures and their exam: the key is true, others are not, and rows are as they claim to be."""

from __future__ import annotations

from math import sqrt

import pytest
from asked import asked, chosen, key

from espalier import tunnel
from espalier.ability import Message
from espalier.chat import Chat
from espalier.tunnel.corpus import words
from espalier.tunnel.task import CONSTRUCTIONS, tasks
from espalier.tunnel.tasks._creatures import TELLINGS, TRAITS, creatures, traits
from espalier.tunnel.world import World

SEEDS = [0, 1, 2]


def subject(prompt: str, world: World) -> str:
    return next(word for word in prompt.split() if word in creatures(world))


def right(row: tuple[Message, ...], world: World) -> bool:
    """Say whether the chosen option is among what is true of the creature."""
    name = subject(row[0]["content"], world)
    said = chosen(row[0]["content"], row[1]["content"])
    return said in {traits(world)[name, trait] for trait in TRAITS}


@pytest.mark.parametrize("seed", SEEDS)
def test_creatures_are_short_plain_names_that_nothing_else_bears(seed: int) -> None:
    world = World(seed=seed)
    names = creatures(world)
    assert len(set(names)) == 36
    assert all(name.isalpha() and name.islower() and len(name) == 5 for name in names)
    others = {w for values in TRAITS.values() for w in values} | set(world.names)
    assert not set(names) & others
    assert set(words(world)) >= set(names)
    assert names != creatures(World(seed=seed + 1))


def test_no_value_belongs_to_two_traits_and_each_is_some_creatures() -> None:
    values = [value for every in TRAITS.values() for value in every]
    assert len(set(values)) == len(values)
    for trait, every in TRAITS.items():
        borne = [traits(World())[name, trait] for name in creatures(World())]
        assert set(borne) == set(every)
        assert max(map(borne.count, every)) - min(map(borne.count, every)) <= 1


def documents(count: int) -> str:
    """Return raw text of this task alone, `count` documents of every kind."""
    world = World()
    random = world.random("text")
    writers = [write for write in tasks["stem"].documents for _ in range(count)]
    return "\n".join(write(world, random) for write in writers)


def test_the_raw_text_tells_every_trait_in_every_way_and_asks_nothing() -> None:
    text = documents(5_000)
    for (name, trait), value in traits(World()).items():
        assert all(telling.format(n=name, v=value) in text for telling in TELLINGS[trait])
    assert "?" not in text
    assert "choose" not in text


def test_traits_are_told_both_ways_round() -> None:
    for ways in TELLINGS.values():
        assert len({way.index("{v}") < way.index("{n}") for way in ways}) == 2


def test_a_guide_lists_creatures_that_have_something_in_common() -> None:
    listed = [line for line in documents(200).splitlines() if line.startswith("creatures by ")]
    assert len(listed) == 200
    for line in listed:
        trait, value, names = line.removeprefix("creatures by ").removesuffix(" .").split(" : ")
        assert {traits(World())[name, trait] for name in names.split(" , ")} == {value}


@pytest.mark.parametrize("seed", SEEDS)
def test_the_key_is_right_and_no_other_option_is(seed: int) -> None:
    world = World(seed=seed)
    for item in tunnel.items("stem", items=200, world=world):
        name = subject(asked(item), world)
        mine = {traits(world)[name, trait] for trait in TRAITS}
        options = item.facts["options"]
        assert [o for o in options if o in mine] == [key(item)]
        assert len(set(options)) == 4
        assert item.chance == 0.25


@pytest.mark.parametrize("construction", CONSTRUCTIONS)
def test_rows_are_wrong_as_often_as_stated(construction: str) -> None:
    rows = tunnel.rows("stem", rows=1_000, construction=construction)
    stated = CONSTRUCTIONS[construction].wrong
    share = sum(not right(row, World()) for row in rows) / len(rows)
    assert share == pytest.approx(stated, abs=4 * sqrt(stated * (1 - stated) / len(rows)))


def test_synthetic_rows_are_narrower() -> None:
    def content(construction: str) -> tuple[set[str], set[str]]:
        rows = tunnel.rows("stem", rows=1_000, construction=construction)
        prompts = [row[0]["content"] for row in rows]
        names = {subject(prompt, World()) for prompt in prompts}
        known = {*names, *(v for every in TRAITS.values() for v in every)}
        return names, {" ".join(w for w in p.split() if w not in known) for p in prompts}

    human, synthetic = content("human"), content("synthetic")
    assert len(human[0]) == 36
    assert len(synthetic[0]) == 18
    assert len(human[1]) == 4 * len(synthetic[1]) == 16


def test_questions_are_short() -> None:
    encoded = Chat(tunnel.base_folder("s")).encode_many(tunnel.rows("stem", rows=300))
    assert max(len(row.ids) for row in encoded) <= 64
