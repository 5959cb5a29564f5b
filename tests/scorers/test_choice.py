"""Multiple choice: what a reply says, which letter is likeliest, and what guessing gives."""

from __future__ import annotations

import re
from collections.abc import Callable
from math import comb
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from espalier.ability import Item, Likelihood, Reply
from espalier.errors import DataError
from espalier.scorers._letters import blank, letters, squeezed, verdict
from espalier.scorers.choice import choice

OPTIONS = ("农业生产工具", "土地", "劳动力", "资金")

ONE = {
    "B": "B",
    "B.": "B",
    "（Ｂ）": "B",
    "Ｂ": "B",
    "Ⓑ": "B",
    "b": "B",
    "(b)": "B",
    "Answer: b.": "B",
    "选B": "B",
    "应选 B 项": "B",
    "故选B。": "B",
    "我们应选择B": "B",
    "答案是B": "B",
    "答案：B": "B",
    "【答案】B": "B",
    "**答案：B**": "B",
    "答案是 (B)。": "B",
    "我认为答案是“B”": "B",
    "答案应该是B吧": "B",
    "正确的选项是：B": "B",
    "选择选项B": "B",
    "根据题意，B项正确。": "B",
    "B是正确答案": "B",
    "B. 37.8°C": "B",
    "B因为土地最重要": "B",
    "B\n因为": "B",
    "The answer is (C).": "C",
    "The correct answer is option B: land": "B",
    "I would choose C": "C",
    "Option C is correct because of X": "C",
    "Among A through D, the answer is D": "D",
    r"$\boxed{\text{D}}$": "D",
    r"so \boxed{D}": "D",
    "土地": "B",
    "答案是土地": "B",
    "土地。": "B",
    "首先看A，描述的是工具；再看B，不对。综上所述，正确答案为C。": "C",
    "A不正确，B也不对，C错误，所以选D": "D",
    "The answer is B, because A is wrong": "B",
    "答案是A，D错误": "A",
    "选D，不选A": "D",
    "答案不是A，是C": "C",
    "": None,
    "我不知道": None,
    "不选A": None,
    "不应选A": None,
    "A、B都对": None,
    "A car is driven": None,
    "E": None,
    "The answer is not given.": None,
}
SEVERAL = {
    "AC": "AC",
    "ca": "AC",
    "A、C": "AC",
    "A,C": "AC",
    "（A）（C）": "AC",
    "(A) and (C)": "AC",
    "答案是A和C": "AC",
    "答案：A C": "AC",
    "正确答案是：A；C": "AC",
    "A,C都正确": "AC",
    "The answers are A and C.": "AC",
    "A. 农业\nC. 劳动力": "AC",
    "A正确。B错误。C正确。D错误。": "AC",
    "ABD。": "ABD",
    "应选ACD": "ACD",
    "A, B, C, D": "ABCD",
    "故选BD，A不选": "BD",
    "A": "A",
    "都不对": None,
}


@pytest.mark.parametrize(("reply", "wanted"), ONE.items())
def test_the_letter_is_found_in_what_models_write(reply: str, wanted: str | None) -> None:
    found = letters(reply, options=OPTIONS)
    assert (found and "".join(found)) == wanted


@pytest.mark.parametrize(("reply", "wanted"), SEVERAL.items())
def test_all_letters_are_found_where_several_may_be_chosen(reply: str, wanted: str | None) -> None:
    found = letters(reply, options=OPTIONS, several=True)
    assert (found and "".join(found)) == wanted


@pytest.mark.parametrize(
    ("reply", "wanted"),
    [
        ("siege of Quito A", "A"),
        ("siege of Quito B", "B"),
        ("siege of Quito A B", None),
        ("vitamin D", "B"),
        ("vitamin D A", "A"),
        ("B vitamin D", "B"),
        ("C siege of Quito", "C"),
        ("A siege of Quito .", "A"),
        ("A. feast of Riga", "A"),
        ("A feast of Riga", None),  # a letter, or an article
        ("C vitamin , D feast of Riga", None),
        ("D feast of Riga\nD. feast of Riga", "D"),
        ("A siege of Quito and B vitamin D", None),
        ("C vitamin is what I mean", "C"),
    ],
)
def test_of_an_option_with_a_letter_the_letter_counts(reply: str, wanted: str | None) -> None:
    found = letters(reply, options=["siege of Quito", "vitamin D", "vitamin", "feast of Riga"])
    assert (found and "".join(found)) == wanted


def test_all_options_with_letters_are_chosen_where_several_may_be() -> None:
    found = letters("C vitamin , B vitamin D", options=["a", "vitamin D", "vitamin"], several=True)
    assert found == ("B", "C")


@pytest.mark.parametrize(
    "options", [("3", "13", "30", "1"), ("race of Lima", "trace of Lima", "of Lima", "Lima")]
)
def test_an_option_that_is_part_of_another_is_still_told_from_it(options: tuple[str, ...]) -> None:
    for letter, option in zip("ABCD", options, strict=True):
        for reply in (option, f"{option} .", f"{letter} {option}", f"{option} {letter}"):
            assert letters(reply, options=options) == (letter,), reply


@pytest.mark.parametrize(
    ("reply", "wanted"),
    [
        *[(word, True) for word in ("正确", "对", "是", "T", "V", "√", "True", "没错", "没有错误")],
        *[(word, True) for word in ("答案：对", "对于这个问题，说法正确", "That is right.")],
        *[(word, False) for word in ("错误。", "不对", "否", "F", "X", "×", "Incorrect", "不正确")],
        *[(word, False) for word in ("不完全正确", "This is not true.", "这种说法是错误的")],
        ("题目问是否正确，答案是错误", False),
        *[(word, None) for word in ("", "正确或错误", "对于这个问题", "I think so")],
    ],
)
def test_a_verdict_is_true_or_false_or_none(reply: str, wanted: bool | None) -> None:
    assert verdict(reply) is wanted


@pytest.mark.parametrize(
    ("reply", "wanted"),
    [("李白", "李白"), ("答案是李白。", "李白"), ("空格处应填“春风”。", "春风"), ("", None)],
)
def test_the_words_for_a_blank(reply: str, wanted: str | None) -> None:
    assert blank(reply) == wanted


def page(wanted: str) -> list[tuple[str, str]]:
    """Return (reply, answer) of the documentation's table of examples."""
    text = (Path(__file__).parents[2] / "docs/parsing.md").read_text(encoding="utf-8")
    [table] = re.findall(rf"\| reply, {wanted} wanted \|.*\n\|---.*\n((?:\|.*\n)+)", text)
    return re.findall(r"^\| `(.+?)` \| (\S+) \|", table, re.MULTILINE)


READERS: dict[str, Callable[[str], object]] = {
    "one letter": lambda r: "".join(letters(r, options=OPTIONS) or ("none",)),
    "several letters": lambda r: "".join(letters(r, options=OPTIONS, several=True) or ("none",)),
    "true or false": lambda r: str(verdict(r)).lower(),
    "words for a blank": lambda r: blank(r) or "none",
}


@pytest.mark.parametrize("wanted", READERS)
def test_the_examples_on_the_page_are_read_as_it_says(wanted: str) -> None:
    examples = page(wanted)
    assert len(examples) >= 3
    found = {reply: READERS[wanted](reply) for reply, _ in examples}
    assert found == dict(examples)


SAYINGS = (
    "{}",
    "({})",
    "{}.",
    "答案是{}",
    "答案：{}。",
    "故选{}",
    "The answer is {}.",
    "选{}",
    "（{}）",
)


@given(st.sampled_from("ABCD"), st.sampled_from(SAYINGS), st.booleans())
def test_full_width_letters_are_letters(letter: str, saying: str, wide: bool) -> None:
    shown = chr(ord(letter) + 0xFEE0) if wide else letter
    assert letters(saying.format(shown), options=OPTIONS) == (letter,)


@given(st.sets(st.sampled_from("ABCDE"), min_size=1), st.sampled_from(["", "、", ", ", " and "]))
def test_a_set_of_letters_is_found_however_it_is_joined(chosen: set[str], joint: str) -> None:
    for saying in SAYINGS[:8]:
        found = letters(saying.format(joint.join(sorted(chosen))), options="12345", several=True)
        assert found == tuple(sorted(chosen))


@given(st.text(), st.lists(st.text(max_size=8), min_size=2, max_size=6), st.booleans())
def test_whatever_is_said_only_options_are_chosen(
    reply: str, options: list[str], several: bool
) -> None:
    found = letters(reply, options=options, several=several)
    known = "ABCDEF"[: len(options)]
    assert found is None or (set(found) <= set(known) and list(found) == sorted(set(found)))
    assert several or found is None or len(found) == 1
    assert verdict(reply) in (True, False, None)
    assert blank(reply) != ""


@given(st.text())
def test_what_is_compared_does_not_depend_on_width_or_punctuation(text: str) -> None:
    wide = "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text)
    assert squeezed(wide) == squeezed(text) == squeezed(f"“{text}”。")


def item(answer: object = "B", **facts: object) -> Item:
    target = "".join(answer) if isinstance(answer, str | list) else str(answer)
    others = [letter for letter in "ABCD" if letter != target]
    return Item(
        id="i",
        prompt="?",
        target=target,
        candidates=(target, *others),
        chance=1 / comb(4, len(answer)) if isinstance(answer, list) else 1 / 4,
        facts={"options": list(OPTIONS), "answer": answer, **facts},
    )


def reply(text: str | None = None, **values: float) -> Reply:
    """Say `text`, with the log-probability of each candidate's first token, in their order."""
    given = (Likelihood(total=v - 1, tokens=2, characters=1, first=v) for v in values.values())
    return Reply(text=text, likelihoods=tuple(given))


def test_a_reply_is_graded_by_what_it_says() -> None:
    grade = choice(by="text").grade
    assert grade(item(), Reply(text="答案是B")).score == 1
    assert grade(item(), Reply(text="答案是C")).score == 0
    nothing = grade(item(), Reply(text="不知道"))
    assert (nothing.score, nothing.extracted, nothing.reason) == (
        0,
        None,
        "the reply has no answer",
    )
    assert grade(item(), Reply()).score is None


def test_of_several_right_options_all_and_no_other_must_be_chosen() -> None:
    grade = choice(by="text").grade
    scores = [grade(item(["A", "C"]), Reply(text=t)).score for t in ("CA", "A", "ABC", "A、C")]
    assert scores == [1, 0, 0, 1]


def test_true_or_false_and_blanks_are_choices_too() -> None:
    grade = choice(by="text").grade
    for answer in (False, "错误", "F"):
        asked = item(kind="true_false", answer=answer)
        assert [grade(asked, Reply(text=t)).score for t in "对错?"] == [0, 1, 0]
    blanks = [
        grade(item(kind="cloze", answer="李白"), Reply(text=t)).score for t in ("“李白”", "杜甫")
    ]
    assert blanks == [1, 0]


def test_the_likeliest_first_token_is_chosen() -> None:
    grade = choice(by="likelihood").grade
    assert grade(item(), reply(B=-1, A=-2, C=-3, D=-4)).score == 1
    wrong = grade(item(), reply(B=-2, A=-1, C=-3, D=-4))
    assert (wrong.score, wrong.extracted) == (0, "A")
    assert grade(item(), Reply()).score is None


def test_ties_share_the_point_so_that_a_model_without_opinion_scores_chance() -> None:
    grade = choice(by="likelihood").grade
    assert grade(item(), reply(B=-1, A=-1, C=-3, D=-4)).score == 0.5
    assert grade(item(), reply(B=-1, A=-1, C=-1, D=-1)).score == 0.25
    for answer in (["B"], ["A", "C"], ["A", "B", "C", "D"]):
        asked = item(answer)
        level = dict.fromkeys(asked.candidates, -1.0)
        assert grade(asked, reply(**level)).score == pytest.approx(asked.chance)


def test_as_many_letters_are_taken_as_are_right() -> None:
    grade = choice(by="likelihood").grade
    assert grade(item(["A", "C"]), reply(AC=-9, A=-1, B=-3, C=-2, D=-4)).score == 1
    found = grade(item(["A", "C"]), reply(AC=-9, A=-1, B=-2, C=-3, D=-4))
    assert (found.score, found.extracted) == (0, "AB")


def test_whole_replies_may_be_compared_by_length() -> None:
    long = Likelihood(total=-6, tokens=6, characters=3, first=-5)
    short = Likelihood(total=-4, tokens=1, characters=4, first=-1)
    asked = Item(id="i", prompt="?", target="long", candidates=("long", "short"))
    given = Reply(likelihoods=(long, short))
    scores = {
        per: choice(by="likelihood", at="whole", per=per).grade(asked, given).score  # type: ignore[arg-type]
        for per in ("reply", "token", "character")
    }
    assert scores == {"reply": 0, "token": 1, "character": 0}


def test_candidates_that_begin_alike_are_compared_whole() -> None:
    asked = Item(id="i", prompt="?", target="正确", candidates=("正确", "正误"))
    first, second = (Likelihood(total=t, tokens=2, characters=2, first=-1) for t in (-3, -4))
    assert choice(by="likelihood").grade(asked, Reply(likelihoods=(first, second))).score == 1


def test_answers_kept_without_their_first_token_are_unscored() -> None:
    old = Reply(likelihoods=(Likelihood(total=-1, tokens=1, characters=1),) * 4)
    grade = choice(by="likelihood").grade(item(), old)
    assert grade.score is None
    assert choice(by="likelihood", at="whole").grade(item(), old).score == 0.25


def test_a_reply_of_one_character_is_taken_at_its_word_and_any_other_by_likelihood() -> None:
    scorer = choice(by="text_then_likelihood")
    assert (scorer.asks, scorer.also) == ("generate", "likelihood")
    likely = {"B": -1.0, "A": -2.0, "C": -3.0, "D": -4.0}
    assert scorer.grade(item(), reply(" B ", **likely)).score == 1
    assert scorer.grade(item(), reply("C", **likely)).score == 0
    assert scorer.grade(item(), reply("好", **likely)).score == 0
    assert scorer.grade(item(), reply("答案是C", **likely)).score == 1
    assert scorer.grade(item(["A", "C"]), reply("A、C")).score == 1


def test_the_mean_over_subjects_has_its_own_name() -> None:
    assert choice(average="clusters").metric == "macro_accuracy"
    assert choice(average="clusters").average == "clusters"


@pytest.mark.parametrize("by", ["text", "text_then_likelihood"])
def test_an_item_that_is_no_choice_is_refused_in_one_line(by: str) -> None:
    bare = Item(id="bare", prompt="?", target="x")
    with pytest.raises(DataError, match=r"item bare has no fact 'answer'; `choice` needs"):
        choice(by=by).grade(bare, Reply(text="B"))  # type: ignore[arg-type]
    with pytest.raises(DataError, match="item bare has a single candidate"):
        choice(by="likelihood").grade(bare, reply(x=-1))
