"""The store: complete or absent, one maker at a time, and nothing advisory is ever needed."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest
from filelock import FileLock

from espalier.errors import EspalierError, MissingError
from espalier.step import Locate, Site, Step, beside
from espalier.store import BusyError, Store


@dataclass(frozen=True, kw_only=True)
class Word(Step):
    """Writes a word, after whatever an earlier attempt has left."""

    word: str
    dies_first: bool = beside(default=False)

    def run(self, out: Path, at: Locate, site: Site) -> None:
        file = out / "word.txt"
        if self.dies_first and not file.exists():
            file.write_text("half")
            raise RuntimeError("died")
        before = file.read_text() if file.exists() else ""
        file.write_text(before + self.word)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "runs")


def test_a_step_is_made_once_and_then_found(store: Store) -> None:
    step = Word(word="rose")
    assert not store.has(step)
    assert store.make(step, Site())
    assert store.has(step)
    assert not store.make(step, Site())
    assert (store.path(step) / "word.txt").read_text() == "rose"
    assert store.present() >= {step.key}


def test_a_store_that_is_not_there_holds_nothing_and_is_not_made_by_looking(store: Store) -> None:
    assert not store.has(Word(word="rose"))
    assert store.present() == set()
    assert list(store.records()) == []
    assert not store.root.exists()


def test_a_step_that_dies_is_absent_and_goes_on_from_what_it_left(store: Store) -> None:
    step = Word(word=" a rose", dies_first=True)
    with pytest.raises(RuntimeError):
        store.make(step, Site())
    assert not store.has(step)
    assert not store.path(step).exists()
    assert store.make(step, Site())
    assert (store.path(step) / "word.txt").read_text() == "half a rose"
    assert not store.partial(step).exists()


def test_while_another_makes_it_a_step_is_busy(store: Store) -> None:
    step = Word(word="rose")
    (store.root / "locks").mkdir(parents=True)
    with FileLock(store.root / "locks" / step.key), pytest.raises(BusyError):
        store.make(step, Site())
    assert store.make(step, Site())


def test_what_lies_beside_the_record_is_advisory(store: Store) -> None:
    step = Word(word="rose")
    store.make(step, Site())
    store.fail(step, "once it failed", "details")
    (store.path(step) / "cost.json").unlink()
    shutil.rmtree(store.root / "failed")
    shutil.rmtree(store.root / "locks")
    assert store.has(step)
    assert store.cost(step) == {}
    assert store.failure(step) is None


def test_a_failure_is_kept_until_the_step_is_made(store: Store) -> None:
    step = Word(word="rose")
    store.fail(step, "no luck", "traceback")
    assert store.failure(step) == "no luck"
    store.make(step, Site())
    assert store.failure(step) is None


@pytest.mark.parametrize("damage", ["", "{", "[]", "{}", "null"])
def test_a_damaged_record_is_named_with_the_folder_to_delete(store: Store, damage: str) -> None:
    step = Word(word="rose")
    store.make(step, Site())
    (store.path(step) / "step.json").write_text(damage)
    with pytest.raises(MissingError, match=r"step\.json is damaged; delete the folder .*/word/"):
        store.has(step)


def test_a_folder_without_its_record_is_no_step_and_is_made_again(store: Store) -> None:
    step = Word(word="rose")
    store.make(step, Site())
    (store.path(step) / "step.json").unlink()
    assert not store.has(step)
    assert store.make(step, Site())
    assert (store.path(step) / "word.txt").read_text() == "rose"


def test_a_step_is_found_by_the_beginning_of_its_key(store: Store) -> None:
    step, other = Word(word="rose"), Word(word="lily")
    store.make(step, Site())
    store.fail(other, "no luck", "traceback")
    folder, record = store.find(step.key[:6])
    assert folder == store.path(step)
    assert record["identity"]["word"] == "rose"
    assert store.find(other.key)[1]["reason"] == "no luck"


def test_a_key_that_is_no_step_is_refused_with_what_there_is(store: Store) -> None:
    with pytest.raises(MissingError, match="no store there"):
        store.find("00")
    step = Word(word="rose")
    store.make(step, Site())
    near = step.key[:-2] + "zz"
    with pytest.raises(EspalierError, match=f"no step '{near}' .* Did you mean '{step.key}'"):
        store.find(near)
    with pytest.raises(EspalierError, match="is no key"):
        store.find("../x")
    with pytest.raises(EspalierError, match="is no key"):
        store.find("")


def test_a_beginning_of_several_keys_names_them(store: Store) -> None:
    words = [Word(word=str(i)) for i in range(17)]  # more than hex digits: two begin alike
    for step in words:
        store.make(step, Site())
    first = sorted(step.key for step in words)
    shared = next(a[0] for a, b in pairwise(first) if a[0] == b[0])
    with pytest.raises(EspalierError, match=rf"'{shared}' begins \d+ keys \("):
        store.find(shared)


def test_the_record_says_what_was_made_and_of_what(store: Store) -> None:
    step = Word(word="rose")
    store.make(step, Site())
    record = json.loads((store.path(step) / "step.json").read_text())
    assert record["key"] == step.key
    assert record["identity"] == {"kind": "word", "version": 1, "word": "rose"}
    assert store.cost(step)["device"] == "cpu"


def test_a_store_that_cannot_be_written_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("a file, not a folder")
    store = Store(tmp_path / "runs")
    with pytest.raises(MissingError, match=r"runs: cannot be written: .* choose another with"):
        store.make(Word(word="rose"), Site())
    with pytest.raises(MissingError, match="runs: cannot be written"):
        store.fail(Word(word="rose"), "no luck", "details")
