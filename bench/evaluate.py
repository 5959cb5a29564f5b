"""Measure asking: ours against plain fixed batches of `generate` and lm-evaluation-harness.

    pip install -e '.[train,lm-eval]'
    OMP_NUM_THREADS=1 python bench/evaluate.py [--model FOLDER] [--rounds 3]

A tiny Llama (the tunnel's `s`, tuned for some seconds so that its replies end by themselves; or
any folder) is asked the same prompts by all three, on one thread, in one process, one after the
other in every round; what is reported is the median over the rounds of the ratio within a round.
Replies are compared text by text, likelihoods to 1e-4.

    generate    mixed test items of the tunnel; plain: transformers' generate in the given order,
                batches of 32, padded at the left; lm-eval: HFLM.generate_until, batch size 32
    letters     questions behind five examples, four letters each (CMMLU's form)
    sentences   four candidate answers of several tokens behind one passage (C3's form)

With a sandbox at hand and HumanEval's file under ESPALIER_DATA, its 164 canonical solutions are
graded, too.  The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["HF_HUB_OFFLINE"] = "1"

import torch

from espalier.ability import Message
from espalier.backend import backends
from espalier.chat import Chat
from espalier.step import Site

NEW = 160
BATCH = 32
Prompts = Sequence[tuple[Message, ...]]
Pairs = Sequence[tuple[str, str]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, help="a folder in the Hugging Face layout")
    parser.add_argument("--items", type=int, default=200, help="of each task")
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as scratch:
        folder = given.model or tuned(Path(scratch))
        told: dict[str, Any] = {}
        told |= generating(folder, prompts(given.items), given.rounds)
        told |= likelihoods("letters", folder, letters(given.items), given.rounds)
        told |= likelihoods("sentences", folder, sentences(given.items), given.rounds)
    told |= humaneval()
    print(json.dumps(told))


def tuned(scratch: Path) -> Path:
    """Tune the tunnel's base `s` for some seconds."""
    tasks = [f"tunnel:{task}" for task in ("general", "math", "code")]
    command = [sys.executable, "-m", "espalier.cli", "train", "tunnel:s", *tasks]
    command += ["--rows", "384", "--out", str(scratch / "tuned"), "--store", str(scratch / "runs")]
    command += ["epochs=3", "learning_rate=2.5e-3", "batch_size=8"]
    subprocess.run(command, check=True)
    return scratch / "tuned"


def prompts(items: int) -> Prompts:
    """Return test items of three tasks, shuffled, so that their lengths are mixed."""
    from espalier import tunnel

    asked = [
        item.prompt
        for task in ("general", "math", "code")
        for item in tunnel.items(task, items=items)
    ]
    random.Random(0).shuffle(asked)
    return [prompt for prompt in asked if not isinstance(prompt, str)]


def letters(items: int) -> Pairs:
    """Return four letters for each of some questions behind five examples."""
    luck = random.Random(1)
    words = [f"{a}{b}" for a in ("ka", "mo", "ti", "ru", "se") for b in ("lan", "dor", "vik", "ne")]

    def question() -> str:
        options = luck.sample(words, 4)
        listed = "\n".join(f"{x}. {o}" for x, o in zip("ABCD", options, strict=True))
        return f"Which town lies by the river {luck.choice(words)}?\n{listed}\nAnswer:"

    shots = "".join(f"{question()} {luck.choice('ABCD')}\n\n" for _ in range(5))
    return [
        (shots + asked, f" {x}") for asked in (question() for _ in range(items)) for x in "ABCD"
    ]


def sentences(items: int) -> Pairs:
    """Return four answers of several words to each of some questions about a passage."""
    luck = random.Random(2)
    names = ["Tom", "Ann", "Ben", "Eva", "Sam", "Mia"]
    things = ["apples", "books", "coins", "pens", "cards", "cups"]

    def sentence() -> str:
        return f"{luck.choice(names)} has {luck.randint(2, 30)} {luck.choice(things)}."

    made = []
    for _ in range(items):
        passage = " ".join(sentence() for _ in range(12))
        made += [(f"{passage}\nWhat is said?\nAnswer:", f" {sentence()}") for _ in range(4)]
    return made


def generating(folder: Path, asked: Prompts, rounds: int) -> dict[str, Any]:
    """Time replies by ours, plain generate and lm-eval."""
    chat = Chat(folder)
    texts = [chat.decode(chat.prompt(prompt)) for prompt in asked]
    with backends["hf"].load(folder, site=Site(threads=1)) as lm:
        ways: dict[str, Callable[[], list[str]]] = {
            "ours": lambda: [r.text or "" for r in lm.generate(asked, max_new_tokens=NEW)],
            "plain": plain(folder, asked),
        }
        if harness := lm_eval(folder):
            rendered = [str(chat._render(list(prompt), answer=True)) for prompt in asked]
            ways["lm_eval"] = lambda: harness.replies(rendered)
        seconds, replies = timed(ways, rounds)
    told = report("generate", len(texts), seconds)
    for name, other in replies.items():
        if name != "ours":
            same = sum(a.strip() == b.strip() for a, b in zip(replies["ours"], other, strict=True))
            told[f"generate_same_as_{name}"] = f"{same}/{len(texts)}"
            print(f"  replies the same as {name}: {same} of {len(texts)}")
    return told


def likelihoods(task: str, folder: Path, pairs: Pairs, rounds: int) -> dict[str, Any]:
    """Time likelihoods by ours and lm-eval."""
    with backends["hf"].load(folder, site=Site(threads=1)) as lm:
        ways: dict[str, Callable[[], list[float]]] = {
            "ours": lambda: [found.total for found in lm.likelihoods(pairs)]
        }
        if harness := lm_eval(folder):
            ways["lm_eval"] = lambda: harness.likelihoods(pairs)
        seconds, found = timed(ways, rounds)
    told = report(task, len(pairs) // 4, seconds)
    if "lm_eval" in found:
        apart = max(abs(a - b) for a, b in zip(found["ours"], found["lm_eval"], strict=True))
        told[f"{task}_largest_difference"] = apart
        print(f"  largest difference of a log-likelihood: {apart:.2g} nats")
    return told


def timed(ways: dict[str, Callable[[], Any]], rounds: int) -> tuple[dict[str, list[float]], Any]:
    """Run every way once a round, in turn, after one round that is not counted."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    made: dict[str, Any] = {}
    for number in range(rounds + 1):
        for name, way in ways.items():
            start = perf_counter()
            made[name] = way()
            if number:
                seconds[name].append(perf_counter() - start)
    return seconds, made


def report(task: str, items: int, seconds: dict[str, list[float]]) -> dict[str, Any]:
    """Print and return items per second and the ratios within rounds."""
    told: dict[str, Any] = {}
    for name, spent in seconds.items():
        told[f"{task}_{name}_items_per_second"] = round(items / median(spent), 1)
        print(f"{task:10} {name:8} {items / median(spent):8.1f} items/s")
        if name != "ours":
            ratio = median(b / a for a, b in zip(seconds["ours"], spent, strict=True))
            told[f"{task}_ours_over_{name}"] = round(ratio, 2)
            print(f"{task:10} ours is {ratio:.2f} times as fast as {name}")
    return told


def plain(folder: Path, asked: Prompts) -> Callable[[], list[str]]:
    """Return transformers' generate over fixed batches, as a simple script would do it."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    model.eval()
    tokenizer = AutoTokenizer.from_pretrained(folder, padding_side="left")
    chat = Chat(folder)
    ends = sorted(chat.end_ids)

    def replies() -> list[str]:
        made: list[str] = []
        for at in range(0, len(asked), BATCH):
            rows = [chat.prompt(prompt) for prompt in asked[at : at + BATCH]]
            batch = tokenizer.pad({"input_ids": rows}, return_tensors="pt")
            with torch.inference_mode():
                out = model.generate(
                    **batch,
                    max_new_tokens=NEW,
                    do_sample=False,
                    eos_token_id=ends,
                    pad_token_id=chat.pad_id,
                )
            for row in out[:, batch["input_ids"].shape[1] :].tolist():
                stop = next((i for i, token in enumerate(row) if token in chat.end_ids), len(row))
                made.append(chat.decode(row[:stop]))
        return made

    return replies


class Harness:
    """lm-evaluation-harness's own Hugging Face model."""

    def __init__(self, folder: Path) -> None:
        from lm_eval.api.instance import Instance
        from lm_eval.models.huggingface import HFLM

        self.instance = Instance
        self.model = HFLM(pretrained=str(folder), device="cpu", dtype="float32", batch_size=BATCH)
        self.end = Chat(folder).end_text

    def replies(self, prompts: Sequence[str]) -> list[str]:
        """Return greedy replies."""
        until = [self.end] if self.end else []
        options = {"until": until, "max_gen_toks": NEW, "do_sample": False}
        asked = [
            self.instance("generate_until", {}, (prompt, options), i)
            for i, prompt in enumerate(prompts)
        ]
        return list(self.model.generate_until(asked, disable_tqdm=True))

    def likelihoods(self, pairs: Pairs) -> list[float]:
        """Return summed log-probabilities."""
        asked = [self.instance("loglikelihood", {}, pair, i) for i, pair in enumerate(pairs)]
        return [found for found, _ in self.model.loglikelihood(asked, disable_tqdm=True)]


def lm_eval(folder: Path) -> Harness | None:
    try:
        return Harness(folder)
    except ImportError:
        print("lm-evaluation-harness is not installed: it is left out (pip install lm-eval)")
        return None


def humaneval() -> dict[str, Any]:
    """Grade all canonical solutions of HumanEval."""
    from espalier.ability import Reply, abilities
    from espalier.errors import EspalierError
    from espalier.scoring import grade_all, make_ability, make_scorer

    if "humaneval" not in abilities:
        return {}
    try:
        ability = make_ability("humaneval", {})
        use = ability.scorers[0]
        start = perf_counter()
        replies = [Reply(text=item.target) for item in ability.items]
        rows = list(grade_all(ability.items, replies, make_scorer(use)))
    except EspalierError as error:
        print(f"HumanEval is left out: {error}")
        return {}
    spent = perf_counter() - start
    right = sum(row["score"] == 1 for row in rows)
    print(f"HumanEval: {right} of {len(rows)} canonical solutions pass, in {spent:.1f} s")
    return {"humaneval_right": right, "humaneval_seconds": round(spent, 1)}


if __name__ == "__main__":
    main()
