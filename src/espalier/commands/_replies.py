"""Replies to look at, out of a finished score."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from espalier.report.facts import Reply
    from espalier.steps.evaluate import Score
    from espalier.store import Store


def replies_of(store: Store, score: Score, *, ability: str, of: str, most: int) -> Iterator[Reply]:
    """Yield the first `most` replies of each kind: right, wrong, unscored.

    They are the first, not the best.  Where likelihoods were compared, what the model would choose
    stands for its reply.
    """
    import pyarrow.parquet as pq

    from espalier.report.facts import Reply

    seen: Counter[str] = Counter()
    for row in pq.read_table(store.path(score) / "items.parquet").to_pylist():
        reply = Reply(
            ability=ability,
            prompt=row["prompt"],
            reply=row["reply"] or row["extracted"] or "",
            reference=row["target"],
            score=row["score"],
            of=of,
            key=score.key,
        )
        seen[reply.kind] += 1
        if seen[reply.kind] <= most:
            yield reply
