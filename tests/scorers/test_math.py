"""Mathematical equivalence: what is equal, what is the grader's failure, and that nothing hangs."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from espalier.ability import Grade, Item, Reply
from espalier.scorers._boxed import boxed
from espalier.scorers.math import math

pytest.importorskip("math_verify")


def grade(*cases: tuple[str | list[str], str | None], seconds: float = 2) -> list[Grade]:
    pairs = [
        (Item(id=str(i), prompt="q", target="none", facts={"answer": answer}), Reply(text=reply))
        for i, (answer, reply) in enumerate(cases)
    ]
    many = math(seconds=seconds).grade_all
    assert many is not None
    return list(many(pairs))


def scores(*cases: tuple[str | list[str], str | None], seconds: float = 2) -> list[float | None]:
    return [given.score for given in grade(*cases, seconds=seconds)]


def test_what_can_never_be_worked_out_is_unscored_and_the_next_one_is_graded_all_the_same() -> None:
    cases = (
        ("2", r"\boxed{9^{9^{9^9}}}"),
        ("2", r"\boxed{2.0}"),
        ("1", r"\boxed{" + "(" * 3000 + "}"),
    )
    given = grade(*cases, ("3", "$x=3$"), seconds=1)
    assert [one.score for one in given] == [None, 1.0, given[2].score, 1.0]
    assert given[0].reason == "not compared within 1 CPU seconds"


def test_it_works_in_threads() -> None:
    cases = [(r"\frac{1}{2}", f"$0.5{'0' * i}$") for i in range(2)]
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(lambda case: scores(case), cases)) == [[1.0], [1.0]]


def test_a_target_that_cannot_be_read_is_compared_as_text() -> None:
    target = "三组对面分别平行的四棱柱"
    assert scores((target, target), (target, "别的")) == [1.0, 0.0]


def test_several_blanks_are_compared_in_their_order() -> None:
    both = ["5", r"\frac{1}{2}"]
    replies = "答案：5；0.5", r"\boxed{5}, \boxed{0.5}", r"\boxed{0.5}, \boxed{5}", "5"
    assert scores(*((both, reply) for reply in replies)) == [1.0, 1.0, 0.0, 0.0]


def test_no_reply_is_unscored_and_an_empty_one_wrong() -> None:
    assert scores(("5", None), ("5", "")) == [None, 0.0]


@given(st.text(alphabet=r"a{}\ 1"))
def test_whatever_is_boxed_is_found_whole(inside: str) -> None:
    balanced = inside.replace("\\", "").replace("{", "").replace("}", "")
    assert boxed(rf"so \boxed{{{{{balanced}}}}} it is") == ["{" + balanced + "}"]
    boxed(inside)  # whatever it is, nothing breaks


def test_a_box_within_a_box_is_part_of_it() -> None:
    assert boxed(r"\boxed{1 \boxed{2}} \fbox{3} \boxed{4") == [r"1 \boxed{2}", "3"]
