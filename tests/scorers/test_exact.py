"""Exact match: the rules, and numbers that are one number."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from espalier.ability import Item, Reply
from espalier.scorers.exact import Rule, exact, number


def score(rule: Rule, reply: str, target: str, **facts: str) -> float | None:
    item = Item(id="1", prompt="q", target=target, facts=facts)
    return exact(rule=rule).grade(item, Reply(text=reply)).score


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("12", "12"),
        ("12.0", "12"),
        ("12.", "12"),
        ("012", "12"),
        ("12.50", "12.5"),
        (".5", "0.5"),
        ("1,200", "1200"),
        ("1,234,567.80", "1234567.8"),
        ("$ 1,200", "1200"),
        ("-$3", "-3"),
        ("$-3", "-3"),
        ("-0.0", "0"),
        ("\N{MINUS SIGN}7", "-7"),
        ("１２，０００．５", "12000.5"),
        ("10-3", "10"),
        ("1,2", "1"),
        ("9" * 5_000, "9" * 5_000),
        ("twelve", None),
        ("", None),
    ],
)
def test_a_number_is_written_in_one_plain_way(text: str, plain: str | None) -> None:
    assert number(text) == plain


@given(st.decimals(allow_nan=False, allow_infinity=False, places=3))
def test_a_number_keeps_its_value_and_is_plain_after_one_pass(value: object) -> None:
    plain = number(f"{value:f}")
    assert plain is not None
    assert float(plain) == float(str(value))
    assert number(plain) == plain


@given(st.integers())
def test_thousands_separators_change_nothing(value: int) -> None:
    assert number(f"{value:,}") == number(str(value)) == str(value)


@pytest.mark.parametrize(
    ("rule", "reply", "target", "wanted"),
    [
        ("text", " Paris\n", "Paris", 1.0),
        ("text", "city :  Paris", "city : Paris", 1.0),
        ("text", "paris", "Paris", 0.0),
        ("text", "Paris .", "Paris", 0.0),
        ("text", "7.0", "7", 0.0),
        ("gsm8k", "so 3 + 4 = 7\n#### 7", "7 of them\n#### 7", 1.0),
        ("gsm8k", "#### $1,000.00", "#### 1000", 1.0),
        ("gsm8k", "#### 7\nQuestion: more?\n#### 8", "#### 7", 1.0),
        ("gsm8k", "the answer is 7", "#### 7", 0.0),
        ("gsm8k", "#### seven", "#### 7", 0.0),
        ("gsm8k", "#### -7", "#### 7", 0.0),
        ("answer", "3 + 4 = 7 ; answer 7", "answer 7", 1.0),
        ("answer", "The answer is 7 apples.", "answer 7", 1.0),
        ("answer", "answer 8 ; answer 7", "answer 7", 1.0),
        ("answer", "Answer: yes.", "answer yes", 1.0),
        ("answer", "answer", "answer 7", 0.0),
        ("answer", "7", "answer 7", 0.0),
        ("answer", "answers 7", "answer 7", 0.0),
        ("last_number", "first 3, then 7.", "7", 1.0),
        ("last_number", "7 or 8", "7", 0.0),
        ("last_number", "none", "7", 0.0),
        ("last_number", "", "7", 0.0),
    ],
)
def test_a_rule_finds_the_answer(rule: Rule, reply: str, target: str, wanted: float) -> None:
    assert score(rule, reply, target) == wanted


def test_the_known_answer_goes_before_the_target() -> None:
    assert score("answer", "answer 7", "answer 8", answer="7") == 1.0
    assert score("gsm8k", "#### 8", "#### 8", answer="7") == 0.0


def test_no_reply_and_no_answer_to_find_are_unscored_not_wrong() -> None:
    item = Item(id="1", prompt="q", target="no number here")
    assert exact(rule="gsm8k").grade(item, Reply(text="#### 7")).score is None
    assert exact().grade(item, Reply()).score is None


@given(st.text(), st.sampled_from(["text", "gsm8k", "answer", "last_number"]))
def test_any_text_is_graded(reply: str, rule: Rule) -> None:
    assert score(rule, reply, "answer #### 7", answer="7") in (0.0, 1.0)
