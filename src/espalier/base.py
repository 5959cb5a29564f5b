"""Make a tiny base model from raw text: tokenizer, chat template, pretrained weights, card.

The result is an ordinary Hugging Face folder, so whatever takes a model takes this one.  It has
read text and was never asked anything: the chat template is there, its use is left to be learnt.
The template begins every turn with a space, because in raw text nearly every word does; without
it the first token of most answers would be one that pretraining never showed.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from espalier.errors import DataError, MissingError
from espalier.memory import keep_memory

if TYPE_CHECKING:
    import torch
    from transformers import LlamaForCausalLM

END_OF_TEXT, TURN, END_OF_TURN = "<|endoftext|>", "<|im_start|>", "<|im_end|>"

TEMPLATE = (
    "{%- for message in messages -%}\n"
    f"{{{{- '{TURN}' + message['role'] + '\\n ' + (message['content'] | trim)"
    f" + '{END_OF_TURN}\\n' -}}}}\n"
    "{%- endfor -%}\n"
    f"{{%- if add_generation_prompt -%}}{{{{- '{TURN}assistant\\n' -}}}}{{%- endif -%}}\n"
)
"""ChatML, with a space before each turn's content."""

_ROLES = ("system", "user", "assistant")
_TOKENIZER_TEXTS = 50_000
"""So many texts, evenly taken, say which pieces are common; more would outweigh the words."""
_FIELDS = frozenset(
    (
        "text",
        "content",
        "value",
        "instruction",
        "input",
        "output",
        "question",
        "answer",
        "prompt",
        "completion",
        "response",
    )
)


@dataclass(frozen=True, kw_only=True)
class Shape:
    """The size of a base and how it is pretrained.  The defaults suit a few MB of real text."""

    width: int = 128
    layers: int = 4
    heads: int = 4
    vocabulary: int = 2_048
    tokens: int = 2_000_000
    """Tokens seen in pretraining, repetitions included."""
    window: int = 256
    """Tokens in one sequence: positions beyond it are new to the model."""
    batch: int = 8
    """Sequences in one update."""
    learning_rate: float = 3e-3
    seed: int = 0


def make_base(
    texts: Sequence[str],
    out: Path,
    *,
    shape: Shape | None = None,
    words: Sequence[str] = (),
    name: str = "base",
    threads: int = 1,
) -> dict[str, Any]:
    """Write a base pretrained on `texts` to the folder `out` and return its card.

    `words` become whole tokens.  The same texts, shape and words give the same weights on the same
    machine.  Raises `DataError` where the texts are fewer than one update needs.
    """
    shape = shape or Shape()
    started = perf_counter()
    shown = texts[:: max(1, len(texts) // _TOKENIZER_TEXTS)]
    tokenizer = train_tokenizer(shown, vocabulary=shape.vocabulary, words=words)
    stream = _encode(tokenizer, texts)
    if len(stream) < shape.window * shape.batch:
        raise DataError(
            f"{len(stream):,} tokens of text are fewer than one update of "
            f"{shape.window * shape.batch:,}; give more text"
        )
    out.mkdir(parents=True, exist_ok=True)
    model, losses = _pretrain(stream, shape, tokenizer, threads)
    _save(model, tokenizer, out)
    card = {
        "name": name,
        "parameters": sum(p.numel() for p in model.parameters()),
        "shape": asdict(shape),
        "texts": len(texts),
        "tokens_of_text": len(stream),
        "losses": losses,
        "seconds": round(perf_counter() - started, 1),
        "digests": {
            "texts": _digest(text.encode() + b"\0" for text in texts),
            "tokenizer": _digest([(out / "tokenizer.json").read_bytes()]),
            "weights": _digest([(out / "model.safetensors").read_bytes()]),
        },
    }
    (out / "base.json").write_text(json.dumps(card, indent=2) + "\n")
    (out / "README.md").write_text(_readme(card))
    return card


def read_texts(paths: Iterable[Path]) -> list[str]:
    """Return the texts in files: a `.txt` is one text, a line of `.jsonl` one, both also `.gz`.

    A `.json` file holds a list of rows.  Of a row all that was said is taken, in its order: text,
    messages, instruction and output, question and answer.
    """
    texts = [text for path in paths for text in _texts(path) if text.strip()]
    if not texts:
        raise DataError("there is no text in the files; rows need a field such as text or messages")
    return texts


def train_tokenizer(
    texts: Iterable[str], *, vocabulary: int, words: Sequence[str] = ()
) -> Tokenizer:
    """Train a byte-level BPE tokenizer in which every digit is a token of its own.

    A digit takes the space before it along, so a chain of sums is short.  Each of `words` is made
    a whole token by showing it often.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(" ?[0-9]"), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[END_OF_TEXT, TURN, END_OF_TURN],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_with_words(texts, words), trainer)
    return tokenizer


def _with_words(texts: Iterable[str], words: Sequence[str]) -> Iterator[str]:
    yield from texts
    for word in (*"0123456789", *words):
        yield f" {word}" * 10_000
    for role in _ROLES:
        yield f"{role}\n" * 10_000


def _encode(tokenizer: Tokenizer, texts: Sequence[str]) -> NDArray[np.int64]:
    """Return all texts as one stream of tokens, each ended by the end-of-text token."""
    end = tokenizer.token_to_id(END_OF_TEXT)
    parts = []
    for start in range(0, len(texts), 10_000):  # encodings are large; ids are small
        encodings = tokenizer.encode_batch(list(texts[start : start + 10_000]))
        ids = (number for encoding in encodings for number in (*encoding.ids, end))
        parts.append(np.fromiter(ids, dtype=np.int64))
    return np.concatenate(parts)


def _windows(stream: NDArray[np.int64], shape: Shape) -> Iterator[NDArray[np.int64]]:
    """Yield batches (batch, window) without end, each pass over the text in an order of its own."""
    random = np.random.default_rng(shape.seed)
    while True:
        shift = int(random.integers(min(shape.window, len(stream) % shape.window + 1)))
        count = (len(stream) - shift) // shape.window
        blocks = stream[shift : shift + count * shape.window].reshape(count, shape.window)
        order = random.permutation(count)
        for start in range(0, count - shape.batch + 1, shape.batch):
            yield blocks[order[start : start + shape.batch]]


def _rate(update: int, updates: int) -> float:
    """Return the share of the peak learning rate: warm-up over 2 %, then cosine to 2 %."""
    warmup = max(1, updates // 50)
    if update < warmup:
        return (update + 1) / warmup
    done = (update - warmup) / max(1, updates - warmup)
    return 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * done))


def _pretrain(
    stream: NDArray[np.int64], shape: Shape, tokenizer: Tokenizer, threads: int
) -> tuple[LlamaForCausalLM, dict[str, float]]:
    """Return the pretrained model and its mean loss at a few points, in nats a token."""
    import torch  # kept out of what planning imports

    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    keep_memory()
    try:
        model = _model(shape, tokenizer)
        updates = max(1, shape.tokens // (shape.window * shape.batch))
        optimizer = torch.optim.AdamW(
            model.parameters(),
            lr=shape.learning_rate,
            betas=(0.9, 0.98),
            weight_decay=0.01,
            fused=True,
        )
        losses = []
        batches = _windows(stream, shape)
        for update in range(updates):
            optimizer.param_groups[0]["lr"] = shape.learning_rate * _rate(update, updates)
            losses.append(_update(model, optimizer, torch.from_numpy(next(batches))))
    finally:
        torch.set_num_threads(before)
    return model, _milestones(losses, shape)


def _model(shape: Shape, tokenizer: Tokenizer) -> LlamaForCausalLM:
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    end, turn_end = (tokenizer.token_to_id(token) for token in (END_OF_TEXT, END_OF_TURN))
    torch.manual_seed(shape.seed)
    config = LlamaConfig(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=shape.width,
        intermediate_size=2 * shape.width,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.heads,
        max_position_embeddings=max(1_024, 4 * shape.window),
        tie_word_embeddings=True,
        bos_token_id=end,
        eos_token_id=turn_end,
        pad_token_id=end,
        use_cache=False,
    )
    return LlamaForCausalLM(config)


def _update(model: LlamaForCausalLM, optimizer: torch.optim.Optimizer, ids: torch.Tensor) -> float:
    """Take one step on `ids` (batch, window) and return the loss."""
    from torch import nn

    logits = model(input_ids=ids).logits[:, :-1]
    loss = nn.functional.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten())
    optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    return float(loss.detach())


def _milestones(losses: Sequence[float], shape: Shape) -> dict[str, float]:
    """Return the mean loss of the last updates before each tenth of the tokens."""
    tenth = max(1, len(losses) // 10)
    ends = range(tenth, len(losses) + 1, tenth)
    step = shape.window * shape.batch
    return {str(end * step): round(float(np.mean(losses[end - tenth : end])), 4) for end in ends}


def _save(model: LlamaForCausalLM, tokenizer: Tokenizer, out: Path) -> None:
    from safetensors.torch import save
    from transformers import PreTrainedTokenizerFast

    model.config.use_cache = True
    model.config.architectures = [type(model).__name__]  # other tools look for the class here
    model.generation_config.use_cache = True
    model.config.save_pretrained(out)
    model.generation_config.save_pretrained(out)
    # Parameters, not the state: a tied weight is there once and always under the same name.
    weights: dict[str, torch.Tensor] = dict(model.named_parameters())
    (out / "model.safetensors").write_bytes(save(weights, {"format": "pt"}))
    PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer,
        bos_token=END_OF_TEXT,
        eos_token=END_OF_TURN,
        pad_token=END_OF_TEXT,
        additional_special_tokens=[TURN],
        model_max_length=model.config.max_position_embeddings,
        clean_up_tokenization_spaces=False,
        chat_template=TEMPLATE,
    ).save_pretrained(out)


def _digest(parts: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()


def _readme(card: Mapping[str, Any]) -> str:
    shape = card["shape"]
    lines = [
        f"# {card['name']}",
        "",
        "A tiny Llama pretrained by Espalier on raw text.  It was never tuned: the chat template",
        "is there for tuning to teach.",
        "",
        f"* {card['parameters']:,} parameters: width {shape['width']}, {shape['layers']} layers, "
        f"{shape['heads']} heads, vocabulary {shape['vocabulary']:,} (byte-level BPE, each digit "
        "a token)",
        f"* {card['texts']:,} texts of {card['tokens_of_text']:,} tokens; {shape['tokens']:,} "
        f"tokens seen in sequences of {shape['window']}, {shape['batch']} an update",
        f"* AdamW (0.9, 0.98), weight decay 0.01, clip 1, learning rate {shape['learning_rate']} "
        f"with warm-up and cosine, seed {shape['seed']}, fp32",
        f"* {card['seconds']:,} seconds",
        "",
        "| tokens seen | loss (nats a token) |",
        "|---|---|",
        *(f"| {int(tokens):,} | {loss} |" for tokens, loss in card["losses"].items()),
        "",
        "| digest (sha256) | |",
        "|---|---|",
        *(f"| {what} | `{digest}` |" for what, digest in card["digests"].items()),
        "",
    ]
    return "\n".join(lines)


def _texts(path: Path) -> Iterator[str]:
    if not path.is_file():
        raise MissingError(f"{path}: there is no such file; give text files (.txt, .jsonl, .json)")
    kind = path.with_suffix("").suffix if path.suffix == ".gz" else path.suffix
    try:
        with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as file:
            text = file.read()
        if kind == ".jsonl":
            yield from ("\n".join(_said(json.loads(line))) for line in text.splitlines() if line)
        elif kind == ".json":
            rows = json.loads(text)
            yield from (
                "\n".join(_said(row)) for row in (rows if isinstance(rows, list) else [rows])
            )
        else:
            yield text
    except (UnicodeDecodeError, ValueError, OSError, EOFError) as error:
        raise DataError(f"{path}: cannot be read as text ({error})") from None


def _said(row: Any, field: str = "text") -> Iterator[str]:
    """Yield what a row says, in its order, however deep it lies."""
    if isinstance(row, str):
        if field in _FIELDS and row.strip():
            yield row
    elif isinstance(row, list):
        for part in row:
            yield from _said(part, field)
    elif isinstance(row, dict):
        for name, part in row.items():
            yield from _said(part, name)
