"""The state of a training loop on disk: one file, complete or absent.

A single safetensors file holds weights, optimiser moments and the log so far, and in its header
the loop's own numbers as JSON; so a kill can never leave halves that do not belong together.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

NAME = "resume.safetensors"


def save(folder: Path, tensors: Mapping[str, Tensor], loop: Mapping[str, Any]) -> None:
    """Write the state aside, then put it in place of the one before."""
    aside = folder / f".{NAME}.part"
    save_file(dict(tensors), aside, metadata={"loop": json.dumps(loop)})
    with aside.open("rb") as file:
        os.fsync(file.fileno())  # else a power cut could leave the new name and no content
    aside.replace(folder / NAME)


def load(folder: Path, identity: str) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
    """Return the state in `folder`, or None where there is none that fits `identity`."""
    try:
        with safe_open(folder / NAME, framework="pt") as file:
            loop: dict[str, Any] = json.loads(file.metadata()["loop"])
            if loop["identity"] != identity:
                return None
            return {name: file.get_tensor(name) for name in file.keys()}, loop  # noqa: SIM118
    except (OSError, SafetensorError, KeyError, ValueError):
        return None


def clear(folder: Path) -> None:
    """Remove the state once the work is done."""
    (folder / NAME).unlink(missing_ok=True)
    (folder / f".{NAME}.part").unlink(missing_ok=True)
