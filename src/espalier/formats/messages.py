"""`{"messages": [{"role": "user", "content": ...}, ...]}`, as chat templates and most tools use."""

from collections.abc import Iterator

from espalier.format import Format, Record, Turn, listed, looks_like_turns, turn


def _matches(record: Record) -> bool:
    return looks_like_turns(record.get("messages"), "role", "content")


def _turns(record: Record) -> Iterator[Turn]:
    return (turn(entry, "role", "content") for entry in listed(record, "messages"))


messages = Format(columns=("messages",), matches=_matches, turns=_turns)
