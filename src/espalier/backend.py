"""A backend trains models and asks them.  The shelf `backends/` holds one a file.

Everything a backend is given is a folder or a plain value, so a step can be run in any process.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from espalier.ability import Likelihood, Prompt, Reply
from espalier.recipe import Recipe
from espalier.shelf import Shelf
from espalier.step import Site

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from espalier.probe import Pool


class LM(Protocol):
    """A loaded model that can be asked."""

    def generate(
        self,
        prompts: Sequence[Prompt],
        *,
        max_new_tokens: int,
        stop: Sequence[str] = (),
        temperature: float = 0.0,
        seeds: Sequence[int] = (),
    ) -> list[Reply]:
        """Return a reply to each prompt, in the order of the prompts.

        Greedy at temperature 0; else each is sampled by its own seed, so that a reply depends on
        its prompt and seed and not on what is asked beside it.
        """

    def likelihoods(self, pairs: Sequence[tuple[Prompt, str]]) -> list[Likelihood]:
        """Return the log-likelihood of each (prompt, candidate reply)."""

    def hidden(self, prompts: Sequence[Prompt], *, pool: Pool) -> NDArray[np.float32]:
        """Return each prompt's hidden states, (prompts, layers + 1, width).

        Layer 0 is the embeddings' output, the last what the output layer reads.  A prompt's states
        are pooled: their mean over its tokens, template included, or its last token's alone.
        """


class Backend(Protocol):
    """What a backend can do.  `model` is a folder in the Hugging Face layout."""

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
        """Train `model` on the composed `rows` (a Parquet file) and write the result to `out`.

        After the updates in `keep` the model is written to `kept(out, update)` as well.  Goes on
        from what a killed attempt left in `out`.  Returns the training record: updates, tokens,
        supervised_tokens, epochs, losses, the audit of each source, and, of what was kept, the
        supervised_tokens so far.
        """

    def load(self, model: Path, *, site: Site) -> AbstractContextManager[LM]:
        """Load a model folder for asking."""


def kept(out: Path, update: int) -> Path:
    """Return where a training keeps its model as it was after an update."""
    return out / "kept" / f"{update:07}"


backends: Shelf[Backend] = Shelf("espalier.backends")
"""`backends["hf"]` is the backend itself."""
