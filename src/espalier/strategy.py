"""A strategy: in which stages a mixture is trained.

A strategy is a pure function from a mixture to one mixture per stage.  The shelf `strategies/`
holds one a file; its keyword-only parameters are the options a study file may give.
"""

from __future__ import annotations

from collections.abc import Callable

from espalier.mixture import Mixture
from espalier.shelf import Shelf

Strategy = Callable[..., tuple[Mixture, ...]]
"""`strategy(mixture, **options) -> one mixture per stage`; stages without rows are skipped."""

strategies: Shelf[Strategy] = Shelf("espalier.strategies")
