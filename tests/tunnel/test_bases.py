"""The shipped bases: small, with true cards, and pretrained on this very world."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import asdict, replace
from itertools import islice
from pathlib import Path

import pytest
from click.testing import CliRunner

from espalier import tunnel
from espalier.chat import Chat
from espalier.errors import MissingError, SpecError
from espalier.model import open_model
from espalier.tunnel.corpus import corpus, words
from espalier.tunnel.make import SHAPES, SHIPPED, home, main, make, texts_for
from espalier.tunnel.measure import measure, table
from espalier.tunnel.task import tasks
from espalier.tunnel.world import World

MEGABYTE = 1_000_000


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("name", SHIPPED)
def test_a_base_is_what_its_card_says(name: str) -> None:
    folder = tunnel.base_folder(name)
    card = json.loads((folder / "base.json").read_text())
    assert card["digests"]["weights"] == sha256(folder / "model.safetensors")
    assert card["digests"]["tokenizer"] == sha256(folder / "tokenizer.json")
    assert card["shape"] == asdict(SHAPES[name])
    assert card["texts"] == texts_for(SHAPES[name])
    assert card["world"] == 0
    assert {score["task"] for score in card["scores"]} == set(tasks)


def test_the_bases_are_small_enough_to_ship() -> None:
    sizes = [f.stat().st_size for name in SHIPPED for f in tunnel.base_folder(name).iterdir()]
    assert sum(sizes) < 4 * MEGABYTE
    assert max(sizes) < 3 * MEGABYTE


@pytest.mark.parametrize("name", SHIPPED)
def test_a_base_has_every_word_of_its_world_as_one_token(name: str) -> None:
    tokenizer = Chat(tunnel.base_folder(name))._tokenizer
    assert [word for word in words(World()) if len(tokenizer.encode(f" {word}").ids) != 1] == []


@pytest.mark.slow
def test_a_bases_text_is_the_text_the_card_names() -> None:
    shape = SHAPES["xs"]
    digest = hashlib.sha256()
    for text in islice(corpus(World()), texts_for(shape)):
        digest.update(text.encode() + b"\0")
    card = json.loads((tunnel.base_folder("xs") / "base.json").read_text())
    assert card["digests"]["texts"] == digest.hexdigest()


@pytest.mark.parametrize("task", [name for name, task in tasks.items() if task.trained])
def test_rows_fit_the_positions_that_tuning_uses(task: str) -> None:
    chat = Chat(tunnel.base_folder("s"))
    encoded = chat.encode_many(tunnel.rows(task, rows=500))
    assert max(len(row.ids) for row in encoded) <= 256
    assert all(any(row.supervised) for row in encoded)


def test_an_unknown_base_cannot_be_made(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="no base 'xl' in the tunnel; there are"):
        make("xl", tmp_path)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ESPALIER_CACHE", str(tmp_path))
    return tmp_path


def test_a_base_made_on_demand_is_named_by_its_address(cache: Path) -> None:
    for address, command in (("l", "l"), ("s?world=1", "s --world 1")):
        with pytest.raises(MissingError, match=f"`python -m espalier.tunnel.make {command}` makes"):
            open_model(f"tunnel:{address}", None, Path())
    for name, world in (("l", 0), ("s", 1)):
        assert home(name, world).is_relative_to(cache)
        shutil.copytree(tunnel.base_folder("s"), home(name, world))
    assert open_model("tunnel:l", None, Path()).folder == home("l", 0)
    assert open_model("tunnel:s?world=1", None, Path()).folder == home("s", 1)
    assert open_model("tunnel:s?world=0", None, Path()).folder == tunnel.base_folder("s")


def test_an_address_that_means_no_base_is_refused_in_one_line(cache: Path) -> None:
    with pytest.raises(MissingError, match="no base 'sm' in the tunnel; there are l, m, s, xs"):
        open_model("tunnel:sm?world=1", None, cache)
    with pytest.raises(SpecError, match=r"tunnel:s\?wold=1: no option 'wold'; there are world"):
        tunnel.base_at("s?wold=1")
    with pytest.raises(SpecError, match="world=one: the seed of a world is a whole number"):
        tunnel.base_at("s?world=one")


@pytest.mark.slow
def test_a_made_base_says_of_which_world_it_is_and_what_it_scores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = replace(SHAPES["xs"], tokens=24_000, width=16)
    monkeypatch.setitem(SHAPES, "xs", small)
    (tmp_path / "xs").mkdir()
    (tmp_path / "xs" / "old").write_text("")
    card = make("xs", tmp_path / "xs", world=World(seed=1), items=2)
    assert json.loads((tmp_path / "xs/base.json").read_text()) == card
    assert card["world"] == 1
    assert card["name"] == "tunnel base xs of world 1"
    assert not (tmp_path / "xs/old").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["xs"]
    for score in card["scores"]:
        assert 0 <= score["low"] <= score["score"] <= score["high"] <= 1
        assert score["items"] > 0
    shots = {name: {s["shots"] for s in card["scores"] if s["task"] == name} for name in tasks}
    assert shots["math"] == shots["ethics"] == shots["creative_writing"] == {0, 5}
    assert shots["code"] == {0}
    readme = (tmp_path / "xs/README.md").read_text()
    assert "of world 1" in readme
    assert all(f"| {name} |" in readme for name in tasks)


def test_an_untuned_base_answers_no_question_and_sums_when_shown() -> None:
    scores = measure(tunnel.base_folder("xs"), items=20, only=("math", "reasoning"))
    found = {(score["task"], score["shots"]): score for score in scores}
    assert found["math", 0]["score"] == 0
    assert found["reasoning", 0]["chance"] == pytest.approx(0.36, abs=0.1)
    for score in scores:
        assert 0 <= score["low"] <= score["score"] <= score["high"] <= 1
        assert score["items"] == 20
    assert table(scores).splitlines()[2].startswith("| math | 0.00 (0.00 to 0.16) | ")


def test_the_command_refuses_unknown_names_in_one_line() -> None:
    said = CliRunner().invoke(main, ["xl"])
    assert said.exit_code == 2
    assert "no base 'xl' in the tunnel; there are l, m, s, xs" in said.output
