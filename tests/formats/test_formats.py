"""Each format recognises its own records and takes them apart, or says what is wrong."""

from __future__ import annotations

from typing import Any

import pytest

from espalier.errors import DataError
from espalier.format import formats

USER, REPLY = {"role": "user", "content": "q"}, {"role": "assistant", "content": "r"}
GOOD: dict[str, dict[str, Any]] = {
    "messages": {"messages": [USER, REPLY], "id": 1},
    "sharegpt": {"conversations": [{"from": "human", "value": "q"}, {"from": "gpt", "value": "r"}]},
    "alpaca": {"instruction": "q", "input": "", "output": "r"},
    "prompt_completion": {"prompt": "q", "completion": "r"},
    "gsm8k": {"question": "q", "answer": "r #### 1"},
}


@pytest.mark.parametrize("name", GOOD)
def test_a_record_is_recognised_by_its_own_format_alone(name: str) -> None:
    assert [other for other, form in formats.items() if form.matches(GOOD[name])] == [name]


@pytest.mark.parametrize("name", GOOD)
def test_a_record_becomes_a_question_and_a_reply(name: str) -> None:
    question, reply = formats[name].read(GOOD[name])
    assert question == USER
    assert reply["content"] == ("r #### 1" if name == "gsm8k" else "r")


def read(name: str, record: dict[str, Any]) -> list[str]:
    return [message["content"] for message in formats[name].read(record)]


def test_alpaca_puts_the_input_after_the_instruction() -> None:
    assert read("alpaca", {"instruction": "i", "input": "x", "output": "o"}) == ["i\n\nx", "o"]
    assert read("alpaca", {"instruction": "", "input": "x", "output": "o"}) == ["x", "o"]
    assert read("alpaca", {"instruction": "i", "output": "o"}) == ["i", "o"]
    assert read("alpaca", {"instruction": "i", "input": None, "output": "o"}) == ["i", "o"]


def test_alpaca_takes_the_response_where_there_is_no_output() -> None:
    assert read("alpaca", {"instruction": "i", "response": "o"}) == ["i", "o"]
    assert read("alpaca", {"instruction": "i", "response": "o", "output": ""}) == ["i", "o"]
    assert read("alpaca", {"instruction": "i", "response": "no", "output": "o"}) == ["i", "o"]


def test_alpaca_begins_with_its_history() -> None:
    record = {"instruction": "c", "output": "d", "history": [["a", "b"]], "system": "s"}
    assert read("alpaca", record) == ["s", "a", "b", "c", "d"]
    assert read("alpaca", {"instruction": "c", "output": "d", "history": ""}) == ["c", "d"]
    assert read("alpaca", {"instruction": "c", "output": "d", "history": []}) == ["c", "d"]


def test_columns_give_the_files_own_names_to_any_format() -> None:
    record = {"chat": GOOD["messages"]["messages"], "messages": "not these"}
    assert len(formats["messages"].read(record, {"messages": "chat"})) == 2
    swapped = {"prompt": "the reply", "completion": "the question"}
    columns = {"prompt": "completion", "completion": "prompt"}
    asked, said = formats["prompt_completion"].read(swapped, columns)
    assert (asked["content"], said["content"]) == ("the question", "the reply")


@pytest.mark.parametrize(
    ("name", "record", "why"),
    [
        ("messages", {"messages": "text"}, "'messages' is text, not a list"),
        ("messages", {}, "no column 'messages'"),
        ("messages", {"messages": ["q", "r"]}, "a turn is text, not a mapping of 'role' and"),
        ("messages", {"messages": [{"role": "user"}]}, "no column 'content'"),
        ("messages", {"messages": [{"role": None, "content": "q"}]}, "'role' is null, not text"),
        ("messages", {"messages": [USER, {"role": "assistant", "content": []}]}, "is a list, not"),
        ("sharegpt", {"conversations": None}, "'conversations' is null, not a list"),
        ("sharegpt", {"conversations": [{"from": "human", "text": "q"}]}, "no column 'value'"),
        ("alpaca", {"instruction": 3, "output": "o"}, "'instruction' is a number, not text"),
        ("alpaca", {"instruction": "i", "input": ["x"], "output": "o"}, "'input' is a list"),
        ("alpaca", {"instruction": "i", "output": None}, "'output' is null, not text"),
        ("alpaca", {"instruction": "i", "output": "o", "history": "x"}, "'history' is text, not"),
        ("alpaca", {"instruction": "i", "output": "o", "history": [["a"]]}, "other than pairs"),
        ("alpaca", {"instruction": "i", "output": "o", "history": [["a", 1]]}, "other than pairs"),
        ("gsm8k", {"question": "q", "answer": "5"}, "no '####' before its final number"),
        ("gsm8k", {"question": "q", "answer": 5}, "'answer' is a number, not text"),
    ],
)
def test_a_record_that_cannot_be_used_says_why(name: str, record: dict[str, Any], why: str) -> None:
    with pytest.raises(DataError) as caught:
        formats[name].read(record)
    assert why in str(caught.value)
