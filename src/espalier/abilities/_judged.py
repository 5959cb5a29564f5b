"""What judged abilities share: another model's replies to compare with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from espalier.ability import Item
from espalier.errors import DataError, MissingError
from espalier.records import records
from espalier.scoring import match


def compared(items: Sequence[Item], against: str | None) -> list[Item]:
    """Return the items, each with the reply in the file `against` that it is compared with.

    The file is of any form that `espalier score` reads.  Raises `DataError` where an item has no
    reply there: what is compared with nothing cannot be judged.
    """
    if against is None:
        return list(items)
    file = Path(against).expanduser()
    if not file.is_file():
        raise MissingError(f"{file}: no such file; `against` names another model's replies")
    found, left_out = match(items, file)
    if missing := [item.id for item in items if item.id not in found]:
        also = f"; {left_out[0]}" if left_out else ""
        raise DataError(
            f"{file}: no reply to {missing[0]} (and {len(missing) - 1} more of {len(items)}){also}"
        )
    model = _model(file)
    return [
        replace(item, facts={**item.facts, "judging": _against(item, model, found[item.id].texts)})
        for item in items
    ]


def _against(item: Item, model: str, turns: tuple[str, ...]) -> dict[str, object]:
    told: dict[str, object] = item.facts.get("judging", {})
    return told | {"against": {"model": model, "turns": list(turns)}}


def _model(file: Path) -> str:
    """Return whose replies these are: what the rows say, or the file's name."""
    for _, record in records(file):
        if isinstance(record, dict) and isinstance(record.get("model_id"), str):
            return str(record["model_id"])
        break
    return file.name.partition(".")[0]
