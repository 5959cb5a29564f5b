"""The JSON Schema of study files, for editors: `python -m espalier.schema FILE`.

What the shelves hold is part of it: the names of designs, strategies and abilities, and the
options each one takes.
"""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from espalier.ability import abilities
from espalier.design import UNITS, designs
from espalier.strategy import strategies
from espalier.study import Study

ADDRESS = "https://json-schema.org/draft/2020-12/schema"


def schema() -> dict[str, Any]:
    """Return the schema of a study file."""
    made = Study.model_json_schema()
    made["properties"].pop("root", None)
    made["properties"]["extends"] = {
        "type": "string",
        "description": "a study file, or the name of a shipped one, that this one changes",
    }
    made["properties"]["scales"] = {
        "type": "object",
        "additionalProperties": {"$ref": "#"},
        "description": "named changes of this study, one of which `--scale NAME` lays over it",
    }
    made["properties"]["variables"] = {
        "type": "object",
        "additionalProperties": {"type": ["string", "number"]},
        "description": "what stands for ${NAME} in any text; --set variables.NAME=VALUE",
    }
    made["required"] = []  # what is missing may stand in the file that `extends:` names
    parts = made["$defs"]
    amounts: dict[str, Any] = {
        unit: {"description": f"one amount or a list, in {unit}"} for unit in UNITS
    }
    _shelf(parts["DesignUse"], designs, {"sources", "count", "amounts", "origins"}, amounts)
    _shelf(parts["StrategyUse"], strategies, {"mixture"}, {})
    short = {"type": "string", "description": "ABILITY or ABILITY:TASK"}
    made["properties"]["abilities"]["items"] = {"anyOf": [short, {"$ref": "#/$defs/AbilityUse"}]}
    made["properties"]["strategies"]["items"] = {
        "anyOf": [{"enum": list(strategies)}, {"$ref": "#/$defs/StrategyUse"}]
    }
    made["properties"]["models"]["items"] = {
        "anyOf": [{"type": "string"}, {"$ref": "#/$defs/Model"}]
    }
    made["properties"]["protocols"]["items"] = {
        "anyOf": [{"enum": ["epochs"]}, {"$ref": "#/$defs/Protocol"}]
    }
    every = parts["Checkpoints"]["properties"]["every"]
    every["anyOf"] = [{"const": "epoch"}, {"type": every.pop("type"), "minimum": 1}]
    every.pop("minimum")
    parts["AbilityUse"]["properties"]["use"]["examples"] = list(abilities)
    parts["AbilityUse"]["required"] = []
    made["properties"]["seeds"] = {
        "anyOf": [
            {"type": "integer", "minimum": 1},
            {"type": "array", "items": {"type": "integer", "minimum": 0}},
            {"$ref": "#/$defs/Seeds"},
        ],
        "description": "a number of replicates, their seeds, or {training: [...], data: [...]}",
    }
    return {"$schema": ADDRESS, "title": "An Espalier study"} | made


def _shelf(
    part: dict[str, Any],
    shelf: Mapping[str, Callable[..., Any]],
    internal: set[str],
    more: Mapping[str, Any],
) -> None:
    """Name a shelf's items, and allow the options of each."""
    part["properties"]["name"] = {"enum": list(shelf), "description": "which one"}
    options: dict[str, Any] = dict(more)
    for name in shelf:
        for option in inspect.signature(shelf[name]).parameters:
            if option not in internal:
                said = options.setdefault(option, {"description": "for"})
                said["description"] += f" {name}"
    part["properties"] |= options
    part["additionalProperties"] = False


def main(arguments: list[str]) -> int:
    """Write the schema to the file named, or print it."""
    text = json.dumps(schema(), indent=2) + "\n"
    if arguments:
        Path(arguments[0]).write_text(text, encoding="utf-8")
    else:
        sys.stdout.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
