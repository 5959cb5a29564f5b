"""`espalier doctor`: what this machine can do."""

from __future__ import annotations

import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from shutil import disk_usage
from typing import Any

import click

from espalier.commands._common import console, json_option, say_json, size, store_option

PARTS = {
    "train and ask models (extra [train])": ("torch", "transformers", "safetensors"),
    "analyse and report": (
        "numpy",
        "pandas",
        "scipy",
        "statsmodels",
        "altair",
        "vl-convert-python",
    ),
}
OPTIONAL = {
    "ask a judge (extra [judge])": ("openai",),
    "tasks of lm-evaluation-harness (extra [lm-eval])": ("lm-eval",),
    "math equivalence (extra [math])": ("math-verify",),
    "look into hidden states (extra [probe])": ("scikit-learn",),
}
"""What many do without, and is not missed."""


@click.command()
@store_option
@json_option
def doctor(store: Path, as_json: bool) -> None:
    """Say what this machine can do: parts, cores, memory, GPUs, disk and speed."""
    facts = look(store)
    if as_json:
        say_json(facts)
        return
    from rich.markup import escape
    from rich.table import Table

    table = Table.grid(padding=(0, 2))
    for name, value in facts.items():
        if isinstance(value, dict):
            for part, state in value.items():
                lack = "not installed" if name in OPTIONAL else "[red]not installed[/]"
                table.add_row(f"[dim]{escape(name)}[/]", f"{part} {state or lack}")
        else:
            table.add_row(f"[dim]{escape(name)}[/]", str(value))
    console().print(table)
    if not str(facts["sandbox"]).startswith("bubblewrap works"):
        console().print("\nWithout a sandbox, code that a model wrote is not graded here.")
    missing = [p for parts in PARTS.values() for p in parts if _version(p) is None]
    if missing:
        what = ", ".join(missing)
        console().print(f"\nMissing: {what}.  `pip install 'espalier[train]'` brings everything.")
    else:
        console().print(
            "\nAll that studies need is here.  `espalier quickstart` runs a true one in minutes."
        )


def look(store: Path) -> dict[str, Any]:
    """Return what this machine has, without importing torch."""
    from espalier.executors.local import available_cores, count_gpus
    from espalier.work import matmul_peak

    there = next(p for p in [store.resolve(), *store.resolve().parents] if p.exists())
    facts: dict[str, Any] = {
        "python": f"{sys.version.split()[0]} on {platform.system()} {platform.machine()}",
        "cores": available_cores(),
        "memory": size(_memory()),
        "GPUs": count_gpus(),
        "disk": f"{size(disk_usage(there).free)} free under {store}",
        "store": f"{store} ({'writable' if os.access(there, os.W_OK) else 'NOT writable'})",
        "matmul": f"{matmul_peak() / 1e9:.0f} GFLOP/s (fp32, NumPy, all its threads)",
        "sandbox": _sandbox(),
    }
    for what, parts in (PARTS | OPTIONAL).items():
        facts[what] = {part: _version(part) for part in parts}
    return facts


def _sandbox() -> str:
    """Say whether code that a model wrote can be graded here."""
    from espalier.errors import MissingError
    from espalier.sandbox import sandboxes

    try:
        sandboxes["bubblewrap"].check()
    except MissingError as error:
        return str(error)
    return "bubblewrap works: code that a model wrote can be graded"


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _memory() -> float:
    return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
