"""Shared fixtures; its presence puts `tests/` on the import path, so tests may import `tiny`."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

Cli = Callable[..., "Said"]


class Said(NamedTuple):
    """What a command said, and how it left."""

    status: int
    out: str
    err: str


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cli:
    """Call `espalier` in this process, as a user would from a shell."""

    def call(*arguments: object) -> Said:
        from espalier.cli import main

        capsys.readouterr()
        monkeypatch.setattr(sys, "argv", ["espalier", *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            main()
        status = left.value.code
        return Said(status if isinstance(status, int) else 1, *capsys.readouterr())

    return call


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a tiny random model with true weights."""
    import tiny

    return tiny.model(tmp_path_factory.mktemp("base") / "model")


@pytest.fixture(scope="session")
def finished(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder in which `study.yaml` was run into the store `runs`."""
    import mini

    folder = tmp_path_factory.mktemp("finished")
    file = mini.study(folder, **mini.WHOLE, models=[{"name": "tiny", "path": str(base)}])
    code = "from espalier.cli import main; main()"
    mini.python(
        code, "run", str(file), "--store", str(folder / "runs"), "--workers", "0", env=os.environ
    )
    return folder
