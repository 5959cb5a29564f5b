"""Measure training throughput: ours against TRL's SFTTrainer and transformers' Trainer.

    pip install -e '.[train,bench]'
    OMP_NUM_THREADS=1 python bench/train_throughput.py

All three train the same model on the same rows in the same order, with the same batches, learning
rates and optimiser, in fp32 on one thread, each in a process of its own; a round runs all three
one after the other, and what is reported is the median over the rounds of the ratio within a
round, so that a load on the machine meets all alike.  Throughput is tokens that are no padding,
read from the rows after truncation, by the wall-clock seconds of the training loop (loading and
tokenising excluded); the same by the processor seconds of the process, which other work on the
machine disturbs less, is given as `..._by_cpu_time`.  The final loss is that of the last weights
on the same held-out rows, worked out by transformers' own full logits.  TRL is measured without
gradient checkpointing, which it turns on by default; `--defaults` measures that too.

The share of the peak counts the multiplications that training needs (six per weight and token in
the layers, logits at supervised positions alone, causal attention) against the fastest fp32
matrix product that this machine shows on one thread, by either of PyTorch's two libraries.

The last line is JSON with all ratios by name.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import Any

ONE = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
SIZES: dict[str, dict[str, int]] = {
    "1m": {"hidden_size": 128, "intermediate_size": 352, "num_hidden_layers": 4, "heads": 4},
    "10m": {"hidden_size": 320, "intermediate_size": 864, "num_hidden_layers": 7, "heads": 5},
}
VOCABULARY = 4096
BATCH = 16
RATE = 1e-3
LENGTH = 512
HELD_OUT = 64
CHATML = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=Path, help="real rows: JSONL with question and answer")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--updates", type=int, nargs=2, default=[40, 12], metavar=("1M", "10M"))
    parser.add_argument("--defaults", action="store_true", help="also TRL as it comes")
    parser.add_argument("--contender", help=argparse.SUPPRESS)
    parser.add_argument("--work", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.contender:
        print(json.dumps(CONTENDERS[given.contender](given.work)))
        return
    with tempfile.TemporaryDirectory() as scratch:
        compare(given, Path(scratch))


def compare(given: argparse.Namespace, scratch: Path) -> None:
    """Run the rounds and print what came out."""
    names = ["ours", "trainer", "trl"] + ["trl_defaults"] * given.defaults
    result: dict[str, Any] = {"rows": "real" if given.rows else "generated"}
    peaks = contend("peak", scratch)
    result |= peaks
    for size, updates in zip(SIZES, given.updates, strict=True):
        work = scratch / size
        prepare(work, size, updates, given.rows)
        rounds = [{name: contend(name, work) for name in names} for _ in range(given.rounds)]
        for name in names:
            speeds = [r[name]["tokens_per_s"] for r in rounds]
            result[f"{name}_tokens_per_s_{size}"] = round(median(speeds), 1)
            print(
                f"{size:>4} {name:<13}{median(speeds):>9.0f} tokens/s "
                f"({min(speeds):.0f} to {max(speeds):.0f}), "
                f"final loss {rounds[0][name]['loss']:.5f}"
            )
            if name != "ours":
                for clock, suffix in (("seconds", ""), ("cpu_seconds", "_by_cpu_time")):
                    ratios = [r[name][clock] / r["ours"][clock] for r in rounds]
                    result[f"ours_over_{name}_{size}{suffix}"] = round(median(ratios), 2)
                result[f"loss_difference_{name}_{size}"] = round(
                    max(abs(r["ours"]["loss"] - r[name]["loss"]) for r in rounds), 6
                )
        done = [r["ours"]["flops"] / r["ours"]["cpu_seconds"] / 1e9 for r in rounds]
        result[f"share_of_peak_{size}"] = round(median(done) / peaks["peak_gflops"], 3)
    print(json.dumps(result))


def contend(name: str, work: Path) -> dict[str, Any]:
    """Run one contender in a process of its own."""
    command = [sys.executable, __file__, "--contender", name, "--work", str(work)]
    done = subprocess.run(command, env=os.environ | ONE, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{name} failed:\n{done.stderr[-3000:]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


# What is trained


def prepare(work: Path, size: str, updates: int, real: Path | None) -> None:
    """Write the model, the rows and their order into `work`."""
    import pyarrow as pa
    import pyarrow.parquet as pq
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM

    work.mkdir()
    pairs = list(read(real) if real else generate(2000))[:2000]
    rows = [[{"role": "user", "content": q}, {"role": "assistant", "content": a}] for q, a in pairs]
    columns = {"source": ["rows"] * len(rows), "index": range(len(rows)), "messages": rows}
    pq.write_table(
        pa.table({k: list(v)[HELD_OUT:] for k, v in columns.items()}), work / "rows.parquet"
    )
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(
        (text for pair in pairs for text in pair),
        trainers.BpeTrainer(
            vocab_size=VOCABULARY,
            special_tokens=["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    shape: dict[str, Any] = dict(SIZES[size])
    heads = shape.pop("heads")
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        num_attention_heads=heads,
        num_key_value_heads=heads,
        max_position_embeddings=LENGTH,
        tie_word_embeddings=True,
        bos_token_id=0,
        eos_token_id=0,
        pad_token_id=0,
        **shape,
    )
    model = work / "model"
    LlamaForCausalLM(config).save_pretrained(model)
    tokenizer.save(str(model / "tokenizer.json"))
    (model / "chat_template.jinja").write_text(CHATML)
    (model / "tokenizer_config.json").write_text(
        json.dumps(
            {
                "tokenizer_class": "PreTrainedTokenizerFast",
                "eos_token": "<|endoftext|>",
                "pad_token": "<|endoftext|>",
            }
        )
    )
    held = [encode(model, row) for row in rows[:HELD_OUT]]
    plan = {"updates": updates, "heads": heads, "held_out": held} | shape
    (work / "plan.json").write_text(json.dumps(plan))


def encode(model: Path, row: list[Any]) -> tuple[list[int], list[int]]:
    """Return a row as token ids and labels."""
    from espalier.chat import Chat

    encoded = Chat(model).encode(row, LENGTH)
    pairs = zip(encoded.ids, encoded.supervised, strict=True)
    return encoded.ids, [i if supervised else -100 for i, supervised in pairs]


def read(path: Path) -> Iterator[tuple[str, str]]:
    """Yield questions and answers from a JSONL file."""
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            yield row["question"], row["answer"]


def generate(rows: int) -> Iterator[tuple[str, str]]:
    """Yield word problems of GSM8K's build and spread of lengths, in invented words."""
    draw = random.Random(0)
    parts = ["ba", "co", "di", "fu", "ge", "ha", "li", "mo", "ne", "po", "ra", "su", "ti", "vo"]
    words = ["".join(draw.choices(parts, k=draw.randint(1, 4))) for _ in range(3000)]
    often = [1 / (place + 3) for place in range(len(words))]

    def sentence(length: int) -> str:
        said = draw.choices(words, often, k=length)
        said.insert(draw.randrange(length), str(draw.randint(2, 500)))
        return " ".join(said).capitalize() + "."

    for _ in range(rows):
        told = [
            sentence(draw.randint(8, 18)) for _ in range(min(9, 2 + int(draw.expovariate(0.6))))
        ]
        steps = []
        for _ in range(min(9, 2 + int(draw.expovariate(0.6)))):
            a, b = draw.randint(2, 200), draw.randint(2, 50)
            steps.append(f"{sentence(draw.randint(5, 12))} {a}+{b}=<<{a}+{b}={a + b}>>{a + b}")
        yield " ".join(told) + " How many?", "\n".join([*steps, f"#### {a + b}"])


# Who trains it


def ours(work: Path) -> dict[str, Any]:
    """Train with Espalier, the clocks around its loop alone."""
    from espalier.backends import _train
    from espalier.step import Site

    clock, run = Clock(), _train._Loop.run

    def timed(loop: _train._Loop) -> None:
        clock.start()
        run(loop)
        clock.stop()

    _train._Loop.run = timed  # type: ignore[method-assign,assignment]
    record = _train.train(
        model=work / "model",
        rows=work / "rows.parquet",
        recipe=_recipe(work),
        seed=0,
        out=(out := work / f"out-{os.getpid()}"),
        site=Site(threads=1),
    )
    loss = held_out_loss(work, _load(out))
    return clock.read(record["tokens"]) | {"flops": flops(work), "loss": loss}


def trainer(work: Path) -> dict[str, Any]:
    """Train with transformers' Trainer."""
    from transformers import DataCollatorForTokenClassification, Trainer, TrainingArguments

    made = Trainer(
        model=_load(work / "model"),
        args=TrainingArguments(**_arguments(work)),
        train_dataset=_dataset(work),
        data_collator=DataCollatorForTokenClassification(_tokenizer(work)),
    )
    return _time(work, made)


def trl(work: Path, *, gradient_checkpointing: bool = False) -> dict[str, Any]:
    """Train with TRL's SFTTrainer."""
    from trl import SFTConfig, SFTTrainer

    given = _arguments(work) | {"gradient_checkpointing": gradient_checkpointing}
    made = SFTTrainer(
        model=_load(work / "model"),
        args=SFTConfig(**given, max_length=LENGTH),
        train_dataset=_dataset(work),
        processing_class=_tokenizer(work),
    )
    return _time(work, made)


def trl_defaults(work: Path) -> dict[str, Any]:
    """Train with TRL's SFTTrainer, gradient checkpointing as it comes."""
    return trl(work, gradient_checkpointing=True)


def peak(_: Path) -> dict[str, Any]:
    """Measure the fastest fp32 matrix product on one thread."""
    import torch

    torch.set_num_threads(1)
    left, right = torch.randn(1024, 1024), torch.randn(1024, 1024)
    ways: dict[str, Callable[[], Any]] = {
        "mkl": lambda: torch.nn.functional.linear(left, right),
        "onednn": lambda: torch.ops.mkldnn._linear_pointwise(left, right, None, "none", [], ""),
    }
    found = {}
    for name, way in ways.items():
        times = []
        for _trial in range(30):
            start = perf_counter()
            way()
            times.append(perf_counter() - start)
        found[f"peak_gflops_{name}"] = round(2 * 1024**3 / min(times) / 1e9, 1)
    return found | {"peak_gflops": max(found.values())}


class Clock:
    """Wall-clock and processor seconds between two moments."""

    def start(self) -> None:
        """Note the first moment."""
        self.begun = perf_counter(), process_time()

    def stop(self) -> None:
        """Note the second."""
        self.ended = perf_counter(), process_time()

    def read(self, tokens: int) -> dict[str, Any]:
        """Return the seconds between them, and the tokens a second."""
        wall, busy = (end - begin for begin, end in zip(self.begun, self.ended, strict=True))
        return {"tokens_per_s": tokens / wall, "seconds": wall, "cpu_seconds": busy}


def _plan(work: Path) -> dict[str, Any]:
    plan: dict[str, Any] = json.loads((work / "plan.json").read_text())
    return plan


def _recipe(work: Path) -> Any:
    from espalier.recipe import Recipe

    return Recipe(
        updates=_plan(work)["updates"],
        batch_size=BATCH,
        learning_rate=RATE,
        warmup=0,
        max_length=LENGTH,
    )


def _arguments(work: Path) -> dict[str, Any]:
    """Return the training arguments that make the peers do what our recipe says."""
    return {
        "output_dir": str(work / "peer"),
        "max_steps": _plan(work)["updates"],
        "per_device_train_batch_size": BATCH,
        "learning_rate": RATE,
        "lr_scheduler_type": "cosine",
        "train_sampling_strategy": "sequential",
        "save_strategy": "no",
        "report_to": "none",
        "disable_tqdm": True,
        "use_cpu": True,
        "bf16": False,
        "dataloader_pin_memory": False,
    }


def _drawn(work: Path) -> tuple[Any, list[Any]]:
    """Return the rows as tokens, and their numbers in the order we train on them."""
    from espalier.backends import _rows
    from espalier.chat import Chat

    data = _rows.read(work / "rows.parquet", Chat(work / "model"), LENGTH)
    updates = range(_plan(work)["updates"])
    drawn = [_rows.draw(len(data), BATCH, seed=0, update=u).tolist() for u in updates]
    return data, [number for numbers in drawn for number in numbers]


def _dataset(work: Path) -> Any:
    from datasets import Dataset

    data, drawn = _drawn(work)
    ids, labels = [], []
    for number in drawn:
        here = slice(data.starts[number], data.starts[number + 1])
        ids.append(data.ids[here].tolist())
        pairs = zip(ids[-1], data.supervised[here], strict=True)
        labels.append([i if supervised else -100 for i, supervised in pairs])
    return Dataset.from_dict({"input_ids": ids, "labels": labels})


def _time(work: Path, made: Any) -> dict[str, Any]:
    """Train and return tokens a second of the loop, and the final loss."""
    import torch
    from transformers import TrainerCallback

    clock = Clock()

    class Watch(TrainerCallback):
        def on_train_begin(self, *_: Any, **__: Any) -> None:
            clock.start()

        def on_train_end(self, *_: Any, **__: Any) -> None:
            clock.stop()

    torch.set_num_threads(1)
    made.add_callback(Watch())
    tokens = sum(len(ids) for ids in made.train_dataset["input_ids"])
    made.train()
    return clock.read(tokens) | {"loss": held_out_loss(work, made.model)}


def _load(folder: Path) -> Any:
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(folder, use_safetensors=True)


def _tokenizer(work: Path) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(work / "model")


def held_out_loss(work: Path, model: Any) -> float:
    """Return the mean loss of a supervised token on the held-out rows, one row at a time."""
    import torch
    from torch.nn.functional import cross_entropy

    model.eval()
    total, tokens = 0.0, 0
    with torch.no_grad():
        for ids, labels in _plan(work)["held_out"]:
            logits = model(torch.tensor([ids])).logits[0, :-1].double()
            total += cross_entropy(logits, torch.tensor(labels[1:]), reduction="sum").item()
            tokens += sum(label >= 0 for label in labels[1:])
    return total / tokens


def flops(work: Path) -> float:
    """Count the multiplications and additions that training on the drawn rows needs."""
    plan = _plan(work)
    hidden, inner, layers = (
        plan[n] for n in ("hidden_size", "intermediate_size", "num_hidden_layers")
    )
    data, drawn = _drawn(work)
    needed = 0.0
    for number in drawn:
        length, targets = int(data.lengths[number]), int(data.targets[number])
        needed += 6 * length * layers * (4 * hidden**2 + 3 * hidden * inner)
        needed += 6 * layers * length**2 * hidden  # scores and their sums, half of them masked
        needed += 6 * targets * hidden * VOCABULARY
    return needed


CONTENDERS: dict[str, Callable[[Path], dict[str, Any]]] = {
    "ours": ours,
    "trainer": trainer,
    "trl": trl,
    "trl_defaults": trl_defaults,
    "peak": peak,
}

if __name__ == "__main__":
    main()
