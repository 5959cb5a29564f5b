"""Exam questions with their options or analysis, as LogiQA 2.0 and GAOKAO-Bench have them.

`{"text", "question", "options", "answer": NUMBER}` is answered by a letter;
`{"question", "answer", "analysis"}` by the analysis and then the letters.
"""

from collections.abc import Iterator
from string import ascii_uppercase

from espalier.errors import DataError
from espalier.format import Format, Record, Turn, listed, text


def _matches(record: Record) -> bool:
    return (
        "question" in record and "answer" in record and bool({"options", "analysis"} & set(record))
    )


def _turns(record: Record) -> Iterator[Turn]:
    parts = [text(record, "text")] if record.get("text") else []
    options = listed(record, "options") if record.get("options") else []
    lettered = [f"{letter}. {o}" for letter, o in zip(ascii_uppercase, options, strict=False)]
    yield "user", "\n".join([*parts, text(record, "question").strip(), *lettered])
    answer = _answer(record["answer"], len(options))
    analysis = text(record, "analysis").strip() if record.get("analysis") else ""
    yield "assistant", f"{analysis}\n答案：{answer}" if analysis else answer


def _answer(answer: object, options: int) -> str:
    match answer:
        case bool():
            pass
        case int(number) if 0 <= number < options:
            return ascii_uppercase[number]
        case str(words):
            return words
        case [str(), *_]:
            return "；".join(map(str, answer))
    raise DataError(f"the answer {answer!r} names no option and is no text")


exam = Format(
    columns=("text", "question", "options", "answer", "analysis"), matches=_matches, turns=_turns
)
