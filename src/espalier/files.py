"""Write files whole or not at all, and say before the work whether they can be written."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from espalier.errors import MissingError, SpecError


def write_whole(path: Path, text: str) -> None:
    """Write `text` aside and give it its name, so that nobody ever reads half of it.

    The name aside is this process's own: two runs that end together do not meet.
    """
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        aside.write_text(text, encoding="utf-8", newline="\n")
        aside.replace(path)
    except OSError as error:
        raise MissingError(f"{path}: cannot be written: {error.strerror}") from None


def cache_folder() -> Path:
    """Return the folder of what this user's runs share: ESPALIER_CACHE, else ~/.cache/espalier."""
    if given := os.environ.get("ESPALIER_CACHE"):
        return Path(given).expanduser()
    home = os.environ.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path.home() / ".cache") / "espalier"


def check_output(path: Path, *, inputs: Iterable[Path | None] = ()) -> None:
    """Refuse, before any work, an output that cannot be written or that is one of the inputs."""
    for given in inputs:
        if given is not None and given.resolve() == path.resolve():
            raise SpecError(f"{path}: is read and may not be written over; name another output")
    try:
        folder = path if path.is_dir() else path.parent
        while not folder.exists():
            folder = folder.parent
        there = path.exists()
    except OSError as error:  # a folder that may not be looked into, a name too long
        raise MissingError(f"{path}: cannot be written: {error.strerror}") from None
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        raise MissingError(f"{path}: cannot be written: {folder} is no folder to write to")
    if there and not os.access(path, os.W_OK):
        raise MissingError(f"{path}: cannot be written over")
