"""All human rows there are, but little of what resists data.

Song et al., 2023, Table 2 (`maximum`): about 40,000 rows, of which the abilities that resist data
have 64 each and one that saturates 1,000.
"""

from collections.abc import Iterator, Mapping, Sequence

from espalier.design import Amount, Count, Labelled, human
from espalier.mixture import Mixture


def maximum(
    sources: Sequence[str],
    count: Count,
    *,
    origins: Mapping[str, str],
    fixed: Mapping[str, Amount] = {},
    of: Sequence[str] = (),
) -> Iterator[Labelled]:
    """Yield one mixture: the `fixed` amounts, and all of the other human sources (or of `of`)."""
    chosen = {*(of or human(sources, origins)), *fixed}
    whole = Amount(share=1)
    yield (
        "maximum",
        Mixture({s: count(s, fixed.get(s, whole)) for s in sources if s in chosen}),
    )
