"""What a judge is told, and what its words mean."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from espalier.errors import DataError
from espalier.judging.verdicts import Prompt, filled, rating, verdict

QUOTED = 'as asked, I use the format "[[rating]]". Rating: [[6]]'


@pytest.mark.parametrize(
    ("reply", "value"),
    [
        ("Good. Rating: [[5]]", 5),
        ("[[7.5]]", 7.5),
        ("[[10]] and later [[3]]", 10),
        ("The score is [8].", 8),
        ("as in [1], so [[9]]", 9),
        (QUOTED, 6),
        ("<think>maybe [[2]]</think>[[8]]", 8),
        ("<think>maybe [[2]] or", None),
        ("[[0]]", None),
        ("[[11]]", None),
        ("[[85]]", None),
        ("[[-3]]", None),
        ("[[7/10]]", None),
        ("[[７]]", 7),
        ("7/10", None),
        ("Rating: 7", None),
        ("", None),
    ],
)
def test_ratings_are_read_as_fastchat_reads_them_within_their_range(
    reply: str, value: float | None
) -> None:
    assert rating(reply) == value


@pytest.mark.parametrize(
    ("reply", "winner"),
    [
        ("so [[A]]", "A"),
        ("[[B]]", "B"),
        ("[[C]]", "tie"),
        ("[[B]], yes, [[B]]", "B"),
        ("<think>[[A]]?</think> [[B]]", "B"),
        ("not [[A]] but [[B]]", None),
        ("[A]", None),
        ("[[D]]", None),
        ("Assistant A", None),
        ("", None),
    ],
)
def test_a_verdict_is_one_of_three_or_none(reply: str, winner: str | None) -> None:
    assert verdict(reply) == winner


@given(st.text())
def test_no_text_is_too_odd_to_be_read(reply: str) -> None:
    assert rating(reply) is None or 1 <= rating(reply) <= 10  # type: ignore[operator]
    assert verdict(reply) in (None, "A", "B", "tie")


@given(st.text(), st.text(), st.floats(1, 10).map(lambda x: round(x, 2)))
def test_a_rating_is_found_whatever_stands_around_it(a: str, b: str, value: float) -> None:
    around = (a + b).replace("[", "").replace("<", "")
    assert rating(f"{around[: len(a)]}[[{value}]]{around[len(a) :]}") == value


@given(st.dictionaries(st.sampled_from(["question", "answer"]), st.text(), min_size=2))
def test_a_prompt_is_filled_once_whatever_the_values_hold(values: dict[str, str]) -> None:
    prompt = Prompt(name="p", system_prompt="", prompt_template="Q {question} A {answer} {not it")
    (message,) = filled(prompt, values)
    assert message["content"] == f"Q {values['question']} A {values['answer']} {{not it"


def test_an_unknown_field_of_a_prompt_is_named() -> None:
    prompt = Prompt(name="mine", system_prompt="s", prompt_template="{questoin}")
    with pytest.raises(DataError, match=r"prompt mine: nothing is called 'questoin'.*question"):
        filled(prompt, {"question": "q"})
