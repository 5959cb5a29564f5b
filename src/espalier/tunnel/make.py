"""Make the bases that ship with the package: `python -m espalier.tunnel.make [NAME...]`.

They are made from the world's raw text by the same code as any other base, so anyone can repeat
or change them.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from itertools import islice
from pathlib import Path

from espalier.base import Shape, make_base
from espalier.errors import EspalierError, SpecError, choices
from espalier.tunnel.corpus import corpus, words
from espalier.tunnel.world import World

_TOKENS = 8_000_000
_TOKENS_A_DOCUMENT = 25
"""Rather fewer than a document has, so that no text is seen twice."""

SHAPES: Mapping[str, Shape] = {
    name: Shape(
        width=width,
        layers=layers,
        heads=4,
        vocabulary=1_024,
        tokens=_TOKENS,
        window=64,
        batch=16,
        learning_rate=rate,
    )
    for name, width, layers, rate in (("xs", 32, 2, 4e-3), ("s", 64, 3, 2.5e-3))
}
"""The shipped bases, smallest first."""


def make(name: str, out: Path, *, world: World | None = None) -> None:
    """Make the base `name` of a world in the folder `out`."""
    if name not in SHAPES:
        raise SpecError(f"no base '{name}' in the tunnel; {choices(name, SHAPES)}")
    world, shape = world or World(), SHAPES[name]
    texts = list(islice(corpus(world), texts_for(shape)))
    make_base(texts, out, shape=shape, words=words(world), name=f"tunnel base {name}")


def texts_for(shape: Shape) -> int:
    """Return how many documents a base of this shape is pretrained on."""
    return shape.tokens // _TOKENS_A_DOCUMENT


def main(names: list[str]) -> int:
    """Make the named bases, or all of them, where the package keeps them."""
    for name in names or SHAPES:
        try:
            make(name, Path(__file__).parent / "bases" / name)
        except EspalierError as error:
            sys.stderr.write(f"{error}\n")
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
