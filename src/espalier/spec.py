"""Frozen specifications: what a user writes, checked once, and never changed afterwards."""

from __future__ import annotations

from fractions import Fraction
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer


class Spec(BaseModel):
    """Base of everything read from a study file.  Unknown fields are errors; values are frozen.

    A field declared with `exclude=True` says where something lies or how it is called; it is no
    part of what the thing *is*, so it enters no key.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, validate_default=True
    )


def _fraction(value: Any) -> Any:
    """Read `1/4`, `0.25` and `1` alike, exactly: `1` must never differ from `1.0`."""
    if isinstance(value, bool):
        raise ValueError("a share is a number such as 0.25 or 1/4")
    if isinstance(value, int | float | str):
        try:
            return Fraction(str(value).replace(" ", ""))
        except (ValueError, ZeroDivisionError):
            raise ValueError(
                f"'{value}' is not a share; write a number such as 0.25 or 1/4"
            ) from None
    return value


Share = Annotated[
    Fraction,
    BeforeValidator(_fraction, json_schema_input_type=str | float),
    PlainSerializer(str, return_type=str),
]
"""A non-negative number kept as an exact fraction."""
