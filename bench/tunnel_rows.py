"""Measure the wind tunnel: 100,000 training rows of every task, and its raw text.

    python bench/tunnel_rows.py

Processor seconds of one core, rows as a study draws them (`human`), items with all that judging
needs, documents as a base is pretrained on.  The last line is JSON.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from itertools import islice

from espalier import tunnel
from espalier.tunnel.corpus import corpus
from espalier.tunnel.task import tasks
from espalier.tunnel.world import World

ROWS, ITEMS, DOCUMENTS = 100_000, 200, 100_000


def main() -> None:
    world = World()
    seconds: dict[str, float] = {}
    for name, task in tasks.items():
        if task.trained:
            seconds[f"{name}_rows"] = timed(lambda name=name: tunnel.rows(name, rows=ROWS))  # type: ignore[misc]
        seconds[f"{name}_items"] = timed(lambda name=name: tunnel.items(name, items=ITEMS))  # type: ignore[misc]
    seconds["documents"] = timed(lambda: sum(1 for _ in islice(corpus(world), DOCUMENTS)))
    print(json.dumps({"rows": ROWS, "items": ITEMS, "documents": DOCUMENTS, "seconds": seconds}))


def timed(work: Callable[[], object]) -> float:
    """Return the processor seconds that `work` takes, what it caches included."""
    begun = time.process_time()
    work()
    return round(time.process_time() - begun, 2)


if __name__ == "__main__":
    main()
