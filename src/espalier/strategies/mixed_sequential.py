"""Mixed sequential training: the specialised together, then general (Dong et al., 2023, 3.5)."""

from espalier.mixture import Mixture


def mixed_sequential(mixture: Mixture, *, general: str) -> tuple[Mixture, ...]:
    """Train on all specialised sources at once, then on `general` alone."""
    return mixture.without(general), mixture.only(general)
