"""`{"dialogue": [...], "questions": [{"question", "choice", "answer"}]}`, as C3 and DREAM.

All questions about one dialogue are one conversation; a reply is the letter of the right choice.
"""

from collections.abc import Iterator, Mapping
from string import ascii_uppercase

from espalier.errors import DataError
from espalier.format import Format, Record, Turn, listed, text


def _matches(record: Record) -> bool:
    asked = record.get("questions")
    return (
        isinstance(record.get("dialogue"), list)
        and isinstance(asked, list)
        and all(isinstance(one, Mapping) and "choice" in one for one in asked[:1])
    )


def _turns(record: Record) -> Iterator[Turn]:
    before = "\n".join(str(line) for line in listed(record, "dialogue")) + "\n\n"
    for asked in listed(record, "questions"):
        if not isinstance(asked, Mapping):
            raise DataError("'questions' holds something other than questions")
        choices = [str(choice) for choice in listed(asked, "choice")]
        options = [f"{letter}. {c}" for letter, c in zip(ascii_uppercase, choices, strict=False)]
        yield "user", before + "\n".join([text(asked, "question"), *options])
        if text(asked, "answer") not in choices:
            raise DataError("the answer is none of the choices")
        yield "assistant", ascii_uppercase[choices.index(asked["answer"])]
        before = ""


reading = Format(columns=("dialogue", "questions"), matches=_matches, turns=_turns)
