"""Each source alone, at each amount: how one ability grows with its own data.

Dong et al., 2023, RQ1.
"""

from collections.abc import Iterator, Sequence

from espalier.design import Amount, Count, Labelled
from espalier.mixture import Mixture


def single(
    sources: Sequence[str], count: Count, *, amounts: Sequence[Amount], of: Sequence[str] = ()
) -> Iterator[Labelled]:
    """Yield one mixture per source (all, or those in `of`) and amount."""
    for source in of or sources:
        for amount in amounts:
            yield "single", Mixture({source: count(source, amount)})
