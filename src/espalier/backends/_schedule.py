"""The learning rate of each update: warm-up, then decay to a floor."""

from __future__ import annotations

from math import cos, pi

from espalier.recipe import Recipe


def rate(recipe: Recipe, update: int, updates: int) -> float:
    """Return the learning rate of update number `update` (from 0) out of `updates`.

    Warm-up rises in equal steps that skip zero, so that the first update already learns; after
    it cosine and linear are those of transformers' schedulers, ending at `floor` x the peak.
    """
    warm = round(recipe.warmup * updates)
    if update < warm:
        return recipe.learning_rate * (update + 1) / (warm + 1)
    done = (update - warm) / max(1, updates - warm)
    left = {"constant": 1.0, "linear": 1 - done, "cosine": (1 + cos(pi * done)) / 2}
    return recipe.learning_rate * (recipe.floor + (1 - recipe.floor) * left[recipe.schedule])
