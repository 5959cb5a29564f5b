"""Credit for each right step: what is a step, what reaches it, and near misses."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from espalier.ability import Item, Reply
from espalier.scorers._numbers import values
from espalier.scorers.process import process, reached, worked


def score(reply: str, target: str, prompt: str = "q") -> float | None:
    return process().grade(Item(id="1", prompt=prompt, target=target), Reply(text=reply)).score


TUNNEL = "47 + 3 = 50 ; 50 / 2 = 25 ; answer 25"


@pytest.mark.parametrize(
    ("reply", "wanted"),
    [
        (TUNNEL, 1.0),
        ("47 + 3 = 50 ; 50 / 2 = 24 ; answer 24", 0.5),
        ("47 + 3 = 51 ; 51 / 2 = 25 ; answer 25", 0.5),
        ("answer 25", 0.5),
        ("47 + 3 = 500 ; 500 / 2 = 250 ; answer 250", 0.0),
        ("47 + 3 = 50.0 ; 50 / 2 = 25.00", 1.0),
        ("25 ; 50", 0.5),
        ("", 0.0),
    ],
)
def test_the_tunnels_steps_are_its_equations(reply: str, wanted: float) -> None:
    assert score(reply, TUNNEL) == wanted


def test_the_same_result_twice_is_two_steps() -> None:
    target = "5 + 5 = 10 ; 20 - 10 = 10"
    assert score("5 + 5 = 10", target) == 0.5
    assert score("5 + 5 = 10, 20 - 10 = 10", target) == 1.0


def test_an_annotation_and_the_number_after_it_are_one_result() -> None:
    assert reached("so <<48/2=24>>24 clips", known=frozenset()) == ["24"]
    assert reached("so $<<48/2=24>>25 clips", known=frozenset()) == ["24", "25"]


def test_only_results_are_steps() -> None:
    assert worked("10 apples at 3 each: 10 * 3 = 30 in all, or 3*10=10+10+10=30.") == ["30", "30"]
    assert reached("48/2 and 3 * 4 (see 5-1)", known=frozenset()) == []
    assert reached("it holds 1,200 of 3.5", known=frozenset({"3.5"})) == ["1200"]


def test_a_target_without_a_step_is_unscored() -> None:
    assert score("7", "seven") is None
    assert process().grade(Item(id="1", prompt="q", target=TUNNEL), Reply()).score is None


@given(st.text(), st.text())
def test_any_text_is_graded_between_none_and_all(reply: str, target: str) -> None:
    found = score(reply, target)
    assert found is None or 0.0 <= found <= 1.0


@given(st.lists(st.integers(0, 999), min_size=1, max_size=6))
def test_a_chain_reaches_itself_and_its_part_a_part(results: list[int]) -> None:
    chain = [f"0 + {result} = {result}" for result in results]
    assert score(" ; ".join(chain), " ; ".join(chain)) == 1.0
    shorter = " ; ".join(chain[:-1])
    assert score(shorter, " ; ".join(chain)) == pytest.approx(1 - 1 / len(chain))


@pytest.mark.data
@pytest.mark.skipif("ESPALIER_DATA" not in os.environ, reason="ESPALIER_DATA names no folder")
def test_the_references_of_gsm8k_reach_all_their_steps_and_those_of_others_few() -> None:
    from espalier.abilities.gsm8k import gsm8k

    items = gsm8k().items
    grade = process().grade
    own = [grade(item, Reply(text=item.target)).score for item in items]
    assert [one for one in own if one is not None] == [1.0] * 1_318  # one works nothing out
    shifted = zip(items, [*items[1:], items[0]], strict=True)
    others = [grade(item, Reply(text=other.target)).score for item, other in shifted]
    scored = [one for one in others if one is not None]
    assert sum(scored) / len(scored) < 0.1


def test_an_endless_run_of_digits_is_read_in_one_go() -> None:
    endless = "9" * 200_000

    found = list(values(f"{endless} 1/{endless}.5 #### {endless}"))

    assert len(found) == 4
    assert found[0].plain == found[-1].plain == endless
