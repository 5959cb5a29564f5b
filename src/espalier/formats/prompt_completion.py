"""`{"prompt", "completion"}`: one question and its reply; with `columns:`, any two text columns."""

from collections.abc import Iterator

from espalier.format import Format, Record, Turn, text


def _matches(record: Record) -> bool:
    return "prompt" in record and "completion" in record


def _turns(record: Record) -> Iterator[Turn]:
    yield "user", text(record, "prompt")
    yield "assistant", text(record, "completion")


prompt_completion = Format(columns=("prompt", "completion"), matches=_matches, turns=_turns)
