"""All sources at the same amount or fraction: what mixing does, help or hurt.

Dong et al., 2023, RQ2: each step takes the same fraction of every source.  With `rows` in place of
`share` it takes the same number of examples of each, and both side by side are Appendix H of the
paper's version 4: equal counts against equal proportions.
"""

from collections.abc import Iterator, Sequence

from espalier.design import Amount, Count, Labelled
from espalier.mixture import Mixture


def together(
    sources: Sequence[str], count: Count, *, amounts: Sequence[Amount], of: Sequence[str] = ()
) -> Iterator[Labelled]:
    """Yield one mixture per amount, holding that amount of every source (all, or those in `of`)."""
    for amount in amounts:
        yield "together", Mixture({source: count(source, amount) for source in of or sources})
