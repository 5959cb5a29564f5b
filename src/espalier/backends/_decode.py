"""Decode many prompts with one KV cache: finished rows leave the batch, waiting ones join it.

Replies end at very different lengths, so a batch that is kept until its last reply ends computes
mostly for rows that are done.  Here a batch is refilled once a share of it is free: the new
prompts are read by themselves, and their keys and values are put beside those of the rows under
way, padded at the left.  Padding is masked and positions count from each row's own beginning, so
a row's numbers are those it would have alone, but for the order of additions.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from espalier.backends._model import Model, logits_at

LEAVE = 0.75
"""Rows are taken out, and new ones in, once no more than this share of a batch is still going."""


@dataclass
class Row:
    """A prompt under way."""

    number: int
    """Its place among the prompts."""
    ids: list[int]
    room: int
    """The most new tokens it may get."""
    reply: list[int] = field(default_factory=list)
    finished: bool = False
    luck: torch.Generator | None = None
    """Where its sampling draws from; None is greedy."""

    @property
    def going(self) -> bool:
        """Say whether it wants another token."""
        return not self.finished and len(self.reply) < self.room


@dataclass
class _Batch:
    """Rows under way, with what the model remembers of them."""

    rows: list[Row]
    cache: Any
    ids: Tensor
    """The last token of each row, (rows, 1)."""
    mask: Tensor
    """1 where there is no padding, (rows, tokens in the cache)."""
    positions: Tensor
    """The place of the next token in each row, (rows, 1)."""


def decode(
    model: Model,
    rows: Iterable[Row],
    append: Callable[[Row, int], None],
    *,
    slots: int,
    temperature: float = 0.0,
) -> None:
    """Extend every row until it is finished or full; `append` takes a row's next token.

    Rows are best given longest first: then few are padded.  No more than `slots` go at once.
    """
    waiting = deque(rows)
    batch: _Batch | None = None
    while waiting or batch:
        if batch is None or (waiting and _room(batch, slots)):
            free = slots - (len(batch.rows) if batch else 0)
            fresh = [waiting.popleft() for _ in range(min(free, len(waiting)))]
            started = _begin(model, fresh, append, temperature)
            batch = _join(batch, started) if batch and started else batch or started
        else:
            batch = _step(model, batch, append, temperature)


def choose(logits: Tensor, rows: Sequence[Row], temperature: float) -> Tensor:
    """Return each row's next token: the likeliest, or one drawn by the Gumbel-max trick.

    The noise comes from the row's own generator, so a draw does not depend on the batch.
    """
    if not temperature:
        return logits.argmax(-1)
    # a row still in the batch after its end draws on, which nobody reads
    uniform = torch.stack(
        [torch.rand(logits.shape[-1], generator=r.luck, dtype=torch.float64) for r in rows]
    )
    noise = -torch.log(-torch.log(uniform.clamp(min=1e-300)))
    return (logits.double() / temperature + noise.to(logits.device)).argmax(-1)


def _room(batch: _Batch, slots: int) -> bool:
    return len(batch.rows) <= LEAVE * slots and _joins(batch.cache)


def _joins(cache: Any) -> bool:
    """Say whether rows of two caches can be put side by side: plain keys and values only."""
    from transformers.cache_utils import DynamicLayer

    layers = getattr(cache, "layers", None)
    return bool(layers) and all(type(layer) is DynamicLayer for layer in layers or ())


def _begin(
    model: Model, rows: list[Row], append: Callable[[Row, int], None], temperature: float
) -> _Batch | None:
    """Read the prompts of `rows` and give each its first token."""
    device = next(model.parameters()).device
    width = max(len(r.ids) for r in rows)
    ids = torch.tensor([[0] * (width - len(r.ids)) + r.ids for r in rows], device=device)
    mask = torch.tensor(
        [[0] * (width - len(r.ids)) + [1] * len(r.ids) for r in rows], device=device
    )
    positions = (mask.cumsum(1) - 1).clamp(min=0)
    return _pass(model, rows, None, ids, mask, positions, append, temperature)


def _step(
    model: Model, batch: _Batch, append: Callable[[Row, int], None], temperature: float
) -> _Batch | None:
    """Give every row of the batch its next token."""
    mask = torch.cat([batch.mask, batch.mask.new_ones(len(batch.mask), 1)], 1)
    return _pass(
        model, batch.rows, batch.cache, batch.ids, mask, batch.positions, append, temperature
    )


def _pass(
    model: Model,
    rows: list[Row],
    cache: Any,
    ids: Tensor,
    mask: Tensor,
    positions: Tensor,
    append: Callable[[Row, int], None],
    temperature: float,
) -> _Batch | None:
    """Run the model once and append a token to each row; None once no row is going."""
    last = torch.arange(len(ids), device=ids.device) * ids.shape[1] + ids.shape[1] - 1
    logits, output = logits_at(
        model,
        last,
        input_ids=ids,
        attention_mask=None if bool(mask.all()) else mask,
        position_ids=positions,
        past_key_values=cache,
        use_cache=True,
    )
    chosen = choose(logits, rows, temperature)
    for row, token in zip(rows, chosen.tolist(), strict=True):
        if row.going:
            append(row, token)
    batch = _Batch(rows, output.past_key_values, chosen[:, None], mask, positions[:, -1:] + 1)
    going = [i for i, r in enumerate(rows) if r.going]
    if not going:
        return None
    return _keep(batch, going) if len(going) <= LEAVE * len(rows) else batch


def _keep(batch: _Batch, going: list[int]) -> _Batch:
    """Take the rows that are done out of the batch, and the padding that nobody needs any more."""
    if not hasattr(batch.cache, "batch_select_indices"):
        return batch
    keep = torch.tensor(going, device=batch.ids.device)
    batch.cache.batch_select_indices(keep)
    mask = batch.mask[keep]
    if _joins(batch.cache) and (empty := int(mask.any(0).int().argmax())):
        mask = mask[:, empty:]
        for layer in batch.cache.layers:
            layer.keys, layer.values = layer.keys[:, :, empty:], layer.values[:, :, empty:]
    return _Batch(
        [batch.rows[i] for i in going], batch.cache, batch.ids[keep], mask, batch.positions[keep]
    )


def _join(one: _Batch, other: _Batch) -> _Batch:
    """Put the rows of two batches into one, padded at the left to the longer one's width."""
    width = max(one.mask.shape[1], other.mask.shape[1])
    for mine, theirs in zip(one.cache.layers, other.cache.layers, strict=True):
        mine.keys = torch.cat([_padded(mine.keys, width), _padded(theirs.keys, width)])
        mine.values = torch.cat([_padded(mine.values, width), _padded(theirs.values, width)])
    masks = [torch.nn.functional.pad(b.mask, (width - b.mask.shape[1], 0)) for b in (one, other)]
    return _Batch(
        [*one.rows, *other.rows],
        one.cache,
        torch.cat([one.ids, other.ids]),
        torch.cat(masks),
        torch.cat([one.positions, other.positions]),
    )


def _padded(memory: Tensor, width: int) -> Tensor:
    """Pad keys or values, (rows, heads, tokens, size), at the left to `width` tokens."""
    return torch.nn.functional.pad(memory, (0, 0, width - memory.shape[2], 0))
