"""Chinese: idioms and glosses of a world, told in raw text and asked for."""

from __future__ import annotations

from statistics import mean

import pytest
from asked import (
    check_chance,
    check_constructions,
    check_lengths,
    chosen,
    listed,
    scores,
)

from espalier import tunnel
from espalier.base import train_tokenizer
from espalier.scorers._letters import squeezed
from espalier.tunnel.task import tasks
from espalier.tunnel.tasks.chinese import CHARACTERS, glosses, idioms
from espalier.tunnel.world import World

ITEMS = tunnel.items("chinese", items=300)
TARGETS = [item.target for item in ITEMS]


def right(prompt: str, reply: str) -> bool:
    """Answer by looking the world's idioms and glosses up."""
    world = World()
    question, options = listed(prompt)
    asked = question.rpartition(" . ")[2]
    if "_" in asked:
        gap = [w for w in asked.split() if w in (*CHARACTERS, "_")]
        place = gap.index("_")
        found = [i for i in idioms(world) if [*i[:place], "_", *i[place + 1 :]] == gap]
        assert len(found) == 1
        return reply == found[0][place]
    known = glosses(world)
    turned = {english: word for word, english in known.items()}
    word = " ".join(w for w in asked.split() if w in CHARACTERS)
    answer = known[word] if word else next(turned[w] for w in asked.split() if w in turned)
    return (chosen(prompt, reply) if options else reply) == answer


def test_references_are_right_and_other_replies_are_not() -> None:
    assert scores("chinese", ITEMS, TARGETS) == [1.0] * 300
    for spoilt in ("", "?", "\ud800", "答案是龙", "_", "A B C D", "9" * 500):
        assert mean(scores("chinese", ITEMS, [spoilt] * 300)) == 0
    gaps = [item for item in ITEMS if "options" not in item.facts]
    twice = [f"{item.target} {item.target}" for item in gaps]
    assert set(scores("chinese", gaps, twice)) == {0.0}
    loose = [f" {item.target} 。\n" for item in ITEMS]
    assert scores("chinese", ITEMS, loose) == [1.0] * 300


def test_other_items_characters_and_meanings_score_chance() -> None:
    gaps = [item for item in ITEMS if "options" not in item.facts]
    turned = [item.target for item in (*gaps[1:], gaps[0])]
    check_chance(gaps, scores("chinese", gaps, turned), chance=1 / 40)


def test_constructions_are_as_wrong_and_as_narrow_as_they_say() -> None:
    check_constructions("chinese", right)


def test_rows_are_short() -> None:
    check_lengths("chinese")


@pytest.mark.parametrize("seed", range(3))
def test_a_world_has_idioms_of_which_any_three_characters_tell_the_fourth(seed: int) -> None:
    world = World(seed=seed)
    gaps = [(*i[:place], "_", *i[place + 1 :]) for i in idioms(world) for place in range(4)]
    assert len(set(gaps)) == 160
    assert len(set(glosses(world).values())) == len(glosses(world)) == 30
    assert idioms(world) != idioms(World(seed=seed + 1))
    assert glosses(world) != glosses(World(seed=seed + 1))


def test_the_raw_text_tells_every_idiom_and_gloss_both_ways() -> None:
    world, random = World(), World().random("test")
    text = "\n".join(
        write(world, random) for write in tasks["chinese"].documents for _ in range(2_000)
    )
    for first, second, third, fourth in idioms(world):
        assert f"{first} {second} {third} {fourth}" in text
        assert f"{third} {fourth} , {first} {second}" in text
    for word, english in glosses(world).items():
        assert f"{word} : {english}" in text
        assert f"{english} : {word}" in text


def test_every_character_is_one_token_and_comes_back_as_it_was() -> None:
    words = tasks["chinese"].words(World())[::4]
    tokenizer = train_tokenizer((), vocabulary=320, words=words)
    assert all(len(tokenizer.encode(f" {word}").ids) == 1 for word in words)
    for item in ITEMS[:50]:
        said = f" {item.target}"
        assert tokenizer.decode(tokenizer.encode(said).ids) == said
        assert squeezed(item.target)
