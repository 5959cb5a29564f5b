"""`{"question", "answer"}` with the final number after `####`, as GSM8K (Cobbe et al., 2021).

The reply is kept as published, calculator annotations included.
"""

from collections.abc import Iterator

from espalier.errors import DataError
from espalier.format import Format, Record, Turn, text


def _matches(record: Record) -> bool:
    return "question" in record and "####" in str(record.get("answer"))


def _turns(record: Record) -> Iterator[Turn]:
    answer = text(record, "answer")
    if "####" not in answer:
        raise DataError("the answer has no '####' before its final number")
    yield "user", text(record, "question")
    yield "assistant", answer


gsm8k = Format(columns=("question", "answer"), matches=_matches, turns=_turns)
