"""Creative writing: verses that keep what is asked of them."""

from __future__ import annotations

import re
from statistics import mean
from typing import Any

import pytest
from asked import check_constructions, check_lengths, said, scores

from espalier import tunnel
from espalier.ability import Item, Likelihood, Reply
from espalier.scorers.constraints import constraints
from espalier.scorers.distractors import distractors
from espalier.tunnel.task import tasks
from espalier.tunnel.tasks.creative_writing import _BEGIN, _LEAVE_OUT, _OPENINGS, _USE, NOUNS
from espalier.tunnel.world import World

ITEMS = tunnel.items("creative_writing", items=300)
VERIFIER = 1
"""The place of `constraints` among the task's scorers."""


def wanted(prompt: str) -> list[dict[str, Any]]:
    """Read the constraints out of a request."""
    found: list[dict[str, Any]] = []
    for part in prompt.removesuffix(" .").split(" , "):
        for kind, wordings in (("contains", _USE), ("avoids", _LEAVE_OUT), ("starts_with", _BEGIN)):
            for wording in wordings:
                if match := re.fullmatch(wording.format(w=r"(\w+)"), part):
                    word = {"text": match[1]} if kind == "starts_with" else {"words": [match[1]]}
                    found.append({"kind": kind, **word})
        for wording in _OPENINGS:
            if match := re.fullmatch(wording.format(c=r"(\w+)", t=r"(\w+)"), part):
                count = {"two": 2, "three": 3}[match[1]]
                found.append({"kind": "lines", "count": count})
                found.append({"kind": "contains", "words": [match[2]]})
    assert len(found) == 4
    return found


def right(prompt: str, reply: str) -> bool:
    item = Item(id="1", prompt=prompt, target="", facts={"constraints": wanted(prompt)})
    return constraints().grade(item, Reply(text=reply)).score == 1


def test_references_keep_what_the_request_says_and_distractors_do_not() -> None:
    for item in ITEMS:
        assert not isinstance(item.prompt, str)
        gold, fine, coarse = item.candidates
        assert gold == item.target
        assert right(said(item.prompt), gold)
        assert not right(said(item.prompt), fine)
        assert not right(said(item.prompt), coarse)


def test_the_verifier_of_the_task_agrees() -> None:
    gold, fine, coarse = (
        scores("creative_writing", ITEMS, [item.candidates[i] for item in ITEMS], use=VERIFIER)
        for i in range(3)
    )
    assert (gold, fine, coarse) == ([1.0] * 300, [0.0] * 300, [0.0] * 300)
    for spoilt in ("", "?", "\ud800", "moon", "9" * 500, "\n\n"):
        replies = [spoilt] * 300
        assert mean(scores("creative_writing", ITEMS, replies, use=VERIFIER)) == 0
    turned = [item.target for item in (*ITEMS[1:], ITEMS[0])]
    assert mean(scores("creative_writing", ITEMS, turned, use=VERIFIER)) < 0.05


def test_nothing_but_the_request_tells_the_fine_distractor_from_the_reply() -> None:
    """Both have the same length, and as many words of the request."""
    for item in ITEMS:
        gold, fine = (text.split() for text in item.candidates[:2])
        assert len(gold) == len(fine)
        assert sum(a != b for a, b in zip(gold, fine, strict=True)) in (1, 2)
        assert not isinstance(item.prompt, str)
        named = set(said(item.prompt).split()) & set(NOUNS)
        assert sum(w in named for w in gold) == sum(w in named for w in fine)
        assert all(len(set(nouns)) == len(nouns) for nouns in ([w for w in gold if w in NOUNS],))


def test_likelihoods_without_an_opinion_score_chance() -> None:
    random, scorer = World().random("test"), distractors()
    given = [
        scorer.grade(
            item,
            Reply(
                likelihoods=tuple(
                    Likelihood(total=-random.random(), tokens=1, characters=1) for _ in range(3)
                )
            ),
        ).score
        for item in ITEMS
    ]
    assert mean(score or 0 for score in given) == pytest.approx(1 / 3, abs=4 * 0.0272)


def test_constructions_are_as_wrong_and_as_narrow_as_they_say() -> None:
    check_constructions("creative_writing", right)


def test_rows_are_short() -> None:
    check_lengths("creative_writing")


def test_the_raw_text_is_verses_of_known_words_and_no_request() -> None:
    world, random = World(), World().random("test")
    (write,) = tasks["creative_writing"].documents
    known = {*tasks["creative_writing"].words(world), "the"}
    verses = [write(world, random) for _ in range(300)]
    assert {word for verse in verses for word in verse.split()} == known
