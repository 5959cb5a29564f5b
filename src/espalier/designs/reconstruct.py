"""A total dealt anew: little where more does not help, the rest where it does.

Song et al., 2023, Table 2 (`reconstruct`): of 10,000 rows the abilities that resist data get 64
each, one that saturates gets 1,000, and the others share the rest evenly, as far as they go.
"""

from collections.abc import Iterator, Mapping, Sequence

from espalier.design import Amount, Count, Labelled, human, share
from espalier.errors import SpecError
from espalier.mixture import Mixture


def reconstruct(
    sources: Sequence[str],
    count: Count,
    *,
    origins: Mapping[str, str],
    amounts: Sequence[Amount],
    fixed: Mapping[str, Amount],
    of: Sequence[str] = (),
) -> Iterator[Labelled]:
    """Yield one mixture per total, in `rows`: the `fixed` amounts, and the rest shared evenly.

    The human sources that are not fixed (or those in `of`) share it, none beyond what it has.
    """
    still = {source: count(source, amount) for source, amount in fixed.items()}
    free = [source for source in of or human(sources, origins) if source not in still]
    have = {source: count(source, Amount(share=1)) for source in free}
    for amount in amounts:
        if amount.unit != "rows":
            raise SpecError(f"design reconstruct: {amount} is no total; give it in `rows`")
        left = int(amount.value) - sum(still.values())
        if left < 0:
            raise SpecError(f"design reconstruct: `fixed` takes more than the {amount} there are")
        rest = share(left, have, "design reconstruct")
        mixed = still | rest
        yield "reconstruct", Mixture({s: mixed[s] for s in sources if s in mixed})
