"""All human rows, and more and more synthetic ones beside them, to see if they help or spoil.

Song et al., 2023, Table 3 (`mix-0`, `mix-2560`, `mix-40960`); `mix-0` is the cell of `maximum`.
"""

from collections.abc import Iterator, Mapping, Sequence

from espalier.design import Amount, Count, Labelled, human, share, synthetic
from espalier.mixture import Mixture


def mix(
    sources: Sequence[str],
    count: Count,
    *,
    origins: Mapping[str, str],
    add: Sequence[int],
    fixed: Mapping[str, Amount] = {},
    of: Sequence[str] = (),
) -> Iterator[Labelled]:
    """Yield one mixture per number in `add`: `maximum`, and so many synthetic rows.

    All synthetic sources share them evenly, none beyond what it has.  `of` may name sources of
    either kind, and then only they are taken of that kind.
    """
    whole = Amount(share=1)
    people, models = human(sources, origins), synthetic(sources, origins)
    chosen = {*([s for s in people if s in of] or people), *fixed}
    below = Mixture({s: count(s, fixed.get(s, whole)) for s in sources if s in chosen})
    others = [s for s in ([s for s in models if s in of] or models) if s not in below]
    have = {s: count(s, whole) for s in others} if any(add) else {}
    for rows in add:
        yield f"mix-{rows}", below + share(rows, have, "design mix")
