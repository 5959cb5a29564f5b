"""Training: where a cell begins (`Pretrained`), and one stage of it (`Train`).

Both are checkpoints: something with a model folder in the Hugging Face layout.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from espalier.backend import backends, kept
from espalier.errors import DataError
from espalier.model import digest_of, fetch
from espalier.recipe import Recipe
from espalier.step import Locate, Site, Step, beside
from espalier.steps.compose import Compose


@dataclass(frozen=True, kw_only=True)
class Pretrained(Step):
    """A model before any tuning.  Its identity is the content of a folder, or a hub commit."""

    digest: str
    """sha256 over a local folder's files, or `OWNER/NAME@COMMIT` of the hub."""
    label: str = beside(default="")
    path: str | None = beside(default=None)
    """Where the folder lies; None: on the hub."""

    def run(self, out: Path, at: Locate, site: Site) -> None:  # noqa: ARG002
        """Make sure that the model is here and is still the one that was planned."""
        folder = self.folder(at)
        if self.path is not None and digest_of(folder) != self.digest:
            raise DataError(f"{folder} has changed since the study was planned; run it again")
        (out / "model.json").write_text(json.dumps({"digest": self.digest}) + "\n")

    def folder(self, at: Locate) -> Path:  # noqa: ARG002
        """Return the model's folder, fetching it from the hub where it is not here."""
        return Path(self.path) if self.path is not None else fetch(self.digest)


@dataclass(frozen=True, kw_only=True)
class Train(Step):
    """One stage of training: from a checkpoint, on composed rows, by a recipe."""

    start: Pretrained | Train
    data: Compose
    recipe: Recipe
    seed: int
    backend: str = "hf"
    keep: tuple[int, ...] = ()
    """Updates after which the model is kept as well, each a `Snapshot`."""
    label: str = beside(default="")

    def run(self, out: Path, at: Locate, site: Site) -> None:
        """Train, going on from what a killed attempt left in `out`."""
        record = backends[self.backend].train(
            model=self.start.folder(at),
            rows=at(self.data) / "rows.parquet",
            recipe=self.recipe,
            seed=self.seed,
            out=out,
            site=site,
            keep=self.keep,
        )
        (out / "cost.json").write_text(json.dumps(record.pop("cost", {})))
        (out / "train.json").write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n")

    def folder(self, at: Locate) -> Path:
        """Return the trained model's folder."""
        return at(self)


@dataclass(frozen=True, kw_only=True)
class Snapshot(Step):
    """A model as it was in the course of its training, which has kept it."""

    of: Train
    update: int
    """The number of updates made; one of those that the training keeps."""
    label: str = beside(default="")

    def run(self, out: Path, at: Locate, site: Site) -> None:  # noqa: ARG002
        """Make sure that the model was kept; there is nothing to make."""
        folder = self.folder(at)
        if not (folder / "config.json").is_file():
            raise DataError(f"{folder} is gone; delete {folder.parents[1]} and run again")
        (out / "snapshot.json").write_text(json.dumps({"update": self.update}) + "\n")

    def folder(self, at: Locate) -> Path:
        """Return the kept model's folder, inside that of its training."""
        return kept(at(self.of), self.update)


Checkpoint = Pretrained | Train | Snapshot
