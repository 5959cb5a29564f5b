"""Measure planning: ten thousand cells, and how quickly the command line answers.

    python bench/plan.py

Each is a process of its own, start-up included: `espalier plan` on 10,080 cells of the wind
tunnel (seconds of wall clock and processor, peak memory), and `espalier --help` (median of nine).

The last line is JSON.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

ESPALIER = (sys.executable, "-m", "espalier.cli")
STUDY = """\
name: large
models: [tunnel:xs]
sources:
  - {name: math, path: "tunnel:math"}
  - {name: code, path: "tunnel:code"}
  - {name: general, path: "tunnel:general"}
designs:
  - {name: single, rows: [16, 32, 64, 128, 256, 512, 1024, 2048]}
  - {name: together, rows: [16, 32, 64, 128, 256, 512, 1024, 2048]}
strategies:
  - multitask
  - {name: mixed_sequential, general: general}
  - name: sequential
    order: [[code, math, general], [math, code, general], [general, math, code]]
  - {name: dmt, general: general, k: [1/16, 1/8, 1/4, 3/8, 1/2, 3/4, 1]}
seeds: 84
measure: every_stage
abilities: ["tunnel:math", "tunnel:code", "tunnel:general"]
"""


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        study = Path(folder) / "large.yaml"
        study.write_text(STUDY)
        command = [*ESPALIER, "plan", str(study), "--store", f"{folder}/store", "--json"]
        begun = time.perf_counter()
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        seconds = time.perf_counter() - begun
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    planned = json.loads(done.stdout)
    print(
        json.dumps(
            {
                "cells": planned["cells"],
                "steps": planned["steps"],
                "plan_seconds": round(seconds, 2),
                "plan_cpu_seconds": round(used.ru_utime + used.ru_stime, 2),
                "plan_peak_mb": round(used.ru_maxrss / 1024),
                "help_seconds": round(median(help_seconds() for _ in range(9)), 3),
            }
        )
    )


def help_seconds() -> float:
    begun = time.perf_counter()
    subprocess.run([*ESPALIER, "--help"], capture_output=True, check=True)
    return time.perf_counter() - begun


if __name__ == "__main__":
    main()
