"""Linear layers through MKL and through oneDNN, forward and backward, on one core.

    python bench/linear.py

Microseconds of the best of five rounds, and how many times as fast oneDNN is.  It tells where
`espalier.backends._linear` should take which.
"""

from __future__ import annotations

import time

import torch
from torch import nn

from espalier.backends import _linear
from espalier.memory import keep_memory

ROWS = (128, 400, 1024, 2048)
SHAPES = ((32, 32), (64, 64), (96, 192), (128, 64), (256, 256), (512, 512), (64, 1536))
ROUNDS, CALLS = 5, 20


def main() -> None:
    torch.set_num_threads(1)
    keep_memory()
    _linear.SMALL = 0
    print(f"{torch.backends.cpu.get_cpu_capability()}; rows, in, out: MKL, oneDNN, ratio")
    for rows in ROWS:
        for wide, out in SHAPES:
            plain, fast = (seconds(rows, wide, out, fast=fast) * 1e6 for fast in (False, True))
            print(f"{rows:5} {wide:4} {out:5}: {plain:8.0f} {fast:8.0f} {plain / fast:6.2f}")


def seconds(rows: int, wide: int, out: int, *, fast: bool) -> float:
    """Return the seconds of one forward and backward pass."""
    layers = nn.Sequential(nn.Linear(wide, out, bias=False))
    if fast:
        _linear.speed_up(layers)
    given, grad = torch.randn(rows, wide, requires_grad=True), torch.randn(rows, out)
    best = float("inf")
    for _ in range(ROUNDS + 1):
        start = time.perf_counter()
        for _ in range(CALLS):
            layers(given).backward(grad)
        best = min(best, (time.perf_counter() - start) / CALLS)
    return best


if __name__ == "__main__":
    main()
