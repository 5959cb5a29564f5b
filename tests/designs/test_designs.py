"""Designs: which mixtures a question needs."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from espalier.design import Amount, Labelled, designs, share
from espalier.errors import SpecError

SOURCES = ("math", "code", "general")
HAVE = {"math": 110_142, "code": 20_022, "general": 86_060}
FIFTHS = tuple(Amount(share=Fraction(1, n)) for n in (1, 4, 16, 64, 256))
"""The five amounts of Dong et al., 2023."""


def count(source: str, amount: Amount) -> int:
    return int(HAVE[source] * amount.value if amount.unit == "share" else amount.value)


def test_single_takes_each_source_alone_at_each_amount() -> None:
    found = list(designs["single"](SOURCES, count, amounts=FIFTHS))
    assert [dict(mixture) for _, mixture in found[:5]] == [
        {"math": n} for n in (110_142, 27_535, 6_883, 1_720, 430)
    ]
    assert [mixture["code"] for _, mixture in found[5:10]] == [20_022, 5_005, 1_251, 312, 78]
    assert [mixture["general"] for _, mixture in found[10:]] == [86_060, 21_515, 5_378, 1_344, 336]
    assert {label for label, _ in found} == {"single"}


def test_single_can_be_asked_of_some_sources() -> None:
    found = list(designs["single"](SOURCES, count, amounts=(Amount(rows=5),), of=("code",)))
    assert found == [("single", {"code": 5})]


def test_together_takes_the_same_fraction_of_every_source() -> None:
    found = list(designs["together"](SOURCES, count, amounts=FIFTHS))
    assert len(found) == 5
    assert found[-1] == ("together", {"math": 430, "code": 78, "general": 336})


def test_vary_asks_the_papers_three_questions_about_ratio() -> None:
    special, whole = ("math", "code"), Amount(share=1)
    a = list(designs["vary"](SOURCES, count, amounts=FIFTHS, of=special, fixed={"general": whole}))
    assert [m["general"] for _, m in a] == [86_060] * 5
    assert [(m["math"], m["code"]) for _, m in a][-1] == (430, 78)
    all_special = {"math": whole, "code": whole}
    b = list(designs["vary"](SOURCES, count, amounts=FIFTHS, of=("general",), fixed=all_special))
    assert [m["general"] for _, m in b] == [86_060, 21_515, 5_378, 1_344, 336]
    assert {(m["math"], m["code"]) for _, m in b} == {(110_142, 20_022)}
    little = {"general": Amount(share=Fraction(1, 64))}
    c = list(designs["vary"](SOURCES, count, amounts=FIFTHS, of=special, fixed=little))
    assert [m["general"] for _, m in c] == [1_344] * 5
    assert [label for label, _ in (a[0], b[0], c[0])] == [
        "vary:math+code",
        "vary:general",
        "vary:math+code",
    ]


DOIT = {
    "biology": 1_042,
    "history": 1_893,
    "code": 4_968,
    "creative_writing": 1_000,
    "chinese": 1_450,
    "understanding": 4_885,
    "role_play": 1_000,
    "reasoning": 12_751,
    "math": 11_501,
    "ethics": 1_000,
    "gpt4": 40_960,
}
"""What there is to train on in Song et al., 2023."""
ORIGINS = {source: "synthetic" if source == "gpt4" else "human" for source in DOIT}
RESIST = {
    "ethics": Amount(rows=64),
    "role_play": Amount(rows=64),
    "creative_writing": Amount(rows=1_000),
}


def doit(source: str, amount: Amount) -> int:
    return int(DOIT[source] * amount.value if amount.unit == "share" else amount.value)


def ask(name: str, **options: Any) -> list[Labelled]:
    return list(designs[name](tuple(DOIT), doit, origins=ORIGINS, **options))


def test_baseline_takes_the_same_of_every_human_source() -> None:
    ((label, mixture),) = ask("baseline", amounts=(Amount(rows=1_000),))
    assert (label, sum(mixture.values()), set(mixture.values())) == ("baseline", 10_000, {1_000})
    assert "gpt4" not in mixture
    ((_, few),) = ask("baseline", amounts=(Amount(rows=16),), of=("code", "math"))
    assert few == {"code": 16, "math": 16}


def test_reconstruct_deals_the_papers_10000_rows_as_the_paper_did() -> None:
    ((label, mixture),) = ask("reconstruct", amounts=(Amount(rows=10_000),), fixed=RESIST)
    small = {"ethics", "role_play", "creative_writing", "biology"}
    assert label == "reconstruct"
    assert sum(mixture.values()) == 10_000
    assert mixture["biology"] == 1_042  # all there is, which is less than an even share
    assert {rows for source, rows in mixture.items() if source not in small} == {1_305}


def test_a_total_beyond_what_there_is_or_below_what_is_fixed_is_refused() -> None:
    with pytest.raises(SpecError, match=r"are to be shared by biology, .* which have 38490"):
        ask("reconstruct", amounts=(Amount(rows=50_000),), fixed=RESIST)
    with pytest.raises(SpecError, match="`fixed` takes more than the 100 rows"):
        ask("reconstruct", amounts=(Amount(rows=100),), fixed=RESIST)
    with pytest.raises(SpecError, match="1/2 share is no total; give it in `rows`"):
        ask("reconstruct", amounts=(Amount(share=Fraction(1, 2)),), fixed=RESIST)


def test_maximum_takes_all_but_of_what_is_fixed() -> None:
    ((label, mixture),) = ask("maximum", fixed=RESIST)
    assert (label, sum(mixture.values())) == ("maximum", 39_618)  # as the paper's own file has
    assert mixture["ethics"] == 64
    assert mixture["math"] == 11_501


def test_mix_adds_synthetic_rows_to_the_maximum_and_none_is_the_maximum_itself() -> None:
    found = ask("mix", add=(0, 2_560, 40_960), fixed=RESIST)
    ((_, below),) = ask("maximum", fixed=RESIST)
    assert [label for label, _ in found] == ["mix-0", "mix-2560", "mix-40960"]
    assert found[0][1] == below
    assert [mixture.get("gpt4", 0) for _, mixture in found] == [0, 2_560, 40_960]
    assert all(mixture.without("gpt4") == below for _, mixture in found)
    with pytest.raises(SpecError, match="50000 rows are to be shared by gpt4, which have 40960"):
        ask("mix", add=(50_000,), fixed=RESIST)


def test_rows_are_shared_evenly_as_far_as_each_goes() -> None:
    assert share(10, {"a": 100, "b": 2, "c": 100}, "here") == {"a": 4, "b": 2, "c": 4}
    assert share(0, {}, "here") == {}
    dealt = share(11, {"a": 5, "b": 5, "c": 5}, "here")
    assert sum(dealt.values()) == 11
    assert max(dealt.values()) - min(dealt.values()) == 1
