"""Ask a model: greedy replies and likelihoods, in batches of like length.

Rows of a batch cannot see each other: padding is masked (replies) or behind (likelihoods).  What
batching changes is the order in which numbers are added up, in the last bits; a reply depends on
it only where two tokens are equally likely to about one part in a million.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from espalier.ability import Likelihood, Prompt, Reply
from espalier.backends._decode import Row, decode
from espalier.backends._likelihood import score
from espalier.backends._model import (
    Model,
    context,
    device_of,
    logits_at,
    open_model,
    repeatable,
    vocabulary,
)
from espalier.backends._rows import split
from espalier.chat import Chat, Encoded
from espalier.errors import MissingError
from espalier.step import Site

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from espalier.probe import Pool

LOGITS = 2**28
"""The most logits held at once in scoring (1 GiB in fp32)."""

STATES = 2**28
"""The most numbers of hidden states held at once (1 GiB in fp32)."""

OVERHEAD = 256
"""What one more pass through the model costs, in tokens of computing."""


@contextmanager
def load(folder: Path, *, site: Site) -> Iterator[Asked]:
    """Load a model folder for asking: in fp32 on a CPU, else in the type its weights have."""
    device = device_of(site)
    with repeatable(site), torch.inference_mode():
        model = open_model(folder, device, torch.float32 if device.type == "cpu" else "auto")
        model.eval()
        yield Asked(model, Chat(folder), site)
        del model
        if device.type == "cuda":
            torch.cuda.empty_cache()


class Asked:
    """A loaded model; see `backend.LM`."""

    def __init__(self, model: Model, chat: Chat, site: Site) -> None:
        self.model, self.chat, self.site = model, chat, site
        self.device = next(model.parameters()).device
        self.context = context(model)
        self.cut = 0
        """How many prompts so far were longer than the context, and lost their beginning."""

    def generate(
        self,
        prompts: Sequence[Prompt],
        *,
        max_new_tokens: int,
        stop: Sequence[str] = (),
        temperature: float = 0.0,
        seeds: Sequence[int] = (),
    ) -> list[Reply]:
        """Return the reply to each prompt, in the order of the prompts; see `backend.LM`.

        A reply ends at an end-of-turn token or before a string of `stop` (then it is `finished`),
        or at `max_new_tokens`, or where the context is full.
        """
        ends = [s for s in (*stop, self._end_text) if s]
        rows = [self._row(i, self.chat.prompt(p), max_new_tokens) for i, p in enumerate(prompts)]
        if temperature:
            for row, seed in zip(rows, seeds, strict=True):
                row.luck = torch.Generator().manual_seed(seed)
        if not _keeps_cache(self.model):
            self._generate(rows, temperature)
        elif rows:
            decode(
                self.model,
                sorted(rows, key=lambda r: (-len(r.ids), r.number)),
                partial(self._append, ends=ends),
                slots=max(1, self.site.micro_tokens // max(len(r.ids) + r.room for r in rows)),
                temperature=temperature,
            )
        return [self._reply(row, ends) for row in rows]

    def likelihoods(self, pairs: Sequence[tuple[Prompt, str]]) -> list[Likelihood]:
        """Return the log-likelihood of each (prompt, candidate reply).

        After a conversation the candidate's end-of-turn token counts as one of its tokens; after
        raw text there is none.  A pair longer than the context loses its beginning.
        """
        encoded = [self._fit(self.chat.pair(prompt, reply)) for prompt, reply in pairs]
        most = max(1, LOGITS // vocabulary(self.model))
        totals, firsts = score(
            self.model,
            encoded,
            groups=partial(self._groups, most=most),
            overhead=OVERHEAD,
            most=min(self.site.micro_tokens, most),
            cache=_keeps_cache(self.model),
        )
        return [
            Likelihood(
                total=float(total),
                tokens=len(_targets(e)),
                characters=len(reply),
                first=float(first),
            )
            for total, first, e, (_, reply) in zip(totals, firsts, encoded, pairs, strict=True)
        ]

    def hidden(self, prompts: Sequence[Prompt], *, pool: Pool) -> NDArray[np.float32]:
        """Return each prompt's pooled hidden states, (prompts, layers + 1, width); see `LM`.

        A prompt longer than the context loses its beginning.
        """
        rows = [self.chat.prompt(prompt) for prompt in prompts]
        rows = [self._fit(Encoded(ids, [False] * len(ids))).ids for ids in rows]
        config = self.model.config.get_text_config()
        each = (config.num_hidden_layers + 1) * config.hidden_size
        found: dict[int, NDArray[np.float32]] = {}
        for batch in self._groups([len(ids) for ids in rows], most=max(1, STATES // each)):
            width = max(len(rows[i]) for i in batch)
            # padding stands behind, where no token can look
            ids = self._tensor(
                [rows[i] + [self.chat.pad_id] * (width - len(rows[i])) for i in batch]
            )
            lengths = self._tensor([len(rows[i]) for i in batch])
            _, output = logits_at(
                self.model,
                self._tensor([0]),  # no logits are wanted
                input_ids=ids,
                use_cache=False,
                output_hidden_states=True,
            )
            if not getattr(output, "hidden_states", None):
                raise MissingError(f"{self.chat.folder}: this model shows no hidden states")
            pooled = torch.stack([_pooled(s, lengths, pool) for s in output.hidden_states], 1)
            found.update(zip(batch, pooled.cpu().numpy(), strict=True))
        return np.stack([found[i] for i in range(len(rows))])

    @property
    def _end_text(self) -> str:
        """A template's end of turn that is several tokens, and so has to be looked for as text."""
        return "" if self.chat.ends_in_one_token else self.chat.end_text

    def _groups(self, lengths: list[int], most: int | None = None) -> list[list[int]]:
        """Group places of `lengths`, longest first, into batches of at most `most` tokens."""
        budget = min(self.site.micro_tokens, most or self.site.micro_tokens)
        return split(lengths, most=budget, overhead=OVERHEAD) if lengths else []

    def _row(self, number: int, ids: list[int], new: int) -> Row:
        """Fit a prompt into the context: at most half of it makes room for a long reply."""
        if self.context is None:
            return Row(number, ids, new)
        room = min(new, max(self.context - len(ids), self.context // 2))
        self.cut += len(ids) > self.context - room
        return Row(number, ids[-(self.context - room) :], room)

    def _fit(self, encoded: Encoded) -> Encoded:
        if self.context is None or len(encoded.ids) <= self.context:
            return encoded
        self.cut += 1
        return Encoded(encoded.ids[-self.context :], encoded.supervised[-self.context :], True)

    def _tensor(self, values: object, dtype: torch.dtype = torch.int64) -> Tensor:
        return torch.tensor(values, dtype=dtype, device=self.device)

    def _append(self, row: Row, token: int, *, ends: Sequence[str]) -> None:
        if token in self.chat.end_ids:
            row.finished = True
            return
        row.reply.append(token)
        if ends:  # no token is less than a byte, so so many of them hold any of the strings
            tail = self.chat.decode(row.reply[-max(len(e.encode()) for e in ends) - 4 :])
            row.finished = any(end in tail for end in ends)

    def _generate(self, rows: list[Row], temperature: float) -> None:
        """Extend `rows` through transformers, for models whose memory is no KV cache.

        One at a time: their state runs through padding too.
        """
        for row in rows:
            ids = self._tensor([row.ids])
            if row.luck is not None:
                torch.manual_seed(row.luck.initial_seed())
            made = self.model.generate(
                ids,
                attention_mask=torch.ones_like(ids),
                max_new_tokens=row.room,
                **(
                    {"do_sample": True, "temperature": temperature}
                    if row.luck
                    else {"do_sample": False}
                ),
                eos_token_id=sorted(self.chat.end_ids) or None,
                pad_token_id=self.chat.pad_id,
            )
            for token in made[0, len(row.ids) :].tolist():
                if row.going:
                    self._append(row, token, ends=())

    def _reply(self, row: Row, ends: Sequence[str]) -> Reply:
        text = self.chat.decode(row.reply)
        found = [at for end in ends if (at := text.find(end)) >= 0]
        return Reply(
            text=text[: min(found)] if found else text, finished=row.finished or bool(found)
        )


def _pooled(states: Tensor, lengths: Tensor, pool: Pool) -> Tensor:
    """Return one state a row, (rows, width) in fp32, of states (rows, tokens, width)."""
    places = torch.arange(states.shape[1], device=states.device)[None]
    if pool == "last":
        wanted = places == lengths[:, None] - 1
        return states[wanted].float()
    inside = (places < lengths[:, None])[..., None]
    return states.float().where(inside, 0.0).sum(1) / lengths[:, None]


def _targets(encoded: Encoded) -> list[int]:
    """Return the places of the supervised tokens that have something before them."""
    return [j for j, supervised in enumerate(encoded.supervised) if supervised and j]


def _keeps_cache(model: Model) -> bool:
    """Say whether the model goes on from keys and values, and not from a state."""
    return "past_key_values" in inspect.signature(model.forward).parameters and not getattr(
        model, "_is_stateful", False
    )
