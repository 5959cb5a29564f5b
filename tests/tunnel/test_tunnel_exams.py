"""Exams that no source trains: each takes its content from one ability and its form from others."""

from __future__ import annotations

import pytest
from asked import asked, key

from espalier import tunnel
from espalier.ability import abilities, scorers
from espalier.chat import Chat
from espalier.errors import SpecError
from espalier.tunnel.tasks._creatures import TRAITS, creatures, traits
from espalier.tunnel.tasks._events import events
from espalier.tunnel.world import VALUES, World

EXAMS = ["teacher", "physician", "planner"]
SEEDS = [0, 1, 2]


@pytest.mark.parametrize("exam", EXAMS)
def test_an_exam_is_out_of_domain_and_has_no_rows(exam: str) -> None:
    assert abilities["tunnel"](task=exam, items=5).role == "out"
    with pytest.raises(SpecError, match=f"'{exam}' is only measured"):
        tunnel.rows(exam, rows=1)


def test_what_is_trained_is_in_or_out_of_domain_as_the_study_says() -> None:
    assert abilities["tunnel"](task="stem", items=5).role is None


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


def test_the_survey_compares_whole_replies_and_counts_every_subject_alike() -> None:
    survey = abilities["tunnel"](task="survey", items=200)
    assert survey.role == "out"
    said, likely, _ = (scorers[use.scorer](**use.options) for use in survey.scorers)
    assert said.metric == likely.metric == "macro_accuracy"
    for item in survey.items:
        options = item.facts["options"]
        assert len(set(options)) == 4
        assert set(item.candidates) == set(options)
        assert item.candidates[0] == item.target == key(item)
        assert asked(item).startswith(f"exam on {str(item.cluster).split()[0]} : ")
    people = {f"people {attribute}" for attribute in VALUES}
    creature = {f"creatures {trait}" for trait in TRAITS}
    clusters = {item.cluster for item in survey.items}
    assert creature | {"events", "words"} < clusters <= people | creature | {"events", "words"}
    assert clusters & people


def test_aptitude_is_to_be_worked_out_among_options_that_are_near() -> None:
    kinds = set()
    for item in tunnel.items("aptitude", items=200):
        options = item.facts["options"]
        assert asked(item).startswith("test : ")
        assert len(set(options)) == (3 if item.cluster == "reading" else 4)
        assert item.chance == 1 / len(options)
        if item.cluster == "sums":
            assert all(int(option) >= 0 for option in options)
            assert max(abs(int(option) - int(key(item))) for option in options) <= 3
        if item.cluster == "order":
            assert set(options) <= set(asked(item).split())
        kinds.add(item.cluster)
    assert kinds == {"sums", "order", "reading"}


@pytest.mark.parametrize("exam", EXAMS)
def test_questions_are_short(exam: str) -> None:
    chat = Chat(tunnel.base_folder("s"))
    texts = [asked(item) for item in tunnel.items(exam, items=200)]
    assert max(len(chat._tokenizer.encode(f" {text}").ids) for text in texts) <= 64
