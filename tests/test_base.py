"""A base is an ordinary model folder, made alike from the same text."""

from __future__ import annotations

import gzip
import hashlib
import json
from pathlib import Path

import pytest

from espalier.base import END_OF_TURN, Shape, make_base, read_texts, train_tokenizer
from espalier.chat import Chat
from espalier.errors import DataError, MissingError

TEXTS = [f"Bado has {n} apples. then Bado eats 3 apples and sleeps." for n in range(200)]
TINY = Shape(width=16, layers=1, heads=2, vocabulary=320, tokens=4_096, window=32, batch=4)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("base")
    make_base(TEXTS, out, shape=TINY, words=["Bado"])
    return out


def test_transformers_loads_it_and_agrees_on_every_token(base: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model, tokenizer = (
        AutoModelForCausalLM.from_pretrained(base),
        AutoTokenizer.from_pretrained(base),
    )
    prompt = ({"role": "user", "content": "Bado eats ?"},)
    theirs = tokenizer.apply_chat_template(
        list(prompt), add_generation_prompt=True, return_dict=False
    )
    assert theirs == Chat(base).prompt(prompt)
    assert model.config.vocab_size == len(tokenizer) <= 320
    assert tokenizer.convert_ids_to_tokens(model.generation_config.eos_token_id) == END_OF_TURN
    assert model(**tokenizer("Bado", return_tensors="pt")).logits.isfinite().all()


def test_a_reply_begins_with_the_token_that_raw_text_has_there(base: Path) -> None:
    chat = Chat(base)
    row = ({"role": "user", "content": "who eats ?"}, {"role": "assistant", "content": "Bado 3"})
    encoded = chat.encode(row, 100)
    said = [i for i, wanted in zip(encoded.ids, encoded.supervised, strict=True) if wanted]
    raw = chat._tokenizer.encode(" Bado 3").ids
    assert said[: len(raw)] == raw
    assert len(raw) == 2
    assert encoded.ids[: len(chat.prompt(row[:1]))] == chat.prompt(row[:1])


def test_the_same_text_makes_the_same_base(base: Path, tmp_path: Path) -> None:
    again = make_base(TEXTS, tmp_path / "again", shape=TINY, words=["Bado"])
    card = json.loads((base / "base.json").read_text())
    assert again["digests"] == card["digests"]
    assert again["losses"] == card["losses"]
    other = make_base(TEXTS[1:], tmp_path / "other", shape=TINY, words=["Bado"])
    assert other["digests"]["weights"] != card["digests"]["weights"]


def test_the_card_tells_what_it_was_made_of(base: Path) -> None:
    card = json.loads((base / "base.json").read_text())
    losses = list(card["losses"].values())
    assert losses[-1] < losses[0]
    assert card["texts"] == 200
    assert card["shape"]["width"] == 16
    weights = hashlib.sha256((base / "model.safetensors").read_bytes()).hexdigest()
    assert card["digests"]["weights"] == weights
    assert weights in (base / "README.md").read_text()
    assert not list(base.glob("*.bin"))


def test_digits_stand_alone_and_take_their_space_along() -> None:
    tokenizer = train_tokenizer(["1234 + 57 = 1291 apples 12"] * 50, vocabulary=300)
    assert tokenizer.encode(" 12 + 345").tokens == ["Ġ1", "2", "Ġ+", "Ġ3", "4", "5"]


def test_named_words_are_whole_tokens_and_everything_else_survives() -> None:
    tokenizer = train_tokenizer(TEXTS, vocabulary=330, words=["Zorvak"])
    assert tokenizer.encode(" Zorvak").tokens == ["ĠZorvak"]
    text = "Ünïcode 你好 \t\n  x = [a * 2 for a in x]\x00 🙂"
    assert tokenizer.decode(tokenizer.encode(text).ids) == text


def test_too_little_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="fewer than one update of 128"):
        make_base(["one text"], tmp_path / "out", shape=TINY)
    assert not (tmp_path / "out").exists()


def test_texts_are_read_from_the_files_people_have(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("plain\ntext")
    rows = [
        {"question": "q", "answer": "a"},
        {"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "ho"}]},
        {"conversations": [{"from": "human", "value": "x"}, {"from": "gpt", "value": "y"}]},
        {"id": 7, "text": "t", "meta": "not said"},
    ]
    lines = "\n".join(json.dumps(row) for row in rows)
    with gzip.open(tmp_path / "b.jsonl.gz", "wt") as file:
        file.write(lines)
    (tmp_path / "c.json").write_text(json.dumps([{"instruction": "i", "input": "", "output": "o"}]))
    found = read_texts([tmp_path / name for name in ("a.txt", "b.jsonl.gz", "c.json")])
    assert found == ["plain\ntext", "q\na", "hi\nho", "x\ny", "t", "i\no"]


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("x.jsonl", b"{not json}\n", "cannot be read as text"),
        ("x.txt", b"\xff\xfe\xfa", "cannot be read as text"),
        ("x.jsonl.gz", b"no gzip", "cannot be read as text"),
        ("x.jsonl", b'{"meta": "only"}\n', "there is no text"),
    ],
)
def test_a_file_without_readable_text_is_refused(
    tmp_path: Path, name: str, content: bytes, says: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=says):
        read_texts([tmp_path / name])


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match=r"none\.txt: there is no such file"):
        read_texts([tmp_path / "none.txt"])


def test_its_config_names_the_class_that_other_tools_load_it_by(base: Path) -> None:
    assert json.loads((base / "config.json").read_text())["architectures"] == ["LlamaForCausalLM"]
