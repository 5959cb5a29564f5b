"""A recipe: the hyper-parameters of one training stage, and nothing about the machine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from espalier.spec import Spec

Positive = Annotated[float, Field(gt=0)]
Fractional = Annotated[float, Field(ge=0, le=1)]


class Recipe(Spec):
    """How one stage is trained.  Length is given in `epochs` or in `updates`, never both."""

    epochs: Positive | None = Field(None, description="passes over the stage's rows")
    updates: Annotated[int, Field(ge=1)] | None = Field(
        None, description="optimiser updates, whatever the number of rows"
    )
    min_updates: Annotated[int, Field(ge=0)] = Field(
        0, description="with `epochs`: train at least this many updates (small runs need them)"
    )
    batch_size: Annotated[int, Field(ge=1)] = Field(16, description="rows in one optimiser update")
    learning_rate: Positive = Field(2e-5, description="peak learning rate")
    schedule: Literal["cosine", "linear", "constant"] = "cosine"
    warmup: Fractional = Field(0.03, description="share of the updates spent warming up")
    floor: Fractional = Field(0.0, description="last learning rate, as a share of the peak")
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    betas: tuple[Fractional, Fractional] = (0.9, 0.999)
    epsilon: Positive = 1e-8
    clip: Positive | None = Field(1.0, description="largest gradient norm; null: no clipping")
    max_length: Annotated[int, Field(ge=8)] = Field(
        2048, description="tokens in a row; what is longer is cut at the end"
    )
    precision: Literal["fp32", "bf16"] = "fp32"

    @model_validator(mode="before")
    @classmethod
    def _some_length(cls, given: Any) -> Any:
        """Train three epochs, as Dong et al. did, unless a length is given."""
        if isinstance(given, Mapping) and not {"epochs", "updates"} & set(given):
            return {**given, "epochs": 3.0}
        return given

    @model_validator(mode="after")
    def _one_length(self) -> Self:
        if self.epochs is not None and self.updates is not None:
            raise ValueError("length is given twice; keep either `epochs` or `updates`")
        if self.updates is not None and self.min_updates:
            raise ValueError("`min_updates` goes with `epochs`; with `updates` it has no meaning")
        return self

    def count_updates(self, rows: int) -> int:
        """Return the number of optimiser updates for a stage of `rows` rows."""
        if self.updates is not None:
            return self.updates
        return max(self.min_updates, round((self.epochs or 0) * rows / self.batch_size), 1)
