"""What a study names, opened once: its sources, models and abilities, as planning needs them.

This is where planning meets the disk.  Whatever is missing or cannot be used is refused here,
before the first second of training.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, get_args, get_type_hints

import numpy as np
from numpy.typing import NDArray

from espalier.ability import Prompt, abilities
from espalier.chat import Chat
from espalier.design import Amount
from espalier.errors import DataError, EspalierError, SpecError, choices
from espalier.mixture import Mixture
from espalier.model import Opened, open_model
from espalier.source import Rows, Source, order, read
from espalier.steps.evaluate import Exam, prepare
from espalier.study import AbilityUse, Model, Study, root_of

SAMPLE = 256
"""Rows of a source whose tokens are counted to estimate the rest."""


@dataclass(frozen=True)
class Tokens:
    """Mean tokens of a source's rows under one model's tokenizer, and how much they vary."""

    total: float
    supervised: float


@dataclass
class Catalog:
    """A study's sources, models and abilities."""

    study: Study
    _tokens: dict[tuple[str, str], Tokens] = field(default_factory=dict)
    _running: dict[tuple[str, str, int, str], NDArray[np.int64]] = field(default_factory=dict)
    _chats: dict[str, Chat] = field(default_factory=dict)

    @cached_property
    def root(self) -> Path:
        """Return the folder that relative paths of sources start from."""
        root = root_of(self.study)
        if not root.is_dir():
            raise SpecError(f"data: no folder {root}; say where it is with --set data=FOLDER")
        return root

    @cached_property
    def sources(self) -> dict[str, tuple[Source, Rows]]:
        """Return every source with its rows."""
        return {s.name: (s, read(s, self.root)) for s in self.study.sources}

    @cached_property
    def models(self) -> dict[str, Opened]:
        """Return every model, opened."""
        root = Path(self.study.root)
        return {m.name: _open(m, root) for m in self.study.models}

    @cached_property
    def exams(self) -> tuple[tuple[AbilityUse, Exam], ...]:
        """Return every ability, ready to be measured."""
        return tuple((use, self._prepare(use)) for use in self.study.abilities)

    @cached_property
    def valid_exams(self) -> tuple[tuple[AbilityUse, Exam], ...]:
        """Return the abilities that have a `valid` split, on it; refuse where none has."""
        found = []
        for use in self.study.abilities:
            split = get_type_hints(abilities[use.use]).get("split")
            if "valid" in get_args(split):
                options = {**use.options, "split": "valid"}
                found.append((use, self._prepare(AbilityUse(**{**use.model_dump(), **options}))))
        if not found:
            raise SpecError(
                "checkpoints.choose: no ability of the study has a `valid` split, as those of "
                "tunnel and doit have; leave `choose` out, and the last epoch is compared"
            )
        return tuple(found)

    def available(self, source: str) -> int:
        """Return how many rows of a source may be trained on."""
        held, rows = self.sources[source]
        left = len(rows.messages) - held.hold_out
        if left < 1:
            raise DataError(
                f"source '{source}': hold_out is {held.hold_out} of {len(rows.messages)} rows, "
                "which leaves none to train on"
            )
        return left

    def count(self, model: Model, data_seed: int, source: str, amount: Amount) -> int:
        """Return how many rows an amount is, or refuse what the source cannot fill."""
        have = self.available(source)
        if amount.unit in ("tokens", "supervised_tokens"):
            running = self._cumulated(model, data_seed, source, amount.unit)
            rows = int(np.searchsorted(running, int(amount.value))) + 1
            if rows > have:
                raise DataError(
                    f"source '{source}': {amount} are asked for, its {have} rows have "
                    f"{running[-1]} under the tokenizer of '{model.name}'"
                )
            return rows
        rows = int(amount.value if amount.unit == "rows" else have * amount.value)
        if rows > have and amount.unit != "epochs":
            raise DataError(
                f"source '{source}': {rows} rows are asked for, but there are {have} "
                "to draw from; ask for less, or allow repetition with `epochs`"
            )
        if rows < 1:
            raise DataError(f"source '{source}': {amount} of {have} rows is less than one row")
        return rows

    def tokens(self, model: str, source: str) -> Tokens:
        """Estimate a row's mean tokens from a sample of the source."""
        opened = self.models[model]
        key = (opened.digest, source)
        if key not in self._tokens:
            rows = self.sources[source][1].messages
            picked = rows[:: max(1, len(rows) // SAMPLE)][:SAMPLE]
            encoded = self.chat(model).encode_many(picked, self.study.train.max_length)
            lengths = [len(row.ids) for row in encoded]
            supervised = [sum(row.supervised) for row in encoded]
            if not any(supervised):
                raise DataError(
                    f"source '{source}': no reply begins within train.max_length = "
                    f"{self.study.train.max_length} tokens of '{model}'; allow more"
                )
            self._tokens[key] = Tokens(float(np.mean(lengths)), float(np.mean(supervised)))
        return self._tokens[key]

    def prompt_tokens(self, model: str, prompts: Sequence[Prompt]) -> float:
        """Estimate a prompt's mean tokens from a sample."""
        chat = self.chat(model)
        picked = prompts[:: max(1, len(prompts) // 32)][:32]
        return float(np.mean([len(chat.prompt(prompt)) for prompt in picked]))

    def chat(self, model: str) -> Chat:
        """Return the chat template and tokenizer of a model."""
        opened = self.models[model]
        if opened.digest not in self._chats:
            self._chats[opened.digest] = Chat(opened.folder)
        return self._chats[opened.digest]

    def repeats(self, mixture: Mixture) -> frozenset[str]:
        """Return the sources a mixture asks more rows of than there are."""
        return frozenset(s for s, rows in mixture.items() if rows > self.available(s))

    def _cumulated(self, model: Model, seed: int, source: str, unit: str) -> NDArray[np.int64]:
        """Return the tokens of the first 1, 2, 3... rows in drawing order."""
        key = (self.models[model.name].digest, source, seed, unit)
        if key not in self._running:
            held, rows = self.sources[source]
            numbers = order(len(rows.messages), name=source, seed=seed, hold_out=held.hold_out)
            encoded = self.chat(model.name).encode_many(
                [rows.messages[i] for i in numbers], self.study.train.max_length
            )
            counts = [sum(e.supervised) if unit != "tokens" else len(e.ids) for e in encoded]
            self._running[key] = np.cumsum(counts)
        return self._running[key]

    def _prepare(self, use: AbilityUse) -> Exam:
        """Make an ability ready, with the sources and folders of the study that it asks for."""
        factory = abilities[use.use]
        where = f"abilities: {use.name}"
        hints = get_type_hints(factory)
        options = dict(use.options)
        for name, hint in hints.items():
            if hint is Source and name in options:
                options[name] = self._source(options[name], f"{where}.{name}")
        if "root" in hints:
            options["root"] = str(self.root)
        if "data" in hints and "data" not in options and self.study.data:
            options["data"] = str(self.root)
        elif isinstance(options.get("data"), str):  # from the study's own folder, as sources are
            options["data"] = str(Path(self.study.root, options["data"]))
        if "file" in hints and isinstance(options.get("file"), str):
            options["file"] = str(Path(self.study.root, options["file"]))
        try:
            return prepare(use.use, options)
        except EspalierError as error:
            raise type(error)(f"{where}: {error}") from None

    def _source(self, name: Any, where: str) -> Source:
        if name not in self.sources:
            raise SpecError(f"{where}: no source '{name}'; {choices(str(name), self.sources)}")
        return self.sources[name][0]


def _open(model: Model, root: Path) -> Opened:
    try:
        return open_model(model.path, model.revision, root)
    except EspalierError as error:
        raise type(error)(f"models: {model.name}: {error}") from None
