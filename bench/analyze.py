"""What analysing a table costs: seconds and peak memory, from the file to the findings.

    python bench/analyze.py [--rows 1000000] [--only many,few,usual]

* `few`: so many rows of four models, in thousands of mixtures of 10 seeds;
* `many`: so many rows of thousands of models, each a usual study of 3 seeds;
* `usual`: 2,000 rows of two models, with their report.

Seconds are by the clock and since the start of reading; `cpu` is what the processor was busy.

Each is run in a process of its own, so that its peak memory is its own.  Reading is from CSV,
which is slower than Parquet.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from espalier import report, results
from espalier.analysis import analyze
from simulate import ABILITIES, grid, only_growth, table


def few(rows: int) -> pd.DataFrame:
    """Return four models in thousands of mixtures, ten seeds each."""
    random = np.random.default_rng(0)
    amounts = [2**i for i in range(4, 24)]
    cells = max(rows // (4 * 10 * 3), 1)
    triples = [[a, b, c] for a in amounts for b in amounts for c in amounts]
    mixtures = [dict(zip(ABILITIES, t, strict=True)) for t in triples]
    mixtures = [{a: n} for a in ABILITIES for n in amounts] + mixtures
    texts = [json.dumps(m) for m in mixtures[:cells]]
    names = ("model", "amounts", "seed", "ability")
    index = pd.MultiIndex.from_product([[f"m{i}" for i in range(4)], texts, range(10), ABILITIES])
    frame = index.to_frame(index=False, name=list(names))
    frame["parameters"] = frame["model"].map({f"m{i}": 1e9 * 2**i for i in range(4)})
    return _scored(frame.assign(strategy="multitask", stage=1, stages=1), random)


def many(rows: int) -> pd.DataFrame:
    """Return thousands of models, each a usual study."""
    random = np.random.default_rng(0)
    one = table(list(grid(models=("small",))), only_growth, random).drop(columns="model")
    models = max(rows // len(one), 1)
    frame = pd.concat([one] * models, ignore_index=True)
    names = np.repeat([f"m{i}" for i in range(models)], len(one))
    sizes = np.repeat(1e8 * (1 + np.arange(models)), len(one))
    return _scored(frame.assign(model=names, parameters=sizes), random)


def usual(_: int) -> pd.DataFrame:
    """Return two models with strategies, stages and mixtures, eight seeds: some 2,000 rows."""
    return table(list(grid()), only_growth, np.random.default_rng(0), seeds=8)


def _scored(frame: pd.DataFrame, random: np.random.Generator) -> pd.DataFrame:
    hits = random.binomial(500, random.uniform(0.2, 0.8, len(frame)))
    return frame.assign(metric="accuracy", score=hits / 500, n=500)


SHAPES = {"few": few, "many": many, "usual": usual}


def measure(name: str, rows: int) -> None:
    """Make a table, read and analyse it, and print what that took as one line of JSON."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.csv"
        frame = SHAPES[name](rows)
        results.write(frame, path)
        told = {"shape": name, "rows": len(frame), "models": int(frame["model"].nunique())}
        del frame
        start, spent = time.perf_counter(), time.process_time()
        read = results.read(path)
        told["read"] = round(time.perf_counter() - start, 2)
        findings = analyze(read)
        told["analysed"] = round(time.perf_counter() - start, 2)
        if name == "usual":
            report.report(read, findings, Path(folder) / "report.html")
            told["reported"] = round(time.perf_counter() - start, 2)
    told["cpu"] = round(time.process_time() - spent, 2)
    told["findings"] = len(findings.findings)
    told["peak_gb"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2, 2)
    print(json.dumps(told))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--only", default=",".join(SHAPES))
    parser.add_argument("--here", action="store_true", help="in this process, for a profiler")
    given = parser.parse_args()
    for name in given.only.split(","):
        if given.here:
            measure(name, given.rows)
        else:
            command = [
                sys.executable,
                __file__,
                "--only",
                name,
                "--rows",
                str(given.rows),
                "--here",
            ]
            subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
