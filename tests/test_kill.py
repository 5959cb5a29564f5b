"""Killed again and again, a study ends in the bytes of one that was never killed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).parents[1] / "bench/kill.py"


@pytest.mark.slow
@pytest.mark.parametrize("seed", [3])
def test_a_killed_study_ends_in_the_bytes_of_one_never_killed(seed: int, base: Path) -> None:
    asked = ["--kills", "4", "--updates", "16", "--items", "2", "--workers", "1"]
    done = subprocess.run(
        [
            *(sys.executable, str(BENCH), "--seed", str(seed), "--model", str(base)),
            *("--checkpoint-seconds", "0.05", *asked),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["different"] == [], found["moments"]
    assert found["identical"]
    assert found["steps_made_twice"] == 0
    assert found["kills"] == 4, found["moments"]
    assert found["files_compared"] > 40
