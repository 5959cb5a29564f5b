"""Transformers: trains and asks any causal LM that lies in a folder in the Hugging Face layout.

The loop is our own, since speed is what makes a study of many small trainings possible; models
are transformers', so whatever it can open can be studied.
"""

from __future__ import annotations

from collections.abc import Collection
from contextlib import AbstractContextManager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from espalier.backend import LM
from espalier.errors import MissingError
from espalier.recipe import Recipe
from espalier.step import Site


class HuggingFace:
    """The backend `hf`."""

    def train(
        self,
        *,
        model: Path,
        rows: Path,
        recipe: Recipe,
        seed: int,
        out: Path,
        site: Site,
        keep: Collection[int] = (),
    ) -> dict[str, Any]:
        """Train `model` on the composed `rows` into `out`; see `Backend.train`.

        Beside the model folder, `out` gets losses.parquet: the loss of each update and source.
        """
        _need()
        from espalier.backends._train import train

        return train(
            model=model, rows=rows, recipe=recipe, seed=seed, out=out, site=site, keep=keep
        )

    def load(self, model: Path, *, site: Site) -> AbstractContextManager[LM]:
        """Load a model folder for asking."""
        _need()
        from espalier.backends._ask import load

        return load(model, site=site)


def _need() -> None:
    for package in ("torch", "transformers", "safetensors"):
        if find_spec(package) is None:
            raise MissingError(f"{package} is not installed; pip install 'espalier[train]'")


hf = HuggingFace()
