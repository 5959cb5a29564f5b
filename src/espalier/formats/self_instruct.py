"""`{"instruction", "instances": [{"input", "output"}]}`, as Self-Instruct's seed tasks.

The first instance is the conversation; seed tasks have but one.
"""

from collections.abc import Iterator, Mapping

from espalier.errors import DataError
from espalier.format import Format, Record, Turn, listed, text


def _matches(record: Record) -> bool:
    return "instruction" in record and isinstance(record.get("instances"), list)


def _turns(record: Record) -> Iterator[Turn]:
    instances = listed(record, "instances")
    if not instances or not isinstance(instances[0], Mapping):
        raise DataError("'instances' holds no instance")
    asked = (text(record, "instruction"), str(instances[0].get("input") or ""))
    yield "user", "\n\n".join(part for part in asked if part.strip())
    yield "assistant", text(instances[0], "output")


self_instruct = Format(columns=("instruction", "instances"), matches=_matches, turns=_turns)
