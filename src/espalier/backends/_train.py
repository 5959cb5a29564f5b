"""The training loop: one update after the other, and the same after a kill.

What an update learns is a function of the weights, the optimiser's moments and the update's
number; these are saved now and then, so a killed run goes on from there and ends with the same
bytes on the same machine.  The loss is the sum over supervised tokens divided by their number in
the whole optimiser batch: how rows are cut into micro-batches changes rounding, nothing else.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import cross_entropy

from espalier.backend import kept
from espalier.backends import _state
from espalier.backends._model import (
    Model,
    check_bf16,
    context,
    device_of,
    logits_at,
    open_model,
    repeatable,
    vocabulary,
)
from espalier.backends._rows import Micro, Rows, draw, micros, read
from espalier.backends._schedule import rate
from espalier.chat import Chat
from espalier.errors import EspalierError, MissingError
from espalier.recipe import Recipe
from espalier.step import Site

LOGITS = 2**29
"""The most logits held at once (2 GiB in fp32): large vocabularies get smaller micro-batches."""

MOST = {"cpu": 4096}
"""The most tokens in a micro-batch where larger ones only fall out of the processor's caches."""

OVERHEAD = {"cpu": 128, "cuda": 2048}
"""What one more pass through a model of a million parameters or more costs, in tokens of
computing.  A pass costs much the same whatever the width, so for a smaller model it is more."""

TOKENIZER = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
    "tokenizer.model",
    "chat_template.jinja",
    "generation_config.json",
)
"""What goes from the old model folder into the new one as it stands."""


def train(
    *,
    model: Path,
    rows: Path,
    recipe: Recipe,
    seed: int,
    out: Path,
    site: Site,
    keep: Collection[int] = (),
) -> dict[str, Any]:
    """Train `model` on `rows` into `out` and return the record; see `Backend.train`."""
    device = device_of(site)
    if recipe.precision == "bf16":
        check_bf16(device)
    out.mkdir(parents=True, exist_ok=True)
    with repeatable(site):
        net = open_model(model, device, torch.float32)
        length = min(recipe.max_length, context(net) or recipe.max_length)
        data = read(rows, Chat(model), length)
        if (top := int(data.ids.max())) >= vocabulary(net):
            raise MissingError(
                f"{model}: its tokenizer writes token {top}, its model knows {vocabulary(net)}; "
                "tokenizer and weights do not belong together"
            )
        loop = _Loop(net, data, recipe, seed, out, site, model=model, keep=frozenset(keep))
        loop.run()
        _write(net, model, out)
    loop.log.write(out / "losses.parquet", data.names)
    record = loop.record() | {"max_length": length}
    _state.clear(out)
    return record


@dataclass(kw_only=True)
class _Log:
    """What every update lost, by source: sums over supervised tokens, and their numbers."""

    sums: NDArray[np.float64]
    tokens: NDArray[np.int64]
    rates: NDArray[np.float64]

    @classmethod
    def empty(cls, updates: int, sources: int) -> _Log:
        shape = (updates, sources)
        return cls(sums=np.zeros(shape), tokens=np.zeros(shape, np.int64), rates=np.zeros(updates))

    def mean(self, updates: slice, source: int | slice = slice(None)) -> float | None:
        """Return the mean loss of a token over some updates; None where no token was."""
        tokens = self.tokens[updates, source].sum()
        return float(self.sums[updates, source].sum() / tokens) if tokens else None

    def write(self, path: Path, names: tuple[str, ...]) -> None:
        """Write one line an update and source that was in it."""
        update, source = np.nonzero(self.tokens)
        columns = {
            "update": update + 1,
            "learning_rate": self.rates[update],
            "source": pa.array(np.asarray(names, dtype=object)[source]),
            "loss": self.sums[update, source] / self.tokens[update, source],
            "supervised_tokens": self.tokens[update, source],
        }
        pq.write_table(pa.table(columns), path)


@dataclass
class _Loop:
    net: Model
    data: Rows
    recipe: Recipe
    seed: int
    out: Path
    site: Site
    model: Path
    keep: frozenset[int]
    done: int = 0
    tokens: int = 0
    seconds: float = 0.0
    pending: list[Tensor] = field(default_factory=list)
    """Losses of the last updates, still on the device: reading each at once would stall it."""

    def __post_init__(self) -> None:
        self.origin = _weights(self.model)
        self.device = next(self.net.parameters()).device
        self.updates = self.recipe.count_updates(len(self.data))
        self.log = _Log.empty(self.updates, len(self.data.names))
        self.optimizer = _optimizer(self.net, self.recipe)
        most = min(self.site.micro_tokens, LOGITS // vocabulary(self.net))
        self.most = min(most, MOST.get(self.device.type, most))
        million = sum(p.numel() for p in self.net.parameters()) / 1e6
        overhead = OVERHEAD.get(self.device.type, OVERHEAD["cuda"])
        self.overhead = round(overhead * max(1.0, 1.0 / million))
        self.lengths = np.diff(self.data.starts)
        self.net.train()
        self.net.config.use_cache = False
        if self.site.gradient_checkpointing:
            self.net.activation_checkpointing_enable()

    def run(self) -> None:
        """Train to the end, from the last saved state where there is one."""
        self._resume()
        clock = _Clock(self.seconds)
        saved = shown = clock.start
        while self.done < self.updates:
            self.pending.append(self._update(self.done))
            self.done += 1
            if self.done in self.keep:
                self._settle()
                self._keep()
            now = perf_counter()
            last = self.done == self.updates
            if last or now - shown >= 0.5:
                shown = now
                self.seconds = clock.read()
                self._settle()
                self._show()
            if not last and now - saved >= self.site.checkpoint_seconds:
                self.seconds = clock.read()
                self._settle()
                self._save()
                saved = perf_counter()

    def _update(self, number: int) -> Tensor:
        """Make one optimiser update and return the loss sum of each source."""
        # Drop-out, where a model has it, depends on the update's number and not on the past.
        torch.manual_seed((self.seed * 1_000_003 + number) % 2**63)
        drawn = self.data.usable[
            draw(len(self.data.usable), self.recipe.batch_size, seed=self.seed, update=number)
        ]
        targets = self.data.targets[drawn]
        here = self.data.source[drawn]
        sources = len(self.data.names)
        self.log.tokens[number] = np.bincount(here, weights=targets, minlength=sources)
        self.log.rates[number] = rate(self.recipe, number, self.updates)
        self.tokens += int(self.lengths[drawn].sum())
        total = int(targets.sum())
        lost = torch.zeros(sources, device=self.device)
        for micro in micros(self.data, drawn, most=self.most, overhead=self.overhead, pad=0):
            losses = self._losses(micro)
            torch.autograd.backward(losses.sum() / total)
            source = torch.from_numpy(micro.source).to(self.device)
            lost.index_add_(0, source, losses.detach())
        if self.recipe.clip is not None:
            torch.nn.utils.clip_grad_norm_(self.net.parameters(), self.recipe.clip)
        for group in self.optimizer.param_groups:
            group["lr"] = self.log.rates[number]
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return lost

    def _losses(self, micro: Micro) -> Tensor:
        """Return the loss of each supervised token of a micro-batch."""
        bf16 = self.recipe.precision == "bf16"
        places, ids, labels = (
            torch.from_numpy(part).to(self.device)
            for part in (micro.places, micro.ids, micro.labels)
        )
        with torch.autocast(self.device.type, torch.bfloat16, enabled=bf16):
            logits, _ = logits_at(self.net, places, input_ids=ids)
        return cross_entropy(logits.float(), labels, reduction="none")

    def _settle(self) -> None:
        """Read the pending losses into the log; refuse to go on where one is no number."""
        if not self.pending:
            return
        first = self.done - len(self.pending)
        sums = torch.stack(self.pending).double().cpu().numpy()
        self.pending.clear()
        self.log.sums[first : self.done] = sums
        bad = np.flatnonzero(~np.isfinite(sums).all(axis=1))
        if len(bad):
            number = first + int(bad[0])
            raise EspalierError(
                f"training diverged: the loss of update {number + 1} of {self.updates} is not a "
                f"number; lower learning_rate (now {self.recipe.learning_rate:g}), lengthen "
                "warmup or lower clip"
            )

    def _show(self) -> None:
        if self.site.progress is None:
            return
        tenth = slice(max(0, self.done - 10), self.done)
        shown = {
            "update": self.done,
            "updates": self.updates,
            "loss": self.log.mean(tenth),
            "tokens_per_s": round(self.tokens / self.seconds, 1) if self.seconds else None,
            "supervised_tokens": int(self.log.tokens[: self.done].sum()),
            "elapsed": round(self.seconds, 3),
        }
        aside = self.site.progress.with_name(self.site.progress.name + ".part")
        aside.write_text(json.dumps(shown))
        aside.replace(self.site.progress)

    @property
    def _identity(self) -> str:
        """Say what this run is, so that it never goes on from another one's state."""
        given = [self.recipe.model_dump(mode="json"), self.seed, self.data.digest, self.origin]
        return json.dumps(given)

    def _named(self) -> dict[str, Tensor]:
        """Return all weights and lasting buffers once each; tied ones share one name."""
        kept = self.net.state_dict().keys()
        buffers = {n: b for n, b in self.net.named_buffers() if n in kept}
        return dict(self.net.named_parameters()) | buffers

    def _save(self) -> None:
        tensors = {f"weight.{n}": t.detach().contiguous() for n, t in self._named().items()}
        for name, parameter in self.net.named_parameters():
            for part, value in self.optimizer.state.get(parameter, {}).items():
                tensors[f"moment.{part}.{name}"] = value.contiguous()
        tensors |= {
            "log.sums": torch.from_numpy(self.log.sums[: self.done]),
            "log.tokens": torch.from_numpy(self.log.tokens[: self.done]),
            "log.rates": torch.from_numpy(self.log.rates[: self.done]),
        }
        loop = {
            "identity": self._identity,
            "done": self.done,
            "tokens": self.tokens,
            "seconds": self.seconds,
        }
        _state.save(self.out, tensors, loop)

    def _keep(self) -> None:
        """Write the model as it is now, whole or not at all."""
        home = kept(self.out, self.done)
        aside = home.with_name(f".{home.name}.part")
        for folder in (home, aside):
            shutil.rmtree(folder, ignore_errors=True)
        aside.mkdir(parents=True)
        _write(self.net, self.model, aside)
        self.net.config.use_cache = False
        aside.rename(home)

    def _resume(self) -> None:
        found = _state.load(self.out, self._identity)
        if found is None:
            return
        tensors, loop = found
        if not all(kept(self.out, n).is_dir() for n in self.keep if n <= loop["done"]):
            return
        with torch.no_grad():
            for name, tensor in self._named().items():
                tensor.copy_(tensors[f"weight.{name}"])
        for name, parameter in self.net.named_parameters():
            state = {}
            for part in ("step", "exp_avg", "exp_avg_sq"):
                if (saved := tensors.get(f"moment.{part}.{name}")) is not None:
                    state[part] = saved.to(self.device, copy=True)
            if state:
                self.optimizer.state[parameter] = state
        self.done, self.tokens, self.seconds = loop["done"], loop["tokens"], loop["seconds"]
        self.log.sums[: self.done] = tensors["log.sums"].numpy()
        self.log.tokens[: self.done] = tensors["log.tokens"].numpy()
        self.log.rates[: self.done] = tensors["log.rates"].numpy()

    def record(self) -> dict[str, Any]:
        """Return what was done; what depends on the machine stands under `cost`."""
        tenth = max(1, self.updates // 10)
        first, last = slice(0, tenth), slice(self.updates - tenth, self.updates)
        names = self.data.names
        so_far = {str(n): int(self.log.tokens[:n].sum()) for n in sorted(self.keep)}
        return ({"kept": so_far} if so_far else {}) | {
            "updates": self.updates,
            "epochs": self.updates * self.recipe.batch_size / len(self.data.usable),
            "tokens": self.tokens,
            "supervised_tokens": int(self.log.tokens.sum()),
            "parameters": sum(p.numel() for p in self.net.parameters()),
            "losses": {
                "first": self.log.mean(first),
                "last": self.log.mean(last),
                "by_source": {
                    name: {"first": self.log.mean(first, i), "last": self.log.mean(last, i)}
                    for i, name in enumerate(names)
                },
            },
            "sources": self.data.audit(),
            "cost": {
                "seconds": self.seconds,
                "tokens_per_s": self.tokens / self.seconds if self.seconds else None,
                "device": str(self.device),
                "threads": self.site.threads,
            },
        }


class _Clock:
    """Seconds spent, those of earlier attempts included."""

    def __init__(self, before: float) -> None:
        self.before, self.start = before, perf_counter()

    def read(self) -> float:
        return self.before + perf_counter() - self.start


def _optimizer(net: Model, recipe: Recipe) -> torch.optim.AdamW:
    """Return AdamW that decays matrices and embeddings, but no norms and no biases."""
    trained = [p for p in net.parameters() if p.requires_grad]
    return torch.optim.AdamW(
        [
            {"params": [p for p in trained if p.ndim > 1], "weight_decay": recipe.weight_decay},
            {"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0},
        ],
        lr=recipe.learning_rate,
        betas=recipe.betas,
        eps=recipe.epsilon,
        fused=True,
    )


def _weights(folder: Path) -> list[list[Any]]:
    """Tell this model folder from another without reading its weights."""
    files = sorted(folder.glob("*.safetensors"))
    return [[f.name, f.stat().st_size, f.stat().st_mtime_ns] for f in files]


def _write(net: Model, old: Path, out: Path) -> None:
    """Write the model folder: fp32 weights, so that a next stage starts from what this one made."""
    net.config.use_cache = True
    net.save_pretrained(out)
    for name in TOKENIZER:
        if (old / name).is_file():
            shutil.copyfile(old / name, out / name)
