"""`{"conversations": [{"from": "human", "value": ...}, ...]}`, as ShareGPT and Vicuna use."""

from collections.abc import Iterator

from espalier.format import Format, Record, Turn, listed, looks_like_turns, turn


def _matches(record: Record) -> bool:
    return looks_like_turns(record.get("conversations"), "from", "value")


def _turns(record: Record) -> Iterator[Turn]:
    return (turn(entry, "from", "value") for entry in listed(record, "conversations"))


sharegpt = Format(columns=("conversations",), matches=_matches, turns=_turns)
