"""Exams that no source trains: each takes its content from one ability and its form from others."""

from __future__ import annotations

from math import sqrt

import pytest

from espalier import tunnel
from espalier.ability import Item, Reply, abilities, scorers
from espalier.chat import Chat
from espalier.errors import SpecError
from espalier.tunnel.tasks._creatures import TRAITS, creatures, traits
from espalier.tunnel.tasks._events import events
from espalier.tunnel.world import VALUES, World

CHOICE = scorers["choice"]()
EXAMS = ["teacher", "physician", "planner"]
SEEDS = [0, 1, 2]


def asked(item: Item) -> str:
    assert not isinstance(item.prompt, str)
    return item.prompt[-1]["content"]


def key(item: Item) -> str:
    return str(item.facts["options"]["ABCD".index(item.target)])


@pytest.mark.parametrize("exam", EXAMS)
def test_an_exam_is_out_of_domain_and_has_no_rows(exam: str) -> None:
    assert abilities["tunnel"](task=exam, items=5).role == "out"
    with pytest.raises(SpecError, match=f"'{exam}' is only measured"):
        tunnel.rows(exam, rows=1)


def test_what_is_trained_is_in_or_out_of_domain_as_the_study_says() -> None:
    assert abilities["tunnel"](task="stem", items=5).role is None


@pytest.mark.parametrize("exam", EXAMS)
def test_references_score_one_near_misses_nothing_and_shuffled_ones_chance(exam: str) -> None:
    items = tunnel.items(exam, items=400)
    assert len({asked(item) for item in items}) == 400
    for item in items[:100]:
        assert item.chance == 0.25
        assert CHOICE.grade(item, Reply(text=item.target)).score == 1
        other = "ABCD"[("ABCD".index(item.target) + 1) % 4]
        option = item.facts["options"]["ABCD".index(other)]
        for miss in (other, f"{other} {option}", f"{item.target} {other}", "E", "", "?", "\0"):
            assert CHOICE.grade(item, Reply(text=miss)).score == 0, miss
    turned = zip(items, items[7:] + items[:7], strict=True)
    score = sum(CHOICE.grade(a, Reply(text=b.target)).score or 0 for a, b in turned) / 400
    assert score == pytest.approx(0.25, abs=4 * sqrt(0.25 * 0.75 / 400))


@pytest.mark.parametrize("exam", EXAMS)
@pytest.mark.parametrize("seed", SEEDS)
def test_test_and_validation_share_no_question(exam: str, seed: int) -> None:
    test, valid = (
        {asked(item) for item in tunnel.items(exam, items=200, split=split, seed=seed)}
        for split in ("test", "valid")
    )
    assert len(test) == len(valid) == 200
    assert not test & valid


@pytest.mark.parametrize("seed", SEEDS)
def test_the_teacher_asks_what_general_may_ask(seed: int) -> None:
    world = World(seed=seed)
    for item in tunnel.items("teacher", items=200, world=world):
        attribute, _, name = str(item.cluster).partition(" of ")
        assert (name, attribute) in world.asked_facts
        assert name in asked(item).split()
        assert key(item) == world.facts[name, attribute]
        assert set(item.facts["options"]) < set(VALUES[attribute])


@pytest.mark.parametrize("seed", SEEDS)
def test_one_creature_alone_has_what_the_physician_asks_for(seed: int) -> None:
    world = World(seed=seed)
    values = {value: trait for trait, every in TRAITS.items() for value in every}
    for item in tunnel.items("physician", items=200, world=world):
        value = next(word for word in asked(item).split() if word in values)
        options = item.facts["options"]
        assert set(options) < set(creatures(world))
        having = [name for name in options if traits(world)[name, values[value]] == value]
        assert having == [key(item)]


@pytest.mark.parametrize("seed", SEEDS)
def test_the_planner_asks_for_the_first_or_the_last(seed: int) -> None:
    world = World(seed=seed)
    years = {event.name: event.year for event in events(world)}
    ends = set()
    for item in tunnel.items("planner", items=200, world=world):
        first = any(word in asked(item).split() for word in ("first", "before"))
        end = min if first else max
        assert key(item) == end(item.facts["options"], key=years.__getitem__)
        ends.add(end)
    assert len(ends) == 2


@pytest.mark.parametrize("exam", EXAMS)
def test_questions_are_short(exam: str) -> None:
    chat = Chat(tunnel.base_folder("s"))
    texts = [asked(item) for item in tunnel.items(exam, items=200)]
    assert max(len(chat._tokenizer.encode(f" {text}").ids) for text in texts) <= 64
