"""Composed rows as tokens: read once, drawn by number, grouped by length.

Nothing here knows a model or a device; order and grouping are pure functions of numbers, so a
resumed run needs the number of its update and nothing else.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from espalier.ability import Message
from espalier.chat import Chat
from espalier.errors import DataError

CHUNK = 4096
"""Rows encoded at a time; bounds the memory that conversations as Python objects take."""

STEP = 16
"""Micro-batches are padded to a multiple of this: oneDNN builds a kernel for each new shape, which
costs about half a product, and shapes then come again (6 % faster at 1.3 M parameters)."""


@dataclass(frozen=True, kw_only=True)
class Rows:
    """All rows of a stage as tokens, one behind the other."""

    ids: NDArray[np.int32]
    supervised: NDArray[np.bool_]
    starts: NDArray[np.int64]
    """Row `i` has the tokens from `starts[i]` to `starts[i + 1]`."""
    source: NDArray[np.int64]
    """The number of each row's source in `names`."""
    truncated: NDArray[np.bool_]
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.source)

    @cached_property
    def targets(self) -> NDArray[np.int64]:
        """Count each row's supervised tokens that can be predicted: the first has no context."""
        counts = np.concatenate([[0], np.cumsum(self.supervised, dtype=np.int64)])
        per_row: NDArray[np.int64] = counts[self.starts[1:]] - counts[self.starts[:-1]]
        filled = self.starts[:-1] < self.starts[1:]
        per_row[filled] -= self.supervised[self.starts[:-1][filled]]
        return per_row

    @cached_property
    def usable(self) -> NDArray[np.int64]:
        """Return the numbers of the rows that have something to learn from."""
        return np.flatnonzero(self.targets > 0)

    @cached_property
    def lengths(self) -> NDArray[np.int64]:
        """Count each row's tokens that a model must read.

        What follows the last supervised token changes no loss, and that token is only predicted.
        """
        last = np.zeros(len(self), dtype=np.int64)
        rows = np.repeat(np.arange(len(self)), np.diff(self.starts))
        at = np.flatnonzero(self.supervised)
        np.maximum.at(last, rows[at], at - self.starts[rows[at]])
        return last

    @cached_property
    def digest(self) -> str:
        """Return a hash over the tokens and what is supervised, in order."""
        digest = hashlib.sha256()
        for part in (self.ids, self.supervised, self.starts, self.source):
            digest.update(part.tobytes())
        return digest.hexdigest()

    def audit(self) -> dict[str, dict[str, int]]:
        """Return what each source brings in one pass over the rows, after truncation.

        `dropped` rows have no supervised token (left); they are never trained on.
        """
        tokens = np.diff(self.starts)

        def sums(values: NDArray[np.int64] | NDArray[np.bool_]) -> list[int]:
            counts = np.bincount(self.source, weights=values, minlength=len(self.names))
            return [int(count) for count in counts]

        columns = {
            "rows": sums(np.ones(len(self), dtype=np.int64)),
            "tokens": sums(tokens),
            "supervised_tokens": sums(self.targets),
            "truncated": sums(self.truncated),
            "dropped": sums(self.targets == 0),
        }
        return {n: {c: v[i] for c, v in columns.items()} for i, n in enumerate(self.names)}


def read(path: Path, chat: Chat, max_length: int) -> Rows:
    """Encode the rows of the Parquet file `path` (columns source, messages), in their order.

    Raises `DataError` for an empty stage, and for one in which nothing is supervised.
    """
    names: dict[str, int] = {}
    ids, supervised, lengths, source, truncated = [], [], [], [], []
    for batch in pq.ParquetFile(path).iter_batches(CHUNK, columns=["source", "messages"]):
        columns = batch.to_pydict()
        messages: Sequence[Sequence[Message]] = columns["messages"]
        encoded = chat.encode_many(messages, max_length)
        ids.append(np.fromiter((t for e in encoded for t in e.ids), dtype=np.int32))
        supervised.append(np.fromiter((s for e in encoded for s in e.supervised), dtype=np.bool_))
        lengths += [len(e.ids) for e in encoded]
        truncated += [e.truncated for e in encoded]
        source += [names.setdefault(name, len(names)) for name in columns["source"]]
    if not source:
        raise DataError(f"{path}: the stage has no rows to train on")
    rows = Rows(
        ids=np.concatenate(ids),
        supervised=np.concatenate(supervised),
        starts=np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]),
        source=np.asarray(source, dtype=np.int64),
        truncated=np.asarray(truncated, dtype=np.bool_),
        names=tuple(names),
    )
    if not len(rows.usable):
        raise DataError(
            f"{path}: none of the {len(rows)} rows has a supervised token within {max_length} "
            "tokens; rows need an assistant turn, and max_length must reach it"
        )
    return rows


def draw(rows: int, batch_size: int, *, seed: int, update: int) -> NDArray[np.int64]:
    """Return which of `rows` rows the optimiser update number `update` learns from.

    The rows are passed through again and again, each time in a fresh order that depends on the
    seed and the number of the pass alone; a batch may reach from one pass into the next.
    """
    places = np.arange(update * batch_size, (update + 1) * batch_size)
    passes, within = places // rows, places % rows
    drawn = np.empty(batch_size, dtype=np.int64)
    for number in np.unique(passes):
        here = passes == number
        drawn[here] = shuffle(rows, seed=seed, number=int(number))[within[here]]
    return drawn


def shuffle(rows: int, *, seed: int, number: int) -> NDArray[np.int64]:
    """Return a permutation of `rows` numbers for pass `number`.

    It sorts the raw output of a counter-based generator, whose stream NumPy promises to keep.
    """
    key = np.array([seed % 2**64, number], dtype=np.uint64)
    return np.argsort(np.random.Philox(key=key).random_raw(rows), kind="stable")


def split(lengths: Sequence[int], *, most: int, overhead: int) -> list[list[int]]:
    """Group places of `lengths` into micro-batches that waste the least.

    A group costs its padded tokens plus `overhead`, what one more pass through the model costs in
    tokens.  Sorted by length the best groups are stretches, found by dynamic programming.  No
    group has more than `most` padded tokens, unless a single row has.
    """
    order = sorted(range(len(lengths)), key=lambda i: (-lengths[i], i))
    best, cut = [0.0], [0]
    for end in range(1, len(order) + 1):
        costs: list[tuple[float, int]] = []
        for start in range(end - 1, -1, -1):
            padded = lengths[order[start]] * (end - start)
            if padded > most and costs:
                break  # from here on groups only grow
            costs.append((best[start] + padded + overhead, start))
        cost, start = min(costs)
        best.append(cost)
        cut.append(start)
    bounds = [len(order)]
    while bounds[-1]:
        bounds.append(cut[bounds[-1]])
    return [order[start:end] for start, end in pairwise(reversed(bounds))]


@dataclass(frozen=True, kw_only=True)
class Micro:
    """Rows that go through the model together, padded at the right."""

    ids: NDArray[np.int64]
    """Rows by tokens.  Attention looks back only, so padding at the right is never seen."""
    places: NDArray[np.int64]
    """Where, in `ids` read as one line, the next token is supervised."""
    labels: NDArray[np.int64]
    """That next token, for each of `places`."""
    source: NDArray[np.int64]
    """The source of the row, for each of `places`."""


def micros(
    rows: Rows, drawn: NDArray[np.int64], *, most: int, overhead: int, pad: int
) -> Iterator[Micro]:
    """Yield the rows of one optimiser batch as padded micro-batches, longest first."""
    for group in split(rows.lengths[drawn].tolist(), most=most, overhead=overhead):
        yield micro(rows, drawn[group], pad=pad)


def micro(rows: Rows, numbers: NDArray[np.int64], *, pad: int) -> Micro:
    """Pad the rows `numbers` to one length and say where their supervised tokens stand."""
    width = -(-int(rows.lengths[numbers].max()) // STEP) * STEP
    ids = np.full((len(numbers), width), pad, dtype=np.int64)
    places, labels, source = [], [], []
    for i, number in enumerate(numbers.tolist()):
        start, length = int(rows.starts[number]), int(rows.lengths[number])
        ids[i, :length] = rows.ids[start : start + length]
        at = np.flatnonzero(rows.supervised[start + 1 : start + 1 + length])
        places.append(at + i * width)
        labels.append(rows.ids[start + 1 + at])
        source.append(np.full(len(at), rows.source[number]))
    return Micro(
        ids=ids,
        places=np.concatenate(places),
        labels=np.concatenate(labels).astype(np.int64),
        source=np.concatenate(source),
    )
