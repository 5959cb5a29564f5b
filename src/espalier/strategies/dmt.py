"""Dual-stage mixed fine-tuning (Dong et al., 2023, section 3.5)."""

from fractions import Fraction

from espalier.mixture import Mixture


def dmt(mixture: Mixture, *, general: str, k: Fraction) -> tuple[Mixture, ...]:
    """Train on the specialised sources, then on `general` and a share `k` of the specialised.

    The share is replay: it is what keeps stage two from forgetting stage one.
    """
    special = mixture.without(general)
    return special, mixture.only(general) + special.scaled(k)
