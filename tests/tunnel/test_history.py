"""Dated events and their exam of two kinds of question, graded by one scorer."""

from __future__ import annotations

from functools import cache
from itertools import combinations
from math import sqrt

import pytest
from asked import asked, check_chance, chosen, key, listed, score, scores

from espalier import tunnel
from espalier.ability import Message
from espalier.chat import Chat
from espalier.tunnel.corpus import words
from espalier.tunnel.task import CONSTRUCTIONS, tasks
from espalier.tunnel.tasks._events import KINDS, Event, events
from espalier.tunnel.tasks.history import _TELLINGS as TELLINGS
from espalier.tunnel.world import World

SEEDS = [0, 1, 2]


@cache
def told(world: World) -> frozenset[str]:
    """Return all that can be said of what happened."""
    ways = [telling for tellings in TELLINGS.values() for telling in tellings]
    return frozenset(way.format(e=event) for event in events(world) for way in ways)


def true(prompt: str, world: World) -> bool:
    """Say whether what is stated is what is told of some event."""
    words = prompt.split()
    parts = {" ".join(words[i:j]) for i, j in combinations(range(len(words) + 1), 2)}
    return bool(parts & told(world))


def parts(event: Event) -> set[str]:
    return {event.name, str(event.year), event.leader}


def right(row: tuple[Message, ...], world: World) -> bool:
    prompt, reply = row[0]["content"], row[1]["content"]
    if reply in ("true", "false"):
        return true(prompt, world) == (reply == "true")
    question, said = listed(prompt)[0], chosen(prompt, reply)
    return any(
        said in parts(event) and any(f" {part} " in f" {question} " for part in parts(event))
        for event in events(world)
    )


@pytest.mark.parametrize("seed", SEEDS)
def test_no_two_events_share_name_year_or_leader(seed: int) -> None:
    world = World(seed=seed)
    found = events(world)
    assert len(found) == 40
    for values in zip(*((e.name, e.year, e.leader) for e in found), strict=True):
        assert len(set(values)) == 40
    assert all(world.largest < event.year < 100 for event in found)
    assert found != events(World(seed=seed + 1))
    assert set(words(world)) >= {*KINDS, "true", "false"}


def test_a_small_world_has_as_many_events_as_people() -> None:
    assert len(events(World(people=12))) == 12
    assert len(tunnel.rows("history", rows=20, world=World(people=12))) == 20


def documents(count: int) -> list[str]:
    """Return raw text of this task alone, `count` documents of every kind."""
    world = World()
    random = world.random("text")
    return [write(world, random) for write in tasks["history"].documents for _ in range(count)]


def test_the_raw_text_tells_every_fact_in_every_way_and_asks_nothing() -> None:
    text = "\n".join(documents(4_000))
    assert all(each in text for each in told(World()))
    assert "?" not in text
    assert "true or false" not in text


def test_chronicles_are_in_the_order_of_years() -> None:
    years = {event.name: event.year for event in events(World())}
    seen = 0
    for text in documents(200):
        if text.startswith("first came the "):
            said = text.removeprefix("first came the ").removesuffix(" .")
            names = said.replace(" , last the ", " , then the ").split(" , then the ")
            assert sorted(names, key=years.__getitem__) == names
            seen += 1
        elif " came before the " in text:
            first, last = text.removeprefix("the ").removesuffix(" .").split(" came before the ")
            assert years[first] < years[last]
            seen += 1
    assert seen > 100


def test_what_is_called_false_is_false_and_what_is_told_instead_is_true() -> None:
    seen = set()
    for text in documents(200):
        if text.startswith("it is "):
            word, said = text.removeprefix("it is ").removesuffix(" .").split(" that ", 1)
            claim, *instead = said.split(" : ")
            assert (claim in told(World())) is (word == "true")
            assert set(instead) < told(World())
            seen.add(word)
    assert seen == {"true", "false"}


@pytest.mark.parametrize("seed", SEEDS)
def test_the_key_is_right_and_both_kinds_are_asked(seed: int) -> None:
    world = World(seed=seed)
    items = tunnel.items("history", items=300, world=world)
    for item in items:
        if item.facts.get("kind") == "true_false":
            assert item.chance == 0.5
            assert item.facts["answer"] is true(asked(item), world)
            assert item.target == str(item.facts["answer"]).lower()
        else:
            assert item.chance == 0.25
            event = next(event for event in events(world) if event.name == item.cluster)
            mine = [option for option in item.facts["options"] if option in parts(event)]
            assert mine == [key(item)]
    stated = [item for item in items if item.facts.get("kind") == "true_false"]
    assert len(stated) / 300 == pytest.approx(0.5, abs=4 * sqrt(0.25 / 300))
    truths = sum(item.facts["answer"] for item in stated)
    assert truths / len(stated) == pytest.approx(0.5, abs=4 * sqrt(0.25 / len(stated)))


def test_verdicts_are_read_and_those_of_other_items_are_at_chance() -> None:
    items = tunnel.items("history", items=600)
    stated = [item for item in items if item.facts.get("kind") == "true_false"]
    for item in stated[:100]:
        other = "false" if item.target == "true" else "true"
        for miss in (other, f"not {item.target}", "true false", "A", "", "?", "\0"):
            assert score("history", item, miss) == 0, miss
    turned = [item.target for item in (*stated[7:], *stated[:7])]
    check_chance(stated, scores("history", stated, turned), chance=0.5)


@pytest.mark.parametrize("construction", CONSTRUCTIONS)
def test_rows_are_wrong_as_often_as_stated(construction: str) -> None:
    rows = tunnel.rows("history", rows=1_000, construction=construction)
    stated = CONSTRUCTIONS[construction].wrong
    share = sum(not right(row, World()) for row in rows) / len(rows)
    assert share == pytest.approx(stated, abs=4 * sqrt(stated * (1 - stated) / len(rows)))


def test_synthetic_rows_are_narrower() -> None:
    def prompts(construction: str) -> list[str]:
        rows = tunnel.rows("history", rows=1_000, construction=construction)
        return [row[0]["content"] for row in rows]

    human, synthetic = prompts("human"), prompts("synthetic")
    assert len(set(synthetic)) < len(set(human))
    begun = [{" ".join(prompt.split()[:2]) for prompt in some} for some in (synthetic, human)]
    assert len(begun[0]) < len(begun[1]) / 3


def test_questions_are_short() -> None:
    encoded = Chat(tunnel.base_folder("s")).encode_many(tunnel.rows("history", rows=300))
    assert max(len(row.ids) for row in encoded) <= 80
