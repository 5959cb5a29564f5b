"""Held-out rows of a source: how well a model predicts replies of the kind it was tuned on.

One item a conversation: all but its last reply is the prompt, and the last reply is the target, as
it has the most context to go by.  A held-out row whose conversation also stands among the rows to
train on is left out; it would measure memory.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

from pydantic import Field

from espalier.ability import Ability, Item, Message, Use
from espalier.errors import SpecError
from espalier.source import Source, read
from espalier.source import held_out as numbers_of

Limit = Annotated[int, Field(ge=1)]


def held_out(
    *, source: Source, root: Path = Path(), limit: Limit | None = None, name: str | None = None
) -> Ability:
    """Make items of the rows that `source` holds out; relative paths start from `root`."""
    if not source.hold_out:
        raise SpecError(f"source '{source.name}' holds no rows out; give it `hold_out:`, as 100")
    rows = read(source, root)
    apart = numbers_of(len(rows.messages), name=source.name, hold_out=source.hold_out).tolist()
    trained = set(range(len(rows.messages))).difference(apart)
    known = {_text(rows.messages[number]) for number in trained}
    items = [
        _item(source.name, number, rows.messages[number])
        for number in apart
        if _text(rows.messages[number]) not in known
    ]
    return Ability(
        name=name or source.ability,
        items=tuple(items[:limit]),
        scorers=(Use(scorer="nll"),),
        suite=f"{source.name}, held out",
    )


def _item(source: str, number: int, messages: tuple[Message, ...]) -> Item:
    *prompt, reply = messages
    return Item(id=f"{source}/{number}", prompt=tuple(prompt), target=reply["content"])


def _text(messages: tuple[Message, ...]) -> str:
    return json.dumps(messages)
