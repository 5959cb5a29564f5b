"""Multi-task learning: every source at once (Dong et al., 2023, section 3.5)."""

from espalier.mixture import Mixture


def multitask(mixture: Mixture) -> tuple[Mixture, ...]:
    """Train on the whole mixture in one stage."""
    return (mixture,)
