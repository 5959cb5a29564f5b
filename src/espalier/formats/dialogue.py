"""`{"dialogue": [{"role": NAME, "text": ...}, ...]}`: scenes of named characters, as ChatHaruhi.

The character who speaks last is the one to be played: its turns are the replies, and a line of the
system says who it is; all others' turns are the user's, each with its speaker's name.
"""

from collections.abc import Iterator

from espalier.errors import DataError
from espalier.format import Format, Record, Turn, listed, looks_like_turns, turn


def _matches(record: Record) -> bool:
    return looks_like_turns(record.get("dialogue"), "role", "text")


def _turns(record: Record) -> Iterator[Turn]:
    said = [turn(entry, "role", "text") for entry in listed(record, "dialogue")]
    if not said:
        raise DataError("nobody says anything")
    played = said[-1][0]
    yield "system", f"你是{played}。" if not played.isascii() else f"You are {played}."
    for name, words in said:
        yield ("assistant", words) if name == played else ("user", f"{name}：{words}")


dialogue = Format(columns=("dialogue",), matches=_matches, turns=_turns)
