"""`{"instruction", "input", "output"}`, as Alpaca, with `history` and `response` as others add.

`input` follows the instruction after a blank line; `history` is `[[question, reply], ...]` before
it; `system` opens the conversation; `response` serves where there is no `output`.
"""

from collections.abc import Iterator

from espalier.errors import DataError
from espalier.format import Format, Record, Turn, listed, text


def _matches(record: Record) -> bool:
    return "instruction" in record and ("output" in record or "response" in record)


def _turns(record: Record) -> Iterator[Turn]:
    if record.get("system"):
        yield "system", text(record, "system")
    if record.get("history"):  # some files write "" for none
        yield from _history(record)
    asked = (text(record, "instruction"), text(record, "input") if record.get("input") else "")
    yield "user", "\n\n".join(part for part in asked if part.strip())
    yield "assistant", text(record, _reply(record))


def _reply(record: Record) -> str:
    """Return the column that holds the reply: the first of the two with anything in it."""
    return next((column for column in ("output", "response") if record.get(column)), "output")


def _history(record: Record) -> Iterator[Turn]:
    for pair in listed(record, "history"):
        match pair:
            case [str(question), str(reply)]:
                yield "user", question
                yield "assistant", reply
            case _:
                raise DataError("'history' holds something other than pairs of two texts")


alpaca = Format(
    columns=("instruction", "input", "output", "response", "history", "system"),
    matches=_matches,
    turns=_turns,
)
