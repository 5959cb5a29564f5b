"""Let the C library keep the memory that large tensors free."""

from __future__ import annotations

import ctypes
import sys


def keep_memory() -> None:
    """Let the C library keep what tensors free, instead of giving it back to the system.

    Large tensors are otherwise mapped and zeroed page by page each time anew: a cross-entropy
    over 300 x 32,000 logits took six times as long.
    """
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # glibc has it, musl has not
    if mallopt is not None:
        mallopt(-3, 2**30)  # M_MMAP_THRESHOLD
        mallopt(-1, 2**30)  # M_TRIM_THRESHOLD
        mallopt(-2, 2**26)  # M_TOP_PAD
