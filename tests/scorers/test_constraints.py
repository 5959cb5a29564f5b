"""Verifiable constraints: what each means, and what is told of a broken one."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from espalier.ability import Grade, Item, Reply
from espalier.errors import DataError
from espalier.scorers.constraints import constraints

WORDS = st.text("abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=6)
TEXTS = st.lists(st.lists(WORDS, min_size=1, max_size=6), min_size=1, max_size=5)
NOISE = st.text(" ,.;:!?-\u3002\uff0c\u300a\u300b\t", min_size=1, max_size=3)
ANY = st.one_of(
    st.builds(lambda w: {"kind": "contains", "words": w}, st.lists(WORDS, min_size=1)),
    st.builds(lambda w: {"kind": "avoids", "words": w}, st.lists(WORDS, min_size=1)),
    st.builds(lambda n: {"kind": "lines", "count": n}, st.integers(0, 5)),
    st.builds(lambda n: {"kind": "words", "at_least": n}, st.integers(0, 20)),
    st.builds(lambda n: {"kind": "words", "at_most": n}, st.integers(0, 20)),
    st.builds(lambda w: {"kind": "starts_with", "text": w}, WORDS),
    st.builds(lambda w: {"kind": "ends_with", "text": w}, WORDS),
)


def grade(text: str | None, *wanted: dict[str, Any], average: bool = False) -> Grade:
    item = Item(id="7", prompt="q", target="", facts={"constraints": list(wanted)})
    return constraints(average=average).grade(item, Reply(text=text))


LINES = {"kind": "lines", "count": 2}
RIVER = {"kind": "contains", "words": ["river"]}
NO_STONE = {"kind": "avoids", "words": ["stone"]}


def test_all_must_hold_or_the_first_broken_one_is_told() -> None:
    assert grade("A River flows.\nThe moon.", LINES, RIVER, NO_STONE).score == 1.0
    given = grade("river of stone", LINES, RIVER, NO_STONE)
    assert (given.score, given.reason) == (0.0, "it has 1 lines, not 2")
    assert grade("river of stone", RIVER, NO_STONE).reason == "'stone' is in it"


def test_the_share_that_holds() -> None:
    assert grade("river of stone", LINES, RIVER, NO_STONE, average=True).score == pytest.approx(
        1 / 3
    )
    assert constraints(average=True).metric != constraints().metric


def test_a_missing_reply_is_unscored_and_an_empty_one_is_wrong() -> None:
    assert grade(None, LINES).score is None
    assert grade("", LINES).score == 0.0


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        (
            {"kind": "rhymes"},
            "item 7: no constraint 'rhymes'; there are avoids, contains, ends_with",
        ),
        ({"kind": "line", "count": 2}, "no constraint 'line'.*Did you mean 'lines'"),
        ({"count": 2}, "item 7: no constraint None; there are"),
        ("lines", "item 7: no constraint 'lines'"),
        ({"kind": ["lines"]}, r"item 7: no constraint \['lines'\]"),
        ({"kind": "lines"}, "the constraint 'lines' needs 'count', a whole number"),
        ({"kind": "lines", "count": True}, "the constraint 'lines' needs 'count'"),
        ({"kind": "lines", "count": 2, "words": []}, "the constraint 'lines' needs 'count'"),
        ({"kind": "contains", "words": "river"}, "the constraint 'contains' needs 'words', a list"),
        ({"kind": "contains", "words": []}, "the constraint 'contains' needs 'words', a list"),
        ({"kind": "avoids", "words": ["!"]}, "the constraint 'avoids' needs 'words', a list"),
        ({"kind": "starts_with"}, "the constraint 'starts_with' needs 'text', a text"),
        ({"kind": "words"}, "the constraint 'words' needs 'at_least', 'at_most' or both"),
    ],
)
def test_a_constraint_that_cannot_be_checked_is_refused_in_one_line(
    wanted: Any, message: str
) -> None:
    with pytest.raises(DataError, match=message) as refused:
        grade("a river", wanted)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("facts", [{}, {"constraints": []}, {"constraints": "lines"}])
def test_an_item_without_constraints_is_refused(facts: dict[str, Any]) -> None:
    with pytest.raises(DataError, match="item 7 has no constraints"):
        constraints().grade(Item(id="7", prompt="q", target="", facts=facts), Reply(text="x"))


@settings(max_examples=50)
@given(TEXTS, st.data())
def test_a_text_keeps_what_is_read_off_it(lines: list[list[str]], data: st.DataObject) -> None:
    words = [word for line in lines for word in line]
    some = data.draw(st.lists(st.sampled_from(words), min_size=1))
    text = "\n".join(" ".join(line) for line in lines)
    mine = [
        {"kind": "contains", "words": some},
        {"kind": "avoids", "words": ["zzzzzzz"]},
        {"kind": "lines", "count": len(lines)},
        {"kind": "words", "at_least": len(words), "at_most": len(words)},
        {"kind": "starts_with", "text": " ".join(words[:2])},
        {"kind": "ends_with", "text": " ".join(words[-2:])},
    ]
    assert grade(text, *mine).score == 1.0
    assert grade(text, {"kind": "avoids", "words": some}).score == 0.0
    assert grade(f"{text}\nzzzzzzz", *mine, average=True).score == pytest.approx(1 / 3)


@given(TEXTS, NOISE, ANY)
def test_case_and_punctuation_make_no_difference(
    lines: list[list[str]], noise: str, wanted: dict[str, Any]
) -> None:
    plain = "\n".join(" ".join(line) for line in lines)
    dressed = "\n".join(noise.join(line).upper() + noise for line in lines)
    assert grade(plain, wanted).score == grade(dressed, wanted).score


@given(st.lists(st.sampled_from("山水风月花雪"), min_size=1, max_size=9), ANY)
def test_chinese_is_the_same_with_spaces_and_without(
    characters: list[str], other: dict[str, Any]
) -> None:
    inside = {"kind": "contains", "words": ["".join(characters[:2])]}
    for text in ("".join(characters), " ".join(characters)):
        assert grade(text, inside, {"kind": "words", "at_least": len(characters)}).score == 1.0
    joined, spaced = "".join(characters), " ".join(characters)
    assert grade(joined, other).score == grade(spaced, other).score


@given(st.text(), st.lists(ANY, min_size=1, max_size=4))
def test_any_text_is_graded_and_the_share_is_one_where_all_is_kept(
    text: str, wanted: list[dict[str, Any]]
) -> None:
    whole, share = (grade(text, *wanted, average=average) for average in (False, True))
    assert whole.score in (0.0, 1.0)
    assert share.score is not None
    assert (share.score == 1.0) == (whole.score == 1.0)
    assert (whole.reason is None) == (whole.score == 1.0)


def test_a_word_is_a_whole_word() -> None:
    assert grade("start", {"kind": "contains", "words": ["star"]}).score == 0.0
    assert grade("a star .", {"kind": "contains", "words": ["Star"]}).score == 1.0
    assert grade("the old stone", {"kind": "contains", "words": ["old stone"]}).score == 1.0
    assert grade("the old grey stone", {"kind": "contains", "words": ["old stone"]}).score == 0.0
    assert grade("用 river 一词", {"kind": "contains", "words": ["river 一"]}).score == 1.0
    assert grade("用river一词", {"kind": "contains", "words": ["river"]}).score == 1.0
