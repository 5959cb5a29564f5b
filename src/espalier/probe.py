"""What a study looks at inside its models: hidden states of queries, before and after tuning."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from espalier.spec import Share, Spec

Pool = Literal["mean", "last"]
"""How a prompt's states become one: the mean over its tokens, or its last token's."""


class Probing(Spec):
    """Which queries are asked of which checkpoints, and which layers are drawn.

    The untuned state of every model is looked at, and of each strategy the cell that has most
    sources and, of these, most rows.  Dong et al. (2023, section 4.1) took 100 queries a source,
    layer 15 of LLaMA, and the strategy dmt at k = 1/256; how they pooled is not stated.
    """

    of: tuple[str, ...] = Field((), description="abilities that give the queries; default: all")
    queries: Annotated[int, Field(ge=10)] = Field(100, description="of each ability, from its test")
    pool: Pool = Field("mean", description="over a query's tokens, or its last token alone")
    layers: tuple[Annotated[int, Field(ge=0)], ...] = Field(
        (), description="layers to draw, 0 the embeddings; default: the middle.  All are measured"
    )
    strategies: tuple[str, ...] = Field((), description="names; default: all of the study's")
    k: tuple[Share, ...] = Field((), description="of strategies that have one; default: all")
    seeds: Literal["first", "all"] = "first"

    @model_validator(mode="after")
    def _comparable(self) -> Self:
        for name in ("of", "layers", "strategies", "k"):
            given = getattr(self, name)
            if len(set(given)) < len(given):
                raise ValueError(f"{name}: one is named twice")
        if len(self.of) == 1:
            raise ValueError(f"of: '{self.of[0]}' alone cannot be told apart; name two or more")
        return self
