"""The shipped bases: small, with true cards, and pretrained on this very world."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from itertools import islice
from pathlib import Path

import pytest

from espalier import tunnel
from espalier.chat import Chat
from espalier.errors import SpecError
from espalier.tunnel.corpus import corpus, words
from espalier.tunnel.make import SHAPES, make, texts_for
from espalier.tunnel.world import World

MEGABYTE = 1_000_000


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("name", SHAPES)
def test_a_base_is_what_its_card_says(name: str) -> None:
    folder = tunnel.base_folder(name)
    card = json.loads((folder / "base.json").read_text())
    assert card["digests"]["weights"] == sha256(folder / "model.safetensors")
    assert card["digests"]["tokenizer"] == sha256(folder / "tokenizer.json")
    assert card["shape"] == asdict(SHAPES[name])
    assert card["texts"] == texts_for(SHAPES[name])


def test_the_bases_are_small_enough_to_ship() -> None:
    sizes = [f.stat().st_size for name in SHAPES for f in tunnel.base_folder(name).iterdir()]
    assert sum(sizes) < 4 * MEGABYTE
    assert max(sizes) < 3 * MEGABYTE


@pytest.mark.parametrize("name", SHAPES)
def test_a_base_has_every_word_of_its_world_as_one_token(name: str) -> None:
    tokenizer = Chat(tunnel.base_folder(name))._tokenizer
    assert all(len(tokenizer.encode(f" {word}").ids) == 1 for word in words(World()))


@pytest.mark.slow
def test_a_bases_text_is_the_text_the_card_names() -> None:
    shape = SHAPES["xs"]
    digest = hashlib.sha256()
    for text in islice(corpus(World()), texts_for(shape)):
        digest.update(text.encode() + b"\0")
    card = json.loads((tunnel.base_folder("xs") / "base.json").read_text())
    assert card["digests"]["texts"] == digest.hexdigest()


@pytest.mark.parametrize("task", ["general", "math", "code"])
def test_rows_fit_the_positions_that_tuning_uses(task: str) -> None:
    chat = Chat(tunnel.base_folder("s"))
    encoded = chat.encode_many(tunnel.rows(task, rows=500))
    assert max(len(row.ids) for row in encoded) <= 256
    assert all(any(row.supervised) for row in encoded)


def test_an_unknown_base_cannot_be_made(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="no base 'xl' in the tunnel; there are"):
        make("xl", tmp_path)
