"""Small studies on the spot: a model folder without torch, a study file with changes."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tiny

BASE: Mapping[str, Any] = {
    "name": "mini",
    "models": ["model"],
    "sources": [
        {"name": "math", "path": "tunnel:math?rows=200"},
        {"name": "code", "path": "tunnel:code?rows=200"},
        {"name": "general", "path": "tunnel:general?rows=200"},
    ],
    "designs": [{"name": "single", "rows": [8, 16]}],
    "abilities": [{"use": "tunnel:math", "items": 6}],
    "train": {"updates": 2, "batch_size": 4, "max_length": 256, "learning_rate": 1e-3},
}
"""Plans in a moment; the model folder lies beside the study file."""

WHOLE: Mapping[str, Any] = {
    "question": "Does anything grow in two updates?",
    "sources": [
        {"name": "math", "path": "tunnel:math?rows=60"},
        {"name": "chat", "path": "tunnel:general?rows=60", "ability": "general"},
    ],
    "designs": [{"name": "single", "rows": [8, 16]}, {"name": "together", "rows": 16}],
    "strategies": [
        "multitask",
        {"name": "sequential", "order": ["math", "chat"]},
        {"name": "dmt", "general": "chat", "k": "1/4"},
    ],
    "seeds": 2,
    "measure": "every_stage",
    "abilities": [{"use": "tunnel:math", "items": 3}, {"use": "tunnel:general", "items": 3}],
}
"""What is laid over the base for a study with all its parts, that runs in seconds."""


def frame(folder: Path) -> Path:
    """Write a model folder that can be planned with, but holds no true weights; needs no torch."""
    tiny.tokenizer(folder)
    config = {"model_type": "llama", "hidden_size": 8, "num_hidden_layers": 1, "vocab_size": 320}
    (folder / "config.json").write_text(json.dumps(config))
    header = json.dumps(
        {"w": {"dtype": "F32", "shape": [320, 8], "data_offsets": [0, 10240]}}
    ).encode()
    weights = struct.pack("<Q", len(header)) + header + bytes(10240)
    (folder / "model.safetensors").write_bytes(weights)
    return folder


def write(folder: Path, given: Mapping[str, Any], *, file: str = "study.yaml") -> Path:
    """Write a study file; JSON is YAML."""
    path = folder / file
    path.write_text(json.dumps(given))
    return path


def study(folder: Path, *, file: str = "study.yaml", **changes: Any) -> Path:
    """Write the base study with `changes` laid over it, top level by top level."""
    if "models" not in changes and not (folder / "model").exists():
        frame(folder / "model")
    return write(folder, {**BASE, **changes}, file=file)


def python(
    code: str,
    *arguments: str,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> str:
    """Run code in another process and return what it printed."""
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        cwd=cwd,
        env=env,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
