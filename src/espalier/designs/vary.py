"""One side in steps, the other fixed: the amount of other data against its ratio.

Dong et al., 2023, RQ3: all general with steps of specialised data (a), all specialised with steps
of general data (b), 1/64 of general with steps of specialised data (c).
"""

from collections.abc import Iterator, Mapping, Sequence

from espalier.design import Amount, Count, Labelled
from espalier.mixture import Mixture


def vary(
    sources: Sequence[str],  # noqa: ARG001  every design is called alike
    count: Count,
    *,
    amounts: Sequence[Amount],
    of: Sequence[str],
    fixed: Mapping[str, Amount],
) -> Iterator[Labelled]:
    """Yield one mixture per amount of the sources in `of`, beside the `fixed` amounts."""
    still = {source: count(source, amount) for source, amount in fixed.items()}
    for amount in amounts:
        moving = {source: count(source, amount) for source in of}
        yield f"vary:{'+'.join(of)}", Mixture(moving | still)
