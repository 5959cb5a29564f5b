"""Measure what a study costs: work shared, the same cells one by one, and a shell loop of TRL runs.

    pip install -e '.[train,bench]'
    python bench/study_cost.py

The study: three sources of rows made on the spot, four sequential orders that begin alike and DMT
with four shares, a tiny Llama, one small measurement after the last stage.  Counted
are the processor seconds (user and system) of every process it took, start-up included, on one
thread.  One by one, every cell gets a store of its own, so nothing is shared.  The shell loop
starts one Python process a stage that trains it with TRL's SFTTrainer (gradient checkpointing off)
and saves it; it measures nothing, which is to its advantage.

The last line is JSON with all ratios by name; without TRL its ratio is null.
"""

from __future__ import annotations

import json
import os
import random
import resource
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from espalier.load import load
from espalier.plan import plan
from espalier.study import Cell

ESPALIER = (sys.executable, "-m", "espalier.cli")
ONE = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
STUDY = """\
name: cost
models: [{name: tiny, path: base}]
sources:
  - {name: math, path: math.jsonl}
  - {name: code, path: code.jsonl}
  - {name: chat, path: chat.jsonl, hold_out: 20}
designs: [{name: together, rows: 200}]
strategies:
  - multitask
  - {name: sequential, order: [[math, code, chat], [math, chat, code], [code, math, chat]]}
  - {name: mixed_sequential, general: chat}
  - {name: dmt, general: chat, k: [1/16, 1/8, 1/4, 1/2]}
seeds: 1
abilities: [{name: chat, use: held_out, source: chat}]
train: {epochs: 3, batch_size: 16, learning_rate: 1e-3, max_length: 256}
"""
TRL_STAGE = """\
import sys
import torch
from datasets import load_dataset
from trl import SFTConfig, SFTTrainer
torch.set_num_threads(1)
start, rows, out, updates, seed = sys.argv[1:]
data = load_dataset("json", data_files=rows, split="train")
options = SFTConfig(
    output_dir=out, max_steps=int(updates), per_device_train_batch_size=16, learning_rate=1e-3,
    lr_scheduler_type="cosine", warmup_steps=3, max_length=256, seed=int(seed), save_strategy="no",
    report_to="none", logging_steps=10**9, disable_tqdm=True, gradient_checkpointing=False,
    use_cpu=True, bf16=False, model_init_kwargs={"dtype": "float32"},
)
trainer = SFTTrainer(model=start, args=options, train_dataset=data)
trainer.train()
trainer.save_model(out)
"""


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        prepare(work)
        planned = plan(load(work / "cost.yaml"))
        shared = measured([*ESPALIER, "run", "cost.yaml", "--store", "shared"], work)
        print(f"shared work: {shared:.0f} CPU seconds, {len(planned.stages)} stages trained")
        alone = one_by_one(work, planned.cells)
        print(f"one by one: {alone:.0f} CPU seconds, {planned.stages_asked} stages trained")
        trl = shell_loop(work, planned.cells) if find_spec("trl") else None
        print(f"TRL: {trl:.0f} CPU seconds" if trl else "TRL is not installed: not measured")
    print(
        json.dumps(
            {
                "cells": len(planned.cells),
                "stages_asked": planned.stages_asked,
                "stages_trained": len(planned.stages),
                "cpu_seconds_shared": round(shared, 1),
                "cpu_seconds_one_by_one": round(alone, 1),
                "cpu_seconds_trl_loop": round(trl, 1) if trl else None,
                "one_by_one_over_shared": round(alone / shared, 2),
                "trl_loop_over_shared": round(trl / shared, 2) if trl else None,
            }
        )
    )


def prepare(work: Path) -> None:
    """Write rows, a base made of them, and the study."""
    draw = random.Random(0)
    for name in ("math", "code", "chat"):
        lines = [json.dumps(row(name, draw)) for _ in range(300)]
        (work / f"{name}.jsonl").write_text("\n".join(lines) + "\n")
    (work / "cost.yaml").write_text(STUDY)
    files = ["math.jsonl", "code.jsonl", "chat.jsonl"]
    options = ["--out", "base", "--vocabulary", "600", "--tokens", "60000", "--window", "128"]
    measured([*ESPALIER, "base", *files, *options], work)


def row(name: str, draw: random.Random) -> dict[str, Any]:
    """Return a conversation of the kind that a source holds."""
    words = ("apple", "river", "stone", "cloud", "table", "green", "seven", "quick", "music")
    said = " ".join(draw.choices(words, k=draw.randint(8, 30)))
    a, b = draw.randint(1, 99), draw.randint(1, 99)
    asked, told = {
        "math": (f"What is {a} plus {b}? {said}", f"{a} + {b} = {a + b}. The answer is {a + b}."),
        "code": (f"Write f that adds {a}. {said}", f"def f(x):\n    return x + {a}\n# {said[:40]}"),
        "chat": (f"Tell me about {said}", f"Here is a story about {said}."),
    }[name]
    return {
        "messages": [{"role": "user", "content": asked}, {"role": "assistant", "content": told}]
    }


def one_by_one(work: Path, cells: Sequence[Cell]) -> float:
    """Run every cell as a study of its own, in a store of its own."""
    total = 0.0
    for number, cell in enumerate(cells):
        options = ", ".join(f"{name}: {option(value)}" for name, value in cell.options.items())
        strategy = f"{{name: {cell.strategy}, {options}}}"
        overrides = [f"seeds=[{cell.seed}]", f"strategies=[{strategy}]", "base=false"]
        store = f"alone-{number}"
        total += measured([*ESPALIER, "run", "cost.yaml", *overrides, "--store", store], work)
    return total


def option(value: Any) -> str:
    return f"[{', '.join(value)}]" if isinstance(value, tuple) else str(value)


def shell_loop(work: Path, cells: Sequence[Cell]) -> float:
    """Train every stage of every cell with TRL, a process each, on the same number of rows."""
    (work / "stage.py").write_text(TRL_STAGE)
    total = 0.0
    for number, cell in enumerate(cells):
        start = "base"
        for stage, mixture in enumerate(cell.stages, 1):
            rows, out = work / f"rows-{number}-{stage}.jsonl", f"trl-{number}-{stage}"
            lines = [
                line
                for source, amount in mixture.items()
                for line in (work / f"{source}.jsonl").read_text().splitlines()[:amount]
            ]
            rows.write_text("\n".join(lines) + "\n")
            updates = str(round(3 * len(lines) / 16))
            command = [sys.executable, "stage.py", start, rows.name, out, updates, str(cell.seed)]
            total += measured(command, work)
            start = out
    return total


def measured(command: Sequence[str], work: Path) -> float:
    """Run a command on one thread and return the processor seconds of all its processes."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        command, cwd=work, env=os.environ | ONE, capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stdout}\n{done.stderr}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


if __name__ == "__main__":
    main()
