"""Kill a study at random moments, and compare what comes out with a run that was never killed.

    python bench/kill.py
    python bench/kill.py --kills 4 --updates 20 --seed 7
    python bench/kill.py --adaptive --updates 20

Every process of the run is ended by SIGKILL at once, and the same command is given again.  The
moments are drawn from `--seed`: every fourth counts from the start of the process, the others from
its first sign of work, and they are spread so that the kills fall all over the study.  Compared are
the bytes of the results table, of every trained model and of every reply; and no step that was
finished before a kill may be made again after it.

The last line is JSON.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

ONE = {"OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false", "CUDA_VISIBLE_DEVICES": ""}
COMPARED = (
    *("model.safetensors", "replies.parquet", "items.parquet", "rows.parquet"),
    *("results.csv", "sources.yaml"),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--updates", type=int, default=80, help="in every stage")
    parser.add_argument("--items", type=int, default=30, help="of every ability")
    parser.add_argument("--model", default="tunnel:s")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--checkpoint-seconds", type=float, default=0.5)
    parser.add_argument("--adaptive", action="store_true", help="run the study adaptively")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="espalier-kill-") as folder:
        print(json.dumps(measure(asked, Path(folder))))


def measure(asked: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Run the study twice, once killed and once not, and say how they differ."""
    file = folder / "study.yaml"
    file.write_text(json.dumps(study(asked)))
    whole = Run(file, folder / "whole", asked)
    seconds = whole.finish()
    print(f"never killed: {seconds:.1f} s", file=sys.stderr)
    killed = Run(file, folder / "killed", asked)
    moments = random.Random(asked.seed)
    finished: dict[str, int] = {}
    kills, resumed, twice = [], 0, 0
    for number in range(asked.kills):
        moment = moments.uniform(0, 1.6 * seconds / asked.kills)
        if not killed.kill_after(moment, at_work=number % 4 != 0):
            break
        kills.append(round(moment, 2))
        resumed += bool(list(killed.store.glob("train/.*.partial/resume.safetensors")))
        twice += again(finished, killed.store)
        print(f"killed after {moment:.1f} s: {len(finished)} steps done", file=sys.stderr)
    killed.finish()
    twice += again(finished, killed.store)
    one, other = prints(whole.store), prints(killed.store)
    return {
        "kills": len(kills),
        "kills_amid_a_training_with_saved_state": resumed,
        "identical": one == other,
        "different": sorted(n for n in one.keys() | other.keys() if one.get(n) != other.get(n)),
        "files_compared": len(one),
        "steps": len(finished),
        "steps_made_twice": twice,
        "trained_stages": len(list(whole.store.glob("train/*/model.safetensors"))),
        "seconds_never_killed": round(seconds, 1),
        "seed": asked.seed,
        "moments": kills,
    }


def study(asked: argparse.Namespace) -> dict[str, Any]:
    """Return a small study in which stages build on each other and are shared."""
    tasks = ("math", "code", "general")
    designs: list[dict[str, Any]] = [{"name": "together", "rows": 32}]
    if asked.adaptive:
        designs += [{"name": name, "rows": [8, 16]} for name in ("single", "together")]
    return {
        "name": "killed",
        "models": [{"name": "base", "path": asked.model}],
        "sources": [{"name": task, "path": f"tunnel:{task}?rows=200"} for task in tasks],
        "designs": designs,
        "seeds": 3 if asked.adaptive else 1,
        "adaptive": {"budget": 0.5},
        "strategies": [
            "multitask",
            {"name": "sequential", "order": ["code", "math", "general"]},
            {"name": "dmt", "general": "general", "k": ["1/8", "1/4"]},
        ],
        "measure": "every_stage",
        "abilities": [{"use": f"tunnel:{task}", "items": asked.items} for task in tasks[::2]],
        "train": {
            "updates": asked.updates,
            "batch_size": 8,
            "learning_rate": 1e-3,
            "max_length": 256,
        },
    }


class Run:
    """The same command on one store, as often as it takes."""

    def __init__(self, file: Path, store: Path, asked: argparse.Namespace) -> None:
        self.store = store
        self.command = [
            *(sys.executable, "-m", "espalier.cli", "run", str(file), "--store", str(store)),
            *("--workers", str(asked.workers), "--json"),
            *("--checkpoint-seconds", str(asked.checkpoint_seconds)),
            *(("--adaptive",) if asked.adaptive else ()),
        ]

    def start(self) -> subprocess.Popen[bytes]:
        """Start the command as the head of a process group of its own."""
        log = (self.store.parent / f"{self.store.name}.log").open("ab")
        return subprocess.Popen(
            self.command,
            env=os.environ | ONE,
            stdout=subprocess.DEVNULL,
            stderr=log,
            start_new_session=True,
        )

    def finish(self) -> float:
        """Run to the end and return the seconds of work, or leave with what the command said."""
        process = self.start()
        self.wait_for_work(process)
        begun = time.monotonic()
        if process.wait():
            sys.exit((self.store.parent / f"{self.store.name}.log").read_text())
        return time.monotonic() - begun

    def kill_after(self, seconds: float, *, at_work: bool) -> bool:
        """Kill the command and its workers after some seconds; say whether it was still running."""
        process = self.start()
        if at_work:
            self.wait_for_work(process)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            return True
        return False

    def wait_for_work(self, process: subprocess.Popen[bytes]) -> None:
        """Wait until something in the store has changed."""
        before = newest(self.store)
        while process.poll() is None and newest(self.store) == before:
            time.sleep(0.02)


def newest(store: Path) -> int:
    """Return the time of the last change in what is made."""
    changes = [0]
    for path in store.glob("*/*/*"):
        with suppress(FileNotFoundError):
            changes.append(path.stat().st_mtime_ns)
    return max(changes)


def again(finished: dict[str, int], store: Path) -> int:
    """Enter the steps that are finished; return how many known ones were made again."""
    found = {path.parent.name: path.stat().st_ino for path in store.glob("*/[0-9a-f]*/step.json")}
    remade = sum(1 for key, inode in finished.items() if found.get(key) != inode)
    finished.update(found)
    return remade


def prints(store: Path) -> dict[str, str]:
    """Return the sha256 of every file that a run's results are made of."""
    files = (path for name in COMPARED for path in store.glob(f"*/[!.]*/{name}"))
    return {
        str(path.relative_to(store)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
    }


if __name__ == "__main__":
    main()
