"""Designs: which mixtures a question needs."""

from __future__ import annotations

from fractions import Fraction

from espalier.design import Amount, designs

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
