"""`espalier explain KEY`: what a folder of the store is, and of what it was made."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click

from espalier.commands._common import console, json_option, say_json, seconds, store_option


@click.command()
@click.argument("key")
@store_option
@json_option
def explain(key: str, store: Path, as_json: bool) -> None:
    """Say what a step of the store is, and of what it was made.

    KEY is the beginning of a step's key, as folder names, `status` and the table show it.
    """
    from espalier.store import COST, Store, read_json

    shelf = Store(store)
    folder, record = shelf.find(key)
    ancestors = list(_ancestors(shelf, record))
    if as_json:
        say_json(
            record
            | {"path": str(folder), "cost": read_json(folder / COST)}
            | {"train": read_json(folder / "train.json"), "score": read_json(folder / "score.json")}
            | {"ancestors": ancestors}
        )
        return
    from rich.tree import Tree

    tree = Tree(_title(record, folder))
    for name, value in _facts(record, folder):
        tree.add(f"[dim]{name}[/] {value}")
    made_of = tree.add("made of") if ancestors else tree
    for ancestor in ancestors:
        branch = made_of.add(_title(ancestor, None))
        for name, value in _facts(ancestor, None):
            branch.add(f"[dim]{name}[/] {value}")
    console().print(tree)


def _title(record: dict[str, Any], folder: Path | None) -> str:
    from rich.markup import escape

    identity = record.get("identity", {})
    remarks = record.get("remarks", {})
    label = remarks.get("label") or remarks.get("ability") or ""
    where = f"  [dim]{escape(str(folder))}[/]" if folder else ""
    return f"[bold]{identity.get('kind')}[/] {record.get('key')} {escape(label)}{where}"


def _facts(record: dict[str, Any], folder: Path | None) -> list[tuple[str, str]]:
    """Return what a record says, parents left out."""
    from rich.markup import escape

    from espalier.store import COST, read_json

    identity = record.get("identity", {})
    facts = [
        (name, escape(_said(value)))
        for name, value in identity.items()
        if name != "kind" and not (isinstance(value, dict) and "step" in value)
    ]
    if "reason" in record:
        facts.append(("failed", escape(record["reason"])))
    if folder and (cost := read_json(folder / COST)):
        facts.append(("took", f"{seconds(cost.get('wall_seconds', 0))} on {cost.get('device')}"))
    for name in ("train.json", "score.json"):
        if folder and (found := read_json(folder / name)):
            plain = {k: v for k, v in found.items() if not isinstance(v, list)}
            facts.append((name.removesuffix(".json"), escape(_said(plain))))
    return facts


def _said(value: Any) -> str:
    """Write a value as a person would: names and what they are, what is empty left out."""
    if isinstance(value, dict):
        return ", ".join(f"{k} {_said(v)}" for k, v in value.items() if v is not None)
    if isinstance(value, list):
        return "; ".join(map(_said, value))
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, str) and re.fullmatch("[0-9a-f]{64}", value):
        return f"{value[:12]}..."  # a digest; --json has the whole
    return str(value)


def _ancestors(shelf: Any, record: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the records of everything a step was made of, nearest first."""
    from espalier.store import RECORD, read_json

    found: dict[str, dict[str, Any]] = {}
    todo = [record]
    while todo:
        for value in todo.pop(0).get("identity", {}).values():
            if isinstance(value, dict) and "step" in value and value["step"] not in found:
                paths = list(shelf.root.glob(f"*/{value['step']}/{RECORD}"))
                parent = read_json(paths[0]) if paths else {"key": value["step"]}
                found[value["step"]] = parent
                todo.append(parent)
    return list(found.values())
