"""Models before training: what a study's `path` means, and what can be known without torch."""

from __future__ import annotations

import hashlib
import json
import os
import re
import struct
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from pathlib import Path

from espalier.errors import MissingError, SpecError

HUB = re.compile(r"\w[\w.-]*/\w[\w.-]*")
SMALL = ("*.json", "*.jinja", "*.txt", "*.model")
WHOLE = (*SMALL, "*.safetensors")


@dataclass(frozen=True, kw_only=True)
class Opened:
    """A model as planning sees it."""

    digest: str
    folder: Path
    """Config and tokenizer lie here; the weights too, unless the model is on the hub."""
    local: bool
    parameters: int | None
    """None: unknown until the weights are fetched."""


def open_model(path: str, revision: str | None, root: Path) -> Opened:
    """Return the model that `path` means: `tunnel:NAME`, a local folder, or a hub id.

    `tunnel:NAME?world=1` is a base of another world.  A folder is looked for from `root`, the study
    file's own folder, then from where the command runs.
    """
    if path.startswith("tunnel:"):
        from espalier.tunnel import base_at

        return _opened(base_at(path.removeprefix("tunnel:")), None)
    for folder in (root / path, Path(path)):
        if folder.is_dir():
            if revision is not None:
                raise SpecError(f"{path}: a local folder has no revision; leave it out")
            return _opened(folder.resolve(), None)
    if not HUB.fullmatch(path):
        raise MissingError(
            f"{path}: no such folder; give a folder in the Hugging Face layout, a hub id as "
            "OWNER/NAME, or tunnel:NAME"
        )
    return _from_hub(path, revision)


def fetch(digest: str) -> Path:
    """Return the local folder of a hub model named `OWNER/NAME@COMMIT`, downloading it at need."""
    name, _, commit = digest.partition("@")
    return _snapshot(name, commit, WHOLE)


def _from_hub(name: str, revision: str | None) -> Opened:
    folder = _snapshot(name, revision or "main", SMALL)
    return _opened(folder, f"{name}@{folder.name}")  # the cache names a snapshot by its commit


def _snapshot(name: str, revision: str, patterns: tuple[str, ...]) -> Path:
    try:
        from huggingface_hub import snapshot_download
    except ImportError:
        raise MissingError(
            f"{name}: looks like a hub id, but huggingface-hub is not installed; "
            "`pip install espalier[train]`, or give a local folder"
        ) from None
    try:
        return Path(snapshot_download(name, revision=revision, allow_patterns=list(patterns)))
    except Exception as error:  # the hub client raises many kinds, all meaning: not here
        reason = " ".join(str(error).split())[:160]
        raise MissingError(
            f"{name}: no such folder, and the hub did not give it ({type(error).__name__}: "
            f"{reason}); check the name, the network, or give a local folder"
        ) from None


def _opened(folder: Path, digest: str | None) -> Opened:
    _check_config(folder)
    return Opened(
        digest=digest or digest_of(folder),
        folder=folder,
        local=digest is None,
        parameters=count_parameters(folder) if digest is None else None,
    )


def _check_config(folder: Path) -> None:
    """Refuse a folder that is no model's."""
    path = folder / "config.json"
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except OSError:
        raise MissingError(
            f"{folder}: no config.json; a model folder has the Hugging Face layout, as "
            "`espalier base` writes it"
        ) from None
    except ValueError as error:
        raise MissingError(f"{path}: is not JSON: {error}") from None
    if not isinstance(config, dict):
        raise MissingError(f"{path}: holds no mapping")


def count_parameters(folder: Path) -> int:
    """Count the parameters in a folder's safetensors files from their headers alone."""
    weights = sorted(folder.glob("*.safetensors"))
    if not weights:
        pickles = [p.name for p in sorted(folder.glob("*.bin")) + sorted(folder.glob("*.pt"))]
        why = f"; {pickles[0]} is a pickle, which is never loaded" if pickles else ""
        raise MissingError(
            f"{folder}: no .safetensors weights{why}; save the model with "
            "save_pretrained(..., safe_serialization=True)"
        )
    return sum(_count(path) for path in weights)


def _count(path: Path) -> int:
    try:
        with path.open("rb") as file:
            (size,) = struct.unpack("<Q", file.read(8))
            if size > path.stat().st_size:
                raise ValueError("its header is longer than the file")
            header = json.loads(file.read(size))
        return sum(prod(t["shape"]) for name, t in header.items() if name != "__metadata__")
    except (ValueError, TypeError, KeyError, AttributeError, struct.error) as error:
        raise MissingError(f"{path}: no safetensors file: {error}") from None


def digest_of(folder: Path) -> str:
    """Return the sha256 over the files of a model folder that shape what it computes."""
    names = [p for pattern in WHOLE for p in folder.glob(pattern)]
    digest = hashlib.sha256()
    for path in sorted(set(names), key=lambda p: p.name):
        if path.name in ("step.json", "cost.json", "train.json", "base.json", "README.md"):
            continue
        stat = path.stat()
        part = _file_digest(os.fspath(path), stat.st_mtime_ns, stat.st_size)
        digest.update(f"{path.name} {part}\n".encode())
    return digest.hexdigest()


@lru_cache(maxsize=4096)
def _file_digest(path: str, _changed: int, _size: int) -> str:
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
