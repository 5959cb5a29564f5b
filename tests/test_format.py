"""What of a conversation can be trained on, whatever format it comes in."""

from __future__ import annotations

import pytest

from espalier.errors import DataError
from espalier.format import Turn, conversation, formats


def spoken(*turns: str) -> list[Turn]:
    """Turns written as `user: hello`."""
    return [(who, said) for who, said in (turn.split(": ", 1) for turn in turns)]


def kept(*turns: str) -> list[str]:
    return [f"{message['role']}: {message['content']}" for message in conversation(spoken(*turns))]


def test_a_plain_conversation_is_kept_as_it_is() -> None:
    turns = ["system: be kind", "user:  a ", "assistant: b\n", "user: c", "assistant: d"]
    assert kept(*turns) == turns


def test_speakers_have_many_names() -> None:
    assert kept("Human: a", "gpt: b", "human: c", "ChatGPT: d", "user: e", "bot: f") == [
        *("user: a", "assistant: b", "user: c", "assistant: d", "user: e", "assistant: f")
    ]


def test_what_comes_before_the_first_question_is_left_out() -> None:
    assert kept("gpt: lost", "human: a", "gpt: b") == ["user: a", "assistant: b"]
    assert kept("gpt: lost", "human: ", "gpt: lost", "human: a", "gpt: b") == [
        *("user: a", "assistant: b")
    ]
    assert kept("system: s", "gpt: lost", "human: a", "gpt: b") == [
        *("system: s", "user: a", "assistant: b")
    ]


def test_turns_of_one_speaker_in_a_row_are_joined() -> None:
    assert kept("user: a", "user: ", "user: b", "gpt: c", "gpt: d") == [
        *("user: a\n\nb", "assistant: c\n\nd")
    ]


def test_a_conversation_ends_with_its_last_reply_and_before_an_empty_turn() -> None:
    assert kept("user: a", "gpt: b", "user: c") == ["user: a", "assistant: b"]
    assert kept("user: a", "gpt: b", "user:  ", "gpt: c") == ["user: a", "assistant: b"]
    assert kept("user: a", "gpt: b", "user: c", "gpt: ", "user: d", "gpt: e") == [
        *("user: a", "assistant: b")
    ]


def test_an_empty_system_turn_is_left_out() -> None:
    assert kept("system:  ", "user: a", "gpt: b") == ["user: a", "assistant: b"]


@pytest.mark.parametrize(
    ("turns", "why"),
    [
        ([], "no user turn with text"),
        (["gpt: a"], "no user turn with text"),
        (["system: a"], "no user turn with text"),
        (["user: a"], "no assistant turn"),
        (["user: a", "user: b"], "no assistant turn"),
        (["user: a", "gpt: \n"], "the reply is empty"),
        (["user: a", "gpt: ", "user: b", "gpt: c"], "the reply is empty"),
        (["user: a", "gpt: b", "system: c", "user: d", "gpt: e"], "a system turn after"),
        (["user: a", "tool: b"], "an unknown speaker 'tool'; known are system, user"),
        (["user: a", "gpt: \udcff"], "half a surrogate pair"),
    ],
)
def test_what_cannot_be_trained_on_says_why(turns: list[str], why: str) -> None:
    with pytest.raises(DataError, match=why):
        kept(*turns)


def test_every_format_says_which_columns_it_reads() -> None:
    assert {"alpaca", "gsm8k", "messages", "prompt_completion", "sharegpt"} <= set(formats)
    assert all(form.columns for form in formats.values())
