"""The same amount of every human source: what a careful recipe is compared with.

Song et al., 2023, Table 2 (`baseline`: 1,000 rows of each of ten abilities) and the amounts of
section 4 (`curated-N`: 1 to 1,000 rows of each).
"""

from collections.abc import Iterator, Mapping, Sequence

from espalier.design import Amount, Count, Labelled, human
from espalier.mixture import Mixture


def baseline(
    sources: Sequence[str],
    count: Count,
    *,
    origins: Mapping[str, str],
    amounts: Sequence[Amount],
    of: Sequence[str] = (),
) -> Iterator[Labelled]:
    """Yield one mixture per amount, holding that amount of every human source, or those in `of`."""
    for amount in amounts:
        chosen = of or human(sources, origins)
        yield "baseline", Mixture({source: count(source, amount) for source in chosen})
