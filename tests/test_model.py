"""Models before training: what a path means, what can be known without torch, what is refused."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import mini
from espalier.errors import MissingError, SpecError
from espalier.model import count_parameters, digest_of, open_model


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return mini.frame(tmp_path / "model")


def test_a_folder_is_found_from_the_study_and_from_where_one_stands(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    opened = open_model("model", None, tmp_path)
    assert opened == open_model("model", None, Path("/nowhere"))
    assert opened == open_model(str(folder), None, Path("/nowhere"))
    assert (opened.parameters, opened.local, opened.folder) == (2560, True, folder)


def test_every_shipped_base_opens() -> None:
    from espalier import tunnel

    names = [f.name for f in tunnel.base_folder("s").parent.iterdir() if f.is_dir()]
    for name in names:
        opened = open_model(f"tunnel:{name}", None, Path())
        assert opened.local
        assert opened.parameters
        assert opened.parameters > 10_000


def test_the_digest_covers_what_computes_and_nothing_beside_it(
    folder: Path, tmp_path: Path
) -> None:
    before = digest_of(folder)
    assert digest_of(shutil.copytree(folder, tmp_path / "moved")) == before
    for name in ("README.md", "step.json", "cost.json", "train.json", "notes.log"):
        (folder / name).write_text("{}")
    assert digest_of(folder) == before
    for name in ("config.json", "tokenizer.json", "chat_template.jinja", "model.safetensors"):
        text = (folder / name).read_bytes()
        (folder / name).write_bytes(text + b" ")
        assert digest_of(folder) != before, name
        (folder / name).write_bytes(text)
    assert digest_of(folder) == before


def test_parameters_are_counted_over_shards_without_reading_them(folder: Path) -> None:
    shutil.copy(folder / "model.safetensors", folder / "model-2.safetensors")
    assert count_parameters(folder) == 2 * 2560


def test_a_pickle_is_never_loaded(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(MissingError, match=r"pytorch_model\.bin is a pickle, which is never load"):
        open_model(str(folder), None, Path())


@pytest.mark.parametrize(
    ("config", "says"),
    [("{", "is not JSON"), ("[]", "holds no mapping"), (None, "no config.json")],
)
def test_a_config_that_cannot_be_used_is_refused(
    config: str | None, says: str, folder: Path
) -> None:
    if config is None:
        (folder / "config.json").unlink()
    else:
        (folder / "config.json").write_text(config)
    with pytest.raises(MissingError, match=says):
        open_model(str(folder), None, Path())


@pytest.mark.parametrize(
    "junk", [b"", b"\xff" * 40, b"\x02\0\0\0\0\0\0\0[]", b"\x01\0\0\0\0\0\0\0{"]
)
def test_a_weights_file_that_is_none_is_refused(junk: bytes, folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(junk)
    with pytest.raises(MissingError, match=r"model\.safetensors: no safetensors file"):
        open_model(str(folder), None, Path())


def test_a_revision_belongs_to_the_hub(folder: Path) -> None:
    with pytest.raises(SpecError, match="a local folder has no revision"):
        open_model(str(folder), "main", Path())


@pytest.mark.parametrize("name", ["nowhere", "a/b/c", "../x", "https://x.org/a"])
def test_what_is_neither_folder_nor_hub_id_is_refused(name: str) -> None:
    with pytest.raises(MissingError, match="no such folder; give a folder in the Hugging Face"):
        open_model(name, None, Path("/nowhere"))


def test_without_the_network_a_hub_id_is_refused_in_one_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(MissingError, match="the hub did not give it") as caught:
        open_model("nobody/at-home", None, Path("/nowhere"))
    assert "\n" not in str(caught.value)
