"""A format: one way in which conversations are written down, told apart by looking.

A format only takes a record apart into turns; `conversation` then decides, for all formats
alike, what of it can be trained on:

* what comes before the first user turn answers something that is not there, and is left out
  (a ShareGPT conversation that begins with a `gpt` turn was split by its publisher);
* turns of one speaker in a row are joined by a blank line, as chat templates want them to take
  turns;
* the conversation ends before its first empty turn, and with its last reply.

What then lacks a question or a reply cannot be used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import dropwhile, groupby, takewhile
from typing import Any, Literal, cast

from espalier.ability import Message
from espalier.errors import DataError
from espalier.shelf import Shelf

Record = Mapping[str, Any]
"""One row as the file gives it: column name -> value."""

Role = Literal["system", "user", "assistant"]

Turn = tuple[str, str]
"""Who speaks, in the format's own word, and what is said."""

_ROLES: Mapping[str, Role] = {
    "system": "system",
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "bot": "assistant",
    "model": "assistant",
}


@dataclass(frozen=True, kw_only=True)
class Format:
    """How one format is recognised, and how a record of it becomes turns."""

    columns: tuple[str, ...]
    """The columns it reads; `columns:` maps these words to what a file calls them."""
    matches: Callable[[Record], bool]
    """Say whether a record looks like this format."""
    turns: Callable[[Record], Iterable[Turn]]
    """Take a record apart.  Raises `DataError` with the reason if it cannot."""

    def read(self, record: Record, columns: Mapping[str, str] | None = None) -> tuple[Message, ...]:
        """Return the usable conversation of `record`, or raise `DataError` with the reason."""
        return conversation(self.turns(rename(record, columns)))


formats: Shelf[Format] = Shelf("espalier.formats")
"""`formats["alpaca"]` is the format itself."""


def rename(record: Record, columns: Mapping[str, str] | None) -> Record:
    """Return `record` with the user's column names replaced by the format's own words."""
    if not columns:
        return record
    taken = set(columns.values())
    rest = {name: value for name, value in record.items() if name not in taken}
    return rest | {word: record[name] for word, name in columns.items() if name in record}


def conversation(turns: Iterable[Turn]) -> tuple[Message, ...]:
    """Return the part of a conversation that can be trained on (see the module's text).

    Raises `DataError` with the reason where nothing is left.
    """
    spoken = [(_role(speaker), _sound(text)) for speaker, text in turns]
    joined = [
        _message(role, "\n\n".join(text for _, text in group if text.strip()))
        for role, group in groupby(spoken, key=lambda turn: turn[0])
    ]
    opening = list(takewhile(lambda m: m["role"] == "system", joined))
    said = list(dropwhile(_is_no_question, joined[len(opening) :]))
    if any(m["role"] == "system" for m in said):
        raise DataError("a system turn after the conversation has begun")
    if not said:
        raise DataError("no user turn with text")
    whole = list(takewhile(lambda m: m["content"], said))
    replies = len(whole) // 2  # user and assistant take turns, the user first
    if not replies:
        raise DataError("the reply is empty" if len(said) > 1 else "no assistant turn")
    return tuple(m for m in opening if m["content"]) + tuple(whole[: 2 * replies])


def text(record: Record, column: str) -> str:
    """Return a column that must hold text."""
    if column not in record:
        raise DataError(f"no column '{column}'")
    value = record[column]
    if not isinstance(value, str):
        raise DataError(f"'{column}' is {kind(value)}, not text")
    return value


def listed(record: Record, column: str) -> list[Any]:
    """Return a column that must hold a list."""
    if column not in record:
        raise DataError(f"no column '{column}'")
    value = record[column]
    if not isinstance(value, list):
        raise DataError(f"'{column}' is {kind(value)}, not a list")
    return value


def turn(entry: object, speaker: str, said: str) -> Turn:
    """Return one turn of a list of turns, each a mapping with the keys `speaker` and `said`."""
    if not isinstance(entry, Mapping):
        raise DataError(f"a turn is {kind(entry)}, not a mapping of '{speaker}' and '{said}'")
    return text(entry, speaker), text(entry, said)


def looks_like_turns(value: object, speaker: str, said: str) -> bool:
    """Say whether `value` is a list whose first entry has the keys `speaker` and `said`."""
    return isinstance(value, list) and any(
        isinstance(entry, Mapping) and speaker in entry and said in entry for entry in value[:1]
    )


def kind(value: object) -> str:
    """Return what a JSON value is, in a word a reader of data knows."""
    if value is None:
        return "null"
    names = {bool: "true or false", int: "a number", float: "a number", str: "text"}
    names |= {list: "a list", dict: "a mapping"}
    return names.get(type(value), f"a {type(value).__name__}")


def _role(speaker: str) -> Role:
    role = _ROLES.get(speaker.strip().lower())
    if role is None:
        raise DataError(f"an unknown speaker '{speaker}'; known are {', '.join(_ROLES)}")
    return role


def _sound(said: str) -> str:
    """Refuse half a surrogate pair: it is no character, and no tokenizer can read it."""
    try:
        said.encode()
    except UnicodeEncodeError:
        raise DataError("text with a broken character (half a surrogate pair)") from None
    return said


def _message(role: Role, content: str) -> Message:
    return cast(Message, {"role": role, "content": content})


def _is_no_question(message: Message) -> bool:
    return message["role"] == "assistant" or (message["role"] == "user" and not message["content"])
