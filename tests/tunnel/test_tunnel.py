"""Rows and items: deterministic, apart from each other, and right where they claim to be."""

from __future__ import annotations

import re
from itertools import islice

import pytest

from espalier import tunnel
from espalier.ability import Message, Reply, abilities, scorers
from espalier.errors import MissingError, SpecError
from espalier.tunnel.corpus import corpus, words
from espalier.tunnel.task import CONSTRUCTIONS, tasks
from espalier.tunnel.tasks._lists import ENDS, OPERATIONS
from espalier.tunnel.tasks._people import SAYINGS
from espalier.tunnel.tasks.code import _OPENINGS as OPENINGS
from espalier.tunnel.world import VALUES, World

TRAINED = [name for name, task in tasks.items() if task.trained]


@pytest.mark.parametrize("task", TRAINED)
def test_fewer_rows_are_the_beginning_of_more(task: str) -> None:
    assert tunnel.rows(task, rows=50) == tunnel.rows(task, rows=200)[:50]
    assert tunnel.rows(task, rows=50) != tunnel.rows(task, rows=50, seed=1)
    assert tunnel.rows(task, rows=50) != tunnel.rows(task, rows=50, world=World(seed=1))


def test_facts_are_asked_by_no_training_row() -> None:
    world = World()
    held = set(world.held_facts)
    assert len(held) == 120
    assert not held & set(world.asked_facts)
    values = {value: attribute for attribute, every in VALUES.items() for value in every}
    for row in tunnel.rows("general", rows=4_000):
        name = next(word for word in row[0]["content"].split() if word in world.names)
        attribute = next(values[w] for w in row[1]["content"].split() if w in values)
        assert (name, attribute) not in held
    for item in tunnel.items("facts", items=200):
        attribute, _, name = str(item.cluster).partition(" of ")
        assert (name, attribute) in held
        assert world.facts[name, attribute] in item.target


def sums(reply: str) -> list[tuple[str, ...]]:
    return re.findall(r"(\d+) ([-+*/]) (\d+) = (\d+)", reply)


def test_every_written_step_of_a_human_story_is_right_and_small() -> None:
    world = World()
    work = {"+": int.__add__, "-": int.__sub__, "*": int.__mul__, "/": int.__floordiv__}
    for row in tunnel.rows("math", rows=2_000):
        reply = row[1]["content"]
        steps = sums(reply)
        assert 1 <= len(steps) <= world.steps
        for before, sign, by, after in steps:
            assert work[sign](int(before), int(by)) == int(after)
            assert 0 <= int(after) <= world.largest
        assert reply.endswith(f"answer {steps[-1][-1]}")


@pytest.mark.parametrize("task", ["general", "math", "code"])
def test_synthetic_rows_are_narrower_and_wrong_as_often_as_stated(task: str) -> None:
    world = World()
    rows = tunnel.rows(task, rows=2_000, construction="synthetic")
    share = sum(not right(task, row, world) for row in rows) / len(rows)
    assert share == pytest.approx(CONSTRUCTIONS["synthetic"].wrong, abs=0.03)
    human = tunnel.rows(task, rows=2_000)
    assert all(right(task, row, world) for row in human[:300])
    assert len(vocabulary(rows)) < 0.75 * len(vocabulary(human))


def test_synthetic_rows_speak_of_half_the_people_and_operations() -> None:
    world = World()
    for task in ("general", "math"):
        rows = tunnel.rows(task, rows=2_000, construction="synthetic")
        spoken_of = vocabulary(rows) & set(world.names)
        assert len(spoken_of) == pytest.approx(0.5 * world.people, abs=5)
    told = [line.wordings[0].partition("K")[0] for line in OPERATIONS]
    asked = " ".join(
        row[0]["content"] for row in tunnel.rows("code", rows=2_000, construction="synthetic")
    )
    assert [words in asked for words in told] == 10 * [True] + 10 * [False]


@pytest.mark.parametrize("task", ["math", "code", "math_ood", "code_ood"])
def test_numbers_may_be_words_in_prompts_but_not_in_replies(task: str) -> None:
    shared, own = (World(numerals=kind) for kind in ("shared", "own"))
    for world in (shared, own):
        items = tunnel.items(task, items=200, world=world)
        kind = "shared" if world is shared else task.removesuffix("_ood")
        said = {word for item in items for word in item.prompt[0]["content"].split()}
        replied = {word for item in items for word in item.target.split()}
        every = {word for words in world.numeral_words.values() for word in words}
        assert said & every == set(world.numeral_words[kind])
        assert not replied & every


def vocabulary(rows: list[tuple[Message, ...]]) -> set[str]:
    return {word for row in rows for word in row[0]["content"].split()}


def right(task: str, row: tuple[Message, ...], world: World) -> bool:
    prompt, reply = row[0]["content"], row[1]["content"]
    if task == "general":
        name = next(word for word in prompt.split() if word in world.names)
        return any(world.facts[name, a] in reply.split() for a in VALUES)
    if task == "math":
        return reply.endswith(f"answer {sums(reply)[-1][-1]}")
    return reply == program(prompt)


def program(prompt: str) -> str:
    """Return the program a prompt describes, found by looking its wordings up."""
    told = re.split(r" , then | and then | \. next , | , after that ", opened(prompt))
    body = list(map(code_of, told))
    end = [] if body[-1].startswith("return") else ["return x"]
    return "\n ".join(["def f(x):", *body, *end])


def opened(prompt: str) -> str:
    return next(prompt.removeprefix(o) for o in OPENINGS if prompt.startswith(o))


def code_of(words: str) -> str:
    for line in (*OPERATIONS, *ENDS):
        for wording in line.wordings:
            if found := re.fullmatch(re.escape(wording).replace("K", r"(\d)"), words):
                return line.code.replace("K", found[1] if found.groups() else "K")
    raise AssertionError(words)


def test_the_raw_text_asks_nothing() -> None:
    for document in islice(corpus(World()), 5_000):
        assert "?" not in document
        assert "answer" not in document
        assert "<|" not in document


def test_the_raw_text_tells_every_fact() -> None:
    world = World()
    text = "\n".join(islice(corpus(world), 40_000))
    for (name, attribute), value in world.facts.items():
        assert any(saying.format(n=name, v=value) in text for saying in SAYINGS[attribute])


def test_the_raw_text_is_the_same_for_the_same_world_and_seed() -> None:
    first, again, other = (list(islice(corpus(World(), seed=s), 50)) for s in (0, 0, 1))
    assert first == again
    assert first != other


def test_another_world_has_other_people() -> None:
    here, there = World(), World(seed=1)
    assert len(set(here.names)) == here.people
    assert set(here.names) != set(there.names)
    assert not set(here.names) & set(VALUES["city"])
    assert set(words(here)) >= set(here.names)


def test_a_smaller_world_asks_shorter_stories() -> None:
    rows = tunnel.rows("math", rows=200, world=World(steps=1, largest=9))
    assert {len(sums(row[1]["content"])) for row in rows} == {1}
    assert all(int(n) <= 9 for row in rows for n in re.findall(r"\d+", row[1]["content"]))


@pytest.mark.parametrize("task", tasks)
def test_an_item_bears_what_grading_needs(task: str) -> None:
    ability = abilities["tunnel"](task=task, items=50)
    assert ability.name == task
    assert ability.suite == "tunnel"
    assert len({item.id for item in ability.items}) == 50
    assert all(scorer.scorer in scorers or scorer.scorer for scorer in ability.scorers)
    assert ability.scorers[-1].scorer == "nll"


def test_reference_programs_pass_and_shuffled_ones_do_not() -> None:
    items, scorer = tunnel.items("code", items=200), scorers["program"]()
    own = [scorer.grade(item, Reply(text=item.target)).score for item in items]
    turned = [
        scorer.grade(item, Reply(text=other.target))
        for item, other in zip(items, items[1:] + items[:1], strict=True)
    ]
    assert own == [1.0] * 200
    assert sum(grade.score or 0 for grade in turned) < 10
    assert all(grade.reason for grade in turned if grade.score == 0)


def test_an_empty_reply_scores_zero_and_a_missing_one_is_unscored() -> None:
    item, scorer = tunnel.items("code", items=1)[0], scorers["program"]()
    assert scorer.grade(item, Reply(text="")).score == 0
    assert scorer.grade(item, Reply()).score is None


def test_a_task_that_is_only_measured_has_no_rows() -> None:
    with pytest.raises(SpecError, match=r"'facts' is only measured.*general, .*math"):
        tunnel.rows("facts", rows=1)


def test_an_unknown_task_construction_or_base_is_answered_with_what_there_is() -> None:
    with pytest.raises(SpecError, match=r"no 'maths' among the tasks.*Did you mean 'math'"):
        tunnel.rows("maths", rows=1)
    with pytest.raises(SpecError, match=r"no construction 'humane'.*human, synthetic"):
        tunnel.rows("math", rows=1, construction="humane")
    with pytest.raises(MissingError, match="no base 'xxl' in the tunnel"):
        tunnel.base_folder("xxl")
