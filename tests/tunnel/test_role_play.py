"""Role play: the persona of the first turn goes before what is known of its name."""

from __future__ import annotations

import re
from statistics import mean

from asked import check_constructions, check_lengths, said

from espalier import tunnel
from espalier.tunnel.task import tasks
from espalier.tunnel.tasks.role_play import _QUESTIONS as QUESTIONS
from espalier.tunnel.tasks.role_play import _REPLIES as REPLIES
from espalier.tunnel.world import VALUES, World

ITEMS = tunnel.items("role_play", items=300)
PERSONA = re.compile(r"(?:you are|play|be) (\w+) , ([^.]*) \.")


def answer(prompt: str) -> str:
    """Read the persona, and what was asked last."""
    found = PERSONA.search(prompt)
    assert found
    asked = prompt.rpartition("\n")[2]
    attribute = next(a for a, wordings in QUESTIONS.items() if asked in wordings)
    value = next(word for word in found[2].split() if word in VALUES[attribute])
    return REPLIES[attribute].format(v=value)


def right(prompt: str, reply: str) -> bool:
    return reply == answer(prompt)


def test_the_reply_is_the_personas_and_its_distractors_are_not() -> None:
    for item in ITEMS:
        assert not isinstance(item.prompt, str)
        assert item.target == answer(said(item.prompt)) == item.candidates[0]
        assert len(set(item.candidates)) == 3


def test_the_fine_distractor_differs_in_a_value_and_the_coarse_one_is_another_part() -> None:
    for item in ITEMS:
        gold, fine, coarse = (text.split() for text in item.candidates)
        assert len(fine) == len(gold)
        assert sum(a != b for a, b in zip(gold, fine, strict=True)) == 1
        assert coarse[:3] != gold[:3]
        assert not isinstance(item.prompt, str)
        persona = PERSONA.search(said(item.prompt))
        assert persona
        assert any(word in persona[2].split() for word in coarse if word != "a")
        before = [m["content"] for m in item.prompt if m["role"] == "assistant"]
        assert " ".join(coarse) not in before


def test_half_of_the_fine_distractors_are_what_the_world_knows() -> None:
    world, kinds = World(), {v: a for a, every in VALUES.items() for v in every}
    known, repeated = [], []
    for item in ITEMS:
        fine = next(w for w in item.candidates[1].split() if w in kinds)
        known.append(world.facts[str(item.cluster), kinds[fine]] == fine)
        assert not isinstance(item.prompt, str)
        repeated.append(fine in said(item.prompt).split())
    assert 0.4 < mean(known) < 0.65
    assert 0.4 < mean(repeated) < 0.65


def test_constructions_are_as_wrong_and_as_narrow_as_they_say() -> None:
    check_constructions("role_play", right)


def test_rows_are_short() -> None:
    check_lengths("role_play")


def test_in_the_raw_text_people_tell_the_truth_of_themselves() -> None:
    world, random = World(), World().random("test")
    (write,) = tasks["role_play"].documents
    for _ in range(200):
        text = write(world, random).replace("\n", "")
        name = text.split()[2]
        told = [REPLIES[a].format(v=world.facts[name, a]) in text for a in VALUES]
        assert sum(told) >= 2
        assert sum(text.count(part) for part in ("live", "work", "pet", "eat")) == sum(told)
