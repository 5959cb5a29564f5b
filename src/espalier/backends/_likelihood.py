"""Log-likelihoods of candidates, with what many of them begin with computed once.

    pairs --> lines (pairs that read the same are one) --> families (lines that begin alike)

Four letters after one question are one line with four tokens wanted at its end.  Questions behind
the same examples are a family: the examples go through the model once, and their keys and values
are given to every line.  The numbers are those of single lines, but for the order of additions.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import log_softmax

from espalier.backends._model import Model, logits_at
from espalier.chat import Encoded

Wanted = tuple[int, int, int]
"""A place in a line, the token whose probability is wanted after it, and the sum it goes into.

Of n pairs, sum i is pair i's total, and sum n + i the part of its first token.
"""

CACHED = 4
"""Keys and values may take this many times the tokens of a forward pass."""


@dataclass(frozen=True)
class Line:
    """Tokens to read, and what is wanted of them."""

    ids: list[int]
    wanted: list[Wanted]


def score(
    model: Model,
    encoded: Sequence[Encoded],
    *,
    groups: Callable[[list[int]], list[list[int]]],
    overhead: int,
    most: int,
    cache: bool,
) -> NDArray[np.float64]:
    """Return each row's log-probability in nats: of all its supervised tokens, and of the first.

    Two rows of numbers, one column for each pair.

    `groups` cuts places of given lengths into batches, `overhead` is what one more pass costs in
    tokens, `most` how many tokens a pass may have; without `cache` every line is read whole.
    """
    totals = np.zeros(2 * len(encoded))
    alone: list[Line] = []
    for start, family in families(lines(encoded), overhead if cache else None):
        if not start:
            alone += family
            continue
        memory = _begin(model, family, start, totals)
        room = max(1, CACHED * most // max(len(line.ids) for line in family))
        for batch in groups([len(line.ids) - start for line in family]):
            for at in range(0, len(batch), room):
                chosen = [family[i] for i in batch[at : at + room]]
                _read(model, chosen, totals, start=start, memory=memory)
    for batch in groups([len(line.ids) for line in alone]):
        _read(model, [alone[i] for i in batch], totals)
    return totals.reshape(2, -1)


def lines(encoded: Sequence[Encoded]) -> list[Line]:
    """Return what has to be read: each distinct beginning up to a row's last supervised token."""
    found: dict[tuple[int, ...], Line] = {}
    for number, row in enumerate(encoded):
        marks = [j for j, supervised in enumerate(row.supervised) if supervised and j]
        if marks:
            read = tuple(row.ids[: marks[-1]])
            line = found.setdefault(read, Line(list(read), []))
            line.wanted.extend((j - 1, row.ids[j], number) for j in marks)
            first = marks[0]
            line.wanted.append((first - 1, row.ids[first], len(encoded) + number))
    return list(found.values())


def families(given: Sequence[Line], overhead: int | None) -> Iterator[tuple[int, list[Line]]]:
    """Yield (tokens that all begin with, lines); 0 for lines that are better read whole.

    Sorted by their tokens, lines that begin alike are neighbours.  A line joins the family before
    it where that saves tokens; a family must save more than its own pass costs.
    """
    if overhead is None:
        yield 0, list(given)
        return
    family: list[Line] = []
    start = 0
    for line in sorted(given, key=lambda line: line.ids):
        # the last token of a line is read for itself, so that something is left to read
        common = min(_alike(family[-1].ids, line.ids), len(line.ids) - 1) if family else 0
        joint = min(start, common)
        together = _cost([*family, line], joint)
        if family and joint and together < _cost(family, start) + len(line.ids):
            family.append(line)
            start = joint
        else:
            yield from _settled(family, start, overhead)
            family, start = [line], len(line.ids) - 1
    yield from _settled(family, start, overhead)


def _alike(one: Sequence[int], other: Sequence[int]) -> int:
    """Return how many tokens two lines begin with alike."""
    pairs = zip(one, other, strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def _cost(family: Sequence[Line], start: int) -> int:
    return start + sum(len(line.ids) - start for line in family)


def _settled(family: list[Line], start: int, overhead: int) -> Iterator[tuple[int, list[Line]]]:
    if family:
        saved = start * (len(family) - 1)
        yield (start if saved > 2 * overhead else 0), family


def _begin(model: Model, family: Sequence[Line], start: int, totals: NDArray[np.float64]) -> Any:
    """Read what a family begins with; return the model's memory of it."""
    wanted = [w for line in family for w in line.wanted if w[0] < start]
    device = next(model.parameters()).device
    ids = torch.tensor([family[0].ids[:start]], device=device)
    # a place is wanted anew by every line; it is computed once
    places = sorted({place for place, _, _ in wanted}) or [start - 1]
    logits, output = logits_at(
        model, torch.tensor(places, device=device), input_ids=ids, use_cache=True
    )
    rank = {place: i for i, place in enumerate(places)}
    _add(totals, logits, [(rank[place], token, number) for place, token, number in wanted])
    return output.past_key_values


def _read(
    model: Model,
    batch: Sequence[Line],
    totals: NDArray[np.float64],
    *,
    start: int = 0,
    memory: Any = None,
) -> None:
    """Read lines from `start` on, and add up what is wanted of them there."""
    device = next(model.parameters()).device
    rest = [line.ids[start:] for line in batch]
    width = max(map(len, rest))
    ids = torch.tensor([part + [0] * (width - len(part)) for part in rest], device=device)
    flat: dict[int, int] = {}
    wanted = []
    for i, line in enumerate(batch):
        for place, token, number in line.wanted:
            if place >= start:
                where = i * width + place - start
                wanted.append((flat.setdefault(where, len(flat)), token, number))
    if not wanted:
        return
    inputs: dict[str, Any] = {"input_ids": ids, "use_cache": False}
    if memory is not None:
        memory = copy.deepcopy(memory)
        memory.batch_repeat_interleave(len(batch))
        positions = torch.arange(start, start + width, device=device)[None].expand(len(batch), -1)
        inputs |= {"past_key_values": memory, "use_cache": True, "position_ids": positions}
    logits, _ = logits_at(model, torch.tensor(list(flat), device=device), **inputs)
    _add(totals, logits, wanted)


def _add(totals: NDArray[np.float64], logits: Tensor, wanted: Sequence[Wanted]) -> None:
    """Add the log-probabilities that are wanted at rows of `logits` to their pairs' totals."""
    if not wanted:
        return
    rows, tokens, numbers = (list(part) for part in zip(*wanted, strict=True))
    likely = log_softmax(logits.float(), -1)
    found = likely[
        torch.tensor(rows, device=logits.device), torch.tensor(tokens, device=logits.device)
    ]
    np.add.at(totals, numbers, found.double().cpu().numpy())
