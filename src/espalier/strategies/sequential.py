"""Sequential training: one source after the other (Dong et al., 2023, section 3.5).

The paper's order is code, math, general: the last is the one it holds most important.
"""

from espalier.errors import SpecError
from espalier.mixture import Mixture


def sequential(mixture: Mixture, *, order: tuple[str, ...]) -> tuple[Mixture, ...]:
    """Train one stage a source, in `order`.

    Every source of the mixture must have its place: one that was forgotten would silently not be
    trained.
    """
    if missing := [name for name in mixture if name not in order]:
        raise SpecError(f"order leaves out '{missing[0]}'; name every source of the mixture")
    return tuple(mixture.only(name) for name in order)
